// Package train teaches the networks: it couples a network from export/nets with
// its loss and its data, runs the training step in ONNX Runtime, validates,
// keeps checkpoints that resume, and writes the trained model with its card.
package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
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
	// Batch is the n-th batch of the run. It depends on n and the task's seed alone,
	// and may be asked for while the one before is still learned. It is nil when the
	// run is over before it could be made.
	Batch(n int) map[string]ort.Tensor
	// Validate measures weights on held-out data. Score is the figure by which
	// the best weights are chosen; larger is better.
	Validate(ctx context.Context, w graph.Weights) (Validation, error)
	// Card fills in what the task knows: grid, labels, data, limits.
	Card(spec *models.Spec)
}

// Mixed is a task whose batches have several sizes. Each size has a training graph
// of its own; the weights are the same.
type Mixed interface {
	Task
	Sizes() int
	// LossOf is Loss for batches of a size; Loss is that of size 0.
	LossOf(g *graph.Graph, size int) *graph.Value
	// SizeOf is the size of the n-th batch.
	SizeOf(n int) int
}

func sizesOf(t Task) int {
	if m, ok := t.(Mixed); ok {
		return m.Sizes()
	}
	return 1
}

func graphLoss(t Task, g *graph.Graph, size int) *graph.Value {
	if m, ok := t.(Mixed); ok {
		return m.LossOf(g, size)
	}
	return t.Loss(g)
}

func sizeOf(t Task, n int) int {
	if m, ok := t.(Mixed); ok {
		return m.SizeOf(n)
	}
	return 0
}

// Validation is what one look at the held-out data gave.
type Validation struct {
	Score    float64
	Figures  map[string]float64
	Patients []Patient // the same by patient, where the task tells
}

// Config sets one training run.
type Config struct {
	Dir        string                                    // run folder: checkpoint, log, best model
	Steps      int                                       // optimiser steps in all
	EpochLen   int                                       // steps between two validations
	Accumulate int                                       // batches of one step, 0 for one
	LR         float64                                   // peak learning rate of Adam
	Warmup     int                                       // steps of linear warm-up
	Schedule   string                                    // how the rate falls from its peak, one of Schedules; "" is the first
	ClipNorm   float64                                   // gradient norm limit, 0 = none
	EMA        float64                                   // decay of the weights' running mean; 0 = the weights themselves count
	Patience   int                                       // epochs without a better score after which the run ends, 0 = never
	Seed       uint64                                    // of weights and noise
	From       graph.Weights                             // a new run begins with; what it does not name is fresh
	Last       bool                                      // the last weights are kept, not those of the best score
	Session    ort.Options                               // of the training step
	Limit      time.Duration                             // wall-clock bound of this call, 0 = none
	Log        io.Writer                                 // one JSON line per epoch
	OnStep     func(step, steps int, left time.Duration) // hears of every step, and how long the others will take
}

// saveEvery is how much work a crash may cost.
const saveEvery = 10 * time.Minute

// idleLimit is how many steps one after the other may be skipped before the run
// is given up.
const idleLimit = 20

// Run trains until cfg.Steps, cfg.Patience, cfg.Limit or ctx ends it, resuming
// from the checkpoint in cfg.Dir if there is one, and leaves the best model in
// cfg.Dir/best. A cancelled run writes a checkpoint and returns ctx's error.
//
// On one number of threads a run that was stopped and resumed makes the same
// weights, bit for bit, and the same log but for its times, as one that was not.
func Run(ctx context.Context, task Task, cfg Config) error {
	cfg.Accumulate = max(cfg.Accumulate, 1)
	r, err := newRun(task, cfg)
	if err != nil {
		return err
	}
	defer r.opt.close()
	for !r.done() {
		if r.late() {
			return r.interrupted(ctx, r.outOfTime(ctx))
		}
		if err := r.advance(ctx); err != nil {
			return r.interrupted(ctx, err)
		}
		r.tell()
	}
	return nil
}

// run is one training in progress.
type run struct {
	progress
	task  Task
	cfg   Config
	opt   *optimiser
	log   *runLog
	clock clock
	ahead chan map[string]ort.Tensor // the coming batch, made meanwhile
}

