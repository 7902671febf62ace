package app

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"columna/dicom"
	"columna/models"
	"columna/phantom"
	"columna/review"
	"columna/spine"
	"columna/viewer"
	"columna/volume"
)

// reader is a person at the window: the app on Fyne's software driver, with a
// dispatcher that the test's goroutine drains.
type reader struct {
	t    *testing.T
	app  *App
	q    queue
	desk *review.Desk
	id   int64
	now  time.Time
	mods viewer.Mods
}

// sit opens the window on a phantom study that has been imported as DICOM and
// analysed by an oracle: the phantom's own truth stands in for the networks.
func sit(t *testing.T) *reader {
	t.Helper()
	return sitWith(t, nil)
}

// sitWith is sit with networks of the test's own.
func sitWith(t *testing.T, nets map[string]*models.Model) *reader {
	t.Helper()
	return sitAs(t, nets, func(*spine.Study) {})
}

// sitAs is sitWith with another patient.
func sitAs(t *testing.T, nets map[string]*models.Model, become func(*spine.Study)) *reader {
	t.Helper()
	dir := t.TempDir()
	c := phantom.Generate(7, phantom.Options{Small: true, WithAxial: true, WithSTIR: true, Pathology: 0.5})
	become(&c.Study)
	for n := range c.Study.Series {
		s := &c.Study.Series[n]
		folder := filepath.Join(dir, "dicom", fmt.Sprintf("%02d-%d-%s", s.Number, s.Block, s.Sequence))
		if err := dicom.WriteSeries(folder, &c.Study, s); err != nil {
			t.Fatal(err)
		}
	}
	desk, err := review.Open(context.Background(), review.Config{DBPath: filepath.Join(dir, "c.db"), Author: "tester", Models: nets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { desk.Close() })
	r := &reader{t: t, q: newQueue(), desk: desk, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	r.app = newApp(context.Background(), desk, test.NewTempApp(t), r.q.do)
	r.app.win.Resize(fyne.NewSize(1600, 1000))
	r.app.importPaths([]string{filepath.Join(dir, "dicom")})
	r.wait("the import", func() bool { return !r.app.jobs.busy() })
	rows, total, err := desk.Worklist(context.Background(), review.Filter{})
	if err != nil || total != 1 {
		t.Fatalf("worklist holds %d cases, %v; the bar says %q", total, err, r.app.jobs.words.Text)
	}
	r.id = rows[0].ID
	r.open()
	r.analyse(c)
	return r
}

// wait runs what the app has queued until done.
func (r *reader) wait(what string, done func() bool) {
	r.t.Helper()
	if err := r.q.until(context.Background(), 30*time.Second, what, done); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) open() {
	r.t.Helper()
	r.app.openCase(r.id)
	r.wait("opening the case", func() bool { return r.app.room != nil })
	r.app.win.Canvas().Capture() // panes learn their sizes
}

// analyse stores the truth as if the networks had said it.
func (r *reader) analyse(c *phantom.Case) {
	r.t.Helper()
	s := r.app.room.session
	a := &spine.Analysis{Models: []spine.ModelRef{{Name: "oracle", SHA256: "0"}}, Mask: c.Truth, MaskUID: c.Study.Find(spine.T2, spine.Sagittal).UID,
		Grades: c.Grades, Seconds: map[string]float64{"total": 1}, Flags: []spine.Flag{{Kind: "levels", Text: "Five lumbar vertebrae were found; the count of ribs was not checked."}}}
	for n := range a.Grades {
		if g := a.Grades[n].Grade; g >= 0 {
			a.Grades[n].Probabilities = [3]float64{0.1, 0.1, 0.1}
			a.Grades[n].Probabilities[g] = 0.8
		}
	}
	mask := *c.Truth
	mask.Grid = s.MaskSeries().Volume.Grid
	a.Mask = &mask
	r.app.room.analysed(s, a)
	r.shows("Analysed")
}

// shows demands that the bar at the foot says something.
func (r *reader) shows(want string) {
	r.t.Helper()
	if got := r.app.jobs.words.Text; len(got) < len(want) || got[:len(want)] != want {
		r.t.Errorf("the bar says %q, want it to begin with %q", got, want)
	}
}

func (r *reader) room() *room             { return r.app.room }
func (r *reader) pane(n int) *viewer.Pane { return r.app.room.panes[n] }

// press, moves and release drive one mouse button on a pane, in window units
// from the pane's middle.
func (r *reader) drag(n int, b desktop.MouseButton, path ...fyne.Position) {
	p := r.pane(n)
	mid := fyne.NewPos(p.Size().Width/2, p.Size().Height/2)
	abs := fyne.CurrentApp().Driver().AbsolutePositionForObject(p)
	event := func(at fyne.Position, held desktop.MouseButton) *desktop.MouseEvent {
		at = mid.Add(at)
		return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at, AbsolutePosition: abs.Add(at)}, Button: held}
	}
	p.MouseDown(event(path[0], b))
	for _, at := range path[1:] {
		p.MouseMoved(event(at, b))
	}
	p.MouseUp(event(path[len(path)-1], b))
}

func (r *reader) wheel(n int, notches float32) {
	p := r.pane(n)
	p.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 25*notches)})
}

