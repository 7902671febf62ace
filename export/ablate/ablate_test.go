package ablate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/export/train"
	"columna/internal/ort"
	"columna/models"
)

// line is a network of two numbers; without "cbam" it has no offset.
type line struct{ without []string }

func (line) Name() string        { return "stenosisnet" }
func (line) Preset() string      { return "tiny" }
func (line) Inputs() []nets.Port { return []nets.Port{{Name: "x", Shape: []int{1, 1, 1, 8}}} }
func (line) Outputs() []string   { return []string{"y"} }
func (l line) Without() []string { return l.without }
func (line) CAM() []nets.CAMTarget {
	return []nets.CAMTarget{{Logits: "y", Features: []string{"_f"}, Inputs: []string{"x"}}}
}

func (l line) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	var offset *graph.Value
	if !slices.Contains(l.without, "cbam") {
		offset = g.Param("b", []int{2}, graph.ZeroInit())
	}
	f := graph.Conv(in["x"], g.Param("w", []int{2, 1, 1, 1}, graph.HeInit(1)), offset, graph.ConvOpts{})
	return map[string]*graph.Value{"y": graph.Relu(f), "_f": f}
}

// lineTask teaches the line that everything is of class 1, which only an offset can say of
// numbers around zero.
type lineTask struct{ net line }

func (t lineTask) Net() nets.Net { return t.net }

func (t lineTask) Loss(g *graph.Graph) *graph.Value {
	out := t.net.Forward(g, map[string]*graph.Value{"x": g.Input("x", 1, 1, 1, 8)})
	return loss.Dice(graph.Softmax(out["y"], 1), g.Input("truth", 1, 2, 1, 8), nil)
}

func (t lineTask) Batch(n int) map[string]ort.Tensor {
	truth := make([]float32, 16)
	for i := range 8 {
		truth[8+i] = 1
	}
	return map[string]ort.Tensor{"x": numbers(n), "truth": {Shape: []int{1, 2, 1, 8}, Data: truth}}
}

func numbers(n int) ort.Tensor {
	r, x := graph.NewRandom(uint64(n)), make([]float32, 8)
	for i := range x {
		x[i] = float32(r.Normal())
	}
	return ort.Tensor{Shape: []int{1, 1, 1, 8}, Data: x}
}

func (t lineTask) Validate(ctx context.Context, w graph.Weights) (v train.Validation, err error) {
	onnx, err := nets.Inference(t.net, w, nil)
	if err != nil {
		return v, err
	}
	s, err := ort.NewSession(onnx, ort.Options{Threads: 1})
	if err != nil {
		return v, err
	}
	defer s.Close()
	for p := range 6 {
		out, err := s.Run(ctx, map[string]ort.Tensor{"x": numbers(1000 + p)})
		if err != nil {
			return v, err
		}
		hit := train.Share{Of: 8}
		for i := range 8 {
			if y := out["y"].Data; y[8+i] > y[i] {
				hit.Sum++
			}
		}
		v.Score += hit.Sum / 48
		v.Patients = append(v.Patients, train.Patient{Set: "phantom", ID: fmt.Sprint(p), Figures: map[string]train.Share{"accuracy": hit}})
	}
	v.Figures = map[string]float64{"accuracy": v.Score}
	return v, nil
}

func (t lineTask) Card(*models.Spec) {}

// tinyOptions is an ablation of lines; asked hears of every run that is begun.
func tinyOptions(dir string, seeds int, asked func(train.Options)) Options {
	return Options{Net: "stenosisnet", Dir: dir, Seeds: seeds, Steps: 30, Samples: 3, Threads: 1, start: func(ctx context.Context, o train.Options) error {
		asked(o)
		return train.Run(ctx, lineTask{line{o.Without}}, train.Config{Dir: o.Dir, Steps: o.Steps, EpochLen: 30, LR: 0.05, Seed: o.Seed,
			Last: o.Last, Limit: o.Limit, OnStep: o.OnStep, Session: ort.Options{Threads: 1, OptimizationOff: true}})
	}}
}

func needLibrary(t *testing.T) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
}

