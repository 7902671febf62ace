package inference

import (
	"math"
	"testing"

	"columna/spine"
)

func TestConfidences_AreTheMeanProbabilityInsideEachStructure(t *testing.T) {
	truth := remove(upright.mask(netGrid()), spine.T12, spine.VertebraAbove)
	said := answerFor(truth, 0, asTold)
	n := truth.Len()
	half := 0
	for i, l := range truth.Data {
		if spine.Structure(l) == spine.L3 {
			if half++; half%2 == 0 { // every other voxel is background as likely as bone
				said.semantic[classBackground*n+i] += 4
			}
		}
	}
	got := confidences(truth, &netAnswer{grid: said.grid, semantic: said.semantic})
	sure, unsure := math.Exp(4)/(math.Exp(4)+5), math.Exp(4)/(2*math.Exp(4)+4)
	for s, want := range map[spine.Structure]float64{spine.L3: (sure + unsure) / 2, spine.L4: sure, spine.DiscL4L5: sure, spine.Canal: sure, spine.S1: sure} {
		if math.Abs(got[s]-want) > 0.001 {
			t.Errorf("%s is %.4f sure, want %.4f", s, got[s], want)
		}
	}
	if _, ok := got[spine.T12]; ok {
		t.Error("a structure that the mask lacks has a confidence")
	}
}
