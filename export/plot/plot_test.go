package plot

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"
)

func TestTicks_AreRoundAndInside(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []float64
	}{
		{0, 1, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}}, {300, 9000, []float64{2000, 4000, 6000, 8000}},
		{-0.3, 0.3, []float64{-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3}},
	} {
		got := span{lo: c.lo, hi: c.hi}.ticks()
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("%g to %g has ticks %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
}

// has says whether a column of the plot shows a colour, and in which row first.
func has(img image.Image, x int, c color.RGBA) (row int, ok bool) {
	for y := range img.Bounds().Dy() {
		if img.At(x, y) == c {
			return y, true
		}
	}
	return 0, false
}

func TestDraw_ARisingLineRises(t *testing.T) {
	img, err := Draw([]Chart{{Title: "a", XLabel: "step", YLabel: "loss", Lines: []Line{{Name: "l", X: []float64{0, 10}, Y: []float64{1, 3}}}}})
	if err != nil {
		t.Fatal(err)
	}
	last := math.MaxInt
	for _, x := range []int{left + 20, (left + Width - right) / 2, Width - right - 20} {
		y, ok := has(img, x, tint(0))
		if !ok || y >= last {
			t.Errorf("at column %d the line is in row %d, %v", x, y, ok)
		}
		last = y
	}
}

func TestDraw_LeavesOutWhatIsNotFinite(t *testing.T) {
	img, err := Draw([]Chart{{Log: true, Lines: []Line{{X: []float64{0, 1, 2, 3, 4}, Y: []float64{1, 10, 0, math.NaN(), 100}}}}, {}})
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dy() != 2*Height {
		t.Errorf("two charts are %v", img.Bounds())
	}
	if _, ok := has(img, (left+Width-right)/2, tint(0)); ok {
		t.Error("the line goes on where it has no values")
	}
	if _, ok := has(img, left+(Width-right-left)/8, tint(0)); !ok {
		t.Error("the line is not there where it has values")
	}
}
