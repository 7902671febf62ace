package train

import (
	"context"
	"fmt"
	"math"

	"columna/export/dataset"
	"columna/inference"
	"columna/models"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// EvalOptions say what to measure: the shipped models, or those of Dir, on
// Phantoms studies from Seed on, and on the held-out patients of SPIDER.
type EvalOptions struct {
	Dir      string // folder of models, "" for the shipped ones
	Seed     uint64
	Phantoms int
	// RandomContrast is the share of phantoms in which every tissue has a brightness
	// of its own choice; the training mix has a fifth of them, scanners none.
	RandomContrast float64
	SPIDER         string
	Threads        int
	Provider       string // where the networks run, as inference.Config has it
	Notice         func(sentence string)
	Progress       func(done, total int, what string)
}

// Figures are means over studies, named as the cards name them.
type Figures map[string]float64

// Evaluate runs the whole reading road on held-out studies and measures it
// against the truth: Dice of the classes (bodies, discs, canal), Dice of the named
// structures L1..S1, the share of structures with the right name, HD95 and ASSD in
// mm, and, on phantoms, grades and lesion classes.
func Evaluate(ctx context.Context, o EvalOptions) (Figures, error) {
	found, err := loadModels(o.Dir)
	if err != nil {
		return nil, err
	}
	p, err := inference.New(inference.Config{Models: found, Threads: o.Threads, Provider: o.Provider, Notice: o.Notice})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	t := &tally{sum: map[string]float64{}, n: map[string]float64{}}
	if err := t.phantoms(ctx, p, o); err != nil {
		return nil, err
	}
	if o.SPIDER != "" {
		if err := t.spider(ctx, p, o); err != nil {
			return nil, err
		}
	}
	return t.means(), nil
}

func loadModels(dir string) (map[string]*models.Model, error) {
	if dir == "" {
		return nil, nil
	}
	out := map[string]*models.Model{}
	for _, net := range []string{inference.SegmentationNet, inference.StenosisNet, inference.LesionNet} {
		m, err := models.LoadDir(dir, net)
		if err != nil {
			return nil, err
		}
		out[net] = m
	}
	return out, nil
}

// tally adds up figures; NaN counts as missing.
type tally struct{ sum, n map[string]float64 }

func (t *tally) add(name string, v float64) {
	if !math.IsNaN(v) {
		t.sum[name] += v
		t.n[name]++
	}
}

func (t *tally) means() Figures {
	out := Figures{}
	for name, sum := range t.sum {
		out[name] = sum / t.n[name]
	}
	return out
}

func hit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (t *tally) phantoms(ctx context.Context, p *inference.Pipeline, o EvalOptions) error {
	for n := range o.Phantoms {
		if o.Progress != nil {
			o.Progress(n, o.Phantoms, "phantom")
		}
		options := phantom.DefaultOptions()
		options.AlwaysLesion, options.RandomContrast = true, o.RandomContrast
		c := phantom.Generate(o.Seed+uint64(n), options)
		a, err := p.Analyse(ctx, &c.Study, nil)
		if err != nil {
			return fmt.Errorf("phantom %d: %w", c.Seed, err)
		}
		t.mask("phantom", c.Truth, a.Mask)
		t.grades(c.Grades, a.Grades)
		t.add("phantom_seconds", a.Seconds["total"])
		if err := t.lesions(ctx, p, c); err != nil {
			return err
		}
	}
	return nil
}

func (t *tally) spider(ctx context.Context, p *inference.Pipeline, o EvalOptions) error {
	cases, err := dataset.SPIDER(o.SPIDER)
	if err != nil {
		return err
	}
	for n, c := range cases {
		if !dataset.HeldOut(c.ID) {
			continue
		}
		if o.Progress != nil {
			o.Progress(n, len(cases), "SPIDER patient "+c.ID)
		}
		study := spine.Study{Series: []spine.Series{{UID: "2.25." + c.ID, Sequence: spine.T2, Plane: spine.Sagittal, Confidence: 1, Volume: c.Image}}}
		a, err := p.Segment(ctx, &study, nil)
		if err != nil {
			return fmt.Errorf("SPIDER patient %s: %w", c.ID, err)
		}
		unlabelled(a.Mask, c.Labels)
		t.mask("spider", c.Labels, a.Mask)
	}
	return nil
}

// unlabelled takes the sacrum out of a prediction where the truth has none.
func unlabelled(pred, truth *volume.LabelMap) {
	for i, l := range pred.Data {
		if spine.Structure(l) == spine.S1 && truth.Data[i] == 0 {
			pred.Data[i] = 0
		}
	}
}

// mask compares classes, named structures and names.
func (t *tally) mask(set string, truth, pred *volume.LabelMap) {
	pred = pred.Resample(truth.Grid)
	names := [semCount]string{"", "body", "disc", "canal", "sacrum", "posterior"}
	for _, s := range volume.Compare(classesOf(truth), classesOf(pred)) {
		if s.RefVoxels > 0 {
			t.add(set+"_dice_"+names[s.Label], s.Dice)
			t.add(set+"_hd95_mm_"+names[s.Label], s.HD95MM)
			t.add(set+"_assd_mm_"+names[s.Label], s.ASSDMM)
		}
	}
	for _, s := range volume.Compare(truth, pred) {
		named := spine.Structure(s.Label)
		switch {
		case s.RefVoxels == 0 || named > spine.S1:
		case named.IsVertebra():
			t.add(set+"_named_dice_vertebra", zeroIfMissing(s))
		case named.IsDisc():
			t.add(set+"_named_dice_disc", zeroIfMissing(s))
		}
	}
	t.names(set, truth, pred)
}

// zeroIfMissing counts a structure that was not found as Dice 0.
func zeroIfMissing(s volume.LabelScore) float64 {
	if s.PredVoxels == 0 {
		return 0
	}
	return s.Dice
}

func classesOf(m *volume.LabelMap) *volume.LabelMap {
	out := volume.NewLabelMap(m.Grid)
	for i, l := range m.Data {
		out.Data[i] = uint8(semanticOf(spine.Structure(l)))
	}
	return out
}

// names counts the structures whose voxels mostly got their own name.
func (t *tally) names(set string, truth, pred *volume.LabelMap) {
	var votes [spine.MaxStructure + 1][spine.MaxStructure + 1]int
	for i, l := range truth.Data {
		votes[l][pred.Data[i]]++
	}
	for s := spine.L1; s <= spine.MaxStructure; s++ {
		if !s.IsVertebra() && !s.IsDisc() {
			continue
		}
		best, all := spine.Background, 0
		for q := spine.L1; q <= spine.MaxStructure; q++ {
			all += votes[s][q]
			if votes[s][q] > votes[s][best] || best == spine.Background && votes[s][q] > 0 {
				best = q
			}
		}
		if all > 0 {
			t.add(set+"_names_right", hit(best == s))
		}
	}
}

func (t *tally) grades(truth, got []spine.GradeFinding) {
	for _, want := range truth {
		for _, g := range got {
			if g.Condition != want.Condition || g.Level != want.Level || want.Grade < spine.NormalMild {
				continue
			}
			t.add("phantom_grade_accuracy", hit(g.Grade == want.Grade))
			t.add("phantom_grade_recall_"+want.Grade.String(), hit(g.Grade == want.Grade))
			t.add("phantom_grade_accuracy_"+want.Condition.String(), hit(g.Grade == want.Grade))
			t.add("phantom_gradable", hit(g.Grade != spine.NotGradable))
		}
	}
}

func (t *tally) lesions(ctx context.Context, p *inference.Pipeline, c *phantom.Case) error {
	for _, l := range c.Lesions {
		if l.Spondylitis {
			continue
		}
		f, err := p.ClassifyLesion(ctx, &c.Study, c.Truth, l.Box, len(c.Lesions))
		if err != nil {
			return fmt.Errorf("phantom %d: %w", c.Seed, err)
		}
		above := 0
		for _, q := range f.Probabilities {
			if q > f.Probabilities[l.Class] {
				above++
			}
		}
		t.add("phantom_lesion_top1", hit(above == 0))
		t.add("phantom_lesion_top3", hit(above < 3))
	}
	return nil
}
