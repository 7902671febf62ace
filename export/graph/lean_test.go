package graph

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"columna/internal/ort"
)

// stepOf trains the network of recompute_test for two steps, lean if some of it is
// recomputed.
func stepOf(t *testing.T, wrap func(x []*Value, f func([]*Value) *Value) *Value) (theta []float32, model []byte) {
	t.Helper()
	g, loss, _ := recomputed(wrap)
	model, err := TrainingStep(g, loss, nil, AdamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := newStepper(t, g, model, 1)
	defer s.Close()
	for step := 1; step <= 2; step++ {
		if _, err := s.Step(context.Background(), feedFor(g, step, 0.01)); err != nil {
			t.Fatal(err)
		}
	}
	return s.State()["theta"].Data, model
}

func TestLean_TrainsTheSame(t *testing.T) {
	plain, _ := stepOf(t, func(x []*Value, f func([]*Value) *Value) *Value { return f(x) })
	lean, _ := stepOf(t, Recompute)
	if d := worst(lean, plain); !(d < 1e-6) {
		t.Errorf("a lean step differs by %.2g", d)
	}
}

func TestLean_RunsAScan(t *testing.T) {
	train := func(wrap func(x []*Value, f func([]*Value) *Value) *Value) []float32 {
		g := New("scan")
		g.Training = true
		u := g.Input("u", 3, 5, 2)
		y := wrap([]*Value{u}, func(x []*Value) *Value {
			a := Neg(Exp(g.Param("a", []int{2, 4}, NormalInit(0.1))))
			d := g.Param("d", []int{2}, ConstInit(1))
			b := Linear(x[0], g.Param("b", []int{2, 4}, NormalInit(0.5)), nil)
			return SelectiveScan(x[0], Softplus(x[0]), a, b, b, d)
		})
		model, err := TrainingStep(g, ReduceMean(Square(y), false), nil, AdamOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := newStepper(t, g, model, 1)
		defer s.Close()
		if _, err := s.Step(context.Background(), feedFor(g, 1, 0.01)); err != nil {
			t.Fatal(err)
		}
		return s.State()["theta"].Data
	}
	plain := train(func(x []*Value, f func([]*Value) *Value) *Value { return f(x) })
	if lean := train(Recompute); worst(lean, plain) > 1e-6 {
		t.Errorf("got %v, want %v", lean, plain)
	}
}

func TestLean_TellsNoShapeInside(t *testing.T) {
	g, loss, _ := recomputed(Recompute)
	d := drawn(g, []Output{{"loss", loss}}, EncodeOptions{Weights: g.InitParams(1)}, nil)
	if err := d.lean(); err != nil {
		t.Fatal(err)
	}
	for _, n := range d.nodes {
		if n.kind == "Reshape" && n.scope != "lean" && n.input(1).isConst() {
			t.Errorf("a Reshape to %v tells its shape", n.input(1).value.ints)
		}
		if i := slices.IndexFunc(d.inputs, func(x *tensor) bool { return size(x.shape) > 1 && slices.Contains(n.in, x) }); i >= 0 && n.scope != "lean" {
			t.Errorf("%s reads the input %s, whose shape is known", n.kind, d.inputs[i].name)
		}
	}
}

func TestTrainingStep_IsLeanWhereThatPays(t *testing.T) {
	step := func(side, nodes int) []byte {
		g := New("size")
		y := Mul(g.Input("x", 1, 4, side, side), g.Param("w", []int{1}, ConstInit(1)))
		for range nodes {
			y = Tanh(y)
		}
		model, err := TrainingStep(g, ReduceMean(y, false), nil, AdamOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return model
	}
	for _, tc := range []struct {
		side, nodes int
		want        bool
	}{{8, 10, false}, {1024, 10, true}, {1024, leanNodes, false}} {
		if got := bytes.Contains(step(tc.side, tc.nodes), []byte("lean/")); got != tc.want {
			t.Errorf("%d pixels aside, %d layers: lean %v", tc.side, tc.nodes, got)
		}
	}
}

// A classifier's gradient step has images and targets only, no number by itself.
func TestGradientStep_IsLeanWithoutAnInputOfOneNumber(t *testing.T) {
	const side = 1024
	g := New("classifier")
	g.Training = true
	y := Mul(g.Input("x", 1, 4, side, side), g.Param("w", []int{4, 1, 1}, ConstInit(2)))
	y = Reshape(y, 4, side*side)
	for range 10 {
		y = Relu(y)
	}
	loss := ReduceMean(Mul(y, g.Input("weight", 4, 1)), false)
	model, err := GradientStep(g, loss, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(model, []byte("lean/")) {
		t.Fatal("the step is not lean")
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := map[string]ort.Tensor{"weight": {Shape: []int{4, 1}, Data: []float32{1, 1, 1, 5}}, "x": {Shape: []int{1, 4, side, side}, Data: slices.Repeat([]float32{3}, 4*side*side)}}
	in["w"] = ort.Tensor{Shape: []int{4, 1, 1}, Data: []float32{2, 2, 2, 2}}
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	got := out["w"+GradSuffix].Data
	for n, want := range []float64{0.75, 0.75, 0.75, 3.75} { // 3 times the weight, in the mean of four
		if len(got) != 4 || math.Abs(float64(got[n])-want) > 1e-3 {
			t.Fatalf("the gradient is %v, want %g at %d", got, want, n)
		}
	}
}
