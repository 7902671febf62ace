package inference

import (
	"math"
	"testing"

	"columna/volume"
)

// The plain twin is the softmax over all classes.
func TestProbabilities_AreTheSoftmaxOfTheLogits(t *testing.T) {
	p := Probabilities{Grid: volume.Grid{Size: [3]int{3, 2, 1}}, Logits: make([]float32, classCount*6)}
	for n := range p.Logits {
		p.Logits[n] = float32(n*n*7%23) / 3
	}
	for v := range 6 {
		sum, best := 0.0, 0
		for c := range classCount {
			sum += math.Exp(float64(p.Logits[c*6+v]))
			if p.Logits[c*6+v] > p.Logits[best*6+v] {
				best = c
			}
		}
		class, sure := p.Likeliest(v)
		if want := math.Exp(float64(p.Logits[best*6+v])) / sum; class != best || math.Abs(sure-want) > 1e-6 {
			t.Errorf("voxel %d: class %d with %v, want %d with %v", v, class, sure, best, want)
		}
	}
}
