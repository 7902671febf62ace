// Package plot draws the curves of a training as a picture with labelled axes.
package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Line is one curve. A point that is not finite interrupts it.
type Line struct {
	Name string
	X, Y []float64
}

// Chart is curves over one pair of axes.
type Chart struct {
	Title, XLabel, YLabel string
	Lines                 []Line
	Log                   bool // the y axis is logarithmic; values of zero and less are left out
}

// Sizes in pixels.
const (
	Width, Height = 960, 420 // of a chart
	left, right   = 84, 240  // margins: y axis, legend
	top, bottom   = 44, 56
	textSize      = 14
	tickCount     = 6
	legendStep    = 20
	maxLegend     = (Height - top) / legendStep
)

// Draw draws charts one below the other.
func Draw(charts []Chart) (image.Image, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: textSize, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, Width, Height*len(charts)))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	for n, c := range charts {
		p := &page{img: out, face: face, y0: n * Height, x: spanOf(c, false), y: spanOf(c, true)}
		p.chart(c)
	}
	return out, nil
}

// page is where one chart is drawn.
type page struct {
	img  *image.RGBA
	face font.Face
	y0   int // top of the chart
	x, y span
}

func (p *page) chart(c Chart) {
	p.text((left+Width-right)/2, p.y0+top/2+textSize/2-2, c.Title, ink(), 0.5)
	for _, v := range p.x.ticks() {
		x := p.atX(v)
		p.stroke([][2]float64{{x, float64(p.y0 + top)}, {x, float64(p.y0 + Height - bottom)}}, 1, grid())
		p.text(int(x), p.y0+Height-bottom+textSize+6, number(v), ink(), 0.5)
	}
	for _, v := range p.y.ticks() {
		y := p.atY(v)
		p.stroke([][2]float64{{left, y}, {Width - right, y}}, 1, grid())
		p.text(left-8, int(y)+textSize/2-2, number(p.y.value(v)), ink(), 1)
	}
	p.text((left+Width-right)/2, p.y0+Height-12, c.XLabel, ink(), 0.5)
	p.text(8, p.y0+top-8, c.YLabel, ink(), 0)
	for n, l := range c.Lines {
		p.line(l, tint(n), weight(n))
		p.legend(n, len(c.Lines), l.Name)
	}
}

// line draws a curve, a point where it has one value only.
func (p *page) line(l Line, c color.RGBA, width float64) {
	var run [][2]float64
	end := func() {
		if len(run) == 1 {
			x, y := run[0][0], run[0][1]
			run = [][2]float64{{x - 3, y}, {x + 3, y}}
		}
		p.stroke(run, width, c)
		run = nil
	}
	for n := range min(len(l.X), len(l.Y)) {
		x, y := l.X[n], p.y.place(l.Y[n])
		if math.IsNaN(x+y) || math.IsInf(x+y, 0) {
			end()
			continue
		}
		run = append(run, [2]float64{p.atX(x), p.atY(y)})
	}
	end()
}

func (p *page) legend(n, count int, name string) {
	y := p.y0 + top + n*legendStep + textSize/2
	switch {
	case n >= maxLegend-1 && count > maxLegend:
		if n == maxLegend-1 {
			p.text(Width-right+14, y+textSize/2-2, fmt.Sprintf("and %d more", count-n), ink(), 0)
		}
		return
	}
	p.stroke([][2]float64{{Width - right + 14, float64(y)}, {Width - right + 34, float64(y)}}, weight(n)+1, tint(n))
	p.text(Width-right+40, y+textSize/2-2, p.shortened(name, right-46), ink(), 0)
}

// shortened cuts the middle out of words that are wider than so many pixels.
func (p *page) shortened(words string, width int) string {
	r := []rune(words)
	for cut := 0; font.MeasureString(p.face, words).Ceil() > width && cut < len(r)-2; cut++ {
		half := (len(r) - cut) / 2
		words = string(r[:half]) + "…" + string(r[len(r)-half:])
	}
	return words
}

func (p *page) atX(v float64) float64 { return left + p.x.share(v)*(Width-right-left) }
func (p *page) atY(v float64) float64 {
	return float64(p.y0+Height-bottom) - p.y.share(v)*(Height-top-bottom)
}

