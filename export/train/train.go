// Package train teaches the networks: it couples a network from export/nets with
// its loss and its data, runs the training step in ONNX Runtime, validates,
// keeps checkpoints that resume, and writes the trained model with its card.
package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
)

// Task is a network with its loss and its data.
type Task interface {
	// Net is the network being taught.
	Net() nets.Net
	// Loss builds the training graph on g and returns the scalar to minimise.
	Loss(g *graph.Graph) *graph.Value
	// Batch is the data of one step; the same step gives the same batch.
	Batch(step int) map[string]ort.Tensor
	// Validate measures weights on held-out data. Score is the figure by which
	// the best weights are chosen; larger is better.
	Validate(ctx context.Context, w graph.Weights) (Validation, error)
	// Card fills in what the task knows: grid, labels, data, limits.
	Card(spec *models.Spec)
}

// Validation is what one look at the held-out data gave.
type Validation struct {
	Score   float64
	Figures map[string]float64
}

// Config sets one training run.
type Config struct {
	Dir      string        // run folder: checkpoint, log, best model
	Steps    int           // optimiser steps in all
	EpochLen int           // steps between two validations
	LR       float64       // peak learning rate of Adam
	Warmup   int           // steps of linear warm-up
	ClipNorm float64       // gradient norm limit, 0 = none
	Seed     uint64        // of weights and noise
	Threads  int           // for ONNX Runtime
	Limit    time.Duration // wall-clock bound of this call, 0 = none
	Log      io.Writer     // one JSON line per epoch
}

// Epoch is one line of the training log.
type Epoch struct {
	Epoch   int                `json:"epoch"`
	Step    int                `json:"step"`
	Loss    float64            `json:"loss"`
	Val     map[string]float64 `json:"val"`
	LR      float64            `json:"lr"`
	Seconds float64            `json:"seconds"`
}

// Run trains until cfg.Steps, cfg.Limit or ctx ends it, resuming from the
// checkpoint in cfg.Dir if there is one, and leaves the best model in
// cfg.Dir/best. A cancelled run writes a checkpoint and returns ctx's error.
func Run(ctx context.Context, task Task, cfg Config) error {
	r, err := newRun(task, cfg)
	if err != nil {
		return err
	}
	defer r.stepper.Close()
	end := time.Time{}
	if cfg.Limit > 0 {
		end = time.Now().Add(cfg.Limit)
	}
	for r.step < cfg.Steps && (end.IsZero() || time.Now().Before(end)) {
		if err := r.epoch(ctx, end); err != nil {
			return r.interrupted(ctx, err)
		}
	}
	return nil
}

// interrupted keeps the steps of an epoch that was cancelled. A run that has made
// its last step goes back to the epoch's start instead, so that its end is still
// measured.
func (r *run) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || r.step >= r.cfg.Steps {
		return err
	}
	return errors.Join(err, writeCheckpoint(r.checkpointPath(), r.step, r.best, r.stepper.State()))
}

// run is one training in progress.
type run struct {
	task    Task
	cfg     Config
	graph   *graph.Graph
	stepper *ort.Stepper
	noise   []noisePort
	step    int
	best    float64
	ahead   chan map[string]ort.Tensor // the batch of the coming step, made meanwhile
}

