package viewer

import (
	"image"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"columna/viewer/render"
	"columna/volume"
)

// Event is a gesture on a pane in patient space.
type Event struct {
	Act    Act
	MM     volume.Vec3 // the place on the shown slice, LPS+ mm
	DX, DY float64     // window/level: parts of the pane's size
	Steps  int
	Invert bool
}

// KeyHandler takes the keys of whichever pane has the focus.
type KeyHandler interface {
	TypedKey(*fyne.KeyEvent)
	TypedRune(rune)
	KeyDown(*fyne.KeyEvent)
	KeyUp(*fyne.KeyEvent)
	TypedShortcut(fyne.Shortcut)
}

// Mouse is shared by the panes of one window: it knows which pane a drag began
// in, as Fyne gives right-button drags to whatever lies under the pointer.
type Mouse struct {
	// Mods reads the modifier keys; nil asks the driver.
	Mods func() Mods
	// Now is the clock for double clicks; nil is time.Now.
	Now    func() time.Time
	holder *Pane
}

func (m *Mouse) mods() Mods {
	if m.Mods != nil {
		return m.Mods()
	}
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		k := d.CurrentKeyModifiers()
		return Mods{Shift: k&fyne.KeyModifierShift != 0, Ctrl: k&(fyne.KeyModifierControl|fyne.KeyModifierSuper) != 0}
	}
	return Mods{}
}

func (m *Mouse) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Pane shows one scene. Change Scene, then call Redraw.
type Pane struct {
	widget.BaseWidget
	Scene    render.Scene
	Gestures Gestures

	OnEvent    func(*Pane, Event)
	OnActivate func(*Pane) // pressed or focused
	OnView     func(*Pane) // panned or zoomed by the reader
	Keys       KeyHandler

	mouse   *Mouse
	painter *render.Painter
	raster  *canvas.Raster
	density float64
	origin  fyne.Position // of the pane in the window
	frames  int
}

var (
	_ desktop.Mouseable  = (*Pane)(nil)
	_ desktop.Hoverable  = (*Pane)(nil)
	_ desktop.Cursorable = (*Pane)(nil)
	_ desktop.Keyable    = (*Pane)(nil)
	_ fyne.Draggable     = (*Pane)(nil)
	_ fyne.Scrollable    = (*Pane)(nil)
	_ fyne.Focusable     = (*Pane)(nil)
	_ fyne.Tabbable      = (*Pane)(nil)
	_ fyne.Shortcutable  = (*Pane)(nil)
)

// NewPane makes an empty pane. Panes of one window share mouse and type.
func NewPane(mouse *Mouse, typ *render.Type) *Pane {
	p := &Pane{mouse: mouse, painter: render.NewPainter(typ), density: 1}
	p.Scene.View = render.Fit()
	p.raster = canvas.NewRaster(p.draw)
	p.raster.ScaleMode = canvas.ImageScaleFastest
	p.ExtendBaseWidget(p)
	return p
}

// draw is called by the painter of the window with the pane's device pixels.
func (p *Pane) draw(w, h int) image.Image {
	if size := p.Size(); size.Width > 0 {
		p.density = float64(w) / float64(size.Width)
	}
	p.Scene.Density = p.density
	p.frames++
	return p.painter.Draw(&p.Scene, w, h)
}

// Picture is what the pane shows as it may be kept; see render.Scene.Picture.
func (p *Pane) Picture(typ *render.Type) *image.RGBA {
	w, h := p.pixels()
	scene := p.Scene
	scene.Density = p.density
	return scene.Picture(typ, w, h)
}

// Frames counts how often the pane has been composed.
func (p *Pane) Frames() int { return p.frames }

// Redraw asks for a new frame; many calls before the next frame cost one.
func (p *Pane) Redraw() { p.raster.Refresh() }

// Lens is the geometry of what is shown; ok is false while empty.
func (p *Pane) Lens() (render.Lens, bool) {
	if p.Scene.Stack == nil || p.Size().Width <= 0 {
		return render.Lens{}, false
	}
	_, f, k := p.Scene.Stack.At(p.Scene.Slice)
	w, h := p.pixels()
	return render.NewLens(f, k, p.Scene.View, w, h), true
}

func (p *Pane) pixels() (w, h int) {
	s := p.Size()
	return max(1, int(float64(s.Width)*p.density+0.5)), max(1, int(float64(s.Height)*p.density+0.5))
}

// CreateRenderer implements fyne.Widget.
func (p *Pane) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(p.raster) }

// MinSize is small, so that the grid and not the pane decides.
func (p *Pane) MinSize() fyne.Size { return fyne.NewSize(120, 100) }

// Cursor implements desktop.Cursorable.
func (p *Pane) Cursor() desktop.Cursor { return desktop.CrosshairCursor }

// MouseDown implements desktop.Mouseable.
func (p *Pane) MouseDown(e *desktop.MouseEvent) {
	p.place(e.AbsolutePosition, e.Position)
	if p.OnActivate != nil {
		p.OnActivate(p)
	}
	m := p.mouse.mods()
	if e.Modifier&fyne.KeyModifierControl != 0 {
		m.Ctrl = true
	}
	x, y := p.at(e.Position)
	if p.mouse.holder == nil {
		p.mouse.holder = p
	}
	p.mouse.holder.emit(p.mouse.holder.Gestures.Down(button(e.Button), m, x, y, p.mouse.now()))
	p.mouse.release()
}

