package models

import (
	"strings"
	"testing"
)

func TestCard_SaysWhatIsKnownAndNothingElse(t *testing.T) {
	s := &Spec{
		Name: "toy", Preset: "compact", Kind: Inference, Sizes: "any batch size",
		Inputs:    []Port{{Name: "t1", Shape: []int{-1, 1, 8}, Free: []string{"batch", "", ""}, Meaning: "grey values"}, {Name: "age", Shape: []int{1}}},
		Outputs:   []Port{{Name: "logits", Shape: []int{-1, 2}, Free: []string{"batch", ""}}},
		SizeVox:   [3]int{8, 1, 1},
		SpacingMM: [3]float64{1.5, 1.5, 4},
		Labels:    []string{"no", "yes"}, Parameters: 12, TrainedOn: "untrained: fresh weights, seed 7", Licence: "Apache-2.0",
	}
	text := s.Text()
	for _, want := range []string{
		"inputs: t1 (batch, 1, 8): grey values\n  age (1)\n", "outputs: logits (batch, 2)\n", "labels: no, yes\n",
		"grid: [8 1 1] voxels of [1.5 1.5 4] mm", "trained_on: untrained: fresh weights, seed 7\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "attribution") || strings.Contains(text, "limits") {
		t.Errorf("lines without content in\n%s", text)
	}
	m := s.Metadata()
	if m["net"] != "toy" || m["kind"] != "inference" || len(m) != len(s.Lines()) {
		t.Errorf("metadata %v", m)
	}
}

func TestSpec_NamesTheHeadsThatWereTaught(t *testing.T) {
	s := Spec{Name: "toy", Heads: []Head{{Name: "second", Labels: []string{"a", "b"}, Temperature: 1}}}
	if s.Head("second") == nil || s.Head("first") != nil || !strings.Contains(s.Text(), "heads: second: a, b") {
		t.Errorf("heads %v in\n%s", s.Heads, s.Text())
	}
}