// newRun builds the models and takes over the checkpoint, if there is one.
func newRun(task Task, cfg Config) (*run, error) {
	r := &run{task: task, cfg: cfg, progress: progress{Best: math.Inf(-1)}}
	kept, err := readCheckpoint(r.checkpointPath())
	found := !os.IsNotExist(err)
	if found && err != nil {
		return nil, err
	}
	if found && (kept.Net != task.Net().Name() || kept.Preset != task.Net().Preset()) {
		return nil, fmt.Errorf("the checkpoint in %s is of %s %s, not of %s %s: name another run folder",
			cfg.Dir, kept.Net, kept.Preset, task.Net().Name(), task.Net().Preset())
	}
	if r.opt, err = newOptimiser(task, cfg); err != nil {
		return nil, err
	}
	if found {
		err = r.resume(kept)
	}
	if err == nil {
		r.log, err = openLog(cfg, r.Seen)
	}
	if err != nil {
		r.opt.close()
		return nil, err
	}
	r.clock = startClock(r.Step)
	return r, nil
}

func (r *run) resume(kept checkpoint) error {
	r.progress = kept.Progress
	if kept.Accumulate != r.cfg.Accumulate { // the begun step was of other batches
		r.Part, r.Bad = 0, false
		delete(kept.vectors, "grad")
	}
	if err := r.opt.restore(kept.vectors); err != nil {
		return fmt.Errorf("the checkpoint in %s is of another network: %w; name another run folder", r.cfg.Dir, err)
	}
	return nil
}

// interrupted keeps what a cancelled run has done.
func (r *run) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return errors.Join(err, r.save())
}

// done says whether nothing is left to do.
func (r *run) done() bool {
	return r.Step >= r.cfg.Steps && r.Seen == r.Step || r.patienceEnded()
}

func (r *run) patienceEnded() bool { return r.cfg.Patience > 0 && r.Since >= r.cfg.Patience }

func (r *run) late() bool { return r.cfg.Limit > 0 && time.Since(r.clock.began) >= r.cfg.Limit }

// outOfTime saves a run whose time is over. If it never came to a validation, it
// makes one, so that there is a model; the next call does not know of it.
func (r *run) outOfTime(ctx context.Context) error {
	if r.Seen == 0 && r.Step > 0 {
		w := r.opt.weights()
		val, err := r.task.Validate(ctx, w)
		if err != nil {
			return err
		}
		if err := r.export(w, val); err != nil {
			return err
		}
	}
	return r.save()
}

// advance makes a step, or validates after the last step of an epoch.
func (r *run) advance(ctx context.Context) error {
	if r.Seen < r.Step && (r.Step%r.cfg.EpochLen == 0 || r.Step >= r.cfg.Steps) {
		return r.look(ctx)
	}
	if err := r.one(ctx); err != nil {
		return err
	}
	if time.Since(r.clock.saved) > saveEvery {
		return r.save()
	}
	return nil
}

// tell says how far the run has come.
func (r *run) tell() {
	if r.cfg.OnStep != nil {
		r.cfg.OnStep(r.Step, r.cfg.Steps, r.clock.left(r.Step, r.cfg.Steps))
	}
}

// better says whether weights with a score are to be kept: the best so far, or the
// last.
func (r *run) better(score float64) bool {
	if r.cfg.Last {
		return r.Step >= r.cfg.Steps
	}
	return score > r.Best
}

// one makes a single optimiser step of cfg.Accumulate batches.
func (r *run) one(ctx context.Context) error {
	for r.Part < r.cfg.Accumulate {
		n := r.Step*r.cfg.Accumulate + r.Part
		batch := r.batch(n)
		if err := ctx.Err(); err != nil { // the batch may be no batch
			return err
		}
		loss, norm, err := r.opt.add(ctx, sizeOf(r.task, n), batch)
		if err != nil {
			return fmt.Errorf("training step %d: %w", r.Step, err)
		}
		if finite(loss) && finite(norm) {
			r.Loss, r.Batches = r.Loss+loss, r.Batches+1
		} else {
			r.Bad = true
		}
		r.Part++
	}
	return r.finish()
}