// release forgets the holder when nothing is held any more.
func (m *Mouse) release() {
	if m.holder != nil && !m.holder.Gestures.Busy() {
		m.holder = nil
	}
}

// MouseUp implements desktop.Mouseable.
func (p *Pane) MouseUp(e *desktop.MouseEvent) {
	h := p.mouse.holder
	if h == nil {
		return
	}
	h.emit(h.Gestures.Up(button(e.Button), p.mouse.now()))
	p.mouse.release()
}

// MouseIn implements desktop.Hoverable.
func (p *Pane) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable. A drag that began in another pane
// goes on there; a drag whose button is up by now has lost its release.
func (p *Pane) MouseMoved(e *desktop.MouseEvent) {
	p.place(e.AbsolutePosition, e.Position)
	h := p.mouse.holder
	if h != nil && e.Button == 0 {
		h.emit(h.Gestures.Lost())
		p.mouse.release()
		h = nil
	}
	if h == nil {
		h = p
	}
	h.moveTo(e.AbsolutePosition)
}

// MouseOut implements desktop.Hoverable.
func (p *Pane) MouseOut() { p.emit(p.Gestures.Leave()) }

// Dragged implements fyne.Draggable: left and middle drags, also outside.
func (p *Pane) Dragged(e *fyne.DragEvent) {
	if h := p.mouse.holder; h != nil {
		h.moveTo(e.AbsolutePosition)
	}
}

// DragEnd implements fyne.Draggable; the release has come by MouseUp, or, where
// it went to another widget, ends here.
func (p *Pane) DragEnd() {
	if h := p.mouse.holder; h == p {
		h.emit(h.Gestures.Lost())
		p.mouse.release()
	}
}

// Scrolled implements fyne.Scrollable.
func (p *Pane) Scrolled(e *fyne.ScrollEvent) {
	x, y := p.at(e.Position)
	dy := float64(e.Scrolled.DY)
	if dy == 0 {
		dy = float64(e.Scrolled.DX) // shift turns the wheel sideways on some systems
	}
	p.emit(p.Gestures.Wheel(p.mouse.mods(), dy, x, y))
}

func (p *Pane) place(abs, pos fyne.Position) { p.origin = abs.Subtract(pos) }

func (p *Pane) moveTo(abs fyne.Position) {
	x, y := p.at(abs.Subtract(p.origin))
	p.emit(p.Gestures.Move(p.mouse.mods(), x, y))
}

// at turns a position in the pane into device pixels.
func (p *Pane) at(pos fyne.Position) (x, y float64) {
	return float64(pos.X) * p.density, float64(pos.Y) * p.density
}

func button(b desktop.MouseButton) Button {
	switch b {
	case desktop.MouseButtonPrimary:
		return LeftButton
	case desktop.MouseButtonSecondary:
		return RightButton
	case desktop.MouseButtonTertiary:
		return MiddleButton
	}
	return NoButton
}

// emit applies pan and zoom here and reports everything else in millimetres.
func (p *Pane) emit(gs []Gesture) {
	for _, g := range gs {
		l, ok := p.Lens()
		if !ok {
			if g.Act == ActMaximise && p.OnEvent != nil {
				p.OnEvent(p, Event{Act: g.Act})
			}
			continue
		}
		switch g.Act {
		case ActZoom:
			p.view(p.Scene.View.ZoomAt(l, g.Factor, g.X, g.Y))
		case ActPan:
			p.view(p.Scene.View.Pan(l, g.DX, g.DY))
		default:
			w, h := p.pixels()
			if p.OnEvent != nil {
				p.OnEvent(p, Event{Act: g.Act, MM: l.Patient(g.X, g.Y), DX: g.DX / float64(w), DY: g.DY / float64(h), Steps: g.Steps, Invert: g.Invert})
			}
		}
	}
}

func (p *Pane) view(v render.View) {
	p.Scene.View = v
	p.Redraw()
	if p.OnView != nil {
		p.OnView(p)
	}
}

// FocusGained implements fyne.Focusable.
func (p *Pane) FocusGained() {
	if p.OnActivate != nil {
		p.OnActivate(p)
	}
}

// FocusLost implements fyne.Focusable.
func (p *Pane) FocusLost() {}

// AcceptsTab keeps Tab for the panes.
func (p *Pane) AcceptsTab() bool { return true }

// TypedKey implements fyne.Focusable.
func (p *Pane) TypedKey(e *fyne.KeyEvent) {
	if p.Keys != nil {
		p.Keys.TypedKey(e)
	}
}

// TypedRune implements fyne.Focusable.
func (p *Pane) TypedRune(r rune) {
	if p.Keys != nil {
		p.Keys.TypedRune(r)
	}
}

// KeyDown implements desktop.Keyable.
func (p *Pane) KeyDown(e *fyne.KeyEvent) {
	if p.Keys != nil {
		p.Keys.KeyDown(e)
	}
}

// KeyUp implements desktop.Keyable.
func (p *Pane) KeyUp(e *fyne.KeyEvent) {
	if p.Keys != nil {
		p.Keys.KeyUp(e)
	}
}

// TypedShortcut implements fyne.Shortcutable.
func (p *Pane) TypedShortcut(s fyne.Shortcut) {
	if p.Keys != nil {
		p.Keys.TypedShortcut(s)
	}
}
