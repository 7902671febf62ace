package app

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
)

// flat is a quiet button: a word, and at its right a hint such as its key. It
// never takes the keyboard focus, so that keys keep going to the panes.
type flat struct {
	widget.BaseWidget
	Text, Hint string
	On         bool // drawn as chosen
	Off        bool // cannot be pressed
	Strong     bool // the one thing to do next
	Center     bool
	Tight      bool        // no space at the left, the hint right after the word; for column heads
	Ink        color.Color // nil: the theme's
	Swatch     color.Color // a square before the word
	Tap        func()

	hover bool
}

var (
	_ fyne.Tappable     = (*flat)(nil)
	_ desktop.Hoverable = (*flat)(nil)
)

func newFlat(text, hint string, tap func()) *flat {
	f := &flat{Text: text, Hint: hint, Tap: tap}
	f.ExtendBaseWidget(f)
	return f
}

func centered(text string, tap func()) *flat {
	f := newFlat(text, "", tap)
	f.Center = true
	return f
}

// Tapped implements fyne.Tappable.
func (f *flat) Tapped(*fyne.PointEvent) {
	if !f.Off && f.Tap != nil {
		f.Tap()
	}
}

// MouseIn implements desktop.Hoverable.
func (f *flat) MouseIn(*desktop.MouseEvent) { f.hover = true; f.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (f *flat) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (f *flat) MouseOut() { f.hover = false; f.Refresh() }

// set changes the chosen state and redraws if it did.
func (f *flat) set(on bool) {
	if f.On != on {
		f.On = on
		f.Refresh()
	}
}

// say changes the word and redraws if it did.
func (f *flat) say(text string) {
	if f.Text != text {
		f.Text = text
		f.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (f *flat) CreateRenderer() fyne.WidgetRenderer {
	r := &flatRenderer{f: f, back: canvas.NewRectangle(color.Transparent), bar: canvas.NewRectangle(color.Transparent),
		swatch: canvas.NewRectangle(color.Transparent), text: canvas.NewText("", color.White), hint: canvas.NewText("", color.White)}
	r.back.CornerRadius, r.swatch.CornerRadius = 3, 2
	r.text.TextSize, r.hint.TextSize = 13, 11
	r.Refresh()
	return r
}

type flatRenderer struct {
	f                 *flat
	back, bar, swatch *canvas.Rectangle
	text, hint        *canvas.Text
}

func (r *flatRenderer) Layout(s fyne.Size) {
	r.back.Resize(s)
	r.bar.Resize(fyne.NewSize(2, s.Height-8))
	r.bar.Move(fyne.NewPos(0, 4))
	x := float32(8)
	if r.f.Swatch != nil {
		r.swatch.Resize(fyne.NewSize(11, 11))
		r.swatch.Move(fyne.NewPos(x, (s.Height-11)/2))
		x += 18
	}
	tm, hm := r.text.MinSize(), r.hint.MinSize()
	if r.f.Center {
		x = (s.Width - tm.Width) / 2
	}
	if r.f.Tight {
		r.text.Move(fyne.NewPos(0, (s.Height-tm.Height)/2))
		r.hint.Move(fyne.NewPos(tm.Width+4, (s.Height-hm.Height)/2))
		return
	}
	r.text.Move(fyne.NewPos(x, (s.Height-tm.Height)/2))
	r.hint.Move(fyne.NewPos(s.Width-hm.Width-8, (s.Height-hm.Height)/2))
}

func (r *flatRenderer) MinSize() fyne.Size {
	m := r.text.MinSize()
	w := m.Width + 16
	if r.f.Hint != "" {
		w += r.hint.MinSize().Width + 10
	}
	if r.f.Swatch != nil {
		w += 18
	}
	return fyne.NewSize(w, max(m.Height+8, 26))
}

func (r *flatRenderer) Refresh() {
	p, f := assets.Dark(), r.f
	r.text.Text, r.hint.Text = f.Text, f.Hint
	if f.Tight {
		r.text.TextSize = 11
	}
	var back, ink, bar color.Color = color.Transparent, p.Ink, color.Transparent
	switch {
	case f.Off:
		ink = p.Faint
	case f.Strong:
		back, ink = p.Accent, p.AccentInk
	case f.Tight:
		if f.hover && f.Tap != nil {
			back = p.Raised
		}
	case f.On:
		back, bar = p.Hover, p.Accent
	case f.hover:
		back = p.Raised
	}
	if f.Ink != nil && !f.Off && !f.Strong {
		ink = f.Ink
	}
	r.back.FillColor, r.text.Color, r.bar.FillColor = back, ink, bar
	r.hint.Color = p.Quiet
	if f.Strong {
		r.hint.Color = p.AccentInk
	}
	r.swatch.FillColor = color.Transparent
	if f.Swatch != nil {
		r.swatch.FillColor = f.Swatch
	}
	r.Layout(f.Size())
	canvas.Refresh(f)
}

func (r *flatRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.bar, r.swatch, r.text, r.hint}
}

func (r *flatRenderer) Destroy() {}

// text makes a line of words in a size and colour.
func text(s string, size float32, c color.Color) *canvas.Text {
	t := canvas.NewText(s, c)
	t.TextSize = size
	return t
}

// say sets the words of t, redrawing only when they differ: text costs a layout.
func say(t *canvas.Text, s string) {
	if t.Text != s {
		t.Text = s
		t.Refresh()
	}
}
