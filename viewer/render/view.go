package render

import (
	"math"

	"columna/volume"
)

// View is the pan and zoom of a pane. Zoom 1 fits the slice into the pane; U
// and V are the millimetres along the frame's Right and Down from the slice's
// middle to the pane's middle. Pixels are always square in millimetres.
type View struct {
	Zoom float64
	U, V float64
}

// Fit shows the whole slice.
func Fit() View { return View{Zoom: 1} }

// Lens is a View applied to a frame, a slice and a pane size: it maps device
// pixels to patient millimetres and back.
type Lens struct {
	Frame   Frame
	K       int
	PxPerMM float64
	w, h    float64
	u, v    float64
	center  volume.Vec3
}

// NewLens joins a view, a slice and a pane of w x h device pixels.
func NewLens(f Frame, k int, view View, w, h int) Lens {
	eu, ev := f.ExtentMM()
	zoom := view.Zoom
	if !(zoom > 0) {
		zoom = 1
	}
	fit := math.Min(float64(w)/eu, float64(h)/ev)
	return Lens{Frame: f, K: k, PxPerMM: fit * zoom, w: float64(w), h: float64(h), u: view.U, v: view.V, center: f.CenterMM(k)}
}

// Patient maps a device pixel position (0,0 is the pane's top left corner) to
// millimetres on the slice.
func (l Lens) Patient(x, y float64) volume.Vec3 {
	u := l.u + (x-l.w/2)/l.PxPerMM
	v := l.v + (y-l.h/2)/l.PxPerMM
	return l.center.Add(l.Frame.Right.Scale(u)).Add(l.Frame.Down.Scale(v))
}

// Pixel maps a patient point to device pixels by dropping it on the slice; off
// is how far in front of or behind the slice it lies.
func (l Lens) Pixel(mm volume.Vec3) (x, y, off float64) {
	d := mm.Sub(l.center)
	x = (d.Dot(l.Frame.Right)-l.u)*l.PxPerMM + l.w/2
	y = (d.Dot(l.Frame.Down)-l.v)*l.PxPerMM + l.h/2
	return x, y, d.Dot(l.Frame.Normal)
}

// ZoomAt zooms by a factor and keeps the millimetre under pixel (x, y) there.
func (view View) ZoomAt(l Lens, factor, x, y float64) View {
	zoom := math.Min(math.Max(view.Zoom*factor, 0.25), 40)
	real := zoom / view.Zoom
	du, dv := (x-l.w/2)/l.PxPerMM, (y-l.h/2)/l.PxPerMM
	return View{Zoom: zoom, U: view.U + du*(1-1/real), V: view.V + dv*(1-1/real)}
}

// Pan moves the image by device pixels.
func (view View) Pan(l Lens, dx, dy float64) View {
	view.U -= dx / l.PxPerMM
	view.V -= dy / l.PxPerMM
	return view
}

// Follow is the view in which pane "to" shows the same patient point in its
// middle and the same scale as pane "from".
func Follow(from, to Lens) View {
	mid := from.Patient(from.w/2, from.h/2)
	d := mid.Sub(to.center)
	eu, ev := to.Frame.ExtentMM()
	fit := math.Min(to.w/eu, to.h/ev)
	return View{Zoom: from.PxPerMM / fit, U: d.Dot(to.Frame.Right), V: d.Dot(to.Frame.Down)}
}
