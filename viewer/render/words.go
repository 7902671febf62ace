package render

import (
	"fmt"
	"image"
	"math"

	"columna/assets"
)

// words draws everything that is read: caption, sides, names, scales. All of
// it stays at the rim of the pane; the middle belongs to the anatomy.
func (p *Painter) words(s *Scene) {
	d, pal := s.density(), assets.Dark()
	r := p.img.Rect
	if s.Stack == nil {
		st := Style{Size: 12 * d, Color: pal.Faint}
		p.typ.DrawIn(p.img, r.Inset(int(12*d)), s.Marks.Empty, 1, st)
		p.caption(s, d)
	} else if !s.Marks.Bare {
		p.caption(s, d)
		p.sides(s, d)
		p.names(s, d)
		p.scaleBar(d)
		p.foot(s, d)
		if s.Heat != nil && s.Heat.Volume != nil && s.Heat.Legend {
			p.legend(s.Heat, d)
		}
	}
	if s.Marks.Active {
		frame(p.img, r, max(1, int(1.5*d)), faded(pal.Accent, 255))
	}
}

// title is the caption, or the stack's own name.
func title(s *Scene) string {
	if s.Marks.Caption == "" && s.Stack != nil {
		return s.Stack.Title()
	}
	return s.Marks.Caption
}

func (p *Painter) caption(s *Scene, d float64) {
	pal := assets.Dark()
	box := image.Rect(int(8*d), int(4*d), p.img.Rect.Dx()-int(8*d), int(22*d))
	right := ""
	if s.Stack != nil {
		right = fmt.Sprintf("%d / %d", s.Slice+1, s.Stack.Len())
	}
	quiet := Style{Size: 12 * d, Color: pal.Quiet, Halo: true}
	p.typ.DrawIn(p.img, box, right, 2, quiet)
	left := box
	left.Max.X -= p.typ.Width(right, quiet) + int(10*d)
	p.typ.DrawIn(p.img, left, title(s), 0, Style{Size: 12 * d, Medium: true, Color: pal.Ink, Halo: true})
	if s.Marks.Note != "" {
		p.typ.DrawIn(p.img, box.Add(image.Pt(0, int(17*d))), s.Marks.Note, 0, Style{Size: 11 * d, Color: pal.Quiet, Halo: true})
	}
}

// sides are the patient directions at the four edges.
func (p *Painter) sides(s *Scene, d float64) {
	st := Style{Size: 13 * d, Medium: true, Color: assets.Dark().Ink, Halo: true}
	left, right, top, bottom := p.lens.Frame.Letters()
	r := p.img.Rect
	w, h, pad := r.Dx(), r.Dy(), int(7*d)
	mid := h/2 + int(5*d)
	p.typ.Draw(p.img, pad, mid, left, st)
	p.typ.Draw(p.img, w-pad-p.typ.Width(right, st), mid, right, st)
	y := int(18 * d)
	if p.typ.Width(title(s), Style{Size: 12 * d, Medium: true}) > w/2-int(20*d) {
		y = int(52 * d) // a long caption has taken its place
	}
	p.typ.Draw(p.img, (w-p.typ.Width(top, st))/2, y, top, st)
	p.typ.Draw(p.img, (w-p.typ.Width(bottom, st))/2, h-pad, bottom, st)
}

// names writes the vertebrae in a column beside the image at the height of
// their middles, with a short tick. Only planes that run along the spine have
// room for it.
func (p *Painter) names(s *Scene, d float64) {
	if math.Abs(p.lens.Frame.Down[2]) < 0.7 || s.Overlay != nil && s.Overlay.Off {
		return
	}
	x := int(24 * d)
	h, low := float64(p.img.Rect.Dy()), 34*d
	if s.Heat != nil && s.Heat.Legend {
		low = 70 * d
	}
	for _, n := range s.Marks.Names {
		if !n.Structure.IsVertebra() || len(n.Name) > 4 {
			continue
		}
		_, y, _ := p.lens.Pixel(n.MM)
		if y < 46*d || y > h-low {
			continue
		}
		st := Style{Size: 12 * d, Medium: true, Color: Lighten(n.Color), Halo: true}
		p.typ.Draw(p.img, x, int(y+4*d), n.Name, st)
		w := float64(p.typ.Width(n.Name, st))
		line(p.img, float64(x)+w+4*d, y, float64(x)+w+12*d, y, d, Lighten(n.Color), 0)
	}
}

