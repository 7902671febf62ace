package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// biased are voxels of two classes whose logits overlap, with one class preferred.
func biased(disc float32) []voxelSample {
	r := rand.New(rand.NewPCG(5, 6))
	var out []voxelSample
	for n := range 4000 {
		s := voxelSample{truth: uint8(n % 4 / 3 * semDisc)} // a quarter is disc
		for c := range s.logits {
			s.logits[c] = -20
		}
		away := float32(1.5)
		if s.truth == semDisc {
			away = -1.5
		}
		s.logits[semBackground] = away + float32(r.NormFloat64())
		s.logits[semDisc] = -away + float32(r.NormFloat64()) + disc
		out = append(out, s)
	}
	return out
}

func TestFitOffsets_TakesBackWhatTheNetworkPrefers(t *testing.T) {
	fair := fitOffsets(biased(0))[semDisc]
	for _, preferred := range []float32{-2, 2.5} {
		samples := biased(preferred)
		got := fitOffsets(samples)
		if d := got[semDisc] + preferred - fair; math.Abs(float64(d)) > 0.5 {
			t.Errorf("preferred by %g: offset %g, without preference %g", preferred, got[semDisc], fair)
		}
		if before, after := meanDice(samples, [semCount]float32{}), meanDice(samples, got); after < before+0.02 {
			t.Errorf("preferred by %g: Dice %.3f, was %.3f", preferred, after, before)
		}
	}
}

// With one class the offsets on a raster can all be tried.
func TestFitOffsets_IsTheBestOfARaster(t *testing.T) {
	samples, best := biased(1.3), 0.0
	for x := float32(-6); x <= 6; x += lastStep {
		best = math.Max(best, meanDice(samples, [semCount]float32{semDisc: x}))
	}
	if got := meanDice(samples, fitOffsets(samples)); got < best-0.002 {
		t.Errorf("Dice %.4f, the raster has %.4f", got, best)
	}
}

// A set with few voxels counts as much as one with many.
func TestMeanDice_WeighsSetsEqually(t *testing.T) {
	good := voxelSample{truth: semDisc, logits: [semCount]float32{semDisc: 1}}
	bad := voxelSample{truth: semDisc, set: 1, logits: [semCount]float32{semBody: 1}}
	if got := meanDice([]voxelSample{good, good, good, bad}, [semCount]float32{}); got != 0.5 {
		t.Errorf("mean %g of a set that is right and one that is wrong", got)
	}
	if got := meanDice(nil, [semCount]float32{}); got != 0 {
		t.Errorf("nothing has Dice %g", got)
	}
}
