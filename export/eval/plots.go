package eval

import (
	"fmt"
	"math"
	"slices"

	"columna/export/metrics"
)

// sample is the values of one group of a violin plot; names tell whose they are.
type sample struct {
	name   string
	values []float64
	whose  []string
}

// violins draws, per group, where values lie (a Gaussian kernel, B. W. Silverman's
// width), the box of the middle half, the median and every value.
func violins(groups []sample, axis string) string {
	const wide = 96
	c := newChart(66+wide*float64(len(groups)), 300)
	lowest := math.Inf(1)
	for _, g := range groups {
		lowest = min(lowest, slices.Min(g.values))
	}
	c.y0 = below(lowest)
	c.yAxis(axis)
	for n, g := range groups {
		mid := c.left + wide*(float64(n)+0.5)
		c.violin(seriesClass(n), mid, wide*0.4, g)
		c.text("tick mid", mid, c.h-c.bottom+16, g.name)
		c.text("tick mid faint", mid, c.h-c.bottom+31, fmt.Sprintf("n = %d", len(g.values)))
	}
	return c.done()
}

func (c *chart) violin(class string, mid, half float64, g sample) {
	sorted := slices.Sorted(slices.Values(g.values))
	q := func(p float64) float64 { return metrics.Quantile(sorted, p) }
	if shape := density(sorted, c.y0, c.y1); shape != nil {
		var outline [][2]float64
		for _, side := range []float64{1, -1} {
			for n := range shape {
				at := n
				if side < 0 {
					at = len(shape) - 1 - n
				}
				v := c.y0 + (c.y1-c.y0)*float64(at)/float64(len(shape)-1)
				outline = append(outline, [2]float64{mid + side*half*shape[at], c.y(v)})
			}
		}
		c.path("violin "+class, outline, true)
	}
	for n, v := range g.values {
		shift := float64(n%7-3) / 3 * half * 0.35 // spread so that equal values stay in sight
		c.dot("point "+class, mid+shift, c.y(v), 2.2, fmt.Sprintf("%s: %.3f", g.whose[n], v))
	}
	c.rect("box", mid-9, c.y(q(0.75)), 18, c.y(q(0.25))-c.y(q(0.75)))
	c.line("median", mid-13, c.y(q(0.5)), mid+13, c.y(q(0.5)))
}

// density is how many values lie around each of 60 places from lo to hi, 1 where most
// do; nil where they do not spread.
func density(sorted []float64, lo, hi float64) []float64 {
	n := float64(len(sorted))
	mean := metrics.Mean(sorted)
	sd := 0.0
	for _, v := range sorted {
		sd += (v - mean) * (v - mean) / n
	}
	width := 0.9 * math.Sqrt(sd) * math.Pow(n, -0.2)
	if len(sorted) < 4 || width < 1e-9 {
		return nil
	}
	out := make([]float64, 60)
	for i := range out {
		at := lo + (hi-lo)*float64(i)/float64(len(out)-1)
		for _, v := range sorted {
			out[i] += math.Exp(-(at - v) * (at - v) / (2 * width * width))
		}
	}
	most := slices.Max(out)
	for i := range out {
		out[i] /= max(most, 1e-12)
	}
	return out
}

// bar is a figure with its interval in a row of a forest plot.
type bar struct {
	name, note string
	Figure
	class string
}

// forest draws figures with intervals one below the other; a line marks zero where
// they have both signs.
func forest(bars []bar, axis string, lo, hi float64) string {
	const row = 19
	c := newChart(510, 52+row*float64(len(bars)))
	c.left, c.right, c.bottom, c.x0, c.x1 = 112, 152, 40, lo, hi
	c.xAxis(axis)
	if lo < 0 && hi > 0 {
		c.line("zero", c.x(0), c.top, c.x(0), c.h-c.bottom)
	}
	for n, b := range bars {
		y := c.top + row*(float64(n)+0.5)
		clip := func(v Number) float64 { return c.x(min(max(float64(v), lo), hi)) }
		c.text("tick end", c.left-8, y+4, b.name)
		c.text("tick", c.w-c.right+8, y+4, b.note)
		if float64(b.Low) == float64(b.Low) {
			c.line("whisker "+b.class, clip(b.Low), y, clip(b.High), y)
		}
		c.dot("mark "+b.class, clip(b.Value), y, 4, b.name+": "+b.note)
	}
	return c.done()
}

// curve is a line with a band of uncertainty.
type curve struct {
	name    string
	x       []float64
	figures []Figure
}

