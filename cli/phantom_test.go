package cli

import (
	"path/filepath"
	"testing"
)

func TestPhantom_RefusesWhatNoPatientOrScannerHas(t *testing.T) {
	for _, args := range [][]string{
		{"--variety", "1.5"}, {"--pathology", "-1"}, {"--level", "6"}, {"--thickness", "0.2"}, {"--slab", "900"},
		{"--lumbar", "7"}, {"--extra", "ct"}, {"--count", "0"},
	} {
		out := filepath.Join(t.TempDir(), "x")
		if code, _, _ := columna(t, append([]string{"phantom", "--out", out}, args...)...); code != 2 {
			t.Errorf("%v: exit %d, want 2", args, code)
		}
	}
}
