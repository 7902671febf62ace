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
	EMA               float64 // decay of the weights' running mean; 0 = none is kept
	// File sets how TrainingStep is written: metadata and opset. Parameters stay inputs.
	File EncodeOptions
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
// "loss" and "grad_norm" (1), the norm before clipping, and the extra ones. With
// o.EMA it takes "ema" and, if the graph has states, "ema_state", and gives
// "ema_next" and "ema_state_next": the running means of the weights and states.
//
// GradientStep and UpdateStep do the same in two models: for several batches a
// step, and for weights too many to keep in memory so many times.
func TrainingStep(g *Graph, loss *Value, extra []Output, o AdamOptions) ([]byte, error) {
	return bytesOf(TrainingModel(g, loss, extra, o))
}

// TrainingModel is TrainingStep as a model that can be described and streamed.
func TrainingModel(g *Graph, loss *Value, extra []Output, o AdamOptions) (*Model, error) {
	o = o.withDefaults()
	return encodeStep(g, "training step", loss, extra, o.File, func(s *stepper) []Output {
		length, step := norm(s.gradient), g.Input("step", 1)
		outs := append(adam(o, s.theta, s.gradient, length, step, s.decayed), Output{"grad_norm", length})
		if s.state != nil {
			next := flat(g.nextStates())
			outs = append(outs, Output{"state_next", next})
			if o.EMA > 0 {
				outs = append(outs, average("ema_state", next, step, o.EMA))
			}
		}
		return outs
	})
}

// GradSuffix and NextSuffix name the outputs of a GradientStep after its inputs.
const (
	GradSuffix = "_grad"
	NextSuffix = "_next"
)

