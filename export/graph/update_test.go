package graph

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"columna/internal/ort"
)

// instanceNet is a network whose samples do not mix, with a mean loss: the
// gradient of a batch is the mean of its samples' gradients.
func instanceNet(g *Graph, batch int) *Value {
	x, target := g.Input("x", batch, 2, 4, 8, 8), g.Input("target", batch, 3)
	x = Conv(x, g.Param("w1", []int{4, 2, 3, 3, 3}, HeInit(54)), g.Param("b1", []int{4}, ZeroInit()), ConvOpts{})
	x = Gelu(InstanceNorm(x, g.Param("gamma", []int{4}, ConstInit(1)), g.Param("beta", []int{4}, ZeroInit()), 1e-5))
	x = Conv(x, g.Param("w2", []int{6, 2, 3, 3, 3}, HeInit(54)), nil, ConvOpts{Stride: []int{1, 2, 2}, Groups: 2})
	x = LeakyRelu(MaxPool(x, 2, 2, 2), 0.1)
	x = Linear(GlobalAvgPool(x), g.Param("w3", []int{6, 3}, XavierInit(6, 3)), g.Param("b3", []int{3}, ZeroInit()))
	return ReduceMean(Square(Sub(x, target)), false)
}

// gradientOf is the gradient step of a network with fixed weights.
type gradientOf struct {
	t       *testing.T
	graph   *Graph
	session *ort.Session
	weights map[string]ort.Tensor
}

