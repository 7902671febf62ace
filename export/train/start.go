package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"columna/export/dataset"
	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/phantom"
)

// Options choose a training run as the command line does.
type Options struct {
	Net, Preset string
	Without     []string        `json:",omitempty"` // modules of the network that are left out
	Dir         string          // run folder
	From        string          // ONNX model of the same network whose weights a new run begins with, "" for fresh ones
	SPIDER      string          // folder of SPIDER studies, validated on all that are held out; "" for none
	Data        []string        // data sets as dataset.Open names them
	Cases       []dataset.Entry `json:"-"` // cases beside those of Data, such as accepted corrections
	Split       string          // file of the patients' parts, split.json in the run folder if not given
	Samples     int             // phantoms at a time, 0 = the network's default
	Pool        string          `json:",omitempty"` // folder of phantoms that several runs share, made once; "": each run makes its own while it learns
	Plain       bool            `json:",omitempty"` // phantoms without the variety of training: sooner learned, for short comparisons
	Held        int             `json:",omitempty"` // phantoms to validate on, 0 = the network's default
	Noise       []float64       `json:",omitempty"` // segmentation: noise under which the held-out studies are measured too, in deviations of the image
	Steps       int             // 0 = the network's default
	Limit       time.Duration   // wall clock, 0 = none
	Threads     int
	Provider    string                // where the networks run, as inference.Config has it
	Notice      func(sentence string) `json:"-"`
	Seed        uint64
	Whole       bool                                      // segmentation: train on the whole grid, not on crops
	Loss        string                                    // segmentation: one of loss.Names, "" for the recipe's
	Spectral    float64                                   // segmentation: weight of the spectral correlation term, 0 = none
	Mix         float64                                   // segmentation: share of batches of the whole grid between crops
	Batch       int                                       // samples in a batch, 0 = the network's default
	Accumulate  int                                       // batches of one optimiser step, 0 for one
	LR          float64                                   // peak learning rate, 0 = the network's default
	Schedule    string                                    // of the learning rate, one of Schedules
	EMA         float64                                   // decay of the weights' running mean, 0 = none
	Patience    int                                       // epochs without a better score, 0 = any number
	Last        bool                                      `json:",omitempty"` // the last weights are kept, not those of the best score
	Log         io.Writer                                 `json:"-"`
	OnStep      func(step, steps int, left time.Duration) `json:"-"` // hears of every step
}

// recipe is what a network is taught with when nothing else is asked for.
type recipe struct {
	samples, held, steps, epoch, batch int
	uses                               int // draws of a phantom before the next ones come: what it costs to make, in steps
	rate                               float64
	task                               func(s supply) (Task, error)
}

func recipes() map[string]recipe {
	return map[string]recipe{
		"gfssnet":     {samples: 240, held: 8, steps: 9000, epoch: 300, batch: 1, uses: 1, rate: 2e-3, task: newSegmentation},
		"unet":        {samples: 240, held: 8, steps: 2000, epoch: 100, batch: 1, uses: 1, rate: 2e-3, task: newSegmentation},
		"unet3plus":   {samples: 240, held: 8, steps: 2000, epoch: 100, batch: 1, uses: 1, rate: 2e-3, task: newSegmentation},
		"transunet":   {samples: 240, held: 8, steps: 2000, epoch: 100, batch: 1, uses: 1, rate: 1e-3, task: newSegmentation},
		"stenosisnet": {samples: 260, held: 30, steps: 4500, epoch: 150, batch: 16, uses: 75, rate: 1e-3, task: newStenosis},
		"desamba":     {samples: 300, held: 60, steps: 1000, epoch: 100, batch: 6, uses: 6, rate: 5e-4, task: newLesion},
	}
}

// Usual is what a network is taught with when nothing else is asked for: phantoms to
// learn from and to validate on, and optimiser steps.
func Usual(net string) (samples, held, steps int) {
	r := recipes()[net]
	return r.samples, r.held, r.steps
}

// heldSeeds is where the seeds of held-out phantoms begin; training seeds begin
// at 1 and never come near, and neither overlaps the seeds a user would type.
const (
	trainSeeds = 1 << 32
	heldSeeds  = 1 << 33
)

