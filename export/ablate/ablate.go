package ablate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"columna/export/train"
	"columna/models"
)

// Options choose an ablation.
type Options struct {
	Net, Preset          string
	Dir                  string // a folder for each run, the samples that they share, and the tables
	Seeds                int    // runs of each variant
	Steps, Samples, Held int    // of each run, and the phantoms that all share; 0 = the network's default
	SPIDER               string // folder of SPIDER studies to learn from and to measure on, beside the phantoms
	Plain                bool   // phantoms without the variety of training, which are learned sooner
	Limit                time.Duration
	Threads              int
	Provider             string
	Notice               func(sentence string)
	Progress             func(Progress)

	start func(context.Context, train.Options) error // train.Start if nil
}

// Progress is how far an ablation has come.
type Progress struct {
	Run, Runs   int // from 1
	Variant     string
	Seed        int
	Step, Steps int
	Left        time.Duration // of this run
}

// settings are what all runs of an ablation have in common.
type settings struct {
	Net     string `json:"net"`
	Preset  string `json:"preset"`
	Steps   int    `json:"steps"`
	Samples int    `json:"samples"`
	Held    int    `json:"held"`
	SPIDER  string `json:"spider,omitempty"`
	Plain   bool   `json:"plain,omitempty"` // phantoms without variety
}

// result is what is kept of a finished run beside its model and its patients.
type result struct {
	Variant        string  `json:"variant"`
	Seed           int     `json:"seed"`
	Steps          int     `json:"steps"`
	Parameters     int     `json:"parameters"`
	SecondsPerStep float64 `json:"seconds_per_step"` // the median
	SHA256         string  `json:"sha256"`           // of the model
}

// heldAtLeast is the number of patients without which an interval says little.
const heldAtLeast = 24

// Check says what is wrong with the options.
func (o Options) Check() error {
	t, err := tableOf(o.Net)
	if err != nil {
		return err
	}
	if o.Seeds < 1 {
		return errors.New("an ablation takes at least one seed")
	}
	for _, v := range t.variants {
		if err := o.training(t, v, 1).Check(); err != nil {
			return err
		}
	}
	return nil
}

// Run trains what is not trained yet, seed after seed, so that early tables have every
// variant, and writes the tables after every run. A run that fails is told of at
// the end; the others go on. It returns what is known by then with the error of ctx, and
// without one when only the time is over.
func Run(ctx context.Context, o Options) (*Report, error) {
	t, err := tableOf(o.Net)
	if err != nil {
		return nil, err
	}
	if o.start == nil {
		o.start = train.Start
	}
	if o, err = o.settle(); err != nil {
		return nil, err
	}
	began, runs, failed := time.Now(), o.Seeds*len(t.variants), []error(nil)
	for n := range runs {
		seed, v := n/len(t.variants)+1, t.variants[len(t.variants)-1-n%len(t.variants)]
		left := o.Limit - time.Since(began)
		if ctx.Err() != nil || o.Limit > 0 && left <= 0 {
			break
		}
		work := o
		work.Limit = 0
		if o.Limit > 0 {
			work.Limit = left
		}
		if err := work.one(ctx, t, v, seed, n+1, runs); err != nil {
			if ctx.Err() != nil {
				break
			}
			failed = append(failed, fmt.Errorf("%s, seed %d: %w", v.Name, seed, err))
		}
		if _, err := o.report(t); err != nil {
			return nil, err
		}
	}
	r, err := o.report(t)
	return r, errors.Join(append(failed, err, ctx.Err())...)
}

