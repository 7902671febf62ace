package train

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"columna/export/dataset"
	"columna/export/graph"
	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// Tuning says how a segmentation network in use is taught a little more. Every
// optimiser step sees both corrections and what the network knew before (replay, as in
// A. Robins, 1995), so that it learns the former and does not forget the latter.
type Tuning struct {
	Net         nets.Net      // nil: by the parent's card
	Parent      *models.Model // whose weights are the start
	Corrections []Correction
	Phantoms    int          // replayed
	Replay      []Correction // replayed in the place of phantoms, if there are any
	SPIDER      string       // folder of SPIDER studies, replayed too; "" for none
	Dir         string       // run folder
	Steps       int
	LR, EMA     float64
	Seed        uint64
	Threads     int
	Provider    string
	Notice      func(sentence string)
	Log         io.Writer
	OnStep      func(step, steps int, left time.Duration)
}

// Correction is a study with a mask that is to be learned, read when it is needed.
type Correction struct {
	ID, Patient string
	Load        func(ctx context.Context) (*dataset.Case, error)
}

// Turns are what the batches of one optimiser step are drawn from: corrections and
// replay, half and half.
const (
	turnCorrection = iota
	turnPhantom
	turnSPIDER
)

func (t *Tuning) turns() []int {
	if t.SPIDER != "" {
		return []int{turnCorrection, turnPhantom, turnCorrection, turnSPIDER}
	}
	return []int{turnCorrection, turnPhantom, turnCorrection, turnPhantom}
}

// ReplayShare is the share of every optimiser step that is replay.
const ReplayShare = 0.5

// monitored is how many corrections, and phantoms, the progress of a tuning is
// measured on.
const monitored = 4

// Tune runs a tuning, or goes on with the one in its folder, and leaves the last
// weights in Dir/best. There is no choosing among weights, as there is no data to
// spare for it: whether they are good is for held-out patients to say. Cancelling ctx
// ends it within the second.
func Tune(ctx context.Context, t *Tuning) error {
	held, err := hold(t.Dir)
	if err != nil {
		return err
	}
	defer held.Close()
	weights, err := graph.DecodeWeights(t.Parent.ONNX)
	if err != nil {
		return fmt.Errorf("read the weights in use: %w", err)
	}
	task, err := newTuningTask(ctx, t)
	if err != nil {
		return err
	}
	defer os.RemoveAll(task.shelf) // images of patients
	epoch := max(t.Steps/5, 1)
	return Run(ctx, task, Config{Dir: t.Dir, Steps: t.Steps, EpochLen: epoch, Accumulate: len(task.turns), Last: true,
		LR: t.LR, Warmup: t.Steps / 10, ClipNorm: clipNorm, EMA: t.EMA, Seed: t.Seed, From: weights,
		Session: task.sessions, Log: t.Log, OnStep: t.OnStep})
}

// tuningTask is a SegmentationTask whose studies come in turns. Corrections lie in
// files and are read one by one: memory does not grow with their number.
type tuningTask struct {
	*SegmentationTask
	parent  *models.Model
	turns   []int
	orders  [3]order
	studies [3][]Segment // phantoms, SPIDER; of corrections the patients alone
	shelf   string       // folder of the corrections
	seen    []Segment    // corrections on the network grid, to watch

	mu     sync.Mutex
	failed error // why a correction could not be read
}

func newTuningTask(ctx context.Context, o *Tuning) (*tuningTask, error) {
	net, err := o.Net, error(nil)
	if net == nil {
		net, err = nets.New(o.Parent.Name, o.Parent.Preset, o.Parent.Without...)
	}
	if err != nil {
		return nil, err
	}
	if !readsSpine(net) {
		return nil, fmt.Errorf("%s does not segment the spine: only a segmentation network learns from masks", net.Name())
	}
	s := net.Inputs()[0].Shape
	base := &SegmentationTask{net: net, d: s[2], h: s[3], w: s[4], batch: 1, epoch: 1, seed: o.Seed, spacing: o.Parent.SpacingMM,
		sessions: ort.Options{Threads: o.Threads, Provider: o.Provider, Notice: o.Notice}}
	if base.crops, err = base.sizes(Options{}); err != nil {
		return nil, err
	}
	t := &tuningTask{SegmentationTask: base, parent: o.Parent, turns: o.turns(), shelf: filepath.Join(o.Dir, "samples")}
	for _, fill := range []func(context.Context, *Tuning) error{t.fillCorrections, t.fillPhantoms, t.fillSPIDER} {
		if err := fill(ctx, o); err != nil {
			os.RemoveAll(t.shelf)
			return nil, err
		}
	}
	t.arrangeTurns()
	return t, nil
}