// Check says what is wrong with the choice of network, preset and loss, or with the
// numbers of the run.
func (o Options) Check() error {
	if _, ok := recipes()[o.Net]; !ok {
		return fmt.Errorf("%q has no training recipe: choose one of %s", o.Net, strings.Join(slices.Sorted(maps.Keys(recipes())), ", "))
	}
	net, err := newNet(o, o.Net)
	if err != nil {
		return err
	}
	segments := slices.Contains(net.Outputs(), "semantic")
	switch {
	case segments && !readsSpine(net):
		return fmt.Errorf("%s %s does not read the spine: choose another preset", net.Name(), net.Preset())
	case !segments && (o.Loss != "" || o.Spectral != 0):
		return fmt.Errorf("%s classifies: a loss can be chosen for segmentation networks only", net.Name())
	case o.SPIDER != "" && len(o.Data)+len(o.Cases) > 0:
		return errors.New("a folder of SPIDER is given beside data sets: name it among them, as spider:FOLDER")
	case len(o.Data)+len(o.Cases) > 0 && o.Net == "desamba":
		return errors.New("desamba learns from phantoms alone: no data set has lesions with their primary tumour")
	case !segments && len(o.Noise) > 0:
		return fmt.Errorf("%s classifies: it is measured under noise for segmentation networks only", net.Name())
	case o.Plain && o.Net == "desamba":
		return errors.New("desamba learns from one kind of phantoms: leave plain out")
	case !segments && (o.Whole || o.Mix != 0):
		return fmt.Errorf("%s is not trained on crops of a grid: whole and mix are for segmentation networks", net.Name())
	}
	return errors.Join(new(SegmentationTask).chooseLoss(o.Loss, o.Spectral), checkSchedule(o.Schedule), o.checkNumbers())
}

func (o Options) checkNumbers() error {
	switch {
	case min(o.Samples, o.Steps, o.Held, o.Batch, o.Accumulate, o.Patience) < 0 || o.LR < 0:
		return errors.New("samples, steps, batch, accumulate, patience and learning rate cannot be negative")
	case o.EMA < 0 || o.EMA >= 1:
		return fmt.Errorf("the decay of the running mean is %g: choose one from 0 (none) to below 1, such as 0.999", o.EMA)
	case o.Mix < 0 || o.Mix > 1:
		return fmt.Errorf("the share of whole grids is %g: choose one from 0 to 1", o.Mix)
	case o.Mix > 0 && o.Whole:
		return errors.New("a run is on whole grids alone or mixes them with crops, not both")
	}
	return nil
}

// Start trains while phantoms and cases are made and read beside it. It resumes a run
// in o.Dir.
func Start(ctx context.Context, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	held, err := hold(o.Dir)
	if err != nil {
		return err
	}
	defer held.Close()
	r := recipes()[o.Net].with(o)
	cfg := r.config(o)
	if o.From != "" {
		if cfg.From, err = readWeights(o.From); err != nil {
			return err
		}
	}
	data, err := openData(ctx, o)
	if err != nil {
		return err
	}
	if err := record(o, r, data); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	task, err := r.task(supply{ctx, stop, o, r, data})
	if err == nil {
		err = Run(ctx, task, cfg)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause // what could not be made in the background
	}
	return err
}

// readWeights takes the weights out of an ONNX model.
func readWeights(path string) (graph.Weights, error) {
	onnx, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the weights to begin with: %w", err)
	}
	w, err := graph.DecodeWeights(onnx)
	if err != nil {
		return nil, fmt.Errorf("read the weights to begin with from %s: %w", path, err)
	}
	return w, nil
}

// with puts what was asked for in the recipe's place.
func (r recipe) with(o Options) recipe {
	r.samples, r.steps = cmp.Or(o.Samples, r.samples), cmp.Or(o.Steps, r.steps)
	r.held = cmp.Or(o.Held, r.held)
	r.batch, r.rate = cmp.Or(o.Batch, r.batch), cmp.Or(o.LR, r.rate)
	return r
}

// config is the run that a recipe and options make.
func (r recipe) config(o Options) Config {
	return Config{Dir: o.Dir, Steps: r.steps, EpochLen: r.epoch, Accumulate: o.Accumulate,
		LR: r.rate, Warmup: min(100, r.steps/10), Schedule: o.Schedule, ClipNorm: clipNorm, EMA: o.EMA, Patience: o.Patience, Last: o.Last, Seed: o.Seed,
		Session: o.sessions(), Limit: o.Limit, Log: o.Log, OnStep: o.OnStep}
}

