package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"columna/export/dataset"
	"columna/export/metrics"
	"columna/inference"
	"columna/models"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// CalibrateOptions say which model is calibrated, and on what. Phantoms are counted
// from Seed on, those that are measured from TestSeed on. Of SPIDER the training
// patients are fitted on and the held-out ones measured.
type CalibrateOptions struct {
	Dir            string
	Net            string
	SPIDER         string
	Phantoms, Test int
	Seed, TestSeed uint64
	Threads        int
	Provider       string
	Notice         func(sentence string)
	Progress       func(done, total int, what string)
}

// Calibration is what was found, with the figures of studies that were not fitted on.
type Calibration struct {
	Temperature float64   `json:"temperature"`
	Offsets     []float64 `json:"offsets,omitempty"`
	Fitted      int       `json:"fitted"`   // answers, voxels of a segmentation
	Measured    int       `json:"measured"` //
	ECEBefore   float64   `json:"ece_before"`
	ECEAfter    float64   `json:"ece_after"`
	Before      Figures   `json:"before,omitempty"` // Dice of the classes, of a segmentation
	After       Figures   `json:"after,omitempty"`
	// Heads are the further heads of a classifier, by name.
	Heads map[string]Calibration `json:"heads,omitempty"`
}

// Figures are by name, as the cards name them.
type Figures map[string]float64

const (
	eceBins        = 15
	voxelsPerStudy = 20000
	setSPIDER      = 0
	setPhantom     = 1
	sacrumUntaught = true
)

// NewCalibrateOptions are what a compact model is calibrated well with, on phantoms
// that neither training nor evaluation draws.
func NewCalibrateOptions() CalibrateOptions {
	return CalibrateOptions{Phantoms: 8, Test: 4, Seed: 600000, TestSeed: 1000}
}

// Calibrate finds a model's temperature and, of a segmentation, its offsets, on studies
// it was not measured on, and writes them to its card. The weights stay as they are.
func Calibrate(ctx context.Context, o CalibrateOptions) (Calibration, error) {
	m, err := models.LoadDir(o.Dir, o.Net)
	if err != nil {
		return Calibration{}, err
	}
	raw := *m
	raw.Temperature, raw.Offsets, raw.Heads = 1, nil, slices.Clone(m.Heads)
	for n := range raw.Heads {
		raw.Heads[n].Temperature = 1
	}
	p, err := inference.New(inference.Config{Models: map[string]*models.Model{o.Net: &raw}, Threads: o.Threads, Provider: o.Provider, Notice: o.Notice})
	if err != nil {
		return Calibration{}, err
	}
	defer p.Close()
	c := calibrator{o: o, p: p}
	var found Calibration
	switch o.Net {
	case inference.SegmentationNet:
		found, err = c.segmentation(ctx)
	case inference.StenosisNet:
		found, err = c.answers(ctx, c.grades)
	case inference.LesionNet:
		found, err = c.lesionHeads(ctx, m)
	default:
		err = fmt.Errorf("%s cannot be calibrated: it is none of %s, %s and %s", o.Net,
			inference.SegmentationNet, inference.StenosisNet, inference.LesionNet)
	}
	if err != nil {
		return Calibration{}, err
	}
	m.Temperature, m.Offsets = found.Temperature, found.Offsets
	for name, h := range found.Heads {
		m.Head(name).Temperature = h.Temperature
	}
	return found, models.SaveCard(o.Dir, &m.Spec)
}

type calibrator struct {
	o        CalibrateOptions
	p        *inference.Pipeline
	infected bool // phantoms have a spondylitis in place of metastases
}

// answered are logits with the truth.
type answered struct {
	logits [][]float64
	truth  []int
}

// add takes an answer from its probabilities, whose logarithms are logits.
func (a *answered) add(probabilities []float64, truth int) {
	z := make([]float64, len(probabilities))
	for n, p := range probabilities {
		z[n] = math.Log(math.Max(p, 1e-12))
	}
	a.logits, a.truth = append(a.logits, z), append(a.truth, truth)
}

// erred says whether any answer is wrong.
func (a *answered) erred() bool {
	for n, z := range a.logits {
		if metrics.Largest(z) != a.truth[n] {
			return true
		}
	}
	return false
}

