package eval

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// chart is one drawing as SVG text: no script, no foreign font, colours by the page's
// style sheet so that it can be read on light and dark and printed.
type chart struct {
	strings.Builder
	w, h                     float64 // of the drawing
	left, right, top, bottom float64 // margins around the plot
	x0, x1, y0, y1           float64 // what the plot's edges stand for
}

func newChart(w, h float64) *chart {
	c := &chart{w: w, h: h, left: 52, right: 14, top: 12, bottom: 40, x1: 1, y1: 1}
	fmt.Fprintf(c, `<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img">`, w, h, w, h)
	return c
}

// done is the drawing.
func (c *chart) done() string { return c.String() + "</svg>" }

func (c *chart) x(v float64) float64 { return c.left + (v-c.x0)/(c.x1-c.x0)*(c.w-c.left-c.right) }
func (c *chart) y(v float64) float64 {
	return c.h - c.bottom - (v-c.y0)/(c.y1-c.y0)*(c.h-c.top-c.bottom)
}

func (c *chart) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *chart) text(class string, x, y float64, s string) {
	fmt.Fprintf(c, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(s))
}

func (c *chart) dot(class string, x, y, r float64, title string) {
	fmt.Fprintf(c, `<circle class="%s" cx="%.1f" cy="%.1f" r="%g"><title>%s</title></circle>`, class, x, y, r, html.EscapeString(title))
}

func (c *chart) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(c, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, max(w, 0), max(h, 0))
}

// path joins points; closed fills.
func (c *chart) path(class string, points [][2]float64, closed bool) {
	fmt.Fprintf(c, `<path class="%s" d="`, class)
	for n, p := range points {
		fmt.Fprintf(c, "%c%.1f %.1f", "ML"[min(n, 1)], p[0], p[1])
	}
	if closed {
		c.WriteByte('Z')
	}
	c.WriteString(`"/>`)
}

// yAxis draws grid lines with their values, and what they are.
func (c *chart) yAxis(name string) {
	for _, v := range ticks(c.y0, c.y1) {
		c.line("grid", c.left, c.y(v), c.w-c.right, c.y(v))
		c.text("tick end", c.left-6, c.y(v)+4, short(v))
	}
	fmt.Fprintf(c, `<text class="axis" transform="translate(13 %.1f) rotate(-90)">%s</text>`, (c.top+c.h-c.bottom)/2, html.EscapeString(name))
}

func (c *chart) xAxis(name string) {
	for _, v := range ticks(c.x0, c.x1) {
		c.line("grid", c.x(v), c.top, c.x(v), c.h-c.bottom)
		c.text("tick mid", c.x(v), c.h-c.bottom+15, short(v))
	}
	c.text("axis", (c.left+c.w-c.right)/2, c.h-6, name)
}

// ticks are about five round numbers from lo to hi.
func ticks(lo, hi float64) (out []float64) {
	if !(hi > lo) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	for _, f := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*f) <= 6 {
			step *= f
			break
		}
	}
	for n := math.Ceil(lo/step - 1e-9); n*step <= hi+1e-9*step; n++ {
		out = append(out, n*step)
	}
	return out
}

func short(v float64) string {
	if math.Abs(v) < 1e-12 {
		return "0"
	}
	return fmt.Sprintf("%.4g", v)
}

// seriesClass is the style of the n-th line or group.
func seriesClass(n int) string { return fmt.Sprintf("s%d", n%6) }

// below rounds a share down to a tenth, so that a plot of good figures is not empty.
func below(lowest float64) float64 {
	if math.IsNaN(lowest) || math.IsInf(lowest, 0) {
		return 0
	}
	return min(max(math.Floor(lowest*10)/10, 0), 0.9)
}
