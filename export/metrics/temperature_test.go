package metrics

import (
	"math"
	"math/rand/v2"
	"testing"
)

// drawn are answers of a network whose logits are as many times too large as told.
func drawn(n int, inflated float64) (logits [][]float64, truth []int) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		z := []float64{2 * r.NormFloat64(), 2 * r.NormFloat64(), 2 * r.NormFloat64()}
		p, at, u := Softmax(z, 1), 0, r.Float64()
		for u > p[at] && at < 2 {
			u -= p[at]
			at++
		}
		for k := range z {
			z[k] *= inflated
		}
		logits, truth = append(logits, z), append(truth, at)
	}
	return logits, truth
}

func TestTemperature_FindsByHowMuchLogitsAreTooLarge(t *testing.T) {
	for _, want := range []float64{0.5, 1, 3} {
		logits, truth := drawn(20000, want)
		if got := Temperature(logits, truth); math.Abs(got/want-1) > 0.05 {
			t.Errorf("logits %g times too large give temperature %.3f", want, got)
		}
	}
}

// A fine raster of temperatures is the slow way to the same one.
func TestTemperature_IsTheBestOfARaster(t *testing.T) {
	logits, truth := drawn(500, 2)
	best, least := 0.0, math.Inf(1)
	for x := math.Log(coldest); x < math.Log(hottest); x += 1e-3 {
		if l := logLikelihoodLoss(logits, truth, math.Exp(x)); l < least {
			best, least = math.Exp(x), l
		}
	}
	if got := Temperature(logits, truth); math.Abs(got/best-1) > 3e-3 {
		t.Errorf("temperature %.4f, the raster's is %.4f", got, best)
	}
}

func TestTemperature_LowersTheCalibrationErrorAndLeavesAnswers(t *testing.T) {
	logits, truth := drawn(5000, 3)
	temperature := Temperature(logits, truth)
	var before, after [][]float64
	for _, z := range logits {
		p, q := Softmax(z, 1), Softmax(z, temperature)
		if Largest(p) != Largest(q) {
			t.Fatal("an answer changed")
		}
		before, after = append(before, p), append(after, q)
	}
	if b, a := ECE(before, truth, 10), ECE(after, truth, 10); a > b/3 {
		t.Errorf("ECE %.4f before, %.4f after", b, a)
	}
}

func TestTemperature_IsOneWithoutAnswers(t *testing.T) {
	if got := Temperature(nil, nil); got != 1 {
		t.Errorf("got %g", got)
	}
}
