package graph

import (
	"bytes"
	"context"
	"slices"
	"testing"
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
