package app

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"columna/assets"
)

// hanging lays the visible panes in up to three columns and two rows with
// hairlines between, so that a study of one series gets all of the room.
type hanging struct{ maximised int } // the pane that was made large, -1: none

// shape is how many columns and rows n panes take.
func shape(n int) (columns, rows int) {
	switch {
	case n <= 3:
		return max(n, 1), 1
	case n == 4:
		return 2, 2
	}
	return 3, 2
}

func (h *hanging) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(480, 320) }

func (h *hanging) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	const gap = 2
	var shown []fyne.CanvasObject
	for _, o := range objects {
		if o.Visible() {
			shown = append(shown, o)
		}
	}
	columns, rows := shape(len(shown))
	w, ht := (size.Width-gap*float32(columns-1))/float32(columns), (size.Height-gap*float32(rows-1))/float32(rows)
	for n, o := range shown {
		o.Move(fyne.NewPos(float32(n%columns)*(w+gap), float32(n/columns)*(ht+gap)))
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