// gradientStep encodes a gradient step on a fresh graph and opens it.
func gradientStep(t *testing.T, build func(g *Graph) *Value) *gradientOf {
	t.Helper()
	g := New("net")
	g.Training = true
	model, err := GradientStep(g, build(g), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &gradientOf{t, g, openModel(t, model), map[string]ort.Tensor{}}
	w := g.InitParams(7)
	for _, p := range append(g.Params(), g.States()...) {
		s.weights[p.Name] = ort.Tensor{Shape: p.Shape, Data: w[p.Name]}
	}
	return s
}

// set takes other weights, of flat vectors.
func (s *gradientOf) set(theta, state []float32) {
	for name, data := range Unflatten(s.graph, theta, state) {
		s.weights[name] = ort.Tensor{Shape: s.weights[name].Shape, Data: data}
	}
}

// run gives the loss, the gradient and the next states.
func (s *gradientOf) run(in map[string]ort.Tensor) (loss float64, grad, state []float32) {
	s.t.Helper()
	all := map[string]ort.Tensor{}
	maps.Copy(all, in)
	maps.Copy(all, s.weights)
	out := mustRun(s.t, s.session, all)
	for _, p := range s.graph.Params() {
		grad = append(grad, out[p.Name+GradSuffix].Data...)
	}
	for _, p := range s.graph.States() {
		state = append(state, out[p.Name+NextSuffix].Data...)
	}
	return float64(out["loss"].Data[0]), grad, state
}

// mean is the mean gradient and loss over the single samples of inputs.
func (s *gradientOf) mean(in map[string]ort.Tensor, batch int) (loss float64, grad []float32) {
	s.t.Helper()
	for n := range batch {
		one := map[string]ort.Tensor{}
		for name, x := range in {
			one[name] = rowsOf(x, n, n+1)
		}
		l, g, _ := s.run(one)
		if grad == nil {
			grad = make([]float32, len(g))
		}
		for i := range g {
			grad[i] += g[i] / float32(batch)
		}
		loss += l / float64(batch)
	}
	return loss, grad
}

func lengthOf(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func openModel(t *testing.T, model []byte) *ort.Session {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustRun(t *testing.T, s *ort.Session, in map[string]ort.Tensor) map[string]ort.Tensor {
	t.Helper()
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func vector(x ...float32) ort.Tensor { return ort.Tensor{Shape: []int{len(x)}, Data: x} }

// rowsOf are samples from..to of a tensor.
func rowsOf(t ort.Tensor, from, to int) ort.Tensor {
	n := len(t.Data) / t.Shape[0]
	return ort.Tensor{Shape: join([]int{to - from}, t.Shape[1:]), Data: t.Data[from*n : to*n]}
}

func TestGradientStep_FourBatchesOfOneEqualOneOfFour(t *testing.T) {
	whole := gradientStep(t, func(g *Graph) *Value { return instanceNet(g, 4) })
	single := gradientStep(t, func(g *Graph) *Value { return instanceNet(g, 1) })
	in := map[string]ort.Tensor{"x": {Shape: []int{4, 2, 4, 8, 8}, Data: random(1, 4*2*4*64, 0, 1)},
		"target": {Shape: []int{4, 3}, Data: random(2, 12, 0, 1)}}
	wantLoss, want, _ := whole.run(in)
	loss, grad := single.mean(in, 4)
	if d := worst(grad, want) / lengthOf(want); !(d < 1e-6) {
		t.Errorf("the gradients differ by %.2g of the norm", d)
	}
	if d := math.Abs(loss - wantLoss); !(d < 1e-6) {
		t.Errorf("the losses differ by %.2g", d)
	}
}

// everyOption asks for all that an update can do.
func everyOption() AdamOptions { return AdamOptions{ClipNorm: 0.01, WeightDecay: 0.02, EMA: 0.9} }

// TestUpdateStep_EqualsTrainingStep trains smoothNet both ways, the update in
// parts of a few weights.
func TestUpdateStep_EqualsTrainingStep(t *testing.T) {
	g := New("smooth")
	g.Training = true
	model, err := TrainingStep(g, smoothNet(g), nil, everyOption())
	if err != nil {
		t.Fatal(err)
	}
	theta, state := Flatten(g, g.InitParams(7))
	zeros := vector(make([]float32, len(theta))...)
	first := map[string]ort.Tensor{"theta": vector(theta...), "m": zeros, "v": zeros, "ema": vector(theta...),
		"state": vector(state...), "ema_state": vector(state...)}
	fused, err := ort.NewStepper(model, first, ort.Options{Threads: 1})
	if errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer fused.Close()
	parts := newInParts(t, g, first)
	for step := 1; step <= 4; step++ {
		feed := feedFor(g, step, 0.02)
		delete(feed, "ema")
		delete(feed, "ema_state")
		if _, err := fused.Step(context.Background(), feed); err != nil {
			t.Fatal(err)
		}
		parts.step(feed)
	}
	for _, name := range []string{"theta", "m", "v", "ema", "state", "ema_state"} {
		want := fused.State()[name].Data
		if d := worst(parts.now[name].Data, want); !(d < 1e-4*lengthOf(want)) {
			t.Errorf("%s differs by %.2g", name, d)
		}
	}
}

// inParts is a training step in three models.
type inParts struct {
	t               *testing.T
	gradient        *gradientOf
	update, average *ort.Session
	part            int
	decayed         []float32
	now             map[string]ort.Tensor
}

func newInParts(t *testing.T, g *Graph, first map[string]ort.Tensor) *inParts {
	t.Helper()
	p := &inParts{t: t, now: map[string]ort.Tensor{}}
	for name, v := range first {
		p.now[name] = vector(slices.Clone(v.Data)...)
	}
	p.gradient = gradientStep(t, smoothNet)
	for d := 2; p.part == 0; d++ {
		if n := len(first["theta"].Data); n%d == 0 {
			p.part = n / d
		}
	}
	update, err := UpdateStep(p.part, everyOption())
	if err != nil {
		t.Fatal(err)
	}
	average, err := AverageStep(len(first["state"].Data), everyOption().EMA)
	if err != nil {
		t.Fatal(err)
	}
	p.update, p.average = openModel(t, update), openModel(t, average)
	for _, q := range g.Params() {
		p.decayed = append(p.decayed, slices.Repeat([]float32{float32(toInt(len(q.Shape) > 1))}, size(q.Shape))...)
	}
	return p
}

func (p *inParts) step(feed map[string]ort.Tensor) {
	p.gradient.set(p.now["theta"].Data, p.now["state"].Data)
	_, grad, state := p.gradient.run(map[string]ort.Tensor{"x": feed["x"], "target": feed["target"]})
	p.now["state"] = vector(state...)
	for at := 0; at < len(p.decayed); at += p.part {
		cut := func(x []float32) ort.Tensor { return vector(x[at:][:p.part]...) }
		in := map[string]ort.Tensor{"grad": cut(grad), "grad_norm": vector(float32(lengthOf(grad))),
			"lr": feed["lr"], "step": feed["step"], "decayed": cut(p.decayed)}
		for _, name := range []string{"theta", "m", "v", "ema"} {
			in[name] = cut(p.now[name].Data)
		}
		next := mustRun(p.t, p.update, in)
		for _, name := range []string{"theta", "m", "v", "ema"} {
			copy(p.now[name].Data[at:], next[name+"_next"].Data)
		}
	}
	p.now["ema_state"] = mustRun(p.t, p.average, map[string]ort.Tensor{
		"value": p.now["state"], "ema": p.now["ema_state"], "step": feed["step"]})["ema_next"]
}

// TestUpdateStep_ClipsAndAveragesAsPlainGo gives a gradient longer and one shorter
// than the limit.
func TestUpdateStep_ClipsAndAveragesAsPlainGo(t *testing.T) {
	o := AdamOptions{ClipNorm: 1, EMA: 0.5}
	model, err := UpdateStep(3, o)
	if err != nil {
		t.Fatal(err)
	}
	s := openModel(t, model)
	now := map[string][]float64{"theta": {1, -2, 3}, "m": {0, 0, 0}, "v": {0, 0, 0}, "ema": {1, -2, 3}}
	for step, grad := range [][]float64{{3, 0, -4}, {0.3, 0, 0.4}, {0, 2, 0}} {
		in := map[string]ort.Tensor{"lr": vector(0.1), "step": vector(float32(step + 1)), "grad": vector(narrow(grad)...)}
		norm := math.Sqrt(grad[0]*grad[0] + grad[1]*grad[1] + grad[2]*grad[2])
		in["grad_norm"] = vector(float32(norm))
		for name, x := range now {
			in[name] = vector(narrow(x)...)
		}
		out := mustRun(t, s, in)
		plainUpdate(now, grad, norm, step+1)
		for name, x := range now {
			if d := worst(out[name+"_next"].Data, narrow(x)); !(d < 1e-6) {
				t.Errorf("step %d: %s is %v, by plain Go %v", step+1, name, out[name+"_next"].Data, x)
			}
		}
	}
}

// plainUpdate is Adam at the rate 0.1 with the gradient clipped to norm 1, and a
// mean of decay 0.5.
func plainUpdate(now map[string][]float64, grad []float64, norm float64, step int) {
	t := float64(step)
	keep := math.Min(0.5, (1+t)/(10+t))
	for i, g := range grad {
		g /= math.Max(norm, 1)
		now["m"][i] = 0.9*now["m"][i] + 0.1*g
		now["v"][i] = 0.999*now["v"][i] + 0.001*g*g
		m, v := now["m"][i]/(1-math.Pow(0.9, t)), now["v"][i]/(1-math.Pow(0.999, t))
		now["theta"][i] -= 0.1 * m / (math.Sqrt(v) + 1e-8)
		now["ema"][i] = keep*now["ema"][i] + (1-keep)*now["theta"][i]
	}
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func TestGradientStep_RefusesAGraphWithoutParameters(t *testing.T) {
	g := New("empty")
	if _, err := GradientStep(g, ReduceMean(g.Input("x", 2), false), nil); err == nil {
		t.Error("accepted")
	}
	if _, err := UpdateStep(0, AdamOptions{}); err == nil {
		t.Error("an update of no weights was accepted")
	}
}

// TestGradientStep_KernelsOfABatch holds each way in which a kernel's gradient is
// written to the sum over the samples.
func TestGradientStep_KernelsOfABatch(t *testing.T) {
	for name, c := range map[string]struct {
		x, w []int // sample and kernel
		o    ConvOpts
	}{
		"one channel": {[]int{1, 4, 6, 6}, []int{3, 1, 3, 3, 3}, ConvOpts{}},
		"dense":       {[]int{5, 4, 6, 6}, []int{3, 5, 3, 3, 3}, ConvOpts{}},
		"pointwise":   {[]int{5, 4, 6, 6}, []int{3, 5, 1, 1, 1}, ConvOpts{}},
		"slices":      {[]int{5, 4, 6, 6}, []int{3, 5, 1, 3, 3}, ConvOpts{}},
		"depthwise":   {[]int{4, 4, 6, 6}, []int{4, 1, 3, 3, 3}, ConvOpts{Groups: 4}},
		"groups":      {[]int{4, 4, 6, 6}, []int{6, 2, 3, 3, 3}, ConvOpts{Groups: 2}},
		"strided":     {[]int{4, 4, 6, 6}, []int{3, 4, 3, 3, 3}, ConvOpts{Stride: []int{1, 2, 2}}},
		"patches":     {[]int{4, 4, 6, 6}, []int{3, 4, 2, 2, 2}, ConvOpts{Stride: []int{2, 2, 2}}},
		"dilated":     {[]int{4, 8, 8, 8}, []int{3, 4, 3, 3, 3}, ConvOpts{Dilation: []int{2, 2, 2}}},
		"flat":        {[]int{4, 9, 9}, []int{3, 4, 7, 7}, ConvOpts{Stride: []int{2, 2}}},
	} {
		build := func(batch int) func(g *Graph) *Value {
			return func(g *Graph) *Value {
				y := Conv(g.Input("x", join([]int{batch}, c.x)...), g.Param("w", c.w, HeInit(20)), g.Param("b", c.w[:1], ZeroInit()), c.o)
				return ReduceMean(Square(AddScalar(y, 1)), false)
			}
		}
		in := map[string]ort.Tensor{"x": {Shape: join([]int{3}, c.x), Data: random(4, 3*size(c.x), 0, 1)}}
		_, want, _ := gradientStep(t, build(3)).run(in)
		_, grad := gradientStep(t, build(1)).mean(in, 3)
		if d := worst(grad, want); !(d < 1e-6*lengthOf(want)) {
			t.Errorf("%s: the gradients differ by %.2g", name, d)
		}
	}
}
