package ort_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/internal/ort"
)

func needLibrary(t *testing.T) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// affine is y = x w + b on two rows.
func affine(t *testing.T) []byte {
	t.Helper()
	g := graph.New("affine")
	x := g.Input("x", 2, 3)
	w := graph.Const(g, []int{3, 1}, []float32{1, 10, 100})
	y := graph.AddScalar(graph.MatMul(x, w), 0.5)
	model, err := graph.Encode(g, []graph.Output{{Name: "y", Value: y}}, graph.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func TestSession_RunsAndNamesItsPorts(t *testing.T) {
	needLibrary(t)
	s, err := ort.NewSession(affine(t), ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if in := s.Inputs(); len(in) != 1 || in[0].Name != "x" || !slices.Equal(in[0].Shape, []int{2, 3}) {
		t.Fatalf("inputs %v", in)
	}
	out, err := s.Run(context.Background(), map[string]ort.Tensor{"x": {Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out["y"]; !slices.Equal(got.Data, []float32{321.5, 654.5}) || !slices.Equal(got.Shape, []int{2, 1}) {
		t.Fatalf("got %v", got)
	}
}

func TestSession_SaysWhatIsWrongWithItsInputs(t *testing.T) {
	needLibrary(t)
	s, err := ort.NewSession(affine(t), ort.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	good := ort.Tensor{Shape: []int{2, 3}, Data: make([]float32, 6)}
	for want, in := range map[string]map[string]ort.Tensor{
		`"x" is missing`: {},
		`no input "z"`:   {"x": good, "z": good},
		"has shape":      {"x": {Shape: []int{3, 2}, Data: make([]float32, 6)}},
		"5 values for":   {"x": {Shape: []int{2, 3}, Data: make([]float32, 5)}},
	} {
		if _, err := s.Run(context.Background(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestSession_RefusesWhatIsNoModel(t *testing.T) {
	needLibrary(t)
	if _, err := ort.NewSession([]byte("not a model"), ort.Options{}); err == nil {
		t.Fatal("accepted")
	}
}

// slow multiplies a large matrix many times.
func slow(t *testing.T) []byte {
	t.Helper()
	g := graph.New("slow")
	x := g.Input("x", 1200, 1200)
	y := x
	for range 300 {
		y = graph.MulScalar(graph.MatMul(y, x), 1e-3)
	}
	model, err := graph.Encode(g, []graph.Output{{Name: "y", Value: graph.ReduceMean(y, true)}}, graph.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func TestSession_StopsInsideARunAndStaysUsable(t *testing.T) {
	needLibrary(t)
	s, err := ort.NewSession(slow(t), ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	in := map[string]ort.Tensor{"x": {Shape: []int{1200, 1200}, Data: make([]float32, 1200*1200)}}
	if _, err := s.Run(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	cancelled, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Run(cancelled, in); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestLibraryPath_PrefersTheNamedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(ort.LibraryVariable, file)
	if got, err := ort.LibraryPath(); err != nil || got != file {
		t.Fatalf("got %s, %v", got, err)
	}
	t.Setenv(ort.LibraryVariable, file+".missing")
	if _, err := ort.LibraryPath(); err == nil || !strings.Contains(err.Error(), ort.LibraryVariable) {
		t.Fatalf("got %v", err)
	}
}

func TestSession_WritesIntoGivenMemory(t *testing.T) {
	needLibrary(t)
	s, err := ort.NewSession(affine(t), ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := map[string]ort.Tensor{"x": {Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}}}
	y := make([]float32, 4)
	out, err := s.RunInto(context.Background(), in, map[string]ort.Tensor{"y": {Shape: []int{2, 1}, Data: y[1:3]}})
	if err != nil || len(out) != 0 || !slices.Equal(y, []float32{0, 321.5, 654.5, 0}) {
		t.Fatalf("got %v, %v, %v", y, out, err)
	}
	for want, into := range map[string]ort.Tensor{"has shape": {Shape: []int{1, 2}, Data: y[:2]}, "3 values for": {Shape: []int{2, 1}, Data: y[:3]}} {
		if _, err := s.RunInto(context.Background(), in, map[string]ort.Tensor{"y": into}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