// scaleBar is a round length of at most a quarter of the pane's width.
func (p *Painter) scaleBar(d float64) {
	mm, name := ScaleLength(float64(p.img.Rect.Dx()) / 4 / p.lens.PxPerMM)
	pal := assets.Dark()
	x1, y := float64(p.img.Rect.Dx())-10*d, float64(p.img.Rect.Dy())-10*d
	x0 := x1 - mm*p.lens.PxPerMM
	dark := pal.Void
	dark.A = 150
	for _, c := range [2]struct {
		width float64
		dark  bool
	}{{3 * d, true}, {1.2 * d, false}} {
		ink := pal.Ink
		if c.dark {
			ink = dark
		}
		line(p.img, x0, y, x1, y, c.width, ink, 0)
		line(p.img, x0, y-3*d, x0, y+3*d, c.width, ink, 0)
		line(p.img, x1, y-3*d, x1, y+3*d, c.width, ink, 0)
	}
	box := image.Rect(int(x0), int(y-18*d), int(x1), int(y-4*d))
	p.typ.DrawIn(p.img, box, name, 1, Style{Size: 11 * d, Color: pal.Ink, Halo: true})
}

// ScaleLength is the longest of 1, 2, 5, 10 .. mm within a length, and its name.
func ScaleLength(maxMM float64) (mm float64, name string) {
	mm = 1
	for _, c := range []float64{2, 5, 10, 20, 50, 100, 200} {
		if c <= maxMM {
			mm = c
		}
	}
	if mm >= 10 {
		return mm, fmt.Sprintf("%g cm", mm/10)
	}
	return mm, fmt.Sprintf("%g mm", mm)
}

// foot is the window at the bottom left, and the AI mark above it.
func (p *Painter) foot(s *Scene, d float64) {
	pal := assets.Dark()
	y := p.img.Rect.Dy() - int(8*d)
	x := int(8 * d)
	if s.Marks.Badge != "" && s.Overlay != nil && !s.Overlay.Off {
		st := Style{Size: 11 * d, Medium: true, Color: pal.AccentInk}
		w := p.typ.Width(s.Marks.Badge, st)
		box := image.Rect(x, y-int(29*d), x+w+int(8*d), y-int(14*d))
		Fill(p.img, box, pal.Accent)
		p.typ.DrawIn(p.img, box, s.Marks.Badge, 1, st)
	}
	text := fmt.Sprintf("W %.0f  L %.0f", s.Window.Width(), s.Window.Level())
	p.typ.Draw(p.img, x, y, text, Style{Size: 11 * d, Color: pal.Quiet, Halo: true})
}

// legend is the heat map's own scale: 0 to 100 % of the raw maximum it names.
func (p *Painter) legend(h *Heat, d float64) {
	pal, colors := assets.Dark(), assets.Heat()
	w := int(math.Min(170*d, float64(p.img.Rect.Dx())*0.55))
	x, y := int(8*d), p.img.Rect.Dy()-int(58*d)
	bar := image.Rect(x, y, x+w, y+int(8*d))
	for i := range w {
		Fill(p.img, image.Rect(x+i, bar.Min.Y, x+i+1, bar.Max.Y), colors[i*255/max(1, w-1)])
	}
	frame(p.img, bar.Inset(-1), 1, pal.Line)
	st := Style{Size: 10.5 * d, Color: pal.Ink, Halo: true}
	row := image.Rect(x, bar.Max.Y+int(2*d), x+w, bar.Max.Y+int(15*d))
	p.typ.DrawIn(p.img, row, "0", 0, st)
	p.typ.DrawIn(p.img, row, fmt.Sprintf("100 %% = %.3g", h.RawMax), 2, st)
	words := "share of the map's own maximum"
	if h.Model != "" {
		words = "model " + h.Model
	}
	p.typ.DrawIn(p.img, row.Add(image.Pt(0, int(14*d))), words, 0, Style{Size: 10.5 * d, Color: pal.Quiet, Halo: true})
}
