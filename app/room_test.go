package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

func TestKeys_NoTwoCommandsShareAKey(t *testing.T) {
	seen := map[string]string{}
	for _, c := range commands() {
		for _, m := range []mode{reading, editing, grading} {
			if c.only != anyMode && c.only != m {
				continue
			}
			id := fmt.Sprintf("%s shift %v ctrl %v mode %d", c.key, c.shift, c.ctrl, m)
			if other, ok := seen[id]; ok {
				t.Errorf("%s does %q and %q", id, other, c.does)
			}
			seen[id] = c.does
		}
	}
}

func TestRoom(t *testing.T) {
	r := sit(t)
	t.Run("a level brings every pane to its disc", r.levels)
	t.Run("a cell goes to where the grade was read", r.evidence)
	t.Run("space hides all overlays while it is held", r.hushes)
	t.Run("blind reading hides the AI until the reader has graded", r.blindly)
	t.Run("letters go to a text field that has the focus", r.typing)
	t.Run("a click sets the linked point", r.clicks)
	t.Run("a lesion box is as deep as it is wide", r.box)
	t.Run("a large pane takes all of the grid", r.large)
	t.Run("structures say how sure the AI was", r.sure)
	t.Run("the screens are drawn without a display", r.screens)
}

func (r *reader) levels(t *testing.T) {
	for l := range spine.Level(spine.LevelCount) {
		r.room().goLevel(l)
		mm, ok := r.room().session.LevelPoint(l)
		if !ok {
			t.Fatalf("no disc %v", l)
		}
		for n := range paneHeat {
			sc := &r.pane(n).Scene
			_, f, k := sc.Stack.At(sc.Slice)
			off := mm.Sub(f.CenterMM(k)).Dot(f.Normal)
			if sp := f.Grid.SpacingMM()[2]; off > 0.51*sp || off < -0.51*sp {
				t.Errorf("%v: pane %d shows a slice %.1f mm off the disc", l, n, off)
			}
		}
	}
}

func (r *reader) evidence(t *testing.T) {
	r.room().chooseCell(spine.LeftNeuralForaminalNarrowing, spine.L3L4)
	p := r.room().session.Grades()[spine.LeftNeuralForaminalNarrowing][spine.L3L4].AI.Point
	if r.room().cross != p.LPS {
		t.Errorf("the panes are at %v, the grade was read at %v", r.room().cross, p.LPS)
	}
	if mid, _ := r.room().session.LevelPoint(spine.L3L4); p.LPS[0] <= mid[0] {
		t.Errorf("the left foramen is at x %.1f, right of the disc's %.1f", p.LPS[0], mid[0])
	}
	r.room().setMode(reading)
}

func (r *reader) hushes(t *testing.T) {
	p := r.pane(paneT2)
	p.KeyDown(&fyne.KeyEvent{Name: fyne.KeySpace})
	if p.Scene.Overlay != nil || !p.Scene.Marks.Bare || p.Scene.Marks.Crosshair != nil {
		t.Error("something is still drawn over the image")
	}
	p.KeyUp(&fyne.KeyEvent{Name: fyne.KeySpace})
	if p.Scene.Overlay == nil || p.Scene.Marks.Bare {
		t.Error("the overlay did not come back")
	}
}

func (r *reader) blindly(t *testing.T) {
	r.room().toggleBlind()
	r.room().chooseCell(spine.SpinalCanalStenosis, spine.L1L2)
	if !r.room().work.sheet.Table.HideAI || r.room().work.probs[0].share >= 0 {
		t.Error("the AI can be seen before the reader has graded")
	}
	if n := len(r.pane(paneT2).Scene.Marks.Points); n != 0 {
		t.Errorf("%d places of AI evidence are marked", n)
	}
	r.key(fyne.Key1)
	if r.room().work.probs[0].share < 0 {
		t.Error("after grading the AI is still hidden")
	}
	r.room().toggleBlind()
	r.room().setMode(reading)
}

func (r *reader) typing(t *testing.T) {
	c := r.app.win.Canvas()
	c.Focus(r.room().work.reason)
	for _, k := range "be" {
		c.Focused().TypedRune(k)
	}
	if r.room().mode != reading || r.room().work.reason.Text != "be" {
		t.Errorf("typing in the reason gave mode %d and %q", r.room().mode, r.room().work.reason.Text)
	}
	r.room().work.reason.SetText("")
	r.room().focusActive()
}

func (r *reader) clicks(t *testing.T) {
	before := r.room().cross
	r.drag(paneT2, desktop.MouseButtonPrimary, fyne.NewPos(20, -70))
	if r.room().cross == before {
		t.Error("the linked point stayed")
	}
	_, off := r.pane(paneAxial).Scene.Stack.Nearest(r.room().cross)
	if n, _ := r.pane(paneAxial).Scene.Stack.Nearest(r.room().cross); n != r.pane(paneAxial).Scene.Slice {
		t.Errorf("the axial pane is on slice %d, nearest is %d, %.1f mm off", r.pane(paneAxial).Scene.Slice, n, off)
	}
}

