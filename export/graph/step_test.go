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

// smoothNet is a small network without kinks: convolution, norm, GELU, average
// pool, batch norm with running states, and a linear head, with a loss that
// pulls its output to the input's mean.
func smoothNet(g *Graph) (loss *Value) {
	x := g.Input("x", 2, 1, 4, 8, 8)
	target := g.Input("target", 2, 3)
	channels := func(name string, x float64, n int) *Value { return g.Param(name, []int{n}, ConstInit(x)) }
	g.Scope("stem", func() {
		x = Conv(x, g.Param("w", []int{4, 1, 3, 3, 3}, HeInit(27)), nil, ConvOpts{})
		x = Gelu(InstanceNorm(x, channels("gamma", 1, 4), channels("beta", 0, 4), 1e-5))
	})
	g.Scope("body", func() {
		x = AvgPool(x, 2, 2, 2)
		x = Conv(x, g.Param("w", []int{6, 4, 3, 3, 3}, HeInit(108)), nil, ConvOpts{Stride: []int{1, 2, 2}})
		mean, variance := g.State("mean", []int{6}, ZeroInit()), g.State("var", []int{6}, ConstInit(1))
		x = Silu(BatchNorm(g, x, channels("gamma", 1, 6), channels("beta", 0, 6), mean, variance, 1e-5, 0.1))
	})
	g.Scope("head", func() {
		x = Linear(GlobalAvgPool(x), g.Param("w", []int{6, 3}, XavierInit(6, 3)), channels("b", 0, 3))
	})
	return ReduceMean(Square(Sub(x, target)), false)
}

func newStepper(t testing.TB, g *Graph, model []byte, threads int) *ort.Stepper {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	theta, state := Flatten(g, g.InitParams(7))
	zero := func() ort.Tensor { return ort.Tensor{Shape: []int{len(theta)}, Data: make([]float32, len(theta))} }
	first := map[string]ort.Tensor{"theta": {Shape: []int{len(theta)}, Data: theta}, "m": zero(), "v": zero()}
	if len(state) > 0 {
		first["state"] = ort.Tensor{Shape: []int{len(state)}, Data: state}
	}
	s, err := ort.NewStepper(model, first, ort.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feedFor fills every input but the optimiser's.
func feedFor(g *Graph, step int, lr float32) map[string]ort.Tensor {
	in := map[string]ort.Tensor{
		"lr": {Shape: []int{1}, Data: []float32{lr}}, "step": {Shape: []int{1}, Data: []float32{float32(step)}},
	}
	for i, v := range g.Inputs() {
		if !slices.Contains([]string{"theta", "m", "v", "state", "lr", "step"}, v.Name()) {
			in[v.Name()] = ort.Tensor{Shape: v.Shape(), Data: random(uint64(i), size(v.Shape()), 0, 1)}
		}
	}
	return in
}

// train runs steps from fresh weights and gives the losses and the last state.
func train(t *testing.T, steps int) (losses []float32, state map[string]ort.Tensor, g *Graph) {
	t.Helper()
	g = New("smooth")
	g.Training = true
	model, err := TrainingStep(g, smoothNet(g), nil, AdamOptions{ClipNorm: 1, WeightDecay: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	s := newStepper(t, g, model, 1)
	defer s.Close()
	for step := 1; step <= steps; step++ {
		out, err := s.Step(context.Background(), feedFor(g, step, 0.02))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, out["loss"].Data[0])
	}
	return losses, s.State(), g
}

func TestTrainingStep_LowersTheLossAndRepeatsBitForBit(t *testing.T) {
	losses, state, _ := train(t, 15)
	if !(losses[14] < losses[0]/4) {
		t.Errorf("the loss went %v -> %v", losses[0], losses[14])
	}
	again, state2, _ := train(t, 15)
	if !slices.Equal(losses, again) {
		t.Errorf("a rerun gave other losses:\n%v\n%v", losses, again)
	}
	for name := range state {
		if !slices.Equal(state[name].Data, state2[name].Data) {
			t.Errorf("a rerun gave another %s", name)
		}
	}
}

func TestTrainingStep_IsAdamOnTheReferenceGradient(t *testing.T) {
	losses, state, g := train(t, 1)
	w := g.InitParams(7)
	feed := map[string][]float32{}
	for name, v := range feedFor(g, 1, 0.02) {
		feed[name] = v.Data
	}
	ref := New("reference")
	ref.Training = true
	loss := smoothNet(ref)
	var wrt []*Value
	for _, p := range ref.Params() {
		wrt = append(wrt, p.Value)
	}
	out := Eval(append([]*Value{loss}, Grad(loss, wrt...)...), feed, w)
	if math.Abs(float64(losses[0]-out[0][0])) > 1e-5 {
		t.Errorf("loss %v, reference %v", losses[0], out[0][0])
	}
	want := plainAdam(ref, w, out[1:], 0.02, 0.01)
	if d := worst(state["theta"].Data, want); !(d < 2e-4) {
		t.Errorf("the weights after one step differ from plain Adam by %.2g", d)
	}
	mean := Eval([]*Value{ref.next[ref.States()[0].Value]}, feed, w)[0]
	if d := worst(state["state"].Data[:6], mean); !(d < 1e-5) {
		t.Errorf("the running mean differs from the reference by %.2g", d)
	}
}

// plainAdam is the first step of Adam with clipping to norm 1.
func plainAdam(g *Graph, w Weights, grads [][]float32, lr, decay float64) []float32 {
	norm := 0.0
	for _, grad := range grads {
		for _, x := range grad {
			norm += float64(x) * float64(x)
		}
	}
	scale := 1 / math.Max(math.Sqrt(norm), 1)
	var out []float32
	for i, p := range g.Params() {
		for j, x := range w[p.Name] {
			d := float64(grads[i][j]) * scale
			next := float64(x) - lr*d/(math.Abs(d)+1e-8)
			if len(p.Shape) > 1 {
				next -= lr * decay * float64(x)
			}
			out = append(out, float32(next))
		}
	}
	return out
}

func TestTrainingStep_SameGraphSameBytes(t *testing.T) {
	encode := func() []byte {
		g := New("smooth")
		g.Training = true
		model, err := TrainingStep(g, smoothNet(g), nil, AdamOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return model
	}
	if !bytes.Equal(encode(), encode()) {
		t.Error("two builds differ")
	}
}

func TestFlatten_RoundTrips(t *testing.T) {
	g := New("smooth")
	g.Training = true
	smoothNet(g)
	w := g.InitParams(3)
	theta, state := Flatten(g, w)
	if len(theta) != ParamCount(g) {
		t.Errorf("%d numbers for %d parameters", len(theta), ParamCount(g))
	}
	back := Unflatten(g, theta, state)
	for name := range w {
		if !slices.Equal(w[name], back[name]) {
			t.Errorf("%s came back changed", name)
		}
	}
}
