package review

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// freshModel is a network with untrained weights: what it says is worthless, how
// it is asked and kept is not.
func freshModel(t *testing.T, name string) *models.Model {
	t.Helper()
	n, err := nets.New(name, "compact")
	if err != nil {
		t.Fatal(err)
	}
	m := &models.Model{Spec: models.Spec{Name: name, Preset: "compact", Temperature: 1, SHA256: "fresh-" + name}}
	var w graph.Weights
	err = graph.Try(func() {
		g, in := graph.New(name), map[string]*graph.Value{}
		for _, p := range n.Inputs() {
			in[p.Name] = g.Input(p.Name, p.Shape...)
		}
		n.Forward(g, in)
		w = g.InitParams(1)
	})
	if err == nil {
		m.ONNX, err = nets.Inference(n, w, nil)
	}
	if err == nil {
		m.CAM, err = nets.GradCAM(n, w, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := n.Inputs()[0].Shape
	m.SizeVox, m.SpacingMM = [3]int{s[len(s)-1], s[len(s)-2], 1}, [3]float64{1.5, 1.5, 4}
	if len(s) == 5 {
		m.SizeVox[2] = s[2]
	}
	return m
}

// phantomCase is a desk with untrained networks and an imported phantom, opened.
func phantomCase(t *testing.T) (*Desk, *Session, *phantom.Case) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	c := Config{DBPath: filepath.Join(t.TempDir(), "columna.db"), Author: "tester", Threads: 2, Models: map[string]*models.Model{}}
	for _, name := range []string{inference.SegmentationNet, inference.StenosisNet, inference.LesionNet} {
		c.Models[name] = freshModel(t, name)
	}
	d, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p := phantom.Generate(7, phantom.Options{Small: true, WithAxial: true, WithSTIR: true})
	return d, openCase(t, d, importStudy(t, d, &p.Study)), p
}

func TestRoad_PhantomIsImportedAnalysedAndKept(t *testing.T) {
	ctx := context.Background()
	d, s, p := phantomCase(t)
	if got := len(s.Study().FindAll(spine.T2, spine.Axial)); got != len(p.Study.FindAll(spine.T2, spine.Axial)) {
		t.Errorf("%d axial blocks came back", got)
	}
	a, err := d.Analyse(ctx, s.Study(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Seconds["gradcam"] <= 0 || a.Seconds["gradcam"] >= a.Seconds["total"] {
		t.Errorf("seconds %v", a.Seconds)
	}
	t.Log(a.Seconds)
	if err := s.SetAnalysis(ctx, a); err != nil {
		t.Fatal(err)
	}
	back := openCase(t, d, s.CaseID())
	if !slices.Equal(back.Mask().Data, a.Mask.Data) || back.Analysis().Models[0].SHA256 != "fresh-gfssnet" || back.MaskSeries().Sequence != spine.T2 {
		t.Errorf("models %v, mask on %s", back.Analysis().Models, back.MaskSeries().Sequence)
	}
	mustBeSound(t, d)
}

func TestHeatmap_OfEachKind(t *testing.T) {
	ctx := context.Background()
	d, s, p := phantomCase(t)
	r := HeatmapRequest{Study: s.Study(), Mask: p.Truth, Cond: spine.SpinalCanalStenosis, Level: spine.L4L5, Structure: spine.L4}
	mm, _ := p.Truth.Centroid(uint8(spine.L3))
	r.Box = spine.Box{Min: mm.Sub(volume.Vec3{9, 9, 9}), Max: mm.Add(volume.Vec3{9, 9, 9})}
	for _, r.Kind = range []HeatKind{HeatStenosis, HeatStructure, HeatLesion, HeatAttention} {
		h, err := d.Heatmap(ctx, r)
		if err != nil || h.Volume == nil || findBlock(s.Study(), h.SeriesUID, "") == nil {
			t.Errorf("kind %d: %+v, %v", r.Kind, h, err)
		}
	}
}

func TestClassifyLesion_SaysWhatAndWhyAndIsKept(t *testing.T) {
	ctx := context.Background()
	d, s, p := phantomCase(t)
	mm, _ := p.Truth.Centroid(uint8(spine.L3))
	r := HeatmapRequest{Study: s.Study(), Mask: p.Truth, Lesions: 1}
	r.Box = spine.Box{Min: mm.Sub(volume.Vec3{9, 9, 9}), Max: mm.Add(volume.Vec3{9, 9, 9})}
	last := 0.0
	l, err := d.ClassifyLesion(ctx, r, func(_ string, part float64) { last = part })
	if err != nil || l.Unheated != nil || last != 1 {
		t.Fatalf("%v, %v, progress %g", err, l.Unheated, last)
	}
	sum := 0.0
	for _, x := range l.Finding.Probabilities {
		sum += x
	}
	if sum < 0.999 || sum > 1.001 || l.Finding.Level != spine.L3 || l.Model.SHA256 != "fresh-desamba" || len(l.Heat.Parts) != 3 {
		t.Errorf("probabilities sum to %g in %v by %v with %d maps", sum, l.Finding.Level, l.Model, len(l.Heat.Parts))
	}
	if err := s.AddLesion(ctx, l); err == nil {
		t.Error("a case without an analysis kept a lesion")
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.ClassifyLesion(ctx, r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it ended with %v", err)
	}
}

func TestDesk_ClosingEndsARunningAnalysis(t *testing.T) {
	d, s, _ := phantomCase(t)
	started, ended := make(chan bool, 9), make(chan error)
	go func() {
		_, err := d.Analyse(context.Background(), s.Study(), func(string, float64) {
			select {
			case started <- true:
			default:
			}
		})
		ended <- err
	}()
	<-started
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the analysis ended with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