// text writes words with their baseline at y; align is the share of them left of x.
func (p *page) text(x, y int, words string, c color.Color, align float64) {
	x -= int(align * float64(font.MeasureString(p.face, words).Ceil()))
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(c), Face: p.face, Dot: fixed.P(x, y)}
	d.DrawString(words)
}

// stroke draws straight pieces of a width.
func (p *page) stroke(points [][2]float64, width float64, c color.RGBA) {
	r := vector.NewRasterizer(Width, Height)
	for n := 1; n < len(points); n++ {
		a, b := points[n-1], points[n]
		dx, dy := b[0]-a[0], b[1]-a[1]
		length := math.Hypot(dx, dy)
		if length == 0 {
			continue
		}
		ox, oy := -dy/length*width/2, dx/length*width/2
		r.Reset(Width, Height)
		top := float64(p.y0)
		r.MoveTo(float32(a[0]+ox), float32(a[1]+oy-top))
		r.LineTo(float32(b[0]+ox), float32(b[1]+oy-top))
		r.LineTo(float32(b[0]-ox), float32(b[1]-oy-top))
		r.LineTo(float32(a[0]-ox), float32(a[1]-oy-top))
		r.ClosePath()
		r.Draw(p.img, image.Rect(0, p.y0, Width, p.y0+Height), image.NewUniform(c), image.Point{})
	}
}

// span is an axis; with log it is of the logarithms to base 10.
type span struct {
	lo, hi float64
	log    bool
}

// spanOf is the axis that holds all points of a chart.
func spanOf(c Chart, y bool) span {
	s := span{lo: math.Inf(1), hi: math.Inf(-1), log: c.Log && y}
	for _, l := range c.Lines {
		values := l.X
		if y {
			values = l.Y
		}
		for _, v := range values {
			if v = s.place(v); !math.IsNaN(v) && !math.IsInf(v, 0) {
				s.lo, s.hi = min(s.lo, v), max(s.hi, v)
			}
		}
	}
	switch {
	case s.lo > s.hi:
		s.lo, s.hi = 0, 1
	case s.lo == s.hi:
		s.lo, s.hi = s.lo-0.5, s.hi+0.5
	}
	return s
}

// place is where a value stands on the axis; value is its inverse.
func (s span) place(v float64) float64 {
	if s.log {
		return math.Log10(v)
	}
	return v
}

func (s span) value(at float64) float64 {
	if s.log {
		return math.Pow(10, at)
	}
	return at
}

func (s span) share(at float64) float64 { return (at - s.lo) / (s.hi - s.lo) }

// ticks are round places, about tickCount of them.
func (s span) ticks() (out []float64) {
	raw := (s.hi - s.lo) / tickCount
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := unit * 10
	for _, f := range []float64{1, 2, 5} {
		if f*unit >= raw {
			step = f * unit
			break
		}
	}
	for n := math.Ceil(s.lo/step - 1e-9); n*step <= s.hi+step*1e-9; n++ {
		out = append(out, n*step)
	}
	return out
}

// number is short, without the noise of rounding.
func number(v float64) string {
	if math.Abs(v) < 1e-12 {
		v = 0
	}
	if math.Abs(v) >= 1000 && math.Abs(v) < 1e9 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func ink() color.RGBA  { return color.RGBA{0x26, 0x2B, 0x33, 255} }
func grid() color.RGBA { return color.RGBA{0xE2, 0xE5, 0xEA, 255} }

// tint is the colour of the n-th line: those of Okabe and Ito, which the colour blind
// can tell apart.
func tint(n int) color.RGBA {
	all := [tints]color.RGBA{{0x00, 0x72, 0xB2, 255}, {0xD5, 0x5E, 0x00, 255}, {0x00, 0x9E, 0x73, 255}, {0xCC, 0x79, 0xA7, 255},
		{0xE6, 0x9F, 0x00, 255}, {0x56, 0xB4, 0xE9, 255}, {0x5A, 0x5A, 0x5A, 255}}
	return all[n%tints]
}

const tints = 7

// weight is the width of the n-th line: those that share a colour differ in it.
func weight(n int) float64 { return 2.5 / float64(1+n/tints) }
