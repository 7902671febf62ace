package eval

import (
	"math"

	"columna/export/metrics"
	"columna/spine"
)

// Summary is what was found on one set.
type Summary struct {
	Set        string            `json:"set"`
	About      string            `json:"about,omitempty"`
	Patients   int               `json:"patients"`
	Studies    int               `json:"studies"`
	Failed     int               `json:"failed"` // studies that could not be read
	Classes    []Row             `json:"classes"`
	Levels     []Row             `json:"levels"`
	Figures    []Named           `json:"figures"`
	Conditions []Condition       `json:"conditions"` // the five, then all together
	Lesions    metrics.Confusion `json:"lesion_confusion,omitempty"`
	Infections metrics.Confusion `json:"infection_confusion,omitempty"`

	records []*Record
}

// Row is one structure over the studies of a set. Means are over the studies where
// truth and mask have it.
type Row struct {
	Name    string `json:"name"`
	Dice    Figure `json:"dice"`
	IoU     Figure `json:"iou"`
	HD95MM  Figure `json:"hd95_mm"`
	ASSDMM  Figure `json:"assd_mm"`
	Missing int    `json:"missing"` // studies whose mask lacks it
	Extra   int    `json:"extra"`   // studies whose truth lacks it
}

// Named is a figure with its name, and what it is in words.
type Named struct {
	Name string `json:"name"`
	Figure
	Unit  string `json:"unit,omitempty"`
	Words string `json:"words"`
}

// Condition is the grades of one condition. The share of right grades, sensitivity and
// specificity count a place that could not be graded as not right; the rest is over
// the places that were graded.
type Condition struct {
	Name        string            `json:"name"`
	Places      int               `json:"places"`
	Graded      Figure            `json:"graded"`
	Accuracy    Figure            `json:"accuracy"`
	Recall      [3]Figure         `json:"recall"` // of normal/mild, moderate, severe
	Kappa       Figure            `json:"kappa_quadratic"`
	AUC         Figure            `json:"auc"`        // mean of one against the rest
	AUCSevere   Figure            `json:"auc_severe"` // severe against the rest
	Specificity Figure            `json:"specificity_severe"`
	Confusion   metrics.Confusion `json:"confusion"` // of the graded places, row = truth
}

// Summarise works out every figure of a set with its interval over patients. The same
// seed gives the same intervals.
func Summarise(set, about string, records []Record, seed uint64) *Summary {
	return summarise(set, about, records, bootstrap{seed: seed, rounds: metrics.Rounds})
}

func summarise(set, about string, records []Record, draws bootstrap) *Summary {
	s := &Summary{Set: set, About: about}
	patients := map[string]bool{}
	for n := range records {
		r := &records[n]
		if r.Set != set {
			continue
		}
		s.Studies++
		if r.Failed != "" {
			s.Failed++
			continue
		}
		patients[r.Patient] = true
		s.records = append(s.records, r)
	}
	s.Patients = len(patients)
	b := draws.over(s.records)
	for _, name := range classNames()[1:] {
		s.Classes = appendRow(s.Classes, b, structure{name, func(r *Record) []Score { return r.Classes }})
	}
	for _, name := range chainNames() {
		s.Levels = appendRow(s.Levels, b, structure{name, func(r *Record) []Score { return r.Levels }})
	}
	s.figures(b)
	for _, name := range append(conditions(), "") {
		if c, ok := b.condition(name); ok {
			s.Conditions = append(s.Conditions, c)
		}
	}
	s.Lesions = confusionOf(spine.LesionClassCount, lesionsOf, s.records)
	s.Infections = confusionOf(spine.InfectionCount, infectionsOf, s.records)
	return s
}

// bootstrap draws patients of a set.
type bootstrap struct {
	seed    uint64
	rounds  int
	records []*Record
	groups  [][]*Record // by patient
}

func (b bootstrap) over(records []*Record) *bootstrap {
	b.records, b.groups = records, groupBy(records, func(r *Record) string { return r.Patient })
	return &b
}

// of is a figure over records with its interval. Patients that have nothing to do with
// it (relevant) are neither drawn nor counted.
func (b *bootstrap) of(relevant func(*Record) bool, figure func([]*Record) float64) Figure {
	var groups [][]*Record
	for _, g := range b.groups {
		var kept []*Record
		for _, r := range g {
			if relevant(r) {
				kept = append(kept, r)
			}
		}
		if len(kept) > 0 {
			groups = append(groups, kept)
		}
	}
	return newFigure(metrics.Bootstrap(len(groups), b.rounds, b.seed, func(drawn []int) float64 {
		var sample []*Record
		for _, n := range drawn {
			sample = append(sample, groups[n]...)
		}
		return figure(sample)
	}))
}

// mean is the mean of one number per study; NaN is missing.
func (b *bootstrap) mean(number func(*Record) float64) Figure {
	return b.of(func(r *Record) bool { v := number(r); return v == v }, func(records []*Record) float64 {
		values := make([]float64, len(records))
		for n, r := range records {
			values[n] = number(r)
		}
		return metrics.Mean(values)
	})
}

// appendRow adds a structure that occurs.
func appendRow(rows []Row, b *bootstrap, s structure) []Row {
	row, occurs := Row{Name: s.name}, false
	for _, r := range b.records {
		t, ok := s.in(r)
		occurs = occurs || ok
		switch {
		case ok && t.missing():
			row.Missing++
		case ok && t.RefVoxels == 0:
			row.Extra++
		}
	}
	if !occurs {
		return rows
	}
	field := func(pick func(Score) Number) Figure {
		return b.mean(func(r *Record) float64 {
			t, ok := s.in(r)
			if !ok {
				return math.NaN()
			}
			return float64(pick(t))
		})
	}
	row.Dice = field(func(t Score) Number { return t.Dice })
	row.IoU = field(func(t Score) Number { return t.IoU })
	row.HD95MM = field(func(t Score) Number { return t.HD95MM })
	row.ASSDMM = field(func(t Score) Number { return t.ASSDMM })
	return append(rows, row)
}

// confusionOf counts answers by true and likeliest class; nil without any.
func confusionOf(classes int, of answersOf, records []*Record) metrics.Confusion {
	p, truth := of(records)
	if len(truth) == 0 {
		return nil
	}
	return metrics.Count(classes, truth, likeliest(p))
}
