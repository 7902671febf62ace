package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
)

// squareNet is a network in name only.
type squareNet struct{ nets.Net }

func (squareNet) Name() string   { return "square" }
func (squareNet) Preset() string { return "tiny" }

// square is a task of one weight w with the loss (x w)^2, x given for each batch;
// making a batch may have an effect.
type square struct {
	Task
	batch func(n int) float32
}

func (square) Net() nets.Net { return squareNet{} }

func (square) Loss(g *graph.Graph) *graph.Value {
	y := graph.Mul(g.Input("x", 1), g.Param("w", []int{1}, graph.ConstInit(1)))
	return graph.ReduceSum(graph.Mul(y, y), false)
}

func (s square) Batch(n int) map[string]ort.Tensor {
	return map[string]ort.Tensor{"x": {Shape: []int{1}, Data: []float32{s.batch(n)}}}
}

// Validate never finds a better score, so that nothing is exported: the network
// is none.
func (square) Validate(_ context.Context, w graph.Weights) (Validation, error) {
	return Validation{Score: math.Inf(-1), Figures: map[string]float64{"w": float64(w["w"][0])}}, nil
}

func ones(int) float32 { return 1 }

func TestRun_CancelledKeepsTheStepsOfItsEpoch(t *testing.T) {
	needLibrary(t)
	ctx, cancel := context.WithCancel(t.Context())
	task := square{batch: func(n int) float32 {
		if n == 3 {
			cancel()
		}
		return 1
	}}
	cfg := Config{Dir: t.TempDir(), Steps: 1000, EpochLen: 1000, LR: 0.1, Session: ort.Options{Threads: 1}}
	if err := Run(ctx, task, cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c, err := readCheckpoint((&run{cfg: cfg}).checkpointPath())
	if err != nil || c.Progress.Step < 2 || c.Progress.Step > 4 || !(c.vectors["theta"][0] < 1) {
		t.Errorf("checkpoint of step %d, %v, %v", c.Progress.Step, c.vectors["theta"], err)
	}
}

// squareRun runs the square task and returns its last checkpoint and log.
func squareRun(t *testing.T, batch func(n int) float32, cfg Config) (checkpoint, []Epoch, error) {
	t.Helper()
	needLibrary(t)
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	var out bytes.Buffer
	cfg.Session, cfg.Log = ort.Options{Threads: 1}, &out
	runErr := Run(t.Context(), square{batch: batch}, cfg)
	c, err := readCheckpoint((&run{cfg: cfg}).checkpointPath())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var lines []Epoch
	for line := range bytes.Lines(out.Bytes()) {
		var e Epoch
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, e)
	}
	return c, lines, runErr
}

