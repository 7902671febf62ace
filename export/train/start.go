package train

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"columna/export/dataset"
	"columna/export/nets"
)

// Options choose a training run as the command line does.
type Options struct {
	Net, Preset string
	Dir         string        // run folder
	SPIDER      string        // folder of SPIDER studies, "" for phantoms only
	Samples     int           // phantoms to make, 0 = the network's default
	Steps       int           // 0 = the network's default
	Limit       time.Duration // wall clock, 0 = none
	Threads     int
	Seed        uint64
	Whole       bool    // segmentation: train on the whole grid, not on crops
	Loss        string  // segmentation: one of loss.Names, "" for the recipe's
	Spectral    float64 // segmentation: weight of the spectral correlation term, 0 = none
	Log         io.Writer
}

// recipe is what a network is taught with when nothing else is asked for.
type recipe struct {
	samples, held, steps, epoch int
	rate                        float64
	task                        func(ctx context.Context, o Options, r recipe) (Task, error)
}

func recipes() map[string]recipe {
	return map[string]recipe{
		"gfssnet":     {samples: 240, held: 8, steps: 2000, epoch: 100, rate: 2e-3, task: newSegmentation},
		"unet":        {samples: 240, held: 8, steps: 2000, epoch: 100, rate: 2e-3, task: newSegmentation},
		"unet3plus":   {samples: 240, held: 8, steps: 2000, epoch: 100, rate: 2e-3, task: newSegmentation},
		"transunet":   {samples: 240, held: 8, steps: 2000, epoch: 100, rate: 1e-3, task: newSegmentation},
		"stenosisnet": {samples: 260, held: 30, steps: 4500, epoch: 150, rate: 1e-3, task: newStenosis},
		"desamba":     {samples: 300, held: 60, steps: 1000, epoch: 100, rate: 5e-4, task: newLesion},
	}
}

// heldSeeds is where the seeds of held-out phantoms begin; training seeds begin
// at 1 and never come near, and neither overlaps the seeds a user would type.
const (
	trainSeeds = 1 << 32
	heldSeeds  = 1 << 33
)

// Check says what is wrong with the choice of network, preset and loss.
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
	case segments && !slices.Contains(net.Outputs(), "level"):
		return fmt.Errorf("%s %s does not read the spine: choose another preset", net.Name(), net.Preset())
	case !segments && (o.Loss != "" || o.Spectral != 0):
		return fmt.Errorf("%s classifies: a loss can be chosen for segmentation networks only", net.Name())
	}
	return new(SegmentationTask).chooseLoss(o.Loss, o.Spectral)
}

// Start makes or reads the data, then trains. It resumes a run in o.Dir.
func Start(ctx context.Context, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	r := recipes()[o.Net]
	if o.Samples > 0 {
		r.samples = o.Samples
	}
	if o.Steps > 0 {
		r.steps = o.Steps
	}
	task, err := r.task(ctx, o, r)
	if err != nil {
		return err
	}
	return Run(ctx, task, Config{Dir: o.Dir, Steps: r.steps, EpochLen: r.epoch, LR: r.rate, Warmup: min(100, r.steps/10),
		ClipNorm: 1, Seed: o.Seed, Threads: o.Threads, Limit: o.Limit, Log: o.Log})
}

// cache names the file of a sample set, by everything that decides its content.
func (o Options) cache(kind string, first uint64, count int) string {
	return filepath.Join(o.Dir, fmt.Sprintf("%s-%x-%d.samples", kind, first, count))
}

