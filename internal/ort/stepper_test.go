package ort_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// counter adds the input to the state x and gives the square of the sum.
func counter(t *testing.T) *ort.Stepper {
	t.Helper()
	needLibrary(t)
	g := graph.New("counter")
	sum := graph.Add(g.Input("x", 2), g.Input("by", 2))
	model, err := graph.Encode(g, []graph.Output{{Name: "x_next", Value: sum}, {Name: "square", Value: graph.Square(sum)}}, graph.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ort.NewStepper(model, map[string]ort.Tensor{"x": {Shape: []int{2}, Data: []float32{1, 2}}}, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStepper_CarriesItsStateFromStepToStep(t *testing.T) {
	s := counter(t)
	defer s.Close()
	by := map[string]ort.Tensor{"by": {Shape: []int{2}, Data: []float32{1, 10}}}
	for step := range 3 {
		out, err := s.Step(context.Background(), by)
		if err != nil {
			t.Fatal(err)
		}
		want := []float32{float32(2 + step), float32(12 + 10*step)}
		if got := s.State()["x"].Data; !slices.Equal(got, want) {
			t.Fatalf("step %d left %v, want %v", step, got, want)
		}
		if got := out["square"].Data; !slices.Equal(got, []float32{want[0] * want[0], want[1] * want[1]}) {
			t.Errorf("step %d gave %v", step, got)
		}
		if _, ok := out["x_next"]; ok {
			t.Error("the state is among the outputs")
		}
	}
}

func TestStepper_KeepsItsStateWhenAStepFails(t *testing.T) {
	s := counter(t)
	defer s.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	good := ort.Tensor{Shape: []int{2}, Data: []float32{1, 1}}
	if _, err := s.Step(cancelled, map[string]ort.Tensor{"by": good}); err != context.Canceled {
		t.Errorf("a cancelled step gave %v", err)
	}
	for want, in := range map[string]map[string]ort.Tensor{
		"missing":      {},
		"no input":     {"by": good, "bye": good},
		"has shape":    {"by": {Shape: []int{3}, Data: make([]float32, 3)}},
		"1 values for": {"by": {Shape: []int{2}, Data: make([]float32, 1)}},
	} {
		if _, err := s.Step(context.Background(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a word on %q", err, want)
		}
	}
	if got := s.State()["x"].Data; !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("the state became %v", got)
	}
}

func TestNewStepper_RefusesAMissingState(t *testing.T) {
	needLibrary(t)
	g := graph.New("counter")
	model, err := graph.Encode(g, []graph.Output{{Name: "x_next", Value: graph.Exp(g.Input("x", 2))}}, graph.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ort.NewStepper(model, nil, ort.Options{}); err == nil {
		t.Error("a step without its state was accepted")
	}
}

func FuzzNewSession_RefusesForeignBytes(f *testing.F) {
	g := graph.New("net")
	model, err := graph.Encode(g, []graph.Output{{Name: "y", Value: graph.Exp(g.Input("x", 2))}}, graph.EncodeOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(model[:len(model)/2])
	f.Add([]byte{0x3a, 0x02, 0x5a, 0x00})
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ort.NewSession(data, ort.Options{Threads: 1}); err == nil {
			s.Close()
		}
	})
}