// TestRun_SkipsStepsWithoutAFiniteGradient spoils batches with infinities and with
// a value whose square, but not itself, is too large.
func TestRun_SkipsStepsWithoutAFiniteGradient(t *testing.T) {
	cfg := Config{Steps: 6, EpochLen: 3, Accumulate: 2, LR: 0.1, Schedule: "constant", EMA: 0.5}
	spoiled := func(n int) float32 {
		switch n {
		case 2:
			return float32(math.Inf(1))
		case 9:
			return 1e30
		}
		return 1
	}
	got, log, err := squareRun(t, spoiled, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Steps, cfg.EpochLen = 4, 2
	want, plain, err := squareRun(t, ones, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.vectors, want.vectors) || got.Progress.Updates != 4 {
		t.Errorf("after %d updates %v, without the spoiled batches %v", got.Progress.Updates, got.vectors, want.vectors)
	}
	if log[0].Skipped != 1 || log[1].Skipped != 1 || plain[0].Skipped != 0 {
		t.Errorf("the log counts %d, %d and %d skipped steps", log[0].Skipped, log[1].Skipped, plain[0].Skipped)
	}
	if !finite(log[0].Loss) || log[0].GradNorm != plain[0].GradNorm {
		t.Errorf("the spoiled epoch has the loss %v and the gradient norm %v, not %v", log[0].Loss, log[0].GradNorm, plain[0].GradNorm)
	}
}

func TestRun_GivesUpWhereNoGradientIsFinite(t *testing.T) {
	bad := func(n int) float32 {
		if n < 5 {
			return 1
		}
		return float32(math.NaN())
	}
	c, _, err := squareRun(t, bad, Config{Steps: 1000, EpochLen: 5, LR: 0.1})
	if err == nil || !strings.Contains(err.Error(), "diverged") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
	if c.Progress.Updates != 5 || !finite(float64(c.vectors["theta"][0])) {
		t.Errorf("the checkpoint is of %d updates with %v", c.Progress.Updates, c.vectors["theta"])
	}
}

func TestRun_ReportsTheGradientNormBeforeClipping(t *testing.T) {
	_, log, err := squareRun(t, func(int) float32 { return 3 }, Config{Steps: 1, EpochLen: 1, ClipNorm: 0.5, LR: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if log[0].GradNorm != 18 || log[0].Loss != 9 { // of (3 w)^2 at w = 1
		t.Errorf("norm %v, loss %v", log[0].GradNorm, log[0].Loss)
	}
}

func TestRun_ValidatesTheRunningMean(t *testing.T) {
	cfg := Config{Steps: 3, EpochLen: 1, LR: 0.1, Schedule: "constant", EMA: 0.9}
	c, log, err := squareRun(t, ones, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.EMA = 0
	_, raw, err := squareRun(t, ones, cfg)
	if err != nil {
		t.Fatal(err)
	}
	mean := 1.0
	for i, line := range raw {
		step := float64(i + 1)
		keep := math.Min(0.9, (1+step)/(10+step))
		mean = keep*mean + (1-keep)*line.Val["w"]
		if math.Abs(log[i].Val["w"]-mean) > 1e-6 {
			t.Errorf("step %d validated %v, the mean of the weights is %v", i+1, log[i].Val["w"], mean)
		}
	}
	if math.Abs(float64(c.vectors["ema"][0])-mean) > 1e-6 || float64(c.vectors["theta"][0]) != raw[2].Val["w"] {
		t.Errorf("the checkpoint holds %v", c.vectors)
	}
}

// climbing is the square task with scores that stop rising.
type climbing struct {
	square
	scores *[]float64
}

func (c climbing) Validate(context.Context, graph.Weights) (Validation, error) {
	s := (*c.scores)[0]
	*c.scores = (*c.scores)[1:]
	return Validation{Score: s}, nil
}

func TestRun_StopsEarlyAndStaysStopped(t *testing.T) {
	needLibrary(t)
	cfg := Config{Dir: t.TempDir(), Steps: 100, EpochLen: 2, Patience: 2, LR: 0.1, Session: ort.Options{Threads: 1}}
	down := math.Inf(-1) // never better than nothing, so that nothing is exported
	scores := []float64{down, down, 1, 1}
	task := climbing{square{batch: ones}, &scores}
	for range 2 {
		if err := Run(t.Context(), task, cfg); err != nil {
			t.Fatal(err)
		}
		c, err := readCheckpoint((&run{cfg: cfg}).checkpointPath())
		if err != nil || c.Progress.Step != 4 || len(scores) != 2 {
			t.Fatalf("stopped at step %d with %d scores left, %v", c.Progress.Step, len(scores), err)
		}
	}
	log, err := os.ReadFile(filepath.Join(cfg.Dir, "log.jsonl"))
	if err != nil || bytes.Count(log, []byte("early_stop")) != 1 {
		t.Errorf("the log does not say so: %s, %v", log, err)
	}
}

func TestRun_SaysHowMuchTimeIsLeft(t *testing.T) {
	slow := func(int) float32 { time.Sleep(5 * time.Millisecond); return 1 }
	_, log, err := squareRun(t, slow, Config{Steps: 10, EpochLen: 5, LR: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := log[0], log[1]; !(a.ETASeconds > 0.5*a.Seconds && a.ETASeconds < 2*a.Seconds) || b.ETASeconds != 0 {
		t.Errorf("half way after %v s: %v s left; at the end %v s", a.Seconds, a.ETASeconds, b.ETASeconds)
	}
}

func TestRun_OutOfTimeLeavesAModelAndGoesOnAsIfNothingHadBeen(t *testing.T) {
	needLibrary(t)
	straight, limited := t.TempDir(), t.TempDir()
	cfg := everything(limited, &bytes.Buffer{})
	cfg.Limit = 50 * time.Millisecond
	slow := interruptible{tinyStenosis(t), func(int) { time.Sleep(20 * time.Millisecond) }}
	if err := Run(t.Context(), slow, cfg); err != nil {
		t.Fatal(err)
	}
	c, err := readCheckpoint(filepath.Join(limited, "checkpoint"))
	if err != nil || c.Progress.Step == 0 || c.Progress.Step >= cfg.EpochLen || c.Progress.Seen != 0 {
		t.Fatalf("%+v, %v", c.Progress, err)
	}
	if _, err := os.Stat(filepath.Join(limited, "best", "stenosisnet.onnx")); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{straight, limited} {
		if err := Run(t.Context(), tinyStenosis(t), everything(dir, &bytes.Buffer{})); err != nil {
			t.Fatal(err)
		}
	}
	sameRun(t, straight, limited)
}

func TestRun_RefusesAnotherNetworksCheckpoint(t *testing.T) {
	dir := t.TempDir()
	other := checkpoint{Net: "unet", Preset: "tiny", vectors: map[string][]float32{"theta": {1}}}
	for want, c := range map[string]checkpoint{
		"is of unet tiny, not of square tiny": other,
		`is of another network`:               {Net: "square", Preset: "tiny", vectors: map[string][]float32{"theta": {1, 2}}},
	} {
		if err := writeCheckpoint(filepath.Join(dir, "checkpoint"), c); err != nil {
			t.Fatal(err)
		}
		if _, _, err := squareRun(t, ones, Config{Dir: dir, Steps: 1, EpochLen: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestRun_RefusesADamagedCheckpoint(t *testing.T) {
	needLibrary(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), []byte("half a checkpo"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(t.Context(), square{batch: ones}, Config{Dir: dir, Steps: 1, EpochLen: 1})
	if err == nil || !strings.Contains(err.Error(), "checkpoint.previous") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestRate_FollowsItsSchedule(t *testing.T) {
	for _, c := range []struct {
		schedule string
		step     int
		want     float64
	}{
		{"", 0, 0.1}, {"", 10, 1}, {"", 60, 0.51}, {"", 110, 0.02}, // linear, then a half cosine
		{"steps", 9, 1}, {"steps", 59, 1}, {"steps", 60, 0.8}, {"steps", 119, 0.8}, {"steps", 120, 0.64}, // 30 epochs of 2
		{"constant", 109, 1},
	} {
		got := Config{LR: 1, Warmup: 10, Schedule: c.schedule, Steps: 110, EpochLen: 2}.rate(c.step)
		if math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q at step %d: %v, want %v", c.schedule, c.step, got, c.want)
		}
	}
}

// TestOptimiser_UpdatesEveryPartOfTheWeights has more weights than one run of
// the update takes.
func TestOptimiser_UpdatesEveryPartOfTheWeights(t *testing.T) {
	needLibrary(t)
	o, err := newOptimiser(wide{}, Config{EMA: 0.5, Session: ort.Options{Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if o.params != 2*partSize+3 || o.part >= partSize || 3*o.part < o.params {
		t.Fatalf("%d weights in parts of %d", o.params, o.part)
	}
	x := make([]float32, o.params)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	_, _, err = o.add(t.Context(), 0, map[string]ort.Tensor{"x": flat(x)})
	if err == nil {
		_, err = o.apply(0.1, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range o.weights()["w"] { // the first step of Adam is the gradient's sign
		want := 1.0 // then the mean of decay 2/11
		if x[i] != 0 {
			want -= 0.1 * 9 / 11 * math.Copysign(1, float64(x[i]))
		}
		if math.Abs(float64(w)-want) > 1e-5 {
			t.Fatalf("weight %d is %v, want %v", i, w, want)
		}
	}
}

// wide is a task of many weights w with the loss sum(x w).
type wide struct{ square }

func (wide) Loss(g *graph.Graph) *graph.Value {
	n := 2*partSize + 3
	return graph.ReduceSum(graph.Mul(g.Input("x", n), g.Param("w", []int{n}, graph.ConstInit(1))), false)
}