// Card says what the parent's said and what came to it.
func (t *tuningTask) Card(spec *models.Spec) {
	p := t.parent.Spec
	spec.SizeVox, spec.SpacingMM, spec.Temperature, spec.Offsets = p.SizeVox, p.SpacingMM, p.Temperature, p.Offsets
	spec.TrainedOn = fmt.Sprintf("Fine-tuned from %s on %d accepted corrections. Before: %s", models.Short(p.SHA256), len(t.studies[turnCorrection]), p.TrainedOn)
	spec.Limits, spec.Licence, spec.Attribution = p.Limits, p.Licence, p.Attribution
	if spec.Attribution == "" && len(t.studies[turnSPIDER]) > 0 {
		spec.Attribution = spiderAttribution
	}
}

func (t *tuningTask) size() [3]int { return [3]int{t.w, t.h, t.d} }

// fillCorrections reads the corrections, one at a time, and puts them on the shelf.
func (t *tuningTask) fillCorrections(ctx context.Context, o *Tuning) error {
	if len(o.Corrections) == 0 {
		return errors.New("there are no corrections to learn from")
	}
	if err := os.MkdirAll(t.shelf, 0o700); err != nil {
		return err
	}
	for n, c := range o.Corrections {
		if err := ctx.Err(); err != nil {
			return err
		}
		read, err := c.Load(ctx)
		if err != nil {
			return err
		}
		whole, grid := studyGrids(read, t.size(), t.spacing)
		if err := t.put(n, studySegment(read, whole, c.Patient)); err != nil {
			return err
		}
		t.studies[turnCorrection] = append(t.studies[turnCorrection], Segment{Patient: c.Patient})
		if n < monitored {
			t.seen = append(t.seen, studySegment(read, grid, c.Patient))
		}
	}
	return nil
}

// studyGrids are the grid of a study's mask in the order of the network's axes, and the
// network's own over it.
func studyGrids(c *dataset.Case, size [3]int, spacing [3]float64) (whole, grid volume.Grid) {
	mask, g := c.Labels.Grid, inference.Growth(&c.Study)
	grid = inference.CanonicalGrid(mask, size, [3]float64{spacing[0] * g, spacing[1] * g, spacing[2]})
	var own [3]int
	var mm [3]float64
	for a, b := range along(mask, grid) {
		own[a], mm[a] = mask.Size[b], mask.SpacingMM()[b]
	}
	return inference.CanonicalGrid(mask, own, mm), grid
}

// along finds, for every axis of the network's grid, the axis of a mask that runs the
// same way.
func along(mask, grid volume.Grid) (axes [3]int) {
	for a := range 3 {
		best := -1.0
		for b := range 3 {
			if c := mask.Affine.Column(b).Unit().Dot(grid.Affine.Column(a).Unit()); c*c > best {
				best, axes[a] = c*c, b
			}
		}
	}
	return axes
}

// studySegment brings a study with its mask onto a grid, as serving would: a child's
// pixels are given the size that they would have in an adult as large in the image.
func studySegment(c *dataset.Case, grid volume.Grid, patient string) Segment {
	t1, t2 := inference.NetworkSeries(&c.Study)
	mm, g := grid.SpacingMM(), inference.Growth(&c.Study)
	s := Segment{T1: onto(t1, grid), T2: onto(t2, grid), Labels: c.Labels.Resample(grid).Data,
		Size: grid.Size, SpacingMM: [3]float64{mm[0] / g, mm[1] / g, mm[2]}, Patient: patient, NoSacrum: true}
	for _, l := range s.Labels {
		if spine.Structure(l) == spine.S1 {
			s.NoSacrum = c.NoSacrum
			break
		}
	}
	return s
}

func onto(s *spine.Series, grid volume.Grid) []uint8 {
	if s == nil {
		return nil
	}
	return normalised(s.Volume.Resample(grid))
}

