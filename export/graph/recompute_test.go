package graph

import (
	"slices"
	"testing"
)

// recomputed is a small network with dropout, batch statistics and a parameter
// used inside and outside, whose middle is recomputed or not.
func recomputed(wrap func(x []*Value, f func([]*Value) *Value) *Value) (g *Graph, loss *Value, wrt []*Value) {
	g = New("recompute")
	g.Training = true
	x := g.Input("x", 2, 3, 4, 4)
	w := g.Param("shared", []int{3, 3, 3, 3}, HeInit(27))
	side := Sigmoid(x)
	y := Conv(x, w, nil, ConvOpts{})
	g.Scope("middle", func() {
		y = wrap([]*Value{y, side}, func(v []*Value) *Value {
			h := Conv(v[0], w, nil, ConvOpts{})
			h = BatchNorm(g, h, g.Param("gamma", []int{3}, ConstInit(1.5)), g.Param("beta", []int{3}, ConstInit(0.1)),
				g.State("mean", []int{3}, ZeroInit()), g.State("var", []int{3}, ConstInit(1)), 1e-5, 0.1)
			h = Mul(Silu(h), GreaterMask(g.Noise(h.Shape()...), Scalar(g, 0.3)))
			return Add(Mul(h, v[1]), g.Input("offset", 1))
		})
	})
	y = Mul(y, GreaterMask(g.Noise(y.Shape()...), Scalar(g, 0.2)))
	loss = ReduceMean(Square(Conv(y, g.Param("last", []int{2, 3, 1, 1}, HeInit(3)), nil, ConvOpts{})), false)
	wrt = []*Value{x}
	for _, p := range g.Params() {
		wrt = append(wrt, p.Value)
	}
	return g, loss, wrt
}

func TestRecompute_ChangesNoGradient(t *testing.T) {
	var results [2][][]float32
	for i, wrap := range []func([]*Value, func([]*Value) *Value) *Value{
		func(x []*Value, f func([]*Value) *Value) *Value { return f(x) },
		Recompute,
	} {
		g, loss, wrt := recomputed(wrap)
		feed := map[string][]float32{}
		for i, v := range g.Inputs() {
			feed[v.Name()] = random(uint64(i), size(v.Shape()), 0, 1)
		}
		vals := append([]*Value{loss, g.NextState(g.States()[0].Value)}, Grad(loss, wrt...)...)
		results[i] = onRuntime(t, g, vals, feed, g.InitParams(7))
	}
	for i, want := range results[0] {
		if d := worst(results[1][i], want); !(d <= 1e-7) {
			t.Errorf("value %d differs by %.2g with recomputation", i, d)
		}
		if !slices.ContainsFunc(want, func(v float32) bool { return v != 0 }) {
			t.Errorf("value %d is zero: the test sees nothing", i)
		}
	}
}

func TestRecompute_WorksInsideItself(t *testing.T) {
	build := func(wrap func([]*Value, func([]*Value) *Value) *Value) []*Value {
		g := New("nested")
		g.Training = true
		x := g.Input("x", 1, 2, 3, 3)
		y := wrap([]*Value{x}, func(v []*Value) *Value {
			inner := wrap(v, func(v []*Value) *Value {
				return Tanh(Conv(v[0], g.Param("a", []int{2, 2, 3, 3}, HeInit(18)), nil, ConvOpts{}))
			})
			return Exp(Conv(inner, g.Param("b", []int{2, 2, 3, 3}, HeInit(18)), nil, ConvOpts{}))
		})
		wrt := []*Value{x, g.Params()[0].Value, g.Params()[1].Value}
		return Grad(ReduceSum(Square(y), false), wrt...)
	}
	var results [2][][]float32
	for i, wrap := range []func([]*Value, func([]*Value) *Value) *Value{
		func(x []*Value, f func([]*Value) *Value) *Value { return f(x) }, Recompute} {
		vals := build(wrap)
		g := vals[0].Graph()
		results[i] = Eval(vals, map[string][]float32{"x": random(1, 18, -1, 1)}, g.InitParams(2))
	}
	for i, want := range results[0] {
		if d := worst(results[1][i], want); d > 1e-7 {
			t.Errorf("gradient %d differs by %.2g", i, d)
		}
	}
}

func TestRecompute_RefusesWhatItDoesNotKnow(t *testing.T) {
	g := New("captured")
	g.Training = true
	x := g.Input("x", 3)
	hidden := Exp(x)
	err := Try(func() {
		Recompute([]*Value{x}, func(v []*Value) *Value { return Mul(v[0], hidden) })
	})
	if err == nil {
		t.Error("a value from outside was accepted")
	}
}

func TestRecompute_LeavesInferenceAlone(t *testing.T) {
	g := New("inference")
	x := g.Input("x", 3)
	y := Recompute([]*Value{x}, func(v []*Value) *Value { return Exp(v[0]) })
	if y.node.op.kind != "Exp" {
		t.Errorf("the value is a %s, want the Exp itself", y.node.op.kind)
	}
}