func (r *reader) box(t *testing.T) {
	r.room().take(lesionBox)
	mm := r.room().cross
	r.room().beginStroke(paneT2, mm, false)
	l, _ := r.pane(paneT2).Lens()
	r.room().strokeTo(paneT2, mm.Add(l.Frame.Right.Scale(20)).Add(l.Frame.Down.Scale(24)))
	b := r.room().lesions.box
	if b == nil {
		t.Fatal("no box")
	}
	size := b.Max.Sub(b.Min)
	for a, want := range [3]float64{20, 20, 24} {
		if d := size[a] - want; d > 0.5 || d < -0.5 {
			t.Errorf("the box is %v mm, want 20 x 20 x 24", size)
		}
	}
	r.room().escape()
	if r.room().lesions.drawing {
		t.Error("Escape did not drop the box")
	}
	r.room().setMode(reading)
}

func (r *reader) large(t *testing.T) {
	r.room().maximise(paneAxial)
	r.app.win.Canvas().Capture()
	if r.pane(paneAxial).Size() != r.room().grid.Size() || r.pane(paneT1).Visible() {
		t.Errorf("the axial pane is %v of %v", r.pane(paneAxial).Size(), r.room().grid.Size())
	}
	r.room().escape()
	if !r.pane(paneT1).Visible() {
		t.Error("Escape did not bring the others back")
	}
}

func (r *reader) sure(t *testing.T) {
	a := r.room().session.Analysis()
	a.Confidence = map[spine.Structure]float64{spine.L3: 0.934, spine.L4: 0.61}
	r.room().panel.refresh()
	for s, want := range map[spine.Structure]string{spine.L3: "93 %", spine.L4: "! 61 %", spine.L5: ""} {
		if got := r.room().panel.lines[s-1].sure.Text; got != want {
			t.Errorf("%s says %q, want %q", s, got, want)
		}
	}
}

func (r *reader) screens(t *testing.T) {
	r.app.showWorklist()
	dir := t.TempDir()
	files, err := Screens(context.Background(), r.desk, r.id, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Fatalf("%d screens, want 4", len(files))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if w := img.Bounds().Dx(); w != 1600 && w != 1280 {
			t.Errorf("%s is %d pixels wide", f, w)
		}
	}
}

func TestJobs_ACancelledJobsResultIsDropped(t *testing.T) {
	q := newQueue()
	r := &reader{t: t, q: q}
	j := newTestJobs(t, q)
	started := make(chan struct{})
	done := false
	j.start("Work", func(ctx context.Context, _ review.Progress) (func(), error) {
		close(started)
		<-ctx.Done()
		return func() { done = true }, nil
	})
	<-started
	j.cancelAll()
	(<-q)()
	if done || j.busy() || j.words.Text != "Work was cancelled." {
		t.Errorf("done %v, busy %v, the bar says %q", done, j.busy(), j.words.Text)
	}
	j.start("More", func(context.Context, review.Progress) (func(), error) { return nil, errors.New("the disk is full") })
	r.wait("the second job", func() bool { return !j.busy() })
	if j.words.Text != "The disk is full." {
		t.Errorf("an error reads %q", j.words.Text)
	}
}

func TestMissing_ShapesFollowTheNumberOfPanes(t *testing.T) {
	for n, want := range map[int][2]int{1: {1, 1}, 2: {2, 1}, 3: {3, 1}, 4: {2, 2}, 5: {3, 2}, 6: {3, 2}} {
		if c, rows := shape(n); c != want[0] || rows != want[1] {
			t.Errorf("%d panes lie in %d x %d, want %v", n, c, rows, want)
		}
	}
}

func TestCaseWords_AnUngradedCaseSaysNothing(t *testing.T) {
	w := caseWords(review.CaseRow{PatientName: "DOE^JANE", PatientID: "7", Age: "054Y", Sex: "F", Date: "20240312", AIState: review.AINone, WorstGrade: spine.Ungraded})
	want := [9]string{"DOE, JANE   7", "54 y F", "2024-03-12", "", "–", "", "", "unread", ""}
	if w != want {
		t.Errorf("%q, want %q", w, want)
	}
	if render.AgeSex("006M", "") != "6 m" {
		t.Errorf("six months read %q", render.AgeSex("006M", ""))
	}
}

func newTestJobs(t *testing.T, q queue) *jobs {
	t.Helper()
	test.NewTempApp(t)
	return newJobs(context.Background(), q.do)
}
