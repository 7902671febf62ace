package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a figure with its 95 % bootstrap interval over patients. Low and High
// are NaN where there are fewer than two patients.
type Interval struct {
	Value, Low, High float64
	N                int // patients
}

// Rounds is how often the bootstrap draws.
const Rounds = 1000

// Bootstrap draws patients with replacement, as many as there are, rounds times, and
// takes the figure's percentiles 2.5 and 97.5 (B. Efron, 1979; percentile method).
// figure sees positions of patients: each is drawn whole, with all that was measured
// of it. Draws for which the figure is undefined are left out. The same seed gives
// the same interval.
func Bootstrap(patients, rounds int, seed uint64, figure func(drawn []int) float64) Interval {
	drawn := make([]int, patients)
	for n := range drawn {
		drawn[n] = n
	}
	out := Interval{Value: figure(drawn), Low: math.NaN(), High: math.NaN(), N: patients}
	if patients < 2 || math.IsNaN(out.Value) {
		return out
	}
	r := rand.New(rand.NewPCG(seed, 0x626f6f74)) // a stream of its own
	var values []float64
	for range rounds {
		for n := range drawn {
			drawn[n] = r.IntN(patients)
		}
		if v := figure(drawn); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	out.Low, out.High = Quantile(values, 0.025), Quantile(values, 0.975)
	return out
}

// Quantile interpolates linearly between the ranks of the values, which need not be
// sorted; NaN of none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	lo := int(at)
	hi := min(lo+1, len(sorted)-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}

// Agreement is what Bland and Altman (1986) say of two ways of measuring: the mean
// difference and the limits within which 95 % of differences are expected.
type Agreement struct {
	Bias, Low, High float64
	N               int
}

// BlandAltman compares pairs of measurements, the second minus the first.
func BlandAltman(first, second []float64) Agreement {
	n := float64(len(first))
	mean := 0.0
	for i := range first {
		mean += (second[i] - first[i]) / n
	}
	square := 0.0
	for i := range first {
		d := second[i] - first[i] - mean
		square += d * d
	}
	sd := math.Sqrt(square / (n - 1))
	if len(first) == 0 {
		mean = math.NaN()
	}
	return Agreement{mean, mean - 1.96*sd, mean + 1.96*sd, len(first)}
}
