package ort_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// convolution is a small network of the kind that providers take over.
func convolution(t *testing.T) []byte {
	t.Helper()
	g := graph.New("conv")
	x := g.Input("x", 1, 2, 6, 8, 8)
	w := g.Param("w", []int{3, 2, 3, 3, 3}, graph.HeInit(54))
	y := graph.Relu(graph.Conv(x, w, nil, graph.ConvOpts{}))
	model, err := graph.Encode(g, []graph.Output{{Name: "y", Value: y}}, graph.EncodeOptions{Weights: g.InitParams(1)})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// on runs the convolution on a provider and gives where it really ran.
func on(t *testing.T, name string, notice func(string)) (used string, y []float32) {
	t.Helper()
	s, err := ort.NewSession(convolution(t), ort.Options{Threads: 1, Provider: name, Notice: notice})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := ort.Tensor{Shape: []int{1, 2, 6, 8, 8}, Data: make([]float32, 2*6*8*8)}
	for i := range x.Data {
		x.Data[i] = float32(math.Sin(float64(i)))
	}
	out, err := s.Run(context.Background(), map[string]ort.Tensor{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	return s.Provider(), out["y"].Data
}

// A provider that is here computes the same to float32 accuracy; one that is not
// gives way to the CPU, bit for bit, and says so once.
func TestSession_EveryProviderRunsOrFallsBackWithOneSentence(t *testing.T) {
	needLibrary(t)
	_, want := on(t, "", nil)
	for _, name := range ort.Providers() {
		var said []string
		used, got := on(t, name, func(s string) { said = append(said, s) })
		t.Logf("%s ran on %s %q", name, used, said)
		quiet := used == name || name == ort.Auto
		switch {
		case quiet && len(said) > 0:
			t.Errorf("%s ran on %s and said %q", name, used, said)
		case !quiet && (len(said) != 1 || strings.Contains(said[0], "\n") || !strings.HasSuffix(said[0], "the networks run on the CPU instead")):
			t.Errorf("%s fell back and said %q", name, said)
		case used == ort.CPU && !slices.Equal(got, want):
			t.Errorf("%s fell back and computed something else", name)
		}
		for i := range got {
			if d := math.Abs(float64(got[i] - want[i])); !(d < 1e-5) {
				t.Fatalf("%s on %s differs by %.2g", name, used, d)
			}
		}
	}
}

func TestSession_RefusesAnUnknownProvider(t *testing.T) {
	needLibrary(t)
	_, err := ort.NewSession(affine(t), ort.Options{Provider: "abacus"})
	if err == nil || !strings.Contains(err.Error(), "abacus") || !strings.Contains(err.Error(), "openvino") {
		t.Errorf("got %v", err)
	}
}

// asksVariable tells a child process which provider to ask for.
const asksVariable = "COLUMNA_TEST_PROVIDER"

// ONNX Runtime's own complaint about a library must not reach the user beside our
// sentence. It writes past Go, so a child process is asked.
func TestSession_FallingBackWritesNothingElse(t *testing.T) {
	needLibrary(t)
	if name := os.Getenv(asksVariable); name != "" {
		on(t, name, func(s string) { fmt.Fprintln(os.Stderr, s) })
		return
	}
	for _, name := range ort.Providers() {
		child := exec.Command(os.Args[0], "-test.run", "^TestSession_FallingBackWritesNothingElse$")
		child.Env = append(os.Environ(), asksVariable+"="+name)
		var out bytes.Buffer
		child.Stderr = &out
		if err := child.Run(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n > 1 || n == 1 && !strings.HasSuffix(out.String(), "on the CPU instead\n") {
			t.Errorf("%s: standard error holds\n%s", name, out.String())
		}
	}
}
