package app

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"columna/assets"
)

// hanging lays the panes in three columns and two rows with hairlines between;
// a maximised pane takes all of it.
type hanging struct{ maximised int } // -1: none

func (h *hanging) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(480, 320) }

func (h *hanging) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	const gap = 2
	w, ht := (size.Width-2*gap)/3, (size.Height-gap)/2
	for n, o := range objects {
		if h.maximised >= 0 {
			if n == h.maximised {
				o.Move(fyne.NewPos(0, 0))
				o.Resize(size)
			}
			continue
		}
		o.Move(fyne.NewPos(float32(n%3)*(w+gap), float32(n/3)*(ht+gap)))
		o.Resize(fyne.NewSize(w, ht))
	}
}

// column gives an object a fixed width whatever its content says, so that
// nothing moves when words change.
type column struct{ width float32 }

func (c column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	h := float32(0)
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return fyne.NewSize(c.width, h)
}

func (c column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(size)
	}
}

// row gives an object a fixed height.
type row struct{ height float32 }

func (r row) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := float32(0)
	for _, o := range objects {
		w = max(w, o.MinSize().Width)
	}
	return fyne.NewSize(w, r.height)
}

func (r row) Layout(objects []fyne.CanvasObject, size fyne.Size) { column{}.Layout(objects, size) }

const partsGap = 6

// parts shares the width by weights; a weight of 0 takes the minimum width.
type parts struct{ weights []float32 }

func (p parts) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for n, o := range objects {
		m := o.MinSize()
		s.Height = max(s.Height, m.Height)
		if p.weights[n] == 0 {
			s.Width += m.Width
		}
	}
	s.Width += partsGap * float32(max(len(objects)-1, 0))
	return s
}

func (p parts) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	const gap = partsGap
	free, sum := size.Width-gap*float32(len(objects)-1), float32(0)
	for n, o := range objects {
		if p.weights[n] == 0 {
			free -= o.MinSize().Width
		}
		sum += p.weights[n]
	}
	x := float32(0)
	for n, o := range objects {
		w := o.MinSize().Width
		if p.weights[n] > 0 {
			w = free * p.weights[n] / sum
		}
		h := size.Height
		if _, isText := o.(*canvas.Text); isText {
			h = o.MinSize().Height
		}
		o.Move(fyne.NewPos(x, (size.Height-h)/2))
		o.Resize(fyne.NewSize(w, h))
		x += w + gap
	}
}

// inset puts the same space round an object.
type inset struct{ x, y float32 }

func (i inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := objects[0].MinSize()
	return fyne.NewSize(m.Width+2*i.x, m.Height+2*i.y)
}

func (i inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(i.x, i.y))
		o.Resize(fyne.NewSize(size.Width-2*i.x, size.Height-2*i.y))
	}
}

func padded(o fyne.CanvasObject, x, y float32) *fyne.Container {
	return container.New(inset{x, y}, o)
}

// hairline is a one-unit line; it stretches along its container.
func hairline() *canvas.Rectangle {
	r := canvas.NewRectangle(assets.Dark().Line)
	r.SetMinSize(fyne.NewSize(1, 1))
	return r
}