// sessions are the options of every session of the run.
func (o Options) sessions() ort.Options {
	return ort.Options{Threads: o.Threads, Provider: o.Provider, Notice: o.Notice}
}

// cache names the file of a sample set, by everything that decides its content;
// the 3 stands for what a sample holds.
func (o Options) cache(kind string, first uint64, count int) string {
	return filepath.Join(cmp.Or(o.Pool, o.Dir), fmt.Sprintf("%s-%x-%d-3.samples", kind, first, count))
}

// patients are the phantoms of the run.
func (o Options) patients() phantom.Options {
	if o.Plain {
		return phantom.DefaultOptions()
	}
	return phantom.TrainingOptions()
}

// kind names samples of phantoms, so that plain ones are never taken for others.
func (o Options) kind(format string, size ...any) string {
	if o.Plain {
		format = "plain-" + format
	}
	return fmt.Sprintf(format, size...)
}

func newNet(o Options, want string) (nets.Net, error) {
	preset := o.Preset
	if preset == "" {
		preset = "compact"
	}
	n, err := nets.New(want, preset, o.Without...)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func newStenosis(s supply) (Task, error) {
	net, err := newNet(s.o, "stenosisnet")
	if err != nil {
		return nil, err
	}
	t := &StenosisTask{net: net, size: net.Inputs()[0].Shape[2], batch: s.r.batch, seed: s.o.Seed, sessions: s.o.sessions(),
		limits: "Synthetic phantoms only: unvalidated on patients. Not a medical device."}
	kind := s.o.kind("stenosis-%d", t.size)
	make_ := func(seed uint64) ([]StenosisSample, error) { return stenosisSamples(seed, s.o.patients(), t.size) }
	phantoms, begun, err := phantomsOf(s, kind, make_, orderOfCrops)
	if err != nil {
		return nil, err
	}
	t.phantoms = phantoms
	t.about = "Crops of synthetic phantom studies, " + s.count()
	read := func(c *dataset.Case, e dataset.Entry) ([]StenosisSample, error) { return caseCrops(c, e, t.size), nil }
	if s.data.any() {
		t.cases = caseStream(s, pace{few: 8, keep: 400, uses: 25}, read, orderOfCrops)
		t.about += " and of " + s.data.words()
		t.sets = s.data.sets()
		t.limits = "Phantoms and the data sets named; other scanners and populations are unvalidated. Not a medical device."
	}
	t.about += "."
	t.late = heldOut(s, begun, kind, make_, read)
	return t, nil
}

func newLesion(s supply) (Task, error) {
	net, err := newNet(s.o, "desamba")
	if err != nil {
		return nil, err
	}
	in := net.Inputs()[0].Shape
	t := &LesionTask{net: net, d: in[2], h: in[3], w: in[4], batch: s.r.batch, batches: s.r.steps * max(s.o.Accumulate, 1),
		seed: s.o.Seed, sessions: s.o.sessions()}
	kind := fmt.Sprintf("lesions-%dx%dx%d", t.d, t.h, t.w)
	make_ := func(seed uint64) ([]LesionSample, error) { return lesionSamples(seed, [3]int{t.w, t.h, t.d}) }
	phantoms, begun, err := phantomsOf(s, kind, make_, orderOfLesions)
	if err != nil {
		return nil, err
	}
	t.phantoms, t.late = phantoms, heldOut(s, begun, kind, make_, nil)
	t.about = "Lesions of synthetic phantom studies, " + s.count() + "."
	return t, nil
}

// gridMM is the voxel size, along i, j, k, of a segmentation network's grid of d
// slices and h rows: 288 mm from head to foot and 64 mm from side to side, 1.5 and 4
// mm in the compact grid.
func gridMM(d, h int) [3]float64 {
	inPlane := 288 / float64(h)
	return [3]float64{inPlane, inPlane, 64 / float64(d)}
}

func newSegmentation(s supply) (Task, error) {
	o := s.o
	net, err := newNet(o, o.Net)
	if err != nil {
		return nil, err
	}
	in := net.Inputs()[0].Shape
	t := &SegmentationTask{net: net, d: in[2], h: in[3], w: in[4], mix: o.Mix, batch: s.r.batch,
		epoch: s.r.epoch * max(o.Accumulate, 1), seed: o.Seed,
		spacing: gridMM(in[2], in[3]), noise: o.Noise, sessions: o.sessions()}
	if err := t.chooseLoss(o.Loss, o.Spectral); err != nil {
		return nil, err
	}
	if t.crops, err = t.sizes(o); err != nil {
		return nil, err
	}
	size := [3]int{t.w, t.h, t.d}
	if o.SPIDER != "" {
		if err := t.addSPIDER(o.SPIDER, size); err != nil {
			return nil, err
		}
		t.arrange()
	}
	if err := t.supply(s, size); err != nil {
		return nil, err
	}
	t.about += lossNote(o)
	return t, nil
}

// supply lets phantoms and cases be made.
func (t *SegmentationTask) supply(s supply, size [3]int) error {
	kind := s.o.kind("segment-%dx%dx%d", t.d, t.h, t.w)
	phantoms, begun, err := phantomsOf(s, kind+"-wide", func(seed uint64) ([]Segment, error) {
		return phantomStudy(seed, s.o.patients(), size, t.spacing), nil
	}, orderOfSegments)
	if err != nil {
		return err
	}
	t.phantoms = phantoms
	t.about = "Synthetic phantom studies, " + s.count()
	if len(t.real) > 0 {
		t.sets = []string{"spider"}
		t.about += fmt.Sprintf(", and %d patients of SPIDER (%d more held out)", len(t.real), len(t.realHeld))
	}
	if s.data.any() {
		t.sets = s.data.sets()
		t.cases = caseStream(s, pace{few: 4, keep: 64, uses: 1}, caseStudy, orderOfSegments)
		t.about += " and " + s.data.words()
	}
	t.about += "."
	t.late = heldOut(s, begun, kind,
		func(seed uint64) ([]Segment, error) {
			return phantomSegments(seed, s.o.patients(), size, t.spacing), nil
		},
		func(c *dataset.Case, e dataset.Entry) ([]Segment, error) { return caseSegment(c, e, size, t.spacing) })
	return nil
}

// lossNote says in the card which loss was chosen.
func lossNote(o Options) string {
	note := ""
	if o.Loss != "" {
		note += " Loss: " + o.Loss + "."
	}
	if o.Spectral > 0 {
		note += fmt.Sprintf(" Spectral correlation: %g.", o.Spectral)
	}
	return note
}

// addSPIDER reads the real studies and keeps the frozen split.
func (t *SegmentationTask) addSPIDER(dir string, size [3]int) error {
	cases, err := dataset.SPIDER(dir)
	if err != nil {
		return err
	}
	for _, c := range cases {
		if dataset.HeldOut(c.ID) {
			t.realHeld = append(t.realHeld, spiderSegment(c, size, t.spacing))
		} else {
			t.real = append(t.real, spiderStudy(c))
		}
	}
	return nil
}

// sizes are crops of half the slices and three quarters of the columns, in a fine
// grid of the rows too, the whole grid, or both. Beside the crops of a fine grid
// there are whole slices, half of them, instead: they show every level, too.
func (t *SegmentationTask) sizes(o Options) ([]crop, error) {
	whole := crop{t.net, t.d, t.h, t.w}
	if o.Whole {
		return []crop{whole}, nil
	}
	net, ok := t.net.(nets.Cropper)
	if !ok {
		return nil, fmt.Errorf("%s cannot be trained on crops: train it on the whole grid", t.net.Name())
	}
	fine, rows, columns := t.h >= 256, t.h, t.w*3/4
	if fine {
		rows, columns = t.h*3/4/16*16, t.w*3/4/16*16
	}
	part, err := cropped(net, t.d/2, rows, columns)
	if fine && err == nil && o.Mix > 0 {
		whole, err = cropped(net, t.d/2, t.h, t.w)
	}
	if err != nil || o.Mix == 0 {
		return []crop{part}, err
	}
	return []crop{part, whole}, nil
}

func cropped(net nets.Cropper, d, h, w int) (crop, error) {
	n, err := net.Crop([3]int{d, h, w})
	return crop{n, d, h, w}, err
}
