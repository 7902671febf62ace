package render

import (
	"image"
	"image/color"
	"math"

	"columna/assets"
	"columna/spine"
	"columna/volume"
)

// Plane is the reference rectangle of slice n of a stack.
func (s *Stack) Plane(n int) Reference {
	_, f, k := s.At(n)
	return Reference{Corners: f.CornersMM(k)}
}

// Cut is where a reference rectangle crosses the lens' slice, in device pixels.
// Planes within 20 degrees of parallel have no useful line.
func (l Lens) Cut(r Reference) (x0, y0, x1, y1 float64, ok bool) {
	n := r.Corners[1].Sub(r.Corners[0]).Cross(r.Corners[3].Sub(r.Corners[0])).Unit()
	if math.Abs(n.Dot(l.Frame.Normal)) > math.Cos(20*math.Pi/180) {
		return 0, 0, 0, 0, false
	}
	var hits []volume.Vec3
	for i := range 4 {
		a, b := r.Corners[i], r.Corners[(i+1)%4]
		da, db := a.Sub(l.center).Dot(l.Frame.Normal), b.Sub(l.center).Dot(l.Frame.Normal)
		if (da < 0) != (db < 0) {
			hits = append(hits, a.Add(b.Sub(a).Scale(da/(da-db))))
		}
	}
	if len(hits) != 2 {
		return 0, 0, 0, 0, false
	}
	x0, y0, _ = l.Pixel(hits[0])
	x1, y1, _ = l.Pixel(hits[1])
	return x0, y0, x1, y1, true
}

// marks draws the thin geometry of a scene.
func (p *Painter) marks(s *Scene) {
	d, pal := s.density(), assets.Dark()
	for _, r := range s.Marks.References {
		if x0, y0, x1, y1, ok := p.lens.Cut(r); ok {
			c, w := faded(pal.Reference, 110), d
			if r.Strong {
				c, w = faded(pal.Reference, 230), 1.3*d
			}
			line(p.img, x0, y0, x1, y1, w, c, 0)
		}
	}
	if m := s.Marks.Crosshair; m != nil {
		p.crosshair(*m, d, pal.Accent)
	}
	p.points(s.Marks.Points, d)
	for _, b := range s.Marks.Boxes {
		p.box(b, d)
	}
	if b := s.Marks.Brush; b != nil {
		p.brush(*b, d)
	}
}

// crosshair leaves the middle open so that the point itself can be seen. Off
// the slice, by more than half the slice distance, it is dashed.
func (p *Painter) crosshair(mm volume.Vec3, d float64, c color.RGBA) {
	x, y, off := p.lens.Pixel(mm)
	x, y = math.Floor(x)+0.5, math.Floor(y)+0.5
	dash := 0.0
	if math.Abs(off) > 0.55*p.lens.Frame.Grid.SpacingMM()[2] {
		dash = 4 * d
	}
	w, h := float64(p.img.Rect.Dx()), float64(p.img.Rect.Dy())
	gap := 14 * d
	c = faded(c, 120)
	line(p.img, 0, y, x-gap, y, d, c, dash)
	line(p.img, x+gap, y, w, y, d, c, dash)
	line(p.img, x, 0, x, y-gap, d, c, dash)
	line(p.img, x, y+gap, x, h, d, c, dash)
}

// points marks evidence, on the slices that it lies on. A label that would lie on an
// earlier one goes below it.
func (p *Painter) points(marks []Mark, d float64) {
	var taken []image.Rectangle
	for _, m := range marks {
		x, y, off := p.lens.Pixel(m.MM)
		if math.Abs(off) > 0.55*p.lens.Frame.Grid.SpacingMM()[2] {
			continue
		}
		ring(p.img, x, y, 9*d, 2.6*d, color.RGBA{0, 0, 0, 160})
		ring(p.img, x, y, 9*d, 1.4*d, m.Color)
		if m.Text == "" {
			continue
		}
		st := Style{Size: 11 * d, Medium: true, Color: m.Color, Halo: true}
		base := image.Pt(int(x+12*d), int(y-7*d))
		box := below(taken, image.Rect(base.X, base.Y-int(10*d), base.X+p.typ.Width(m.Text, st), base.Y+int(3*d)))
		taken = append(taken, box)
		p.typ.Draw(p.img, box.Min.X, box.Min.Y+int(10*d), m.Text, st)
	}
}

// below moves a box down until it meets none of those taken.
func below(taken []image.Rectangle, box image.Rectangle) image.Rectangle {
	for n := 0; n < len(taken); n++ {
		if t := taken[n]; t.Overlaps(box) {
			box = box.Add(image.Pt(0, t.Max.Y-box.Min.Y))
			n = -1 // lower down it may meet another
		}
	}
	return box
}

// box draws where a box lies on the slice, as the rectangle that holds it, and
// nothing on slices that it does not reach.
func (p *Painter) box(b spine.Box, d float64) {
	x0, y0, near := math.Inf(1), math.Inf(1), math.Inf(1)
	x1, y1, far := math.Inf(-1), math.Inf(-1), math.Inf(-1)
	for corner := range 8 {
		mm := b.Min
		for a := range 3 {
			if corner>>a&1 == 1 {
				mm[a] = b.Max[a]
			}
		}
		x, y, off := p.lens.Pixel(mm)
		x0, y0, near = math.Min(x0, x), math.Min(y0, y), math.Min(near, off)
		x1, y1, far = math.Max(x1, x), math.Max(y1, y), math.Max(far, off)
	}
	if near > 0 || far < 0 {
		return
	}
	c := assets.Dark().Warning
	for _, e := range [4][4]float64{{x0, y0, x1, y0}, {x1, y0, x1, y1}, {x1, y1, x0, y1}, {x0, y1, x0, y0}} {
		line(p.img, e[0], e[1], e[2], e[3], 1.4*d, c, 0)
	}
}

func (p *Painter) brush(b Brush, d float64) {
	x, y, off := p.lens.Pixel(b.MM)
	if math.Abs(off) > 0.55*p.lens.Frame.Grid.SpacingMM()[2] {
		return
	}
	pal := assets.Dark()
	c := pal.Accent
	if b.Erase {
		c = pal.Warning
	}
	r := math.Max(b.RadiusMM*p.lens.PxPerMM, 1.5*d)
	ring(p.img, x, y, r, 2.4*d, color.RGBA{0, 0, 0, 120})
	ring(p.img, x, y, r, 1.2*d, c)
}

func faded(c color.RGBA, a uint8) color.RGBA { c.A = a; return c }
