package ablate

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"columna/export/metrics"
	"columna/export/train"
)

// Report is what an ablation has found so far.
type Report struct {
	Net     string `json:"net"`
	Preset  string `json:"preset"`
	Source  string `json:"source"` // the paper's table
	Paper   string `json:"paper"`  // what the paper measured
	Steps   int    `json:"steps"`
	Samples int    `json:"samples"`
	Plain   bool   `json:"plain,omitempty"` // phantoms without variety
	Seeds   int    `json:"seeds"`           // asked for
	Runs    int    `json:"runs"`            // finished, of all variants and seeds
	Wanted  int    `json:"wanted"`
	Rows    []Row  `json:"variants"` // the full network first, then as the paper ranks them
	Sets    []Set  `json:"sets"`     // of held-out patients
}

// Row is one variant.
type Row struct {
	Name           string   `json:"name"`
	Without        []string `json:"without,omitempty"`
	Spectral       float64  `json:"spectral,omitempty"`
	Paper          float64  `json:"paper_percent,omitempty"`
	Runs           int      `json:"runs"`
	Parameters     int      `json:"parameters"`
	SecondsPerStep float64  `json:"seconds_per_step"`
}

// Set is a set of held-out patients, with the cells of each variant by figure.
type Set struct {
	Name     string            `json:"name"`
	Patients int               `json:"patients"`
	Figures  []string          `json:"figures"` // the first decides the order
	Cells    []map[string]Cell `json:"cells"`   // one for each of the report's rows
	Order    Order             `json:"order"`
}

// Cell is a figure of a variant: the mean over seeds and their standard deviation, and
// the difference to the full network with its 95 % interval over patients, the same
// patients and seeds on both sides. What is not known is nil.
type Cell struct {
	Mean       *float64    `json:"mean"`
	SD         *float64    `json:"sd"`
	Difference *Difference `json:"difference,omitempty"`
}

