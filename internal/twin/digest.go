package twin

import (
	"fmt"
	"math"
	"slices"
)

// samples and projections of a Digest.
const (
	samples     = 64
	projections = 2
)

// Digest is a result of the twin: all its numbers, or, of a large one, 64 drawn
// ones, the norm and two projections.
type Digest struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"` // all numbers, or nil
	// Samples are the numbers at the flat positions drawn from the stream "samples of".
	Samples []float64 `json:"samples"`
	// Projections are the sums of the numbers times those of "projection 1 of", "projection 2 of".
	Projections []float64 `json:"projections"`
	Norm        float64   `json:"norm"` // Euclidean, over all numbers
	Max         float64   `json:"max"`  // largest magnitude, over all numbers
}

func (d Digest) validate() error {
	n := size(d.Shape)
	whole := len(d.Data) == n && d.Data != nil
	part := d.Data == nil && len(d.Samples) == samples && len(d.Projections) == projections
	if !whole && !part || slices.ContainsFunc(d.Shape, func(x int) bool { return x < 1 }) {
		return fmt.Errorf("the numbers do not fit the shape %v", d.Shape)
	}
	return nil
}

// compare gives the relative error of got: the largest difference over scale, the
// largest magnitude of the twin's tensor. Of a digest it is the worst of that for
// the samples and of the differences of norm and projections over the norm.
func (d Digest) compare(got []float32, stream string, scale float64) float64 {
	if len(got) != size(d.Shape) {
		return math.Inf(1)
	}
	if d.Data != nil {
		return ratio(largest(d.Data, func(i int) float64 { return float64(got[i]) }), scale)
	}
	draw, n := random("samples of "+stream), uint64(len(got))
	worst := ratio(largest(d.Samples, func(int) float64 { return float64(got[draw.Uint64()%n]) }), scale)
	norm := d.Norm
	if scale != d.Max { // a gradient that is zero but for rounding
		norm = scale * math.Sqrt(float64(n))
	}
	for p, want := range d.Projections {
		sum := project(got, fmt.Sprintf("projection %d of %s", p+1, stream))
		worst = worse(worst, ratio(math.Abs(sum-want), norm))
	}
	squares := 0.0
	for _, x := range got {
		squares += float64(x) * float64(x)
	}
	return worse(worst, ratio(math.Abs(math.Sqrt(squares)-d.Norm), norm))
}

// project is the sum of x times the numbers of a stream.
func project(x []float32, stream string) float64 {
	draw, sum := uniform(stream), 0.0
	for _, v := range x {
		sum += float64(v) * draw()
	}
	return sum
}

// ratio is difference / scale; no difference is no error on any scale.
func ratio(difference, scale float64) float64 {
	if difference == 0 {
		return 0
	}
	return difference / scale
}

// largest is the largest difference between want and got; NaN counts as infinite.
func largest(want []float64, got func(i int) float64) float64 {
	most := 0.0
	for i, w := range want {
		most = worse(most, math.Abs(got(i)-w))
	}
	return most
}

// worse is the larger error; NaN is the worst.
func worse(a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.Inf(1)
	}
	return math.Max(a, b)
}
