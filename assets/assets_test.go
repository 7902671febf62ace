package assets

import (
	"image/color"
	"testing"
)

func light(c color.RGBA) float64 {
	return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)
}

func TestHeat_GrowsLighterAllTheWay(t *testing.T) {
	m := Heat()
	for i := 1; i < len(m); i++ {
		if light(m[i])+0.5 < light(m[i-1]) {
			t.Fatalf("step %d is darker than %d", i, i-1)
		}
	}
}

func TestSeverity_StepsDifferInLightnessAndLettersAreReadable(t *testing.T) {
	var fills []float64
	for g := range 3 {
		fill, ink := Severity(g)
		fills = append(fills, light(fill))
		if d := light(fill) - light(ink); d < 80 && d > -80 {
			t.Errorf("grade %d: letter and fill differ by only %.0f of 255", g, d)
		}
	}
	for a := range fills {
		for b := range a {
			if d := fills[a] - fills[b]; d < 30 && d > -30 {
				t.Errorf("grades %d and %d have the same lightness", a, b)
			}
		}
	}
}