func newRun(task Task, cfg Config) (*run, error) {
	r := &run{task: task, cfg: cfg, best: math.Inf(-1)}
	r.graph = graph.New(task.Net().Name())
	r.graph.Training = true
	var model []byte
	err := graph.Try(func() {
		loss := task.Loss(r.graph)
		var err error
		model, err = graph.TrainingStep(r.graph, loss, nil, graph.AdamOptions{ClipNorm: cfg.ClipNorm})
		if err != nil {
			panic(err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("build the training graph of %s: %w", task.Net().Name(), err)
	}
	r.noise = noisePorts(r.graph)
	state, err := r.start()
	if err != nil {
		return nil, err
	}
	r.stepper, err = ort.NewStepper(model, state, ort.Options{Threads: cfg.Threads})
	return r, err
}

// start gives the state tensors: those of the checkpoint, or fresh weights.
func (r *run) start() (map[string]ort.Tensor, error) {
	cp, err := readCheckpoint(r.checkpointPath())
	if err == nil {
		r.step, r.best = cp.Step, cp.Best
		return cp.tensors(), nil
	}
	if !os.IsNotExist(err) {
		return nil, err
	}
	theta, state := graph.Flatten(r.graph, r.graph.InitParams(r.cfg.Seed))
	return initialState(theta, state), nil
}

func initialState(theta, state []float32) map[string]ort.Tensor {
	zero := func() []float32 { return make([]float32, len(theta)) }
	out := map[string]ort.Tensor{
		"theta": {Shape: []int{len(theta)}, Data: theta},
		"m":     {Shape: []int{len(theta)}, Data: zero()},
		"v":     {Shape: []int{len(theta)}, Data: zero()},
	}
	if len(state) > 0 {
		out["state"] = ort.Tensor{Shape: []int{len(state)}, Data: state}
	}
	return out
}

// epoch runs cfg.EpochLen steps, validates, logs and saves.
func (r *run) epoch(ctx context.Context, end time.Time) error {
	began, sum, n := time.Now(), 0.0, 0
	for n < r.cfg.EpochLen && r.step < r.cfg.Steps && (end.IsZero() || n == 0 || time.Now().Before(end)) {
		loss, err := r.one(ctx)
		if err != nil {
			return err
		}
		sum += loss
		n++
	}
	weights := r.weights()
	val, err := r.task.Validate(ctx, weights)
	if err != nil {
		return err
	}
	if val.Score > r.best {
		r.best = val.Score
		if err := r.export(weights, val); err != nil {
			return err
		}
	}
	r.log(Epoch{Epoch: r.step / r.cfg.EpochLen, Step: r.step, Loss: sum / float64(n), Val: val.Figures,
		LR: r.rate(), Seconds: time.Since(began).Seconds()})
	return writeCheckpoint(r.checkpointPath(), r.step, r.best, r.stepper.State())
}

// one runs a single optimiser step.
func (r *run) one(ctx context.Context) (float64, error) {
	in := r.batch()
	for i, p := range r.noise {
		in[p.name] = p.draw(r.cfg.Seed, r.step, i)
	}
	in["lr"] = ort.Tensor{Shape: []int{1}, Data: []float32{float32(r.rate())}}
	in["step"] = ort.Tensor{Shape: []int{1}, Data: []float32{float32(r.step + 1)}}
	out, err := r.stepper.Step(ctx, in)
	if err != nil {
		return 0, fmt.Errorf("training step %d: %w", r.step, err)
	}
	loss := float64(out["loss"].Data[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("training diverged at step %d: lower the learning rate and resume from %s", r.step, r.checkpointPath())
	}
	r.step++
	return loss, nil
}

// batch gives the batch of this step and begins to make the next one.
func (r *run) batch() map[string]ort.Tensor {
	var now map[string]ort.Tensor
	if r.ahead != nil {
		now = <-r.ahead
	} else {
		now = r.task.Batch(r.step)
	}
	r.ahead = make(chan map[string]ort.Tensor, 1)
	go func(out chan<- map[string]ort.Tensor, step int) { out <- r.task.Batch(step) }(r.ahead, r.step+1)
	return now
}

// rate is the learning rate now: linear warm-up, then a half cosine down to a
// fiftieth. The papers' stepwise 0.8 needs hundreds of epochs to the same end.
func (r *run) rate() float64 {
	if r.step < r.cfg.Warmup {
		return r.cfg.LR * float64(r.step+1) / float64(r.cfg.Warmup)
	}
	t := float64(r.step-r.cfg.Warmup) / math.Max(1, float64(r.cfg.Steps-r.cfg.Warmup))
	return r.cfg.LR * (0.02 + 0.98*(1+math.Cos(math.Pi*math.Min(t, 1)))/2)
}

func (r *run) weights() graph.Weights {
	state := r.stepper.State()
	return graph.Unflatten(r.graph, state["theta"].Data, state["state"].Data)
}

func (r *run) checkpointPath() string { return filepath.Join(r.cfg.Dir, "checkpoint.gob") }

func (r *run) log(e Epoch) {
	if r.cfg.Log != nil {
		json.NewEncoder(r.cfg.Log).Encode(e)
	}
}

func (r *run) export(w graph.Weights, val Validation) error {
	m, err := Build(r.task.Net(), w)
	if err != nil {
		return err
	}
	r.task.Card(&m.Spec)
	m.Figures = val.Figures
	return models.Save(filepath.Join(r.cfg.Dir, "best"), m)
}