func (t *tuningTask) fillPhantoms(ctx context.Context, o *Tuning) error {
	if len(o.Replay) > 0 {
		return t.fillReplay(ctx, o.Replay)
	}
	train, err := makeAll(ctx, trainSeeds, max(o.Phantoms, 1), func(seed uint64) ([]Segment, error) {
		return phantomStudy(seed, phantom.TrainingOptions(), t.size(), t.spacing), nil
	})
	if err != nil {
		return err
	}
	held, err := makeAll(ctx, heldSeeds, monitored, func(seed uint64) ([]Segment, error) {
		return phantomSegments(seed, phantom.TrainingOptions(), t.size(), t.spacing), nil
	})
	for _, part := range train {
		t.studies[turnPhantom] = append(t.studies[turnPhantom], part...)
	}
	for _, part := range held {
		t.held = append(t.held, part...)
	}
	return err
}

// fillReplay keeps studies that the network knows in memory.
func (t *tuningTask) fillReplay(ctx context.Context, known []Correction) error {
	for n, k := range known {
		c, err := k.Load(ctx)
		if err != nil {
			return err
		}
		whole, grid := studyGrids(c, t.size(), t.spacing)
		t.studies[turnPhantom] = append(t.studies[turnPhantom], studySegment(c, whole, k.Patient))
		if n < monitored {
			t.held = append(t.held, studySegment(c, grid, k.Patient))
		}
	}
	return nil
}

func (t *tuningTask) fillSPIDER(ctx context.Context, o *Tuning) error {
	if o.SPIDER == "" {
		return nil
	}
	cases, err := dataset.SPIDER(o.SPIDER)
	if err != nil {
		return err
	}
	for _, c := range cases {
		if !dataset.HeldOut(c.ID) {
			t.studies[turnSPIDER] = append(t.studies[turnSPIDER], spiderStudy(c))
		}
	}
	if len(t.studies[turnSPIDER]) == 0 {
		return fmt.Errorf("no patient of SPIDER in %s may be learned from", o.SPIDER)
	}
	return ctx.Err()
}

// arrangeTurns orders each kind of study by patient.
func (t *tuningTask) arrangeTurns() {
	for kind, set := range t.studies {
		all := make([]int, len(set))
		for n := range all {
			all[n] = n
		}
		t.orders[kind] = newOrder(t.seed+uint64(kind), all, func(n int) string { return set[n].Patient })
	}
}

// turn is the study of the n-th batch.
func (t *tuningTask) turn(n int) Segment {
	step, place := n/len(t.turns), n%len(t.turns)
	kind, each, before := t.turns[place], 0, 0 // turns of the kind in a step, and before this one
	for i, k := range t.turns {
		if k == kind {
			each++
			if i < place {
				before++
			}
		}
	}
	at := t.orders[kind].at(step*each + before)
	if kind == turnCorrection {
		return t.get(at)
	}
	return t.studies[kind][at]
}

// Batch is one study, augmented and cropped. There is no deep supervision: the heads
// that it needs are not in a model that serves, and fresh ones would lead astray.
func (t *tuningTask) Batch(n int) map[string]ort.Tensor {
	as := look
	if t.turns[n%len(t.turns)] == turnCorrection {
		as = ownLook // the scanner that the network is to learn
	}
	in := t.sample(source(t.seed, n, 0), t.turn(n), t.crops[0], as)
	in["deep_weight"] = scalar(0)
	return in
}

// put and get keep a correction in a file that its owner alone reads.
func (t *tuningTask) put(n int, s Segment) error {
	f, err := os.OpenFile(t.file(n), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(gob.NewEncoder(f).Encode(s), f.Close())
}

func (t *tuningTask) get(n int) (s Segment) {
	f, err := os.Open(t.file(n))
	if err == nil {
		err = gob.NewDecoder(f).Decode(&s)
		f.Close()
	}
	if err != nil { // the run ends at its next look
		t.mu.Lock()
		t.failed = fmt.Errorf("a correction cannot be read any more: %w", err)
		t.mu.Unlock()
		s = t.studies[turnPhantom][0]
	}
	return s
}

func (t *tuningTask) file(n int) string { return filepath.Join(t.shelf, fmt.Sprintf("%d.gob", n)) }

// Validate tells how well the corrections are learned and phantoms still known.
func (t *tuningTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	if failed != nil {
		return Validation{}, failed
	}
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	v := Validation{Figures: map[string]float64{}}
	if v.Score, err = t.measure(ctx, s, t.seen, "corrections", 0, v.Figures, ward{}); err != nil {
		return v, err
	}
	_, err = t.measure(ctx, s, t.held, "phantom", 0, v.Figures, ward{})
	return v, err
}
