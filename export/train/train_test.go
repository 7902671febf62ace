package train

import (
	"context"
	"errors"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
)

// squareNet is a network in name only.
type squareNet struct{ nets.Net }

func (squareNet) Name() string { return "square" }

// square is a task of one weight; making the batch of a step may have an effect.
type square struct {
	Task
	batch func(step int)
}

func (square) Net() nets.Net { return squareNet{} }

func (square) Loss(g *graph.Graph) *graph.Value {
	y := graph.Mul(g.Input("x", 1), g.Param("w", []int{1}, graph.ConstInit(1)))
	return graph.ReduceSum(graph.Mul(y, y), false)
}

func (s square) Batch(step int) map[string]ort.Tensor {
	s.batch(step)
	return map[string]ort.Tensor{"x": {Shape: []int{1}, Data: []float32{1}}}
}

func TestRun_CancelledKeepsTheStepsOfItsEpoch(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	task := square{batch: func(step int) {
		if step == 3 {
			cancel()
		}
	}}
	cfg := Config{Dir: t.TempDir(), Steps: 1000, EpochLen: 1000, LR: 0.1, Threads: 1}
	if err := Run(ctx, task, cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c, err := readCheckpoint((&run{cfg: cfg}).checkpointPath())
	if err != nil || c.Step < 2 || c.Step > 4 || !(c.State["theta"][0] < 1) {
		t.Errorf("checkpoint of step %d, %v, %v", c.Step, c.State["theta"], err)
	}
}
