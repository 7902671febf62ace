package cli

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"columna/export/eval"
	"columna/inference"
)

// evalSeed draws patients for intervals and names the first phantom.
const evalSeed = 9000

// evalFlags are what columna eval takes.
type evalFlags struct {
	sets, models, out, compare string
	options                    eval.SetOptions
}

func (e *env) evalFlags() *evalFlags {
	f := &evalFlags{}
	e.flags.StringVar(&f.sets, "set", "", "sets to read, separated by commas: "+evalSetNames()+", or nifti:DIR, spider:DIR, rsna:DIR; phantoms (and spider with --spider) if not given")
	e.flags.StringVar(&f.models, "models", "", "folder of models, those in use if not given")
	e.flags.StringVar(&f.options.SPIDER, "spider", "", "folder of SPIDER studies, whose held-out patients are read")
	e.flags.IntVar(&f.options.Count, "count", 8, "phantoms in each set that is made of them")
	e.flags.Uint64Var(&f.options.Seed, "seed", evalSeed, "seed of the first phantom")
	e.flags.BoolVar(&f.options.All, "all", false, "of SPIDER and of data sets, read patients that a training may have seen too")
	e.flags.StringVar(&f.out, "out", "", "folder for records, summary and report; a run that was stopped goes on there")
	e.flags.StringVar(&f.compare, "compare", "", "folder of an earlier evaluation, to which this one is compared")
	return f
}

func evalSetNames() string {
	var names []string
	for _, s := range eval.SetNames() {
		names = append(names, s[0])
	}
	return strings.Join(names, ", ")
}

// evalJSON is the answer to --json, and summary.json.
type evalJSON struct {
	Sets       []*eval.Summary             `json:"sets"`
	Comparison map[string]*eval.Comparison `json:"comparison,omitempty"` // by set
}

// evaluate measures the models on held-out studies through the whole reading road.
func evaluate(e *env, args []string) error {
	f := e.evalFlags()
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	if f.options.Count < 1 || f.options.Count > 100000 {
		return badUsage("--count goes from 1 to 100000")
	}
	var names []string
	if f.sets != "" {
		names = strings.Split(f.sets, ",")
	}
	sets, err := eval.Open(names, f.options)
	if errors.Is(err, eval.ErrUnknownSet) {
		return badUsage("%v", err)
	}
	if err != nil {
		return err
	}
	var earlier []eval.Record
	if f.compare != "" {
		if earlier, err = eval.ReadRecords(f.compare); err != nil {
			return err
		}
	}
	records, err := e.readSets(f, sets)
	if err != nil {
		return err
	}
	return e.judge(f, sets, records, earlier)
}

// readSets runs the networks.
func (e *env) readSets(f *evalFlags, sets []eval.Set) ([]eval.Record, error) {
	found, err := eval.LoadModels(f.models)
	if err != nil {
		return nil, err
	}
	config := e.networks()
	config.Models = found
	p, err := inference.New(config)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return eval.Run(e.ctx, p, eval.RunOptions{Sets: sets, Dir: f.out, Models: eval.References(p),
		Progress: func(done, total int, what string) { fmt.Fprintf(e.err, "%d/%d %s\n", done, total, what) }})
}

// judge works out the figures, writes the report and prints.
func (e *env) judge(f *evalFlags, sets []eval.Set, records, earlier []eval.Record) error {
	answer := evalJSON{Comparison: map[string]*eval.Comparison{}}
	for _, s := range sets {
		fmt.Fprintf(e.err, "figures of %s\n", s.Name)
		answer.Sets = append(answer.Sets, eval.Summarise(s.Name, s.About, records, evalSeed))
		if c, err := eval.Compare(eval.Of(s.Name, earlier), eval.Of(s.Name, records), evalSeed); err == nil {
			answer.Comparison[s.Name] = c
		} else if f.compare != "" {
			fmt.Fprintf(e.err, "columna: %s cannot be compared: %v\n", s.Name, err)
		}
	}
	if f.out != "" {
		path := filepath.Join(f.out, "report.html")
		if err := eval.WriteReport(path, eval.Report{Dir: f.out, Sets: answer.Sets, Comparison: answer.Comparison}); err != nil {
			return err
		}
		if err := eval.WriteJSON(filepath.Join(f.out, "summary.json"), answer); err != nil {
			return err
		}
		fmt.Fprintf(e.err, "report: %s\n", path)
	}
	if e.json {
		return e.print(answer)
	}
	return e.table(evalRows(answer))
}

// evalRows is the answer as a table.
func evalRows(a evalJSON) [][]string {
	rows := [][]string{{"SET", "FIGURE", "VALUE", "95 % INTERVAL", "PATIENTS"}}
	add := func(set, name string, f eval.Figure) {
		rows = append(rows, []string{set, name, show4(f.Value), show4(f.Low) + " to " + show4(f.High), fmt.Sprint(f.N)})
	}
	for _, s := range a.Sets {
		if s.Failed > 0 {
			rows = append(rows, []string{s.Set, "studies that could not be read", fmt.Sprint(s.Failed), "", ""})
		}
		for _, r := range append(s.Classes, s.Levels...) {
			add(s.Set, "dice "+r.Name, r.Dice)
		}
		for _, r := range s.Classes {
			add(s.Set, "hd95_mm "+r.Name, r.HD95MM)
			add(s.Set, "assd_mm "+r.Name, r.ASSDMM)
		}
		for _, f := range s.Figures {
			add(s.Set, f.Name, f.Figure)
		}
		for _, c := range s.Conditions {
			add(s.Set, "accuracy "+c.Name, c.Accuracy)
			add(s.Set, "recall severe "+c.Name, c.Recall[2])
			add(s.Set, "kappa "+c.Name, c.Kappa)
			add(s.Set, "auc "+c.Name, c.AUC)
		}
		if c := a.Comparison[s.Set]; c != nil {
			for _, d := range append(c.Structures, c.Severe...) {
				add(s.Set, "change "+d.Name, d.Change)
			}
		}
	}
	return rows
}

func show4(n eval.Number) string {
	if math.IsNaN(float64(n)) {
		return "-"
	}
	return fmt.Sprintf("%.4f", float64(n))
}