// finish spends the gradient of a step, or skips the step if a batch had none that
// is finite.
func (r *run) finish() error {
	if r.Bad {
		r.opt.drop()
		r.Skipped++
		if r.Idle++; r.Idle >= idleLimit {
			return fmt.Errorf("training diverged: %d steps up to %d gave no finite gradient; lower the learning rate and resume from %s",
				r.Idle, r.Step, r.checkpointPath())
		}
	} else {
		norm, err := r.opt.apply(r.rate(), r.Updates+1)
		if err != nil {
			return fmt.Errorf("training step %d: %w", r.Step, err)
		}
		r.Norm, r.Normed, r.Idle = r.Norm+norm, r.Normed+1, 0
		r.Updates++
	}
	r.Step, r.Part, r.Bad = r.Step+1, 0, false
	return nil
}

// batch gives the n-th batch with its noise and begins to make the next one.
func (r *run) batch(n int) map[string]ort.Tensor {
	var now map[string]ort.Tensor
	if r.ahead != nil {
		now = <-r.ahead
	} else {
		now = r.task.Batch(n)
	}
	r.ahead = make(chan map[string]ort.Tensor, 1)
	go func(out chan<- map[string]ort.Tensor) { out <- r.task.Batch(n + 1) }(r.ahead)
	if now == nil {
		return nil
	}
	for i, p := range r.opt.sizes[sizeOf(r.task, n)].noise {
		now[p.name] = p.draw(r.cfg.Seed, n, i)
	}
	return now
}

// look validates, keeps the best model, logs and saves. The models that it encodes
// leave memory that the steps should not have to do without.
func (r *run) look(ctx context.Context) error {
	defer debug.FreeOSMemory()
	w := r.opt.weights()
	val, err := r.task.Validate(ctx, w)
	if err != nil {
		return err
	}
	r.Since++
	if r.better(val.Score) {
		if err := r.export(w, val); err != nil {
			return err
		}
		r.Best, r.Since = val.Score, 0
	}
	line := Epoch{Epoch: r.Step / r.cfg.EpochLen, Step: r.Step, Val: finiteOnly(val.Figures), LR: r.rate(),
		Loss: mean(r.Loss, r.Batches), GradNorm: mean(r.Norm, r.Normed), Skipped: r.Skipped, EarlyStop: r.patienceEnded()}
	line.Seconds, line.ETASeconds = r.clock.lap(r.Step, r.cfg.Steps)
	r.Seen = r.Step
	r.Loss, r.Batches, r.Norm, r.Normed, r.Skipped = 0, 0, 0, 0, 0
	if err := r.log.write(line); err != nil {
		return err
	}
	if err := drawCurves(r.cfg.Dir); err != nil {
		return err
	}
	return r.save()
}

// finiteOnly leaves out what JSON cannot say.
func finiteOnly(figures map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for name, v := range figures {
		if finite(v) {
			out[name] = v
		}
	}
	return out
}

// mean of no numbers is zero.
func mean(sum float64, n int) float64 { return sum / math.Max(float64(n), 1) }

func (r *run) rate() float64 { return r.cfg.rate(r.Step) }

func (r *run) checkpointPath() string { return filepath.Join(r.cfg.Dir, "checkpoint") }

func (r *run) save() error {
	r.clock.saved = time.Now()
	return writeCheckpoint(r.checkpointPath(), checkpoint{Net: r.task.Net().Name(), Preset: r.task.Net().Preset(),
		Accumulate: r.cfg.Accumulate, Progress: r.progress, vectors: r.opt.kept(r.Part > 0)})
}

func (r *run) export(w graph.Weights, val Validation) error {
	m, err := Build(r.task.Net(), w, func(s *models.Spec) {
		r.task.Card(s)
		s.Figures = val.Figures
	})
	if err != nil {
		return err
	}
	if err := models.Save(filepath.Join(r.cfg.Dir, "best"), m); err != nil || len(val.Patients) == 0 {
		return err
	}
	return writePatients(r.cfg.Dir, val.Patients)
}
