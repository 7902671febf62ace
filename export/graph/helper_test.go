package graph

import (
	"context"
	"errors"
	"math"
	"testing"

	"columna/internal/ort"
)

// random is a reproducible tensor of numbers in lo..hi.
func random(seed uint64, n int, lo, hi float64) []float32 {
	r := NewRandom(seed)
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(lo + (hi-lo)*r.Uniform())
	}
	return out
}

// onRuntime computes outputs with ONNX Runtime.
func onRuntime(t testing.TB, g *Graph, outs []*Value, feed map[string][]float32, w Weights) [][]float32 {
	t.Helper()
	if w == nil {
		w = Weights{}
	}
	return onRuntimeWith(t, g, outs, feed, EncodeOptions{Weights: w})
}

// onRuntimeWith is onRuntime of a model written as the options say.
func onRuntimeWith(t testing.TB, g *Graph, outs []*Value, feed map[string][]float32, o EncodeOptions) [][]float32 {
	t.Helper()
	var named []Output
	for i, v := range outs {
		named = append(named, Output{Name: "out_" + string(rune('a'+i)), Value: v})
	}
	model, err := Encode(g, named, o)
	if err != nil {
		t.Fatal(err)
	}
	results := runModel(t, model, g, feed)
	var data [][]float32
	for _, o := range named {
		data = append(data, results[o.Name].Data)
	}
	return data
}

// runModel feeds a model the inputs of its graph.
func runModel(t testing.TB, model []byte, g *Graph, feed map[string][]float32) map[string]ort.Tensor {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := map[string]ort.Tensor{}
	for _, v := range g.Inputs() {
		in[v.Name()] = ort.Tensor{Shape: v.Shape(), Data: feed[v.Name()]}
	}
	results, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// worst is the largest difference, relative to the largest number of want.
func worst(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	diff, scale := 0.0, 1e-3
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			return d
		}
		diff = math.Max(diff, d)
		scale = math.Max(scale, math.Abs(float64(want[i])))
	}
	return diff / scale
}