// curves draws lines over a common axis, with a legend below them.
func curves(lines []curve, xName, yName string) string {
	c := newChart(520, 330)
	c.bottom = 72
	lowest := 1.0
	for _, l := range lines {
		for n, f := range l.figures {
			c.x1 = max(c.x1, l.x[n])
			lowest = min(lowest, float64(f.Value))
		}
	}
	c.y0 = below(lowest - 0.02)
	c.yAxis(yName)
	c.xTicks(lines[0].x, xName)
	for n, l := range lines {
		c.curve(seriesClass(n), l)
		x, y := c.left+150*float64(n%3), c.h-22+14*float64(n/3)
		c.line("stroke "+seriesClass(n), x, y-4, x+18, y-4)
		c.text("tick", x+23, y, l.name)
	}
	return c.done()
}

// xTicks marks given places.
func (c *chart) xTicks(at []float64, name string) {
	for _, v := range at {
		c.line("grid", c.x(v), c.top, c.x(v), c.h-c.bottom)
		c.text("tick mid", c.x(v), c.h-c.bottom+15, short(v))
	}
	c.text("axis", (c.left+c.w-c.right)/2, c.h-c.bottom+32, name)
}

func (c *chart) curve(class string, l curve) {
	var band, middle [][2]float64
	clip := func(v Number) float64 { return c.y(min(max(float64(v), c.y0), c.y1)) }
	for n, f := range l.figures {
		middle = append(middle, [2]float64{c.x(l.x[n]), clip(f.Value)})
		if float64(f.Low) == float64(f.Low) {
			band = append(band, [2]float64{c.x(l.x[n]), clip(f.High)})
		}
	}
	for n := len(l.figures) - 1; n >= 0; n-- {
		if f := l.figures[n]; float64(f.Low) == float64(f.Low) {
			band = append(band, [2]float64{c.x(l.x[n]), clip(f.Low)})
		}
	}
	c.path("band "+class, band, true)
	c.path("stroke "+class, middle, false)
	for n, p := range middle {
		c.dot("mark "+class, p[0], p[1], 3, fmt.Sprintf("%s: %.3f", l.name, float64(l.figures[n].Value)))
	}
}

// roc draws the curves of several questions.
func roc(names []string, score [][]float64, positive [][]bool, auc []Figure) string {
	c := newChart(400, 330+14*float64((len(names)+1)/2))
	c.bottom += 14*float64((len(names)+1)/2) + 6
	c.yAxis("sensitivity")
	c.xTicks([]float64{0, 0.2, 0.4, 0.6, 0.8, 1}, "1 − specificity")
	c.line("chance", c.x(0), c.y(0), c.x(1), c.y(1))
	for n := range names {
		var points [][2]float64
		for _, p := range metrics.ROC(score[n], positive[n]) {
			points = append(points, [2]float64{c.x(p[0]), c.y(p[1])})
		}
		c.path("stroke "+seriesClass(n), points, false)
		x, y := c.left+170*float64(n%2), c.h-c.bottom+50+14*float64(n/2)
		c.line("stroke "+seriesClass(n), x, y-4, x+16, y-4)
		c.text("tick", x+21, y, fmt.Sprintf("%s %.3f", names[n], float64(auc[n].Value)))
	}
	return c.done()
}

// reliability draws how often answers of each confidence are right; the width of a dot
// tells how many there are.
func reliability(bins []metrics.Bin, what string, ece Figure) string {
	c := newChart(330, 348)
	c.top = 34
	c.text("caption", c.left, 16, what)
	c.text("tick end faint", c.w-c.right, 16, "ECE "+words(ece, 3))
	c.yAxis("right")
	c.xTicks([]float64{0, 0.2, 0.4, 0.6, 0.8, 1}, "confidence")
	c.line("chance", c.x(0), c.y(0), c.x(1), c.y(1))
	total := 0
	for _, b := range bins {
		total += b.Count
	}
	var line [][2]float64
	for _, b := range bins {
		if b.Count == 0 {
			continue
		}
		x, y := c.x(b.Confidence), c.y(b.Accuracy)
		c.line("gap", x, y, x, c.y(b.Confidence))
		line = append(line, [2]float64{x, y})
		c.dot("mark s0", x, y, 2.5+7*math.Sqrt(float64(b.Count)/float64(total)), fmt.Sprintf("%d answers, %.3f sure, %.3f right", b.Count, b.Confidence, b.Accuracy))
	}
	c.path("stroke s0", line, false)
	return c.done()
}
