package render

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
)

// Fill paints a box in one opaque colour.
func Fill(dst *image.RGBA, r image.Rectangle, c color.RGBA) {
	r = r.Intersect(dst.Rect)
	v := pack(c.R, c.G, c.B)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := dst.Pix[dst.PixOffset(r.Min.X, y):][:4*r.Dx()]
		for i := 0; i < len(row); i += 4 {
			binary.LittleEndian.PutUint32(row[i:], v)
		}
	}
}

// frame draws the border of a box inside it, n pixels thick.
func frame(dst *image.RGBA, r image.Rectangle, n int, c color.RGBA) {
	Fill(dst, image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+n), c)
	Fill(dst, image.Rect(r.Min.X, r.Max.Y-n, r.Max.X, r.Max.Y), c)
	Fill(dst, image.Rect(r.Min.X, r.Min.Y, r.Min.X+n, r.Max.Y), c)
	Fill(dst, image.Rect(r.Max.X-n, r.Min.Y, r.Max.X, r.Max.Y), c)
}

// dot blends one pixel; a is 0..255 coverage times the colour's own alpha.
func dot(dst *image.RGBA, x, y int, c color.RGBA, a uint32) {
	if !(image.Point{x, y}.In(dst.Rect)) {
		return
	}
	a = a * uint32(c.A) / 255
	p := dst.Pix[dst.PixOffset(x, y):][:4]
	p[0] = uint8((uint32(p[0])*(255-a) + uint32(c.R)*a) / 255)
	p[1] = uint8((uint32(p[1])*(255-a) + uint32(c.G)*a) / 255)
	p[2] = uint8((uint32(p[2])*(255-a) + uint32(c.B)*a) / 255)
	p[3] = 255
}

// stamp blends a glyph's mask.
func stamp(dst *image.RGBA, x0, y0 int, m *image.Alpha, c color.RGBA) {
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			if a := m.Pix[y*m.Stride+x]; a != 0 {
				dot(dst, x0+x, y0+y, c, uint32(a))
			}
		}
	}
}

// line draws an anti-aliased line of the given width. dash > 0 leaves gaps of
// that length.
func line(dst *image.RGBA, x0, y0, x1, y1, width float64, c color.RGBA, dash float64) {
	x0, y0, x1, y1, ok := clip(x0, y0, x1, y1, dst.Rect, width+2)
	if !ok {
		return
	}
	length := math.Hypot(x1-x0, y1-y0)
	if length == 0 {
		return
	}
	ux, uy := (x1-x0)/length, (y1-y0)/length
	half := width / 2
	bx := image.Rect(int(math.Min(x0, x1)-half-1), int(math.Min(y0, y1)-half-1), int(math.Max(x0, x1)+half+2), int(math.Max(y0, y1)+half+2))
	bx = bx.Intersect(dst.Rect)
	steep := math.Abs(uy) > math.Abs(ux)
	visit := func(x, y int) {
		px, py := float64(x)+0.5-x0, float64(y)+0.5-y0
		along, off := px*ux+py*uy, math.Abs(px*uy-py*ux)
		if along < -0.5 || along > length+0.5 || dash > 0 && int(along/dash)%2 == 1 {
			return
		}
		if a := math.Min(1, half+0.5-off); a > 0 {
			dot(dst, x, y, c, uint32(a*255))
		}
	}
	sweep(bx, x0, y0, ux, uy, half, steep, visit)
}

// sweep visits the pixels near a line, one short run per row or column.
func sweep(bx image.Rectangle, x0, y0, ux, uy, half float64, steep bool, visit func(x, y int)) {
	if steep {
		reach := int(half/math.Abs(uy) + 2)
		for y := bx.Min.Y; y < bx.Max.Y; y++ {
			mid := int(x0 + (float64(y)+0.5-y0)*ux/uy)
			for x := max(mid-reach, bx.Min.X); x <= min(mid+reach, bx.Max.X-1); x++ {
				visit(x, y)
			}
		}
		return
	}
	reach := int(half/math.Abs(ux) + 2)
	for x := bx.Min.X; x < bx.Max.X; x++ {
		mid := int(y0 + (float64(x)+0.5-x0)*uy/ux)
		for y := max(mid-reach, bx.Min.Y); y <= min(mid+reach, bx.Max.Y-1); y++ {
			visit(x, y)
		}
	}
}

// clip cuts a segment to a box grown by margin (Liang-Barsky).
func clip(x0, y0, x1, y1 float64, r image.Rectangle, margin float64) (a, b, c, d float64, ok bool) {
	dx, dy := x1-x0, y1-y0
	t0, t1 := 0.0, 1.0
	for _, e := range [4][2]float64{
		{-dx, x0 - float64(r.Min.X) + margin}, {dx, float64(r.Max.X) + margin - x0},
		{-dy, y0 - float64(r.Min.Y) + margin}, {dy, float64(r.Max.Y) + margin - y0},
	} {
		p, q := e[0], e[1]
		if p == 0 {
			if !(q >= 0) {
				return 0, 0, 0, 0, false
			}
			continue
		}
		if t := q / p; p < 0 {
			t0 = math.Max(t0, t)
		} else {
			t1 = math.Min(t1, t)
		}
	}
	if !(t0 <= t1) {
		return 0, 0, 0, 0, false
	}
	return x0 + t0*dx, y0 + t0*dy, x0 + t1*dx, y0 + t1*dy, true
}

// ring draws a circle.
func ring(dst *image.RGBA, cx, cy, radius, width float64, c color.RGBA) {
	n := int(math.Min(math.Max(12, radius*0.9), 180))
	px, py := cx+radius, cy
	for i := 1; i <= n; i++ {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		x, y := cx+radius*cos, cy+radius*sin
		line(dst, px, py, x, y, width, c, 0)
		px, py = x, y
	}
}

// disc fills a small circle.
func disc(dst *image.RGBA, cx, cy, radius float64, c color.RGBA) {
	for y := int(cy - radius - 1); y <= int(cy+radius+1); y++ {
		for x := int(cx - radius - 1); x <= int(cx+radius+1); x++ {
			d := math.Hypot(float64(x)+0.5-cx, float64(y)+0.5-cy)
			if a := math.Min(1, radius+0.5-d); a > 0 {
				dot(dst, x, y, c, uint32(a*255))
			}
		}
	}
}

// Lighten lifts a structure's colour so that letters in it read on black.
func Lighten(c color.RGBA) color.RGBA {
	up := func(v uint8) uint8 { return uint8(float64(v) + (255-float64(v))*0.35) }
	return color.RGBA{up(c.R), up(c.G), up(c.B), 255}
}
