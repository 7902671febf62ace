package inference

import (
	"context"
	"errors"
	"math"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// freshModel builds a network of the compact preset with untrained weights.
func freshModel(t *testing.T, name string, without ...string) *models.Model {
	t.Helper()
	n, err := nets.New(name, "compact", without...)
	if err != nil {
		t.Fatal(err)
	}
	var w graph.Weights
	if err := graph.Try(func() {
		g := graph.New(name)
		in := map[string]*graph.Value{}
		for _, p := range n.Inputs() {
			in[p.Name] = g.Input(p.Name, p.Shape...)
		}
		n.Forward(g, in)
		w = g.InitParams(1)
	}); err != nil {
		t.Fatal(err)
	}
	m := &models.Model{Spec: models.Spec{Name: name, Preset: "compact", Temperature: 1, SHA256: "0123456789abcdef"}}
	if m.ONNX, err = nets.Inference(n, w, nil); err != nil {
		t.Fatal(err)
	}
	if m.CAM, err = nets.GradCAM(n, w, nil); err != nil {
		t.Fatal(err)
	}
	s := n.Inputs()[0].Shape
	m.SizeVox, m.SpacingMM = [3]int{s[len(s)-1], s[len(s)-2], 1}, [3]float64{1.5, 1.5, 4}
	if len(s) == 5 {
		m.SizeVox[2] = s[2]
	}
	return m
}

func freshPipeline(t *testing.T, names ...string) *Pipeline {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	c := Config{Models: map[string]*models.Model{}, Threads: 2}
	for _, name := range names {
		c.Models[name] = freshModel(t, name)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestPipeline_GradesEveryCellOrSaysWhyNot(t *testing.T) {
	p := freshPipeline(t, StenosisNet)
	study := upright.study(standard, forward)
	study.Series = study.Series[:6] // the axial block of L5/S1 is missing
	mask := upright.mask(study.Series[1].Volume.Grid)
	grades, err := p.Grade(context.Background(), study, mask)
	if err != nil {
		t.Fatal(err)
	}
	if len(grades) != 25 {
		t.Fatalf("%d grades", len(grades))
	}
	for n, g := range grades {
		if int(g.Condition) != n/5 || int(g.Level) != n%5 {
			t.Errorf("cell %d is %s %s", n, g.Condition, g.Level)
		}
		unread := g.Level == spine.L5S1 && (g.Condition == spine.LeftSubarticularStenosis || g.Condition == spine.RightSubarticularStenosis)
		if unread != (g.Grade == spine.NotGradable) || unread != (g.Reason != "") || unread != (g.Point == nil) {
			t.Errorf("%s %s: %s, %q, %v", g.Condition, g.Level, g.Grade, g.Reason, g.Point)
		}
		if unread {
			continue
		}
		if sum := g.Probabilities[0] + g.Probabilities[1] + g.Probabilities[2]; math.Abs(sum-1) > 1e-6 || g.Point.SOPUID == "" {
			t.Errorf("%s %s: probabilities sum to %g, SOP %q", g.Condition, g.Level, sum, g.Point.SOPUID)
		}
	}
}

func TestPipeline_AnalysesAStudyAndExplainsIt(t *testing.T) {
	p := freshPipeline(t, SegmentationNet, StenosisNet)
	study := upright.study(standard, [3]float64{1, 1, -1})
	last := 0.0
	a, err := p.Analyse(context.Background(), study, func(_ string, f float64) {
		if f < last {
			t.Errorf("progress fell from %g to %g", last, f)
		}
		last = f
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 1 || a.MaskUID != "1.2.3.T2" || !volume.SameGrid(a.Mask.Grid, study.Series[1].Volume.Grid) {
		t.Errorf("progress %g, mask on %s", last, a.MaskUID)
	}
	if len(a.Grades) != 25 || len(a.Models) != 2 || a.Seconds["total"] <= 0 {
		t.Errorf("%d grades, %d models, %g s", len(a.Grades), len(a.Models), a.Seconds["total"])
	}
	if s := a.Seconds; s["gradcam"] <= 0 || s["segment"]+s["grade"]+s["gradcam"] > s["total"] {
		t.Errorf("the seconds are %v", s)
	}
	truth := upright.mask(study.Series[1].Volume.Grid)
	h, err := p.HeatmapStructure(context.Background(), study, truth, spine.L3)
	if err != nil {
		t.Fatal(err)
	}
	checkHeatmap(t, h)
	if h, err = p.HeatmapStenosis(context.Background(), study, truth, spine.RightSubarticularStenosis, spine.L3L4); err != nil {
		t.Fatal(err)
	}
	checkHeatmap(t, h)
	if h.SeriesUID != "1.2.3.AX" || h.Level != "L3/L4" {
		t.Errorf("map of %s on %s", h.Level, h.SeriesUID)
	}
	if h, err = p.HeatmapAttention(context.Background(), study, truth, spine.RightSubarticularStenosis, spine.L3L4); err != nil {
		t.Fatal(err)
	}
	if len(h.Parts) != 6 { // the spatial map, the self-attention, four slots
		t.Errorf("%d maps of attention", len(h.Parts))
	}
	for _, part := range h.Parts {
		checkHeatmap(t, part)
		if part.RawMax <= 0 || part.SeriesUID != "1.2.3.AX" {
			t.Errorf("map of %s on %s has the maximum %g", part.Class, part.SeriesUID, part.RawMax)
		}
	}
}

func checkHeatmap(t *testing.T, h *Heatmap) {
	t.Helper()
	top := float32(0)
	for _, v := range h.Volume.Data {
		if v < 0 || v > 1 || math.IsNaN(float64(v)) {
			t.Fatalf("value %g", v)
		}
		top = max(top, v)
	}
	if h.RawMax > 0 && top != 1 {
		t.Errorf("maximum %g of raw %g", top, h.RawMax)
	}
	if h.Model != "01234567" {
		t.Errorf("model %q", h.Model)
	}
}

func TestPipeline_ClassifiesALesionAndExplainsIt(t *testing.T) {
	for _, without := range [][]string{nil, {"tabular", "self-loss"}} {
		p := freshPipeline(t)
		p.lesion.model = freshModel(t, LesionNet, without...)
		classifiesAndExplains(t, p)
	}
}

func classifiesAndExplains(t *testing.T, p *Pipeline) {
	t.Helper()
	study := upright.study(standard, forward)
	mask := upright.mask(study.Series[1].Volume.Grid)
	box := spine.Box{Min: upright.world(volume.Vec3{-8, -8, 82}), Max: upright.world(volume.Vec3{8, 8, 92})}
	f, err := p.ClassifyLesion(context.Background(), study, mask, box, 1)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range f.Probabilities {
		sum += v
	}
	if f.Level != spine.L3 || math.Abs(sum-1) > 1e-6 {
		t.Errorf("in %s, probabilities sum to %g", f.Level, sum)
	}
	h, err := p.HeatmapLesion(context.Background(), study, mask, box, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Parts) != 2 { // T1 and T2; the study has no fat-suppressed series
		t.Errorf("%d parts", len(h.Parts))
	}
}

// A card that does not name the head says that nobody taught it.
func TestPipeline_SaysWhichInfectionOnlyIfItWasTaught(t *testing.T) {
	p := freshPipeline(t)
	p.lesion.model = freshModel(t, LesionNet)
	study := upright.study(standard, forward)
	box := spine.Box{Min: upright.world(volume.Vec3{-8, -8, 82}), Max: upright.world(volume.Vec3{8, 8, 92})}
	for _, heads := range [][]models.Head{nil, {{Name: infectionHead, Temperature: 2}}} {
		p.lesion.model.Heads = heads
		f, err := p.ClassifyLesion(context.Background(), study, nil, box, 1)
		if err != nil {
			t.Fatal(err)
		}
		sum := f.Infection[spine.Pyogenic] + f.Infection[spine.Tuberculous]
		if f.SaysInfection() != (heads != nil) || heads != nil && math.Abs(sum-1) > 1e-6 {
			t.Errorf("heads %v: infection %v", heads, f.Infection)
		}
	}
}

// How soon is measured by columna bench; here only that no further stage begins.
func TestPipeline_StopsWhereItIsCancelled(t *testing.T) {
	p := freshPipeline(t, SegmentationNet, StenosisNet)
	study := upright.study(standard, forward)
	for _, at := range []string{"preparing", "segmenting", "naming levels", "grading"} {
		ctx, cancel := context.WithCancel(context.Background())
		after := map[string]bool{}
		_, err := p.Analyse(ctx, study, func(stage string, _ float64) {
			if stage == at {
				cancel()
			} else if ctx.Err() != nil {
				after[stage] = true
			}
		})
		if cancel(); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while %s: %v", at, err)
		}
		if len(after) > 0 {
			t.Errorf("cancelled while %s, it went on to %v", at, after)
		}
	}
}

func TestGravest_WeighsGradesByProbability(t *testing.T) {
	grades := []spine.GradeFinding{
		{Level: spine.L1L2, Grade: spine.NotGradable, Probabilities: [3]float64{0, 0, 1}},
		{Level: spine.L2L3, Grade: spine.Severe, Probabilities: [3]float64{0.55, 0, 0.45}},
		{Level: spine.L3L4, Grade: spine.Moderate, Probabilities: [3]float64{0, 0.6, 0.4}},
		{Level: spine.L4L5, Grade: spine.NormalMild, Probabilities: [3]float64{0.9, 0.1, 0}},
	}
	if g, ok := gravest(grades); !ok || g.Level != spine.L3L4 {
		t.Errorf("%s, %v", g.Level.Title(), ok)
	}
	if _, ok := gravest(grades[:1]); ok {
		t.Error("a cell that could not be read is the gravest")
	}
}

func TestPipeline_AnalysesWithoutAGradCAMButSaysSo(t *testing.T) {
	p := freshPipeline(t, StenosisNet)
	p.stenosis.model.CAM = nil
	study := upright.study(standard, forward)
	a := &spine.Analysis{Mask: upright.mask(study.Series[1].Volume.Grid), Seconds: map[string]float64{},
		Grades: []spine.GradeFinding{{Condition: spine.SpinalCanalStenosis, Level: spine.L4L5, Grade: spine.Severe}}}
	if err := p.explainGravest(context.Background(), study, a); err != nil || len(a.Flags) != 1 {
		t.Errorf("%v, flags: %s", err, flagText(a.Flags))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.explainGravest(ctx, study, a); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it ended with %v", err)
	}
}

func TestPipeline_RefusesAStudyWithoutSagittalSeries(t *testing.T) {
	p := freshPipeline(t, SegmentationNet)
	study := upright.study(standard, forward)
	study.Series = study.Series[2:]
	if _, err := p.Segment(context.Background(), study, nil); err == nil {
		t.Error("it was segmented")
	}
	if flags := InputFlags(study); len(flags) != 1 {
		t.Errorf("flags: %s", flagText(flags))
	}
}

func TestInputFlags_NameWhatIsMissingOrDoubtful(t *testing.T) {
	study := upright.study(standard, forward)
	for n := range study.Series {
		study.Series[n].Confidence = 1
	}
	if flags := InputFlags(study); len(flags) != 0 {
		t.Errorf("a full study has flags: %s", flagText(flags))
	}
	study.Series = study.Series[1:2]
	study.Series[0].Sequence, study.Series[0].Confidence = spine.STIR, 0.4
	study.Series[0].Warnings = []string{"a gap of two slices"}
	if flags := InputFlags(study); len(flags) != 5 {
		t.Errorf("%d flags: %s", len(flags), flagText(flags))
	}
}