func (r *reader) key(k fyne.KeyName) { r.pane(r.room().active).TypedKey(&fyne.KeyEvent{Name: k}) }

func (r *reader) mask() *volume.LabelMap { return r.room().session.Mask() }

func count(m *volume.LabelMap, s spine.Structure) (n int) {
	for _, l := range m.Data {
		if spine.Structure(l) == s {
			n++
		}
	}
	return n
}

func TestJourney_ScrollWindowPaintUndoGradeSaveReopen(t *testing.T) {
	r := sit(t)
	t.Run("the wheel moves linked panes", func(t *testing.T) {
		before := r.pane(paneT1).Scene.Slice
		r.wheel(paneT2, -1)
		if d := r.pane(paneT2).Scene.Slice - r.pane(paneT1).Scene.Slice; d != 0 {
			t.Errorf("T1 and T2 are %d slices apart after one notch", d)
		}
		if r.pane(paneT1).Scene.Slice == before {
			t.Error("T1 did not follow T2")
		}
		r.wheel(paneT2, 1)
	})
	t.Run("a left drag is window and level while reading", func(t *testing.T) {
		before := r.pane(paneT2).Scene.Window
		r.drag(paneT2, desktop.MouseButtonPrimary, fyne.NewPos(0, 0), fyne.NewPos(40, 0), fyne.NewPos(80, -30))
		after := r.pane(paneT2).Scene.Window
		if after.Width() <= before.Width() || after.Level() >= before.Level() {
			t.Errorf("window %v became %v: right must widen, up must brighten", before, after)
		}
		if r.pane(paneT1).Scene.Window == after {
			t.Error("the T1's own window changed with the T2's")
		}
	})
	r.paintAndUndo(t)
	r.gradeByKey(t)
	t.Run("what was saved is there again", func(t *testing.T) { r.saveAndReopen(t) })
}

// paintAndUndo paints L3 over background, erases nothing else, and undoes.
func (r *reader) paintAndUndo(t *testing.T) {
	t.Run("the brush paints and undo takes it back", func(t *testing.T) {
		r.key(fyne.KeyB)
		r.key(fyne.Key3)
		if r.room().mode != editing || r.room().label != spine.L3 {
			t.Fatalf("B then 3: mode %d, label %v", r.room().mode, r.room().label)
		}
		before, others := count(r.mask(), spine.L3), count(r.mask(), spine.DiscL3L4)
		r.drag(paneT2, desktop.MouseButtonPrimary, fyne.NewPos(-90, 0), fyne.NewPos(-70, 10), fyne.NewPos(-60, 20))
		painted := count(r.mask(), spine.L3)
		if painted <= before {
			t.Fatalf("L3 had %d voxels, has %d after a stroke", before, painted)
		}
		if count(r.mask(), spine.DiscL3L4) != others {
			t.Error("the stroke took voxels of a protected label")
		}
		if !r.room().session.Dirty() {
			t.Error("a stroke left the session clean")
		}
		r.app.shortcut(&fyne.ShortcutUndo{})
		if got := count(r.mask(), spine.L3); got != before {
			t.Errorf("undo left %d voxels of L3, want %d", got, before)
		}
		r.app.shortcut(&fyne.ShortcutRedo{})
		if got := count(r.mask(), spine.L3); got != painted {
			t.Errorf("redo gave %d voxels of L3, want %d", got, painted)
		}
		r.key(fyne.KeyEscape)
	})
}

func (r *reader) gradeByKey(t *testing.T) {
	t.Run("digits grade the chosen cell", func(t *testing.T) {
		r.room().chooseCell(spine.SpinalCanalStenosis, spine.L2L3)
		r.key(fyne.Key3)
		r.key(fyne.KeyRight)
		r.key(fyne.Key2)
		g := r.room().session.Grades()[spine.SpinalCanalStenosis]
		if g[spine.L2L3].Reader != spine.Severe || g[spine.L3L4].Reader != spine.Moderate {
			t.Errorf("grades %v and %v, want severe and moderate", g[spine.L2L3].Reader, g[spine.L3L4].Reader)
		}
		r.key(fyne.KeyBackspace)
		if g := r.room().session.Grades()[spine.SpinalCanalStenosis][spine.L3L4].Reader; g != spine.Ungraded {
			t.Errorf("Backspace left the grade %v", g)
		}
		if r.room().session.State() != spine.InReview {
			t.Errorf("grading left the case %v", r.room().session.State())
		}
	})
}

func (r *reader) saveAndReopen(t *testing.T) {
	want := append([]uint8(nil), r.mask().Data...)
	r.app.shortcut(&desktop.CustomShortcut{KeyName: fyne.KeyS, Modifier: fyne.KeyModifierShortcutDefault})
	r.shows("Saved as revision 1")
	if r.room().session.Dirty() {
		t.Error("the session is still dirty after saving")
	}
	r.app.showWorklist()
	if r.app.room != nil {
		t.Fatal("the room is still open")
	}
	r.open()
	if string(r.mask().Data) != string(want) {
		t.Error("the mask is not the saved one")
	}
	if g := r.room().session.Grades()[spine.SpinalCanalStenosis][spine.L2L3].Reader; g != spine.Severe {
		t.Errorf("the grade came back as %v", g)
	}
}
