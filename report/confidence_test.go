package report

import (
	"testing"

	"columna/spine"
)

func TestSureWords_MarkLittleConfidence(t *testing.T) {
	a := &spine.Analysis{Confidence: map[spine.Structure]float64{spine.L3: 0.934, spine.Posterior: 0.61}}
	for s, want := range map[spine.Structure]string{spine.L3: "  (0.93)", spine.Posterior: "  (0.61 !)", spine.L5: ""} {
		if got := sureWords(a, s); got != want {
			t.Errorf("%s has %q, want %q", s, got, want)
		}
	}
}