func (a *answered) ece(temperature float64) float64 {
	p := make([][]float64, len(a.logits))
	for n, z := range a.logits {
		p[n] = metrics.Softmax(z, temperature)
	}
	return metrics.ECE(p, a.truth, eceBins)
}

// answers calibrates a classifier on the phantoms that ask it.
func (c *calibrator) answers(ctx context.Context, ask func(context.Context, *phantom.Case, *answered) error) (Calibration, error) {
	var fit, test answered
	for n := range c.o.Phantoms + c.o.Test {
		into := &fit
		if n >= c.o.Phantoms {
			into = &test
		}
		if err := ask(ctx, c.phantom(n), into); err != nil {
			return Calibration{}, err
		}
	}
	if len(fit.truth) == 0 || len(test.truth) == 0 {
		return Calibration{}, fmt.Errorf("%d phantoms to fit on and %d to measure on gave %s no answer", c.o.Phantoms, c.o.Test, c.o.Net)
	}
	if !fit.erred() {
		return Calibration{}, fmt.Errorf("all %d answers of %s were right, which no temperature is cold enough for: ask for more than %d phantoms", len(fit.truth), c.o.Net, c.o.Phantoms)
	}
	t := metrics.Temperature(fit.logits, fit.truth)
	return Calibration{Temperature: t, Fitted: len(fit.truth), Measured: len(test.truth), ECEBefore: test.ece(1), ECEAfter: test.ece(t)}, nil
}

// phantom is the n-th study, those that are measured after those that are fitted on.
func (c *calibrator) phantom(n int) *phantom.Case {
	if c.o.Progress != nil {
		c.o.Progress(n, c.o.Phantoms+c.o.Test, "phantom")
	}
	o, lesions := phantom.DefaultOptions(), c.o.Net == inference.LesionNet
	o.RandomContrast, o.AlwaysLesion, o.Spondylitis = 0, lesions, float64(one(c.infected))
	o.WithAxial = !lesions // which DeSamba does not read
	seed := c.o.Seed + uint64(n)
	if n >= c.o.Phantoms {
		seed = c.o.TestSeed + uint64(n-c.o.Phantoms)
	} else if c.o.Net == inference.SegmentationNet {
		o.Variety = float64(n % 2) // every second one is as varied as in training
	}
	return phantom.Generate(seed, o)
}

func (c *calibrator) grades(ctx context.Context, study *phantom.Case, into *answered) error {
	grades, err := c.p.Grade(ctx, &study.Study, study.Truth)
	if err != nil {
		return fmt.Errorf("phantom %d: %w", study.Seed, err)
	}
	for n, g := range grades {
		if want := study.Grades[n].Grade; want >= spine.NormalMild && g.Grade >= spine.NormalMild {
			into.add(g.Probabilities[:], int(want))
		}
	}
	return nil
}

// lesionHeads calibrates the primary sites, and the kinds of infection where the
// network was taught to tell them.
func (c *calibrator) lesionHeads(ctx context.Context, m *models.Model) (Calibration, error) {
	found, err := c.answers(ctx, c.lesions)
	if err != nil || m.Head(headSpondylitis) == nil {
		return found, err
	}
	c.infected = true
	second, err := c.answers(ctx, c.lesions)
	found.Heads = map[string]Calibration{headSpondylitis: second}
	return found, err
}

func (c *calibrator) lesions(ctx context.Context, study *phantom.Case, into *answered) error {
	for _, l := range study.Lesions {
		f, err := c.p.ClassifyLesion(ctx, &study.Study, study.Truth, l.Box, len(study.Lesions))
		switch {
		case err != nil:
			return fmt.Errorf("phantom %d: %w", study.Seed, err)
		case l.Spondylitis:
			into.add(f.Infection[:], int(l.Infection()))
		default:
			into.add(f.Probabilities[:], int(l.Class))
		}
	}
	return nil
}

