package metrics

import "math"

// The range in which a temperature is sought.
const (
	coldest = 0.05
	hottest = 20
)

// Temperature is the one number by which logits are divided so that softmax tells how
// often the answers are right (C. Guo et al., On calibration of modern neural networks,
// 2017): the one with the least negative log likelihood, to a thousandth. The
// likelihood is convex in its inverse, so that a golden-section search finds it.
// Without answers it is 1.
func Temperature(logits [][]float64, truth []int) float64 {
	if len(logits) == 0 {
		return 1
	}
	const golden = 0.6180339887498949
	lo, hi := math.Log(coldest), math.Log(hottest)
	loss := func(x float64) float64 { return logLikelihoodLoss(logits, truth, math.Exp(x)) }
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	atA, atB := loss(a), loss(b)
	for hi-lo > 1e-3 {
		if atA <= atB {
			hi, b, atB = b, a, atA
			a = hi - golden*(hi-lo)
			atA = loss(a)
		} else {
			lo, a, atA = a, b, atB
			b = lo + golden*(hi-lo)
			atB = loss(b)
		}
	}
	return math.Exp((lo + hi) / 2)
}

func logLikelihoodLoss(logits [][]float64, truth []int, temperature float64) float64 {
	sum := 0.0
	for n, z := range logits {
		top := z[Largest(z)]
		total := 0.0
		for _, v := range z {
			total += math.Exp((v - top) / temperature)
		}
		sum += math.Log(total) - (z[truth[n]]-top)/temperature
	}
	return sum / float64(len(logits))
}

// Softmax gives probabilities from logits divided by a temperature.
func Softmax(logits []float64, temperature float64) []float64 {
	top := logits[Largest(logits)]
	out, sum := make([]float64, len(logits)), 0.0
	for n, v := range logits {
		out[n] = math.Exp((v - top) / temperature)
		sum += out[n]
	}
	for n := range out {
		out[n] /= sum
	}
	return out
}
