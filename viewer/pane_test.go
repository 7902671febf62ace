package viewer

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// twoPanes are 200 x 300 units each, side by side, with 1 mm voxels 40 x 60.
func twoPanes(t *testing.T) (mouse *Mouse, a, b *Pane) {
	t.Helper()
	test.NewTempApp(t)
	g := volume.Grid{Size: [3]int{40, 60, 3}, Affine: volume.NewAffine(volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{4, 0, 0}, volume.Vec3{})}
	st := render.NewStack(&spine.Series{Volume: volume.New(g)})
	mouse = &Mouse{Mods: func() Mods { return Mods{} }}
	typ := render.NewType()
	a, b = NewPane(mouse, typ), NewPane(mouse, typ)
	for n, p := range []*Pane{a, b} {
		p.Scene.Stack = st
		p.Resize(fyne.NewSize(200, 300))
		p.Move(fyne.NewPos(float32(n)*200, 0))
	}
	return mouse, a, b
}

func mouseAt(x, y, originX float32, b desktop.MouseButton) *desktop.MouseEvent {
	return &desktop.MouseEvent{Button: b, PointEvent: fyne.PointEvent{Position: fyne.NewPos(x-originX, y), AbsolutePosition: fyne.NewPos(x, y)}}
}

func TestPane_ReportsMillimetresOnTheSlice(t *testing.T) {
	_, a, _ := twoPanes(t)
	var got []Event
	a.OnEvent = func(_ *Pane, e Event) { got = append(got, e) }
	a.Scene.Slice = 2
	a.MouseDown(mouseAt(100, 150, 0, desktop.MouseButtonPrimary))
	a.MouseUp(mouseAt(100, 150, 0, desktop.MouseButtonPrimary))
	if len(got) != 1 || got[0].Act != ActPoint {
		t.Fatalf("a click gave %v", got)
	}
	if d := got[0].MM.Sub(volume.Vec3{8, 19.5, -29.5}).Norm(); d > 1e-9 {
		t.Errorf("the middle of the pane is %v, %.3f mm from the middle of slice 3", got[0].MM, d)
	}
}

func TestPane_ARightDragGoesOnInTheNextPane(t *testing.T) {
	_, a, b := twoPanes(t)
	a.MouseDown(mouseAt(150, 150, 0, desktop.MouseButtonSecondary))
	a.MouseMoved(mouseAt(150, 100, 0, desktop.MouseButtonSecondary))
	zoom := a.Scene.View.Zoom
	b.MouseIn(mouseAt(250, 50, 200, desktop.MouseButtonSecondary))
	if a.Scene.View.Zoom <= zoom || b.Scene.View.Zoom != 1 {
		t.Errorf("zooms %v and %v: the drag must stay with the pane it began in", a.Scene.View.Zoom, b.Scene.View.Zoom)
	}
	b.MouseUp(mouseAt(250, 50, 200, desktop.MouseButtonSecondary))
	if a.Gestures.Busy() || b.Gestures.Busy() {
		t.Error("the release in the other pane did not end the drag")
	}
}

func TestPane_AMoveWithoutTheButtonEndsALostDrag(t *testing.T) {
	_, a, b := twoPanes(t)
	a.MouseDown(mouseAt(150, 150, 0, desktop.MouseButtonSecondary))
	b.MouseIn(mouseAt(250, 50, 200, 0))
	if a.Gestures.Busy() {
		t.Error("the drag is still held")
	}
}

func TestPane_DrawsOneFrameForManyEvents(t *testing.T) {
	_, a, _ := twoPanes(t)
	w := test.NewTempWindow(t, a)
	w.Resize(fyne.NewSize(200, 300))
	w.Canvas().Capture()
	before := a.Frames()
	for n := range 50 {
		a.Scene.Slice = n % 3
		a.Redraw()
	}
	w.Canvas().Capture()
	if n := a.Frames() - before; n > 2 {
		t.Errorf("50 events cost %d frames", n)
	}
}

func TestSheet_TellsWhichCellWasTapped(t *testing.T) {
	test.NewTempApp(t)
	s := NewSheet(render.NewType())
	w := test.NewTempWindow(t, s)
	w.Resize(fyne.NewSize(320, 240))
	w.Canvas().Capture()
	var cond spine.Condition
	var level spine.Level
	s.OnCell = func(c spine.Condition, l spine.Level) { cond, level = c, l }
	size := s.Size()
	test.TapAt(s, fyne.NewPos(size.Width-8, size.Height-8))
	if cond != spine.RightSubarticularStenosis || level != spine.L5S1 {
		t.Errorf("the last cell came as %v %v", cond, level)
	}
}