// GradientStep writes a model that computes a loss and its gradient. Its inputs are
// the graph's and each parameter and state by its name; its outputs are "loss", for
// each parameter "NAME_grad", for each state "NAME_next", and the extra ones.
//
// Fed with pieces of one vector of all parameters and asked to write into pieces of
// another, it needs no memory to take them apart and join them, as a TrainingStep
// does. Gradients of several batches are summed outside.
func GradientStep(g *Graph, loss *Value, extra []Output) ([]byte, error) {
	if len(g.params) == 0 {
		return nil, noParameters("gradient step", g)
	}
	outs := []Output{{"loss", loss}}
	err := Try(func() {
		for i, d := range Grad(loss, g.weights()...) {
			outs = append(outs, Output{g.params[i].Name + GradSuffix, d})
		}
		for i, v := range g.nextStates() {
			outs = append(outs, Output{g.states[i].Name + NextSuffix, v})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("gradient step of %s: %w", g.Name, err)
	}
	o := EncodeOptions{Fold: true, Lean: g.frugal, step: true}
	return bytesOf(export(g, append(outs, extra...), o, nil))
}

func noParameters(what string, g *Graph) error {
	return fmt.Errorf("%s of %s: the graph has no parameters", what, g.Name)
}

// UpdateStep writes a model that makes one step of Adam on n numbers, which may be
// a part of all weights. Its inputs are "theta", "m", "v", "grad" (n), "grad_norm"
// (1), the norm of the whole gradient, "lr" and "step" (1), and, where the options
// ask for it, "ema" (n) and "decayed" (n), 1 for the numbers that weight decay acts
// on, else 0. Its outputs are "theta_next", "m_next", "v_next" and "ema_next" (n).
func UpdateStep(n int, o AdamOptions) ([]byte, error) {
	g, o := New("adam"), o.withDefaults()
	var outs []Output
	err := Try(func() {
		theta, grad, norm := g.Input("theta", n), g.Input("grad", n), g.Input("grad_norm", 1)
		outs = adam(o, theta, grad, norm, g.Input("step", 1), func() *Value { return g.Input("decayed", n) })
	})
	if err != nil {
		return nil, fmt.Errorf("update step: %w", err)
	}
	return Encode(g, outs, EncodeOptions{})
}

// AverageStep writes a model of the running mean of n numbers: from the inputs
// "value", "ema" (n) and "step" (1) it gives "ema_next".
func AverageStep(n int, decay float64) ([]byte, error) {
	g := New("average")
	var out Output
	err := Try(func() { out = average("ema", g.Input("value", n), g.Input("step", 1), decay) })
	if err != nil {
		return nil, fmt.Errorf("average step: %w", err)
	}
	return Encode(g, []Output{out}, EncodeOptions{})
}

// encodeStep writes a step in which parameters and states are pieces of vectors.
func encodeStep(g *Graph, what string, loss *Value, extra []Output, o EncodeOptions, rest func(*stepper) []Output) (*Model, error) {
	if len(g.params) == 0 {
		return nil, noParameters(what, g)
	}
	s := &stepper{graph: g, replaced: map[*Value]*Value{}}
	outs := []Output{{"loss", loss}}
	err := Try(func() {
		gradients := Grad(loss, g.weights()...)
		g.Scope("adam", func() {
			s.gradient = flat(gradients)
			s.theta = s.vector("theta", g.params)
			if len(g.states) > 0 {
				s.state = s.vector("state", g.states)
			}
			outs = append(outs, rest(s)...)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", what, g.Name, err)
	}
	o.Weights, o.Fold, o.step = nil, true, true
	o.Lean = o.Lean || g.frugal
	return export(g, append(outs, extra...), o, s.replaced)
}

// stepper makes a step of a graph.
type stepper struct {
	graph    *Graph
	theta    *Value
	state    *Value            // nil if the graph has none
	gradient *Value            // like theta
	replaced map[*Value]*Value // parameters and states by their pieces of the vectors
}

// norm is the Euclidean norm of a vector, (1).
func norm(grad *Value) *Value { return Sqrt(ReduceSum(Square(grad), true)) }

// vector declares a flat input and cuts the tensors from it.
func (s *stepper) vector(name string, params []*Param) *Value {
	sizes, total := []int{}, 0
	for _, p := range params {
		sizes = append(sizes, size(p.Shape))
		total += size(p.Shape)
	}
	all := s.graph.Input(name, total)
	for i, piece := range Split(all, 0, sizes...) {
		s.replaced[params[i].Value] = Reshape(piece, params[i].Shape...)
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

// weights are the values of the parameters.
func (g *Graph) weights() []*Value {
	out := make([]*Value, len(g.params))
	for i, p := range g.params {
		out[i] = p.Value
	}
	return out
}

// nextStates are the values that the states take after a step.
func (g *Graph) nextStates() []*Value {
	var next []*Value
	for _, p := range g.states {
		v := g.next[p.Value]
		if v == nil {
			v = p.Value
		}
		next = append(next, v)
	}
	return next
}

// adam is one step with bias-corrected moments on a gradient whose whole has the
// norm given. decayed is asked for the numbers that weight decay acts on.
func adam(o AdamOptions, theta, grad, norm, step *Value, decayed func() *Value) []Output {
	g := theta.Graph()
	m, v, lr := g.Input("m", theta.shape...), g.Input("v", theta.shape...), g.Input("lr", 1)
	if o.ClipNorm > 0 {
		grad = Mul(grad, MulScalar(Reciprocal(Maximum(norm, Scalar(g, o.ClipNorm))), o.ClipNorm))
	}
	m2 := Add(MulScalar(m, o.Beta1), MulScalar(grad, 1-o.Beta1))
	v2 := Add(MulScalar(v, o.Beta2), MulScalar(Square(grad), 1-o.Beta2))
	correction := func(beta float64) *Value {
		return AddScalar(Neg(powerOf(beta, step)), 1)
	}
	rate := Div(lr, correction(o.Beta1))
	scale := AddScalar(Sqrt(Div(v2, correction(o.Beta2))), o.Eps)
	next := Sub(theta, Mul(Div(m2, scale), rate))
	if o.WeightDecay > 0 {
		next = Sub(next, Mul(Mul(theta, decayed()), MulScalar(lr, o.WeightDecay)))
	}
	outs := []Output{{"theta_next", next}, {"m_next", m2}, {"v_next", v2}}
	if o.EMA > 0 {
		outs = append(outs, average("ema", next, step, o.EMA))
	}
	return outs
}

// average moves a running mean towards x: by 1-decay, and faster at first, so that
// the mean does not dwell on the first weights: the decay of step t is at most
// (1+t)/(10+t).
func average(name string, x, step *Value, decay float64) Output {
	g := x.Graph()
	mean := g.Input(name, x.shape...)
	early := Div(AddScalar(step, 1), AddScalar(step, 10))
	keep := Minimum(early, Scalar(g, decay))
	return Output{name + "_next", Add(mean, Mul(Sub(x, mean), AddScalar(Neg(keep), 1)))}
}

// powerOf is base to the power x.
func powerOf(base float64, x *Value) *Value {
	return Exp(MulScalar(x, math.Log(base)))
}

// decayed is 1 for the numbers that weight decay pulls to zero: those of
// kernels and matrices, not of biases and norms.
func (s *stepper) decayed() *Value {
	var pieces []*Value
	for _, p := range s.graph.params {
		pieces = append(pieces, Filled(s.graph, float64(toInt(len(p.Shape) > 1)), size(p.Shape)))
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