func TestRun_GivesEveryVariantTheSameBudget(t *testing.T) {
	needLibrary(t)
	t.Parallel()
	seen, dir := map[string]train.Options{}, t.TempDir()
	r, err := Run(t.Context(), tinyOptions(dir, 2, func(o train.Options) { seen[filepath.Base(o.Dir)] = o }))
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 8 || r.Runs != 8 || r.Wanted != 8 {
		t.Fatalf("%d runs, the report says %d of %d", len(seen), r.Runs, r.Wanted)
	}
	one := seen["full-1"]
	for name, o := range seen {
		if o.Steps != one.Steps || o.Pool != one.Pool || o.Samples != one.Samples || o.Held != one.Held || !o.Last {
			t.Errorf("%s has another budget: %+v", name, o)
		}
	}
	if seen["no-sam-2"].Seed != 2 || !slices.Equal(seen["no-sam-2"].Without, []string{"sam"}) {
		t.Errorf("no-sam-2 is of seed %d without %v", seen["no-sam-2"].Seed, seen["no-sam-2"].Without)
	}
	whole, less := r.Rows[0], r.Rows[3]
	if whole.Name != "full" || less.Name != "no-cbam" || whole.Parameters != 4 || less.Parameters != 2 || whole.Runs != 2 || whole.SecondsPerStep <= 0 {
		t.Errorf("rows %+v and %+v", whole, less)
	}
	cells := r.Sets[0].Cells
	if d := cells[3]["accuracy"].Difference; d == nil || d.Value >= 0 || *d.High >= 0 || d.Patients != 6 || d.Seeds != 2 {
		t.Errorf("without offset the difference is %v", d)
	}
	if d := cells[1]["accuracy"].Difference; d == nil || d.Value != 0 {
		t.Errorf("of the same network the difference is %v", d)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ablation.md"))
	if err != nil || string(text) != r.Markdown() || !strings.Contains(r.Markdown(), "The paper's order does not hold by accuracy: 3 of 6 pairs") {
		t.Errorf("%v, the table:\n%s", err, text)
	}
}

func TestRun_GoesOnWhereItWasStopped(t *testing.T) {
	needLibrary(t)
	t.Parallel()
	straight, broken := t.TempDir(), t.TempDir()
	whole, err := Run(t.Context(), tinyOptions(straight, 1, func(train.Options) {}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := tinyOptions(broken, 1, func(train.Options) {})
	o.Progress = func(p Progress) {
		if p.Run == 3 && p.Step == 17 {
			cancel()
		}
	}
	part, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || part.Runs != 2 || part.Sets[0].Cells[3]["accuracy"].Mean != nil || part.Sets[0].Order.Complete {
		t.Fatalf("stopped: %+v, %v", part, err)
	}
	var begun []string
	rest, err := Run(t.Context(), tinyOptions(broken, 1, func(o train.Options) { begun = append(begun, filepath.Base(o.Dir)) }))
	if err != nil || len(begun) != 2 || begun[0] != "no-sam-1" {
		t.Fatalf("gone on with %v, %v", begun, err)
	}
	for n, cells := range rest.Sets[0].Cells {
		if a, b := cells["accuracy"].String(), whole.Sets[0].Cells[n]["accuracy"].String(); a != b {
			t.Errorf("%s: %s, in one go %s", rest.Rows[n].Name, a, b)
		}
	}
}

func TestRun_KeepsToTheBudgetItBeganWith(t *testing.T) {
	needLibrary(t)
	t.Parallel()
	dir := t.TempDir()
	o := tinyOptions(dir, 1, func(train.Options) {})
	o.Limit = time.Nanosecond
	if r, err := Run(t.Context(), o); err != nil || r.Runs != 0 || !strings.Contains(r.Markdown(), "No run is finished yet") {
		t.Fatalf("without time: %+v, %v", r, err)
	}
	o.Steps, o.Samples = 0, 0
	if got, err := o.settle(); err != nil || got.Steps != 30 || got.Samples != 3 || got.Preset != "compact" {
		t.Errorf("what is not asked for becomes %+v, %v", got, err)
	}
	o.Plain = true
	if _, err := o.settle(); err == nil || !strings.Contains(err.Error(), "30 held out, without variety") {
		t.Errorf("other phantoms: %v", err)
	}
	o.Plain, o.Steps = false, 31
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "30 steps on 3 phantoms, 30 held out, not as stenosisnet compact, 31 steps") {
		t.Errorf("other steps: %v", err)
	}
}

func TestRun_GoesOnAfterARunThatFails(t *testing.T) {
	needLibrary(t)
	t.Parallel()
	o := tinyOptions(t.TempDir(), 1, func(train.Options) {})
	good := o.start
	o.start = func(ctx context.Context, o train.Options) error {
		if slices.Contains(o.Without, "sam") {
			return errors.New("it diverged")
		}
		return good(ctx, o)
	}
	r, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "no-sam, seed 1: it diverged") || r.Runs != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if r.Sets[0].Order.Holds() || r.Sets[0].Order.Complete {
		t.Error("the order is said to hold, of variants that are not there")
	}
}

// runOf is one seed of a variant in which each patient has its own hits of ten.
func runOf(hits ...float64) measured {
	figures := map[string]map[string]train.Share{}
	for p, h := range hits {
		figures[fmt.Sprint(p)] = map[string]train.Share{"accuracy": {Sum: h, Of: 10}}
	}
	return measured{1: {"phantom": figures}}
}

func TestDifference_PairsPatients(t *testing.T) {
	low, high := runOf(1, 5, 9, 3), runOf(2, 6, 10, 4)
	d := difference(low, high, "phantom", "accuracy")
	if d == nil || math.Abs(d.Value-0.1) > 1e-12 || math.Abs(*d.Low-0.1) > 1e-12 || math.Abs(*d.High-0.1) > 1e-12 {
		t.Errorf("every patient gains 0.1, the difference is %v", d)
	}
	d = difference(low, runOf(9, 5, 1, 3), "phantom", "accuracy")
	if d.Value != 0 || *d.Low >= 0 || *d.High <= 0 {
		t.Errorf("one wins what another loses, the difference is %v", d)
	}
	if difference(low, measured{2: low[1]}, "phantom", "accuracy") != nil {
		t.Error("runs of different seeds are paired")
	}
}

func TestOrder_CountsThePairsOfThePaper(t *testing.T) {
	falling := []measured{runOf(9, 9, 9), runOf(8, 8, 8), runOf(5, 6, 7)}
	if o := orderOf("phantom", "accuracy", falling); !o.Holds() || o != (Order{Pairs: 3, Agree: 3, Sure: 3, Full: 2, FullWins: 2, FullSure: 2, Complete: true}) {
		t.Errorf("as in the paper: %+v", o)
	}
	slices.Reverse(falling)
	if o := orderOf("phantom", "accuracy", falling); o.Holds() || o.Agree != 0 || o.Against != 3 {
		t.Errorf("reversed: %+v", o)
	}
}

func TestCell_IsTheMeanAndDeviationOverSeeds(t *testing.T) {
	m := measured{1: runOf(4, 6)[1], 2: runOf(8, 8)[1]}
	if got := m.cell("phantom", "accuracy").String(); got != "0.6500 ± 0.2121" { // 0.5 and 0.8
		t.Errorf("%s", got)
	}
	if got := m.cell("phantom", "dice").String(); got != "–" {
		t.Errorf("what was not measured is %s", got)
	}
}

func TestPace_LeavesOutValidations(t *testing.T) {
	var p pace
	at := time.Unix(0, 0)
	for _, s := range []struct{ step, seconds int }{{0, 0}, {1, 2}, {2, 4}, {2, 60}, {3, 62}} {
		p.hear(s.step, at.Add(time.Duration(s.seconds)*time.Second))
	}
	dir := t.TempDir()
	for range 2 {
		if err := p.keep(dir); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := paceOf(dir); got != 2 || err != nil {
		t.Errorf("%g s a step, %v", got, err)
	}
}

func TestTables_EveryVariantBuildsAndRanksAsThePaperDoes(t *testing.T) {
	for _, table := range tables() {
		if err := (Options{Net: table.net, Seeds: 1}).Check(); err != nil {
			t.Errorf("%s: %v", table.net, err)
		}
		last, names := 0.0, map[string]bool{}
		for _, v := range table.variants {
			if v.Paper != 0 && v.Paper <= last {
				t.Errorf("%s: the paper has %s at %g after %g", table.net, v.Name, v.Paper, last)
			}
			last, names[v.Name] = max(last, v.Paper), true
		}
		best := table.variants[len(table.variants)-1]
		if len(names) != len(table.variants) || len(best.Without) > 0 {
			t.Errorf("%s: names %v, the last is %+v", table.net, names, best)
		}
	}
	if err := (Options{Net: "unet3plus", Seeds: 1}).Check(); err == nil || !strings.Contains(err.Error(), "choose one of gfssnet, desamba") {
		t.Errorf("unet3plus: %v", err)
	}
}
