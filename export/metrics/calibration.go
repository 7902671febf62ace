package metrics

import "math"

// Bin is one bar of a reliability diagram: answers about as sure as each other.
type Bin struct {
	Confidence float64 `json:"confidence"` // mean
	Accuracy   float64 `json:"accuracy"`
	Count      int     `json:"count"`
}

// Reliability sorts answers by the probability of what they say into bins of equal
// width, (0, 1/bins] first; empty bins have Count 0.
func Reliability(probability [][]float64, truth []int, bins int) []Bin {
	out := make([]Bin, bins)
	for n, p := range probability {
		said := Largest(p)
		at := min(max(int(math.Ceil(p[said]*float64(bins)))-1, 0), bins-1)
		b := &out[at]
		b.Count++
		b.Confidence += p[said]
		if said == truth[n] {
			b.Accuracy++
		}
	}
	for n := range out {
		if c := float64(out[n].Count); c > 0 {
			out[n].Confidence /= c
			out[n].Accuracy /= c
		}
	}
	return out
}

// ECE is the expected calibration error: the mean distance of confidence and
// accuracy over the bins, weighted by their answers (C. Guo et al., On calibration
// of modern neural networks, 2017).
func ECE(probability [][]float64, truth []int, bins int) float64 {
	sum := 0.0
	for _, b := range Reliability(probability, truth, bins) {
		sum += float64(b.Count) * math.Abs(b.Confidence-b.Accuracy)
	}
	return sum / float64(len(truth))
}

// Largest is the index of the largest value, the first of equals.
func Largest(values []float64) int {
	best := 0
	for n, v := range values {
		if v > values[best] {
			best = n
		}
	}
	return best
}

// Untempered gives the probabilities that a network had before its logits were
// divided by a temperature: softmax(z) is softmax(z/T) to the power T, scaled to sum 1.
func Untempered(probability []float64, temperature float64) []float64 {
	out, sum := make([]float64, len(probability)), 0.0
	for n, p := range probability {
		out[n] = math.Pow(p, temperature)
		sum += out[n]
	}
	for n := range out {
		out[n] /= sum
	}
	return out
}