// settle puts defaults in and holds the options against those that the ablation in the
// folder began with; what is not asked for is as it was then.
func (o Options) settle() (Options, error) {
	path := filepath.Join(o.Dir, "settings.json")
	var was settings
	switch err := readJSON(path, &was); {
	case err == nil:
	case !os.IsNotExist(err):
		return o, err
	default:
		was.Samples, was.Held, was.Steps = train.Usual(o.Net)
		was.Samples, was.Steps = cmp.Or(o.Samples, was.Samples), cmp.Or(o.Steps, was.Steps)
		was.Net, was.Held = o.Net, cmp.Or(o.Held, max(was.Held, heldAtLeast))
		was.Preset, was.SPIDER, was.Plain = cmp.Or(o.Preset, "compact"), o.SPIDER, o.Plain
		if err := writeJSON(path, was); err != nil {
			return o, err
		}
	}
	now := settings{o.Net, cmp.Or(o.Preset, was.Preset), cmp.Or(o.Steps, was.Steps), cmp.Or(o.Samples, was.Samples),
		cmp.Or(o.Held, was.Held), cmp.Or(o.SPIDER, was.SPIDER), o.Plain || was.Plain}
	if now != was {
		return o, fmt.Errorf("the ablation in %s began as %s, not as %s: runs of other budgets cannot be compared; name another folder", o.Dir, was, now)
	}
	o.Preset, o.Steps, o.Samples, o.Held, o.SPIDER, o.Plain = now.Preset, now.Steps, now.Samples, now.Held, now.SPIDER, now.Plain
	return o, nil
}

// String names what was set.
func (s settings) String() string {
	text := fmt.Sprintf("%s %s, %d steps on %d phantoms, %d held out", s.Net, s.Preset, s.Steps, s.Samples, s.Held)
	if s.Plain {
		text += ", without variety"
	}
	if s.SPIDER != "" {
		text += ", with SPIDER"
	}
	return text
}

// training are the options of one run. The last weights count: those of the best
// validation would have been chosen on the patients that the table is of.
func (o Options) training(t table, v Variant, seed int) train.Options {
	return train.Options{Net: o.Net, Preset: o.Preset, Without: v.Without, Spectral: v.Spectral, Noise: t.noise,
		Dir: o.runDir(v, seed), Pool: filepath.Join(o.Dir, "samples"), Samples: o.Samples, Held: o.Held, Steps: o.Steps,
		SPIDER: o.SPIDER, Plain: o.Plain, Seed: uint64(seed), Last: true, Limit: o.Limit, Threads: o.Threads, Provider: o.Provider, Notice: o.Notice}
}

func (o Options) runDir(v Variant, seed int) string {
	return filepath.Join(o.Dir, fmt.Sprintf("%s-%d", v.Name, seed))
}

// one trains a variant with a seed, or goes on with it; a finished run is left alone.
func (o Options) one(ctx context.Context, t table, v Variant, seed, run, runs int) error {
	dir := o.runDir(v, seed)
	if _, err := o.finished(v, seed); err == nil {
		return nil
	}
	p, settings := pace{}, o.training(t, v, seed)
	settings.OnStep = func(step, steps int, left time.Duration) {
		p.hear(step, time.Now())
		if o.Progress != nil {
			o.Progress(Progress{run, runs, v.Name, seed, step, steps, left})
		}
	}
	if o.Progress != nil {
		o.Progress(Progress{Run: run, Runs: runs, Variant: v.Name, Seed: seed, Steps: o.Steps})
	}
	err := errors.Join(o.start(ctx, settings), p.keep(dir))
	if err != nil {
		return err
	}
	if _, validated, err := train.Reached(dir); err != nil || validated < o.Steps {
		return err // the time is over
	}
	return o.finish(v, seed)
}

// finish writes the result of a run that has made all its steps.
func (o Options) finish(v Variant, seed int) error {
	dir := o.runDir(v, seed)
	m, err := models.LoadDir(filepath.Join(dir, "best"), o.Net)
	if err != nil {
		return err
	}
	seconds, err := paceOf(dir)
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "result.json"), result{v.Name, seed, o.Steps, m.Parameters, seconds, m.SHA256})
}

// finished reads the result of a run.
func (o Options) finished(v Variant, seed int) (r result, err error) {
	err = readJSON(filepath.Join(o.runDir(v, seed), "result.json"), &r)
	return r, err
}

// maxJSON bounds the small files of an ablation.
const maxJSON = 1 << 20

func readJSON(path string, into any) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxJSON {
		return fmt.Errorf("%s is too long to be a file of an ablation: move it away", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is damaged: remove its folder to make it again", path)
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(b, '\n'))
}

// writeFile replaces a file whole.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