func newNet(o Options, want string) (nets.Net, error) {
	preset := o.Preset
	if preset == "" {
		preset = "compact"
	}
	n, err := nets.New(want, preset)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func newStenosis(ctx context.Context, o Options, r recipe) (Task, error) {
	net, err := newNet(o, "stenosisnet")
	if err != nil {
		return nil, err
	}
	t := &StenosisTask{net: net, size: net.Inputs()[0].Shape[2], batch: 16, seed: o.Seed}
	make_ := func(seed uint64) ([]StenosisSample, error) {
		return stenosisSamples(seed, t.size)
	}
	if t.train, t.held, err = twoPools(ctx, o, r, "stenosis", make_); err != nil {
		return nil, err
	}
	for i, s := range t.train {
		t.byGrade[s.Grade] = append(t.byGrade[s.Grade], i)
	}
	t.about = fmt.Sprintf("%d crops of %d synthetic phantom studies.", len(t.train), r.samples)
	return t, nil
}

func newLesion(ctx context.Context, o Options, r recipe) (Task, error) {
	net, err := newNet(o, "desamba")
	if err != nil {
		return nil, err
	}
	s := net.Inputs()[0].Shape
	t := &LesionTask{net: net, d: s[2], h: s[3], w: s[4], batch: 6, steps: r.steps, seed: o.Seed}
	if t.train, t.held, err = twoPools(ctx, o, r, "lesion", lesionSamples); err != nil {
		return nil, err
	}
	for i, s := range t.train {
		if len(t.byClass[s.Class]) == 0 {
			t.classes = append(t.classes, s.Class)
		}
		t.byClass[s.Class] = append(t.byClass[s.Class], i)
	}
	slices.Sort(t.classes)
	t.about = fmt.Sprintf("%d lesions of %d synthetic phantom studies.", len(t.train), r.samples)
	return t, nil
}

// twoPools makes the training samples and the held-out ones.
func twoPools[T any](ctx context.Context, o Options, r recipe, kind string, make_ func(uint64) ([]T, error)) (train, held []T, err error) {
	p, err := fillPool(ctx, o.cache(kind, trainSeeds, r.samples), trainSeeds, r.samples, make_)
	if err != nil {
		return nil, nil, err
	}
	q, err := fillPool(ctx, o.cache(kind, heldSeeds, r.held), heldSeeds, r.held, make_)
	if err != nil {
		return nil, nil, err
	}
	return p.samples, q.samples, nil
}

// gridMM is the voxel size of the compact segmentation grid along i, j, k.
func gridMM() [3]float64 { return [3]float64{1.5, 1.5, 4} }

func newSegmentation(ctx context.Context, o Options, r recipe) (Task, error) {
	net, err := newNet(o, o.Net)
	if err != nil {
		return nil, err
	}
	s := net.Inputs()[0].Shape
	t := &SegmentationTask{net: net, d: s[2], h: s[3], w: s[4], seed: o.Seed, spacing: gridMM()}
	if err := t.chooseLoss(o.Loss, o.Spectral); err != nil {
		return nil, err
	}
	if t.small, err = t.cropNet(o); err != nil {
		return nil, err
	}
	size := [3]int{t.w, t.h, t.d}
	make_ := func(seed uint64) ([]Segment, error) { return phantomSegments(seed, size, t.spacing), nil }
	if t.train, t.held, err = twoPools(ctx, o, r, "segment", make_); err != nil {
		return nil, err
	}
	t.about = fmt.Sprintf("%d synthetic phantom studies", r.samples)
	if o.SPIDER != "" {
		if err := t.addSPIDER(o.SPIDER, size); err != nil {
			return nil, err
		}
		t.about += fmt.Sprintf(" and %d patients of SPIDER (%d more held out)", len(t.real), len(t.realHeld))
	}
	t.about += "." + lossNote(o)
	return t, nil
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
		s := spiderSegment(c, size, t.spacing)
		if dataset.HeldOut(c.ID) {
			t.realHeld = append(t.realHeld, s)
		} else {
			t.real = append(t.real, s)
		}
	}
	return nil
}

// cropNet is the network for crops of half the slices and three quarters of the
// columns, or for the whole grid if the run asks for that.
func (t *SegmentationTask) cropNet(o Options) (nets.Net, error) {
	if t.cd, t.ch, t.cw = t.d, t.h, t.w; o.Whole {
		return t.net, nil
	}
	whole, ok := t.net.(nets.Cropper)
	if !ok {
		return nil, fmt.Errorf("%s cannot be trained on crops: train it on the whole grid", t.net.Name())
	}
	t.cd, t.ch, t.cw = t.d/2, t.h, t.w*3/4
	return whole.Crop([3]int{t.cd, t.ch, t.cw})
}
