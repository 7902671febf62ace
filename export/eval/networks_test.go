package eval

import (
	"context"
	"errors"
	"testing"

	"columna/inference"
	"columna/internal/ort"
)

// The floors are below what was measured on forty phantoms (README.md), with room
// for one study's luck; a network that was broken or mixed up falls through them.
func TestRun_ShippedNetworksReadAPhantomTheyNeverSaw(t *testing.T) {
	p, err := inference.New(inference.Config{})
	if errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sets, err := Open([]string{"phantoms"}, SetOptions{Count: 1, Seed: 9001})
	if err != nil {
		t.Fatal(err)
	}
	records, err := Run(context.Background(), p, RunOptions{Sets: sets})
	if err != nil || records[0].Failed != "" {
		t.Fatal(records, err)
	}
	s := summarise("phantoms", "", records, bootstrap{seed: 1, rounds: 1})
	for class, floor := range map[string]Number{"body": 0.85, "disc": 0.8} {
		if row, _ := s.row(class); row.Dice.Value < floor {
			t.Errorf("Dice of %s is %.3f, want at least %.2f", class, row.Dice.Value, floor)
		}
	}
	for name, floor := range map[string]Number{"names_right": 1, "grade_accuracy": 0.8} {
		if got := s.figure(t, name).Value; got < floor {
			t.Errorf("%s is %.3f, want at least %.2f", name, got, floor)
		}
	}
	if got := s.figure(t, "voxel_ece").Value; got > 0.2 {
		t.Errorf("voxels are miscalibrated by %.3f", got)
	}
}
