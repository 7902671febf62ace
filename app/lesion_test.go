package app

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// untrained is a network with fresh weights: what it says is worthless, how it is
// asked and shown is not.
func untrained(t *testing.T, name string) map[string]*models.Model {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	n, err := nets.New(name, "compact")
	if err != nil {
		t.Fatal(err)
	}
	m := &models.Model{Spec: models.Spec{Name: name, Preset: "compact", Temperature: 1, SHA256: "0123456789abcdef"}}
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
	m.SizeVox = [3]int{s[len(s)-1], s[len(s)-2], 1}
	return map[string]*models.Model{name: m}
}

// boxed drags a lesion box on the T2.
func (r *reader) boxed() {
	r.key(fyne.KeyL)
	r.drag(paneT2, desktop.MouseButtonPrimary, fyne.NewPos(-20, -20), fyne.NewPos(0, 0), fyne.NewPos(25, 25))
}

// heated counts the sagittal panes with a heat map, and holds each to its words.
func (r *reader) heated(t *testing.T) (n int) {
	t.Helper()
	for _, at := range []int{paneT1, paneT2, paneSTIR} {
		sc := &r.pane(at).Scene
		if sc.Heat == nil {
			continue
		}
		n++
		if h := sc.Heat; !h.Legend || h.Model != "01234567" || h.RawMax < 0 || !strings.HasPrefix(h.Title, "Grad-CAM lesion") {
			t.Errorf("pane %d: legend %v, model %q, raw maximum %g, title %q", at, h.Legend, h.Model, h.RawMax, h.Title)
		}
		if !strings.Contains(sc.Marks.Note, sc.Heat.Title) || sc.Overlay != nil {
			t.Errorf("pane %d: note %q, masks %v", at, sc.Marks.Note, sc.Overlay != nil)
		}
	}
	return n
}

func TestLesion_IsClassifiedInTheBackgroundAndExplained(t *testing.T) {
	r := sitWith(t, untrained(t, "desamba"))
	t.Run("cancelling leaves nothing", func(t *testing.T) {
		r.boxed()
		if !r.app.jobs.busy() || !r.app.jobs.stop.Visible() {
			t.Fatal("the window waited for the network")
		}
		r.key(fyne.KeyEscape)
		r.shows("Classifying the lesion was cancelled.")
		if len(r.room().findings()) != 0 {
			t.Error("a cancelled lesion was kept")
		}
	})
	t.Run("a box becomes a finding with a heat map for each sequence", func(t *testing.T) {
		r.boxed()
		r.wait("the lesion", func() bool { return !r.app.jobs.busy() })
		r.shows("AI: ")
		if len(r.room().findings()) != 1 || r.heated(t) != 3 {
			t.Errorf("%d findings, %d heat maps", len(r.room().findings()), r.heated(t))
		}
		if a, b := r.pane(paneT1).Scene.Heat, r.pane(paneT2).Scene.Heat; a == b {
			t.Error("T1 and T2 show the same map")
		}
	})
	t.Run("what it would be if an infection is said only where the network tells", r.saysInfection)
	t.Run("the maps go and come with H, Space and blind reading", r.lesionHeatHides)
	t.Run("choosing another lesion asks anew", r.choosesLesion)
	t.Run("a new analysis drops the maps", func(t *testing.T) {
		a := *r.room().session.Analysis()
		a.Lesions = nil
		if err := r.room().session.SetAnalysis(t.Context(), &a); err != nil {
			t.Fatal(err)
		}
		if n := r.heated(t); n != 0 {
			t.Errorf("%d maps of an older result are in sight", n)
		}
	})
}

func (r *reader) saysInfection(t *testing.T) {
	f := r.room().findings()[0]
	before := len(r.room().panel.lesionLine(0, f).(*fyne.Container).Objects)
	f.Infection = [spine.InfectionCount]float64{0.7, 0.3}
	if after := len(r.room().panel.lesionLine(0, f).(*fyne.Container).Objects); after != before+1 || f.SaysInfection() == r.room().findings()[0].SaysInfection() {
		t.Errorf("%d lines without an infection, %d with one", before, after)
	}
}

func (r *reader) lesionHeatHides(t *testing.T) {
	r.room().setMode(reading)
	r.key(fyne.KeyH)
	if r.heated(t) != 0 || r.pane(paneT2).Scene.Overlay == nil {
		t.Error("H did not bring the masks back in place of the maps")
	}
	r.key(fyne.KeyH)
	p := r.pane(paneT2)
	p.KeyDown(&fyne.KeyEvent{Name: fyne.KeySpace})
	if r.heated(t) != 0 {
		t.Error("Space left the maps over the images")
	}
	p.KeyUp(&fyne.KeyEvent{Name: fyne.KeySpace})
	r.room().toggleBlind()
	if r.heated(t) != 0 {
		t.Error("the maps tell the AI's view while reading blind")
	}
	r.room().toggleBlind()
	if r.heated(t) != 3 {
		t.Errorf("%d maps came back", r.heated(t))
	}
}

func (r *reader) choosesLesion(t *testing.T) {
	first := r.pane(paneT2).Scene.Heat
	other := r.room().findings()[0]
	for a := range 3 {
		other.Box.Min[a], other.Box.Max[a] = other.Box.Min[a]+8, other.Box.Max[a]+8
	}
	a := *r.room().session.Analysis()
	a.Lesions = append([]spine.LesionFinding{}, a.Lesions[0], other)
	if err := r.room().session.SetAnalysis(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	r.room().lesions.chosen = 1
	r.room().updateLesionHeat()
	r.wait("the heat maps", func() bool { return !r.app.jobs.busy() })
	if r.heated(t) != 3 || r.pane(paneT2).Scene.Heat == first {
		t.Errorf("%d maps, new %v", r.heated(t), r.pane(paneT2).Scene.Heat != first)
	}
}
