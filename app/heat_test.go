package app

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// explains waits for a heat map of the chosen grade that is of a kind, and holds
// pane and button to the kind's words.
func (r *reader) explains(t *testing.T, kind review.HeatKind, title, note string) *render.Heat {
	t.Helper()
	h := &r.room().heat
	r.wait(title, func() bool { return h.shows(r.room().cond, r.room().level, kind) || r.app.jobs.words.Text != "" })
	sc := &r.pane(paneHeat).Scene
	if sc.Heat == nil || sc.Heat != h.map_ || sc.Stack == nil || !sc.Heat.Legend || sc.Heat.Model != "01234567" {
		t.Fatalf("heat map %+v over %v; the bar says %q", sc.Heat, sc.Stack, r.app.jobs.words.Text)
	}
	if !strings.HasPrefix(sc.Marks.Caption, title+" Canal ") || !strings.Contains(sc.Marks.Note, note) {
		t.Errorf("the pane says %q, %q, want %s and %q", sc.Marks.Caption, sc.Marks.Note, title, note)
	}
	if b := r.room().panel.heat; b.Text != title+"  H" || !b.On {
		t.Errorf("the button says %q, chosen %v", b.Text, b.On)
	}
	return sc.Heat
}

// unexplains demands that no heat map is in sight or in the making.
func (r *reader) unexplains(t *testing.T) {
	t.Helper()
	sc := &r.pane(paneHeat).Scene
	if sc.Heat != nil || sc.Stack != nil || !strings.Contains(sc.Marks.Empty, "H ") || r.room().heat.cancel != nil {
		t.Errorf("heat map %v, %q, in the making %v", sc.Heat, sc.Marks.Empty, r.room().heat.cancel != nil)
	}
	if b := r.room().panel.heat; b.Text != "Heat map  H" || b.On {
		t.Errorf("the button says %q, chosen %v", b.Text, b.On)
	}
}

func TestHeat_HGoesFromGradCAMToAttentionToNone(t *testing.T) {
	r := sitWith(t, untrained(t, "stenosisnet"))
	r.room().chooseCell(spine.SpinalCanalStenosis, spine.L4L5)
	r.app.jobs.words.Text = ""
	const looked = "where the network looked"
	r.unexplains(t)
	r.key(fyne.KeyH)
	cam := r.explains(t, review.HeatStenosis, "Grad-CAM", "spoke for the grade")
	r.key(fyne.KeyH)
	attention := r.explains(t, review.HeatAttention, "Attention", looked)
	if attention == cam {
		t.Error("H left the Grad-CAM under the attention's words")
	}
	r.room().updateHeat()
	if r.room().heat.map_ != attention {
		t.Error("a map that is in sight was asked for again")
	}
	r.room().chooseCell(spine.SpinalCanalStenosis, spine.L3L4)
	if h := r.explains(t, review.HeatAttention, "Attention", looked); h == attention || !strings.Contains(h.Title, spine.L3L4.Title()) {
		t.Errorf("another level kept the map %q", h.Title)
	}
	r.key(fyne.KeyH)
	r.unexplains(t)
	t.Run("the button does as H does", func(t *testing.T) {
		r.room().panel.heat.Tapped(nil)
		r.explains(t, review.HeatStenosis, "Grad-CAM", "spoke for the grade")
	})
}
