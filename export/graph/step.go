package graph

import (
	"fmt"
	"math"
	"slices"
)

// AdamOptions sets the optimiser (Kingma and Ba 2015); zero fields take the
// paper's values.
type AdamOptions struct {
	Beta1, Beta2, Eps float64
	ClipNorm          float64 // gradients are scaled down to this norm; 0 = never
	WeightDecay       float64 // decoupled, per unit of lr, on tensors of two or more axes
}

func (o AdamOptions) withDefaults() AdamOptions {
	set := func(x *float64, otherwise float64) {
		if *x == 0 {
			*x = otherwise
		}
	}
	set(&o.Beta1, 0.9)
	set(&o.Beta2, 0.999)
	set(&o.Eps, 1e-8)
	return o
}

// TrainingStep writes a model that computes a loss, its gradients and one step
// of Adam. Its inputs are the graph's, the flat vectors "theta", "m", "v" and,
// if the graph has states, "state", and "lr" and "step" (1), the step counted
// from 1. Its outputs are "theta_next", "m_next", "v_next", "state_next",
// "loss" and "grad_norm" (1), and the extra ones.
func TrainingStep(g *Graph, loss *Value, extra []Output, o AdamOptions) ([]byte, error) {
	if len(g.params) == 0 {
		return nil, fmt.Errorf("training step of %s: the graph has no parameters", g.Name)
	}
	t := &trainer{graph: g, options: o.withDefaults(), replaced: map[*Value]*Value{}}
	outs := []Output{{"loss", loss}}
	err := Try(func() { outs = append(outs, t.build(loss)...) })
	if err != nil {
		return nil, fmt.Errorf("training step of %s: %w", g.Name, err)
	}
	return encodeModel(g, append(outs, extra...), EncodeOptions{}, t.replaced)
}

// trainer adds the optimiser to a graph.
type trainer struct {
	graph    *Graph
	options  AdamOptions
	replaced map[*Value]*Value // parameters and states by their pieces of the vectors
}

func (t *trainer) build(loss *Value) []Output {
	g := t.graph
	wrt := make([]*Value, len(g.params))
	for i, p := range g.params {
		wrt[i] = p.Value
	}
	grad := flat(Grad(loss, wrt...))
	var outs []Output
	g.Scope("adam", func() {
		theta := t.vector("theta", g.params)
		m, v := g.Input("m", theta.shape...), g.Input("v", theta.shape...)
		norm := Sqrt(ReduceSum(Square(grad), true))
		if limit := t.options.ClipNorm; limit > 0 {
			scale := MulScalar(Reciprocal(Maximum(norm, Scalar(g, limit))), limit)
			grad = Mul(grad, scale)
		}
		outs = append(t.adam(theta, m, v, grad), Output{"grad_norm", norm})
		if len(g.states) > 0 {
			t.vector("state", g.states)
			outs = append(outs, Output{"state_next", t.nextState()})
		}
	})
	return outs
}

// vector declares a flat input and cuts the tensors from it.
func (t *trainer) vector(name string, params []*Param) *Value {
	sizes, total := []int{}, 0
	for _, p := range params {
		sizes = append(sizes, size(p.Shape))
		total += size(p.Shape)
	}
	all := t.graph.Input(name, total)
	for i, piece := range Split(all, 0, sizes...) {
		t.replaced[params[i].Value] = Reshape(piece, params[i].Shape...)
	}
	return all
}

// flat joins values to one vector.
func flat(vals []*Value) *Value {
	pieces := make([]*Value, len(vals))
	for i, v := range vals {
		pieces[i] = Reshape(v, size(v.shape))
	}
	return Concat(0, pieces...)
}

func (t *trainer) nextState() *Value {
	var next []*Value
	for _, p := range t.graph.states {
		v := t.graph.next[p.Value]
		if v == nil {
			v = p.Value
		}
		next = append(next, v)
	}
	return flat(next)
}

// adam is one step with bias-corrected moments.
func (t *trainer) adam(theta, m, v, grad *Value) []Output {
	o, g := t.options, t.graph
	lr, step := g.Input("lr", 1), g.Input("step", 1)
	m2 := Add(MulScalar(m, o.Beta1), MulScalar(grad, 1-o.Beta1))
	v2 := Add(MulScalar(v, o.Beta2), MulScalar(Square(grad), 1-o.Beta2))
	correction := func(beta float64) *Value {
		return AddScalar(Neg(powerOf(beta, step)), 1)
	}
	rate := Div(lr, correction(o.Beta1))
	scale := AddScalar(Sqrt(Div(v2, correction(o.Beta2))), o.Eps)
	next := Sub(theta, Mul(Div(m2, scale), rate))
	if o.WeightDecay > 0 {
		next = Sub(next, Mul(Mul(theta, t.decayed()), MulScalar(lr, o.WeightDecay)))
	}
	return []Output{{"theta_next", next}, {"m_next", m2}, {"v_next", v2}}
}

// powerOf is base to the power x.
func powerOf(base float64, x *Value) *Value {
	return Exp(MulScalar(x, math.Log(base)))
}

// decayed is 1 for the numbers that weight decay pulls to zero: those of
// kernels and matrices, not of biases and norms.
func (t *trainer) decayed() *Value {
	var pieces []*Value
	for _, p := range t.graph.params {
		pieces = append(pieces, Filled(t.graph, float64(toInt(len(p.Shape) > 1)), size(p.Shape)))
	}
	return Concat(0, pieces...)
}

// Flatten lays weights out as the vectors of a training step.
func Flatten(g *Graph, w Weights) (theta, state []float32) {
	return flatten(g.params, w), flatten(g.states, w)
}

func flatten(params []*Param, w Weights) []float32 {
	var out []float32
	for _, p := range params {
		if len(w[p.Name]) != size(p.Shape) {
			panic(fmt.Errorf("graph.Flatten: the weights hold %d numbers for %s, which needs %d", len(w[p.Name]), p.Name, size(p.Shape)))
		}
		out = append(out, w[p.Name]...)
	}
	return out
}

// Unflatten is the inverse of Flatten; it copies.
func Unflatten(g *Graph, theta, state []float32) Weights {
	w := Weights{}
	cut := func(params []*Param, data []float32) {
		for _, p := range params {
			n := size(p.Shape)
			w[p.Name] = slices.Clone(data[:n])
			data = data[n:]
		}
	}
	cut(g.params, theta)
	cut(g.states, state)
	return w
}
