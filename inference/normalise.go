package inference

import (
	"math"
	"slices"

	"columna/volume"
)

// Normalise brings a volume, its slices along k, to the networks' intensity scale in
// place: the strong shading of a surface coil is evened out, and the nonzero voxels are
// clipped to their 0.5 and 99.5 percentiles, which many exported images have clipped or
// stretched, to zero mean and unit standard deviation. Voxels that are exactly 0 lie
// outside the image (Resample leaves them so) and stay 0. It reports whether there was
// shading to even out.
func Normalise(v *volume.Volume) (evened bool) {
	evened = evenOut(v)
	scaleOf(v.Data).apply(v.Data)
	return evened
}

// greyScale is a clip range and the mean and deviation of what lies in it.
type greyScale struct {
	lo, hi    float32
	mean, std float32
}

// scaleOf measures the nonzero values.
func scaleOf(data []float32) greyScale {
	used := make([]float32, 0, len(data))
	for _, v := range data {
		if v != 0 && !math.IsNaN(float64(v)) {
			used = append(used, v)
		}
	}
	if len(used) == 0 {
		return greyScale{std: 1}
	}
	s := greyScale{}
	s.lo, s.hi = quantiles(used, 0.005, 0.995)
	var sum, sq float64
	for _, v := range used {
		x := float64(min(max(v, s.lo), s.hi))
		sum += x
		sq += x * x
	}
	mean := sum / float64(len(used))
	variance := sq/float64(len(used)) - mean*mean
	s.mean, s.std = float32(mean), float32(math.Sqrt(math.Max(variance, 1e-12)))
	return s
}

// apply maps every nonzero value through the scale.
func (s greyScale) apply(data []float32) {
	for n, v := range data {
		switch {
		case math.IsNaN(float64(v)):
			data[n] = 0
		case v != 0:
			data[n] = (min(max(v, s.lo), s.hi) - s.mean) / s.std
		}
	}
}

// quantiles reads two quantiles of the values, from an even sample of at most
// about 60,000 of them: sorting more changes nothing that a network could see.
func quantiles(values []float32, a, b float64) (lo, hi float32) {
	step := max(1, len(values)/60000)
	sample := make([]float32, 0, len(values)/step+1)
	for n := 0; n < len(values); n += step {
		sample = append(sample, values[n])
	}
	slices.Sort(sample)
	at := func(q float64) float32 { return sample[int(math.Round(q*float64(len(sample)-1)))] }
	return at(a), at(b)
}