// segmentation fits the offsets for Dice, then the temperature with them.
func (c *calibrator) segmentation(ctx context.Context) (Calibration, error) {
	var fit, test []voxelSample
	for n := range c.o.Phantoms + c.o.Test {
		study := c.phantom(n)
		got, err := c.voxels(ctx, &study.Study, study.Truth, setPhantom, !sacrumUntaught)
		if err != nil {
			return Calibration{}, fmt.Errorf("phantom %d: %w", study.Seed, err)
		}
		if n < c.o.Phantoms {
			fit = append(fit, got...)
		} else {
			test = append(test, got...)
		}
	}
	if c.o.SPIDER != "" {
		var err error
		if fit, test, err = c.spider(ctx, fit, test); err != nil {
			return Calibration{}, err
		}
	}
	if len(fit) == 0 || len(test) == 0 {
		return Calibration{}, fmt.Errorf("no studies to fit %s on, or none to measure it on", c.o.Net)
	}
	offsets := fitOffsets(fit)
	out := Calibration{Fitted: len(fit), Measured: len(test), Offsets: make([]float64, semCount)}
	for k, v := range offsets {
		out.Offsets[k] = float64(v)
	}
	learned := answersOf(fit, offsets)
	out.Temperature = metrics.Temperature(learned.logits, learned.truth)
	before, after := answersOf(test, [semCount]float32{}), answersOf(test, offsets)
	out.ECEBefore, out.ECEAfter = before.ece(1), after.ece(out.Temperature)
	out.Before, out.After = voxelDice(test, [semCount]float32{}), voxelDice(test, offsets)
	return out, nil
}

func (c *calibrator) spider(ctx context.Context, fit, test []voxelSample) (_, _ []voxelSample, err error) {
	cases, err := dataset.SPIDER(c.o.SPIDER)
	if err != nil {
		return nil, nil, err
	}
	for n, s := range cases {
		if c.o.Progress != nil {
			c.o.Progress(n, len(cases), "SPIDER patient "+s.ID)
		}
		study := spine.Study{Series: []spine.Series{{UID: "2.25." + s.ID, Sequence: spine.T2, Plane: spine.Sagittal, Confidence: 1, Volume: s.Image}}}
		got, err := c.voxels(ctx, &study, s.Labels, setSPIDER, sacrumUntaught)
		if err != nil {
			return nil, nil, fmt.Errorf("SPIDER patient %s: %w", s.ID, err)
		}
		if dataset.HeldOut(s.ID) {
			test = append(test, got...)
		} else {
			fit = append(fit, got...)
		}
	}
	return fit, test, nil
}

// voxels samples a study evenly. Where the sacrum was not labelled, what may be one is
// left out.
func (c *calibrator) voxels(ctx context.Context, study *spine.Study, truth *volume.LabelMap, set uint8, noSacrum bool) ([]voxelSample, error) {
	logits, err := c.p.Logits(ctx, study)
	if err != nil {
		return nil, err
	}
	step := truth.Len()/voxelsPerStudy + 1
	var out []voxelSample
	for n := 0; n < truth.Len(); n += step {
		i, j, k := truth.Coords(n)
		z, ok := logits.At(truth.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}))
		if !ok || len(z) != semCount {
			continue
		}
		s := voxelSample{truth: uint8(semanticOf(spine.Structure(truth.Data[n]))), set: set}
		for k, v := range z {
			s.logits[k] = float32(v)
		}
		sacrum := s.truth == semSacrum || s.truth == semBackground && s.class([semCount]float32{}) == semSacrum
		if !noSacrum || !sacrum {
			out = append(out, s)
		}
	}
	return out, nil
}

func answersOf(samples []voxelSample, offsets [semCount]float32) *answered {
	out := &answered{logits: make([][]float64, len(samples)), truth: make([]int, len(samples))}
	for n, s := range samples {
		out.logits[n], out.truth[n] = make([]float64, semCount), int(s.truth)
		for c, v := range s.logits {
			out.logits[n][c] = float64(v + offsets[c])
		}
	}
	return out
}

// voxelDice is the Dice of the classes over all sampled voxels of a set.
func voxelDice(samples []voxelSample, offsets [semCount]float32) Figures {
	out := Figures{}
	for set, o := range diceBySet(samples, offsets) {
		name := [...]string{setSPIDER: "spider", setPhantom: "phantom"}[set]
		for c, class := range [semCount]string{"", "body", "disc", "canal", "sacrum", "posterior"} {
			if c > 0 && o.truth[c] > 0 {
				out[name+"_dice_"+class] = o.dice(c)
			}
		}
	}
	return out
}