// Difference is one network less another.
type Difference struct {
	Value    float64  `json:"value"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Patients int      `json:"patients"`
	Seeds    int      `json:"seeds"`
}

// Order counts the pairs of variants in which the one that the paper ranks higher is
// ahead here, too, and those of which the interval leaves no doubt either way. The
// pairs with the full network are counted again by themselves.
type Order struct {
	Pairs    int  `json:"pairs"`
	Agree    int  `json:"agree"`
	Sure     int  `json:"sure"`
	Against  int  `json:"surely_against"`
	Full     int  `json:"pairs_of_full"`
	FullWins int  `json:"full_ahead"`
	FullSure int  `json:"full_surely_ahead"`
	Complete bool `json:"complete"` // every variant could be compared
}

// Holds says whether the paper's order is found in every pair.
func (o Order) Holds() bool { return o.Complete && o.Agree == o.Pairs }

// measured is the figures of a variant's finished runs: by seed, set and patient.
type measured map[int]map[string]map[string]map[string]train.Share

// report reads the finished runs and writes the tables.
func (o Options) report(t table) (*Report, error) {
	r := &Report{Net: o.Net, Preset: o.Preset, Source: t.source, Paper: t.paper, Steps: o.Steps, Samples: o.Samples, Plain: o.Plain, Seeds: o.Seeds, Wanted: o.Seeds * len(t.variants)}
	var all []measured
	for _, v := range slices.Backward(t.variants) {
		row, m, err := o.collect(v)
		if err != nil {
			return nil, err
		}
		r.Rows, all, r.Runs = append(r.Rows, row), append(all, m), r.Runs+row.Runs
	}
	for _, name := range setsOf(all) {
		r.Sets = append(r.Sets, newSet(name, t, all))
	}
	if err := writeJSON(filepath.Join(o.Dir, "ablation.json"), r); err != nil {
		return nil, err
	}
	return r, writeFile(filepath.Join(o.Dir, "ablation.md"), []byte(r.Markdown()))
}

// collect reads the finished runs of a variant.
func (o Options) collect(v Variant) (Row, measured, error) {
	row, m := Row{Name: v.Name, Without: v.Without, Spectral: v.Spectral, Paper: v.Paper}, measured{}
	for seed := 1; seed <= o.Seeds; seed++ {
		run, err := o.finished(v, seed)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return row, nil, err
		}
		patients, err := train.ReadPatients(o.runDir(v, seed))
		if err != nil {
			return row, nil, err
		}
		m[seed] = bySet(patients)
		row.Parameters = run.Parameters
		row.SecondsPerStep = (row.SecondsPerStep*float64(row.Runs) + run.SecondsPerStep) / float64(row.Runs+1)
		row.Runs++
	}
	return row, m, nil
}

func bySet(list []train.Patient) map[string]map[string]map[string]train.Share {
	out := map[string]map[string]map[string]train.Share{}
	for _, p := range list {
		if out[p.Set] == nil {
			out[p.Set] = map[string]map[string]train.Share{}
		}
		out[p.Set][p.ID] = p.Figures
	}
	return out
}

// setsOf names the sets that any run was measured on.
func setsOf(all []measured) []string {
	names := map[string]bool{}
	for _, m := range all {
		for _, sets := range m {
			for name := range sets {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// newSet compares the variants, the full network first, on one set.
func newSet(name string, t table, all []measured) Set {
	s := Set{Name: name, Figures: t.figures}
	for n, m := range all {
		s.Patients = max(s.Patients, len(m.patients(name)))
		cells := map[string]Cell{}
		for _, figure := range t.figures {
			c := m.cell(name, figure)
			if n > 0 {
				c.Difference = difference(all[0], m, name, figure)
			}
			cells[figure] = c
		}
		s.Cells = append(s.Cells, cells)
	}
	s.Order = orderOf(name, t.figures[0], all)
	return s
}

// cell is the mean and the standard deviation over seeds.
func (m measured) cell(set, figure string) (c Cell) {
	var values []float64
	for _, seed := range m.seeds() {
		if v := ratio(m[seed][set], m.patients(set), figure); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return c
	}
	mean, square := metrics.Mean(values), 0.0
	for _, v := range values {
		square += (v - mean) * (v - mean)
	}
	c.Mean = &mean
	if n := len(values); n > 1 {
		c.SD = known(math.Sqrt(square / float64(n-1)))
	}
	return c
}

func (m measured) seeds() []int { return slices.Sorted(maps.Keys(m)) }

// patients are those that every run was measured on.
func (m measured) patients(set string) (out []string) {
	count := map[string]int{}
	for _, sets := range m {
		for id := range sets[set] {
			count[id]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(count)) {
		if count[id] == len(m) {
			out = append(out, id)
		}
	}
	return out
}

// ratio is a figure of patients together; NaN where nothing was measured.
func ratio(figures map[string]map[string]train.Share, patients []string, figure string) float64 {
	sum, of := 0.0, 0.0
	for _, id := range patients {
		s := figures[id][figure]
		sum, of = sum+s.Sum, of+s.Of
	}
	return sum / of
}

// known is a number, or nil for none.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// bootstrapSeed makes the intervals the same every time.
const bootstrapSeed = 20

// difference is b less a by the paired bootstrap over patients; nil where they have
// no seed or patient in common. Seeds are averaged: the interval is of these runs.
func difference(a, b measured, set, figure string) *Difference {
	var seeds []int
	for _, seed := range a.seeds() {
		if _, ok := b[seed]; ok {
			seeds = append(seeds, seed)
		}
	}
	theirs := b.patients(set)
	patients := slices.DeleteFunc(a.patients(set), func(id string) bool { return !slices.Contains(theirs, id) })
	if len(seeds) == 0 || len(patients) == 0 {
		return nil
	}
	i := metrics.Bootstrap(len(patients), metrics.Rounds, bootstrapSeed, func(drawn []int) float64 {
		who, sum := make([]string, len(drawn)), 0.0
		for n, p := range drawn {
			who[n] = patients[p]
		}
		for _, seed := range seeds {
			sum += ratio(b[seed][set], who, figure) - ratio(a[seed][set], who, figure)
		}
		return sum / float64(len(seeds))
	})
	if math.IsNaN(i.Value) {
		return nil
	}
	return &Difference{i.Value, known(i.Low), known(i.High), i.N, len(seeds)}
}

// orderOf compares every two variants, which come as the paper ranks them, the best
// first.
func orderOf(set, figure string, all []measured) Order {
	o := Order{Complete: true}
	for better := range all {
		for worse := better + 1; worse < len(all); worse++ {
			d := difference(all[worse], all[better], set, figure)
			if d == nil {
				o.Complete = false
				continue
			}
			o.count(*d, better == 0)
		}
	}
	return o
}

// count adds a pair: the network that the paper ranks higher less the other.
func (o *Order) count(d Difference, full bool) {
	ahead, sure := one(d.Value > 0), one(d.Low != nil && *d.Low > 0)
	o.Pairs, o.Agree, o.Sure = o.Pairs+1, o.Agree+ahead, o.Sure+sure
	o.Against += one(d.High != nil && *d.High < 0)
	if full {
		o.Full, o.FullWins, o.FullSure = o.Full+1, o.FullWins+ahead, o.FullSure+sure
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
