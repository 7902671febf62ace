package train

import (
	"context"
	"errors"
	"testing"

	"columna/internal/ort"
)

// The floors are below what was measured on forty phantoms (README.md), with room
// for one study's luck; a network that was broken or mixed up falls through them.
func TestEvaluate_ShippedNetworksReadAPhantomTheyNeverSaw(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	got, err := Evaluate(context.Background(), EvalOptions{Phantoms: 1, Seed: 9001})
	if err != nil {
		t.Fatal(err)
	}
	for name, floor := range map[string]float64{"phantom_dice_body": 0.85, "phantom_dice_disc": 0.8,
		"phantom_names_right": 1, "phantom_grade_accuracy": 0.8, "phantom_gradable": 1} {
		if got[name] < floor {
			t.Errorf("%s is %.3f, want at least %.2f", name, got[name], floor)
		}
	}
}
