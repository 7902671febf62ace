package graph

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// operatorCase is one use of an operator. All inputs are differentiated unless
// flat says that the operator has no gradient.
type operatorCase struct {
	name   string
	shapes [][]int
	lo, hi float64 // range of the inputs, default -2..2
	flat   bool
	build  func(v []*Value) *Value
}

func unaryCase(name string, f func(*Value) *Value, lo, hi float64) operatorCase {
	return operatorCase{name: name, shapes: [][]int{{3, 4}}, lo: lo, hi: hi, build: func(v []*Value) *Value { return f(v[0]) }}
}

func pairCase(name string, f func(a, b *Value) *Value, lo, hi float64, a, b []int) operatorCase {
	return operatorCase{name: fmt.Sprint(name, a, b), shapes: [][]int{a, b}, lo: lo, hi: hi, build: func(v []*Value) *Value { return f(v[0], v[1]) }}
}

func unaryCases() []operatorCase {
	return []operatorCase{
		unaryCase("Neg", Neg, -2, 2), unaryCase("Exp", Exp, -2, 2), unaryCase("Log", Log, 0.2, 3),
		unaryCase("Sqrt", Sqrt, 0.2, 3), unaryCase("Square", Square, -2, 2), unaryCase("Abs", Abs, -2, 2),
		unaryCase("Reciprocal", Reciprocal, 0.3, 2), unaryCase("Tanh", Tanh, -2, 2), unaryCase("Sigmoid", Sigmoid, -4, 4),
		unaryCase("Relu", Relu, -2, 2), unaryCase("Gelu", Gelu, -3, 3), unaryCase("Silu", Silu, -3, 3),
		unaryCase("Softplus", Softplus, -4, 4), unaryCase("Erf", Erf, -2, 2), unaryCase("Sin", Sin, -3, 3), unaryCase("Cos", Cos, -3, 3),
		unaryCase("LeakyRelu", func(a *Value) *Value { return LeakyRelu(a, 0.1) }, -2, 2),
		unaryCase("AddScalar", func(a *Value) *Value { return AddScalar(a, 1.5) }, -2, 2),
		unaryCase("MulScalar", func(a *Value) *Value { return MulScalar(a, -0.7) }, -2, 2),
		unaryCase("PowScalar", func(a *Value) *Value { return PowScalar(a, 1.7) }, 0.2, 2),
		unaryCase("Clip", func(a *Value) *Value { return Clip(a, -1, 0.5) }, -2, 2),
		unaryCase("Mul with itself", func(a *Value) *Value { return Mul(a, a) }, -2, 2),
	}
}

func pairCases() []operatorCase {
	var out []operatorCase
	for _, s := range [][2][]int{{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{2, 1, 4}, {3, 1}}, {{1}, {2, 2}}} {
		out = append(out,
			pairCase("Add", Add, -2, 2, s[0], s[1]), pairCase("Sub", Sub, -2, 2, s[0], s[1]),
			pairCase("Mul", Mul, -2, 2, s[0], s[1]), pairCase("Div", Div, 0.5, 2, s[0], s[1]),
			pairCase("Maximum", Maximum, -2, 2, s[0], s[1]), pairCase("Minimum", Minimum, -2, 2, s[0], s[1]))
	}
	mask := pairCase("GreaterMask", GreaterMask, -2, 2, []int{2, 3}, []int{3})
	mask.flat = true
	return append(out, mask)
}

// one is a case with a single differentiated input.
func one(name string, shape []int, f func(x *Value) *Value) operatorCase {
	return operatorCase{name: name, shapes: [][]int{shape}, build: func(v []*Value) *Value { return f(v[0]) }}
}

func layoutCases() []operatorCase {
	return []operatorCase{
		one("Reshape", []int{2, 6}, func(x *Value) *Value { return Reshape(x, 3, -1) }),
		one("Unsqueeze", []int{2, 3}, func(x *Value) *Value { return Unsqueeze(x, 0, -1) }),
		one("Squeeze", []int{1, 2, 1, 3}, func(x *Value) *Value { return Squeeze(x, 2) }),
		one("Transpose", []int{2, 3, 4}, func(x *Value) *Value { return Transpose(x, 2, 0, 1) }),
		one("Transpose twice", []int{2, 3, 4}, func(x *Value) *Value { return Transpose(Transpose(x, 2, 0, 1), 1, 0, 2) }),
		one("Split", []int{2, 5}, func(x *Value) *Value { p := Split(x, 1, 1, 3, 1); return Mul(p[0], p[1]) }),
		one("Slice", []int{3, 5}, func(x *Value) *Value { return Slice(x, 1, 1, -1) }),
		one("Flip", []int{2, 3, 2}, func(x *Value) *Value { return Flip(x, 0, -2) }),
		one("Pad", []int{2, 3}, func(x *Value) *Value { return Pad(x, []int{1, 0}, []int{0, 2}) }),
		one("Expand", []int{2, 1}, func(x *Value) *Value { return Expand(x, 3, 2, 4) }),
		one("Expand then Mul", []int{2, 1}, func(x *Value) *Value { return Mul(Expand(x, 2, 4), Expand(x, 2, 4)) }),
		{name: "Concat", shapes: [][]int{{2, 1, 2}, {2, 3, 2}}, build: func(v []*Value) *Value { return Concat(1, v...) }},
	}
}

func reduceCases() []operatorCase {
	var out []operatorCase
	for _, keep := range []bool{false, true} {
		for _, axes := range [][]int{nil, {1}, {0, -1}} {
			name := fmt.Sprint(axes, keep)
			out = append(out,
				one("ReduceSum"+name, []int{2, 3, 4}, func(x *Value) *Value { return ReduceSum(x, keep, axes...) }),
				one("ReduceMean"+name, []int{2, 3, 4}, func(x *Value) *Value { return ReduceMean(x, keep, axes...) }),
				one("ReduceMax"+name, []int{2, 3, 4}, func(x *Value) *Value { return ReduceMax(x, keep, axes...) }))
		}
	}
	for _, ax := range []int{1, -1} {
		out = append(out,
			one(fmt.Sprint("Softmax", ax), []int{2, 3, 4}, func(x *Value) *Value { return Softmax(x, ax) }),
			one(fmt.Sprint("LogSoftmax", ax), []int{2, 3, 4}, func(x *Value) *Value { return LogSoftmax(x, ax) }))
	}
	return out
}

func productCases() []operatorCase {
	matmul := func(a, b []int) operatorCase { return pairCase("MatMul", MatMul, -2, 2, a, b) }
	return []operatorCase{
		matmul([]int{2, 3}, []int{3, 4}), matmul([]int{2, 2, 3}, []int{2, 3, 4}), matmul([]int{2, 2, 3}, []int{3, 4}),
		matmul([]int{4, 3}, []int{2, 3, 2}), matmul([]int{2, 1, 2, 3}, []int{3, 3, 2}),
		{name: "Linear", shapes: [][]int{{2, 3, 4}, {4, 2}, {2}}, build: func(v []*Value) *Value { return Linear(v[0], v[1], v[2]) }},
		{name: "Linear without bias", shapes: [][]int{{4}, {4, 2}}, build: func(v []*Value) *Value { return Linear(v[0], v[1], nil) }},
	}
}

func convCase(x, w []int, o ConvOpts) operatorCase {
	return operatorCase{name: fmt.Sprintf("Conv%v%v%+v", x, w, o), shapes: [][]int{x, w, {w[0]}},
		build: func(v []*Value) *Value { return Conv(v[0], v[1], v[2], o) }}
}

func convCases() []operatorCase {
	return []operatorCase{
		convCase([]int{1, 3, 6}, []int{2, 3, 3}, ConvOpts{}),
		convCase([]int{2, 3, 5, 4}, []int{4, 3, 3, 3}, ConvOpts{}),
		convCase([]int{2, 1, 4, 5}, []int{2, 1, 3, 5}, ConvOpts{}),
		convCase([]int{1, 3, 3, 4, 3}, []int{2, 3, 3, 3, 3}, ConvOpts{}),
		convCase([]int{2, 3, 2, 3, 3}, []int{2, 3, 1, 1, 1}, ConvOpts{}),
		convCase([]int{1, 3, 5, 5}, []int{2, 3, 3, 3}, ConvOpts{Pad: []int{0}}),
		convCase([]int{1, 3, 4, 4}, []int{2, 3, 3, 1}, ConvOpts{Pad: []int{3, 1}}),
		convCase([]int{1, 3, 7, 6}, []int{2, 3, 3, 3}, ConvOpts{Dilation: []int{2}}),
		convCase([]int{1, 3, 4, 6}, []int{2, 3, 2, 4}, ConvOpts{}),
		convCase([]int{2, 3, 4, 5}, []int{3, 1, 3, 3}, ConvOpts{Groups: 3}),
		convCase([]int{2, 2, 4, 3}, []int{4, 1, 3, 3}, ConvOpts{Groups: 2}),
		convCase([]int{2, 4, 4, 3}, []int{6, 2, 3, 1}, ConvOpts{Groups: 2}),
		convCase([]int{1, 3, 6, 8}, []int{2, 3, 2, 2}, ConvOpts{Stride: []int{2}}),
		convCase([]int{1, 1, 4, 6, 4}, []int{2, 1, 1, 2, 2}, ConvOpts{Stride: []int{1, 2, 2}}),
		convCase([]int{2, 3, 6, 7}, []int{2, 3, 3, 3}, ConvOpts{Stride: []int{2}}),
		convCase([]int{1, 3, 9, 8}, []int{2, 3, 7, 7}, ConvOpts{Stride: []int{2}}),
		convCase([]int{1, 2, 5, 6}, []int{2, 2, 3, 3}, ConvOpts{Stride: []int{3, 2}, Pad: []int{0, 1}}),
		convCase([]int{1, 3, 4, 5, 4}, []int{2, 3, 3, 3, 3}, ConvOpts{Stride: []int{2}}),
		convCase([]int{1, 4, 6, 6}, []int{4, 2, 3, 3}, ConvOpts{Stride: []int{2}, Groups: 2}),
		convCase([]int{1, 3, 6, 6}, []int{3, 1, 3, 3}, ConvOpts{Stride: []int{2}, Groups: 3}),
		convCase([]int{1, 2, 7, 9}, []int{2, 2, 2, 2}, ConvOpts{Stride: []int{3, 4}}),
		convCase([]int{2, 3, 4, 3, 5}, []int{3, 1, 3, 3, 5}, ConvOpts{Groups: 3}),
		convCase([]int{1, 2, 3, 4, 4}, []int{2, 1, 5, 3, 3}, ConvOpts{Groups: 2}),
		convCase([]int{1, 2, 5, 4, 4}, []int{2, 1, 3, 1, 3}, ConvOpts{Groups: 2, Dilation: []int{2}, Pad: []int{1, 0, 2}}),
		convCase([]int{1, 2, 4, 4, 4}, []int{2, 1, 3, 3, 3}, ConvOpts{Groups: 2, Stride: []int{1, 2, 2}}),
		{name: "DynamicConv N=1", shapes: [][]int{{1, 3, 4, 4}, {1, 2, 3, 3, 3}}, build: func(v []*Value) *Value { return DynamicConv(v[0], v[1]) }},
		{name: "DynamicConv N=2", shapes: [][]int{{2, 3, 4, 3}, {2, 2, 3, 3, 3}}, build: func(v []*Value) *Value { return DynamicConv(v[0], v[1]) }},
	}
}

func gridCases() []operatorCase {
	return []operatorCase{
		one("MaxPool", []int{2, 2, 4, 5}, func(x *Value) *Value { return MaxPool(x, 2, 2) }),
		one("MaxPool 3D", []int{1, 2, 2, 4, 4}, func(x *Value) *Value { return MaxPool(x, 1, 2, 2) }),
		one("AvgPool", []int{1, 2, 4, 5}, func(x *Value) *Value { return AvgPool(x, 2, 2) }),
		one("GlobalAvgPool", []int{2, 3, 2, 2}, GlobalAvgPool),
		one("UpsampleLinear", []int{1, 2, 2, 3, 2}, func(x *Value) *Value { return UpsampleLinear(x, 1, 2, 3) }),
		one("UpsampleNearest", []int{1, 2, 2, 3}, func(x *Value) *Value { return UpsampleNearest(x, 2, 3) }),
		one("ResizeLinear", []int{1, 2, 5, 3}, func(x *Value) *Value { return ResizeLinear(x, 3, 4) }),
	}
}

func normCases() []operatorCase {
	return []operatorCase{
		{name: "LayerNorm", shapes: [][]int{{2, 3, 4}, {4}, {4}}, build: func(v []*Value) *Value { return LayerNorm(v[0], v[1], v[2], 1e-5) }},
		{name: "InstanceNorm", shapes: [][]int{{2, 3, 2, 4}, {3}, {3}}, build: func(v []*Value) *Value { return InstanceNorm(v[0], v[1], v[2], 1e-5) }},
		{name: "BatchNorm training", shapes: [][]int{{3, 2, 2, 2}, {2}, {2}, {2}, {2}}, lo: 0.2, hi: 2, build: func(v []*Value) *Value {
			g := v[0].Graph()
			g.Training = true
			mean, variance := g.State("mean", []int{2}, ZeroInit()), g.State("var", []int{2}, ConstInit(1))
			return BatchNorm(g, v[0], v[1], v[2], mean, variance, 1e-5, 0.1)
		}},
		{name: "BatchNorm inference", shapes: [][]int{{3, 2, 2, 2}, {2}, {2}}, build: func(v []*Value) *Value {
			g := v[0].Graph()
			mean := g.Param("mean", []int{2}, ValuesInit([]float32{0.1, -0.4}))
			variance := g.Param("var", []int{2}, ValuesInit([]float32{0.5, 2}))
			return BatchNorm(g, v[0], v[1], v[2], mean, variance, 1e-5, 0.1)
		}},
	}
}

func scanCases() []operatorCase {
	shapes := [][]int{{2, 4, 3}, {2, 4, 3}, {3, 2}, {2, 4, 2}, {2, 4, 2}, {3}}
	negative := func(f func(u, d, a, b, c, dd *Value) *Value) func(v []*Value) *Value {
		return func(v []*Value) *Value { return f(v[0], v[1], Neg(v[2]), v[3], v[4], v[5]) }
	}
	return []operatorCase{
		{name: "SelectiveScan", shapes: shapes, lo: 0.1, hi: 1, build: negative(SelectiveScan)},
		{name: "SelectiveScanReverse", shapes: shapes, lo: 0.1, hi: 1, build: negative(SelectiveScanReverse)},
		{name: "SelectiveScanTimeMajor", shapes: [][]int{{4, 3, 2}, {4, 3, 2}, {3, 2}, {4, 2, 2}, {4, 2, 2}, {3}}, lo: 0.1, hi: 1, build: negative(SelectiveScanTimeMajor)},
	}
}

func allCases() []operatorCase {
	var out []operatorCase
	for _, family := range [][]operatorCase{unaryCases(), pairCases(), layoutCases(), reduceCases(), productCases(), convCases(), gridCases(), normCases(), scanCases()} {
		out = append(out, family...)
	}
	return out
}

// built is a case with a scalar loss: a fixed weighting of the output.
type built struct {
	graph   *Graph
	inputs  []*Value
	out     *Value
	loss    *Value
	feed    map[string][]float32
	weights Weights
}

func buildCase(c operatorCase) built {
	if c.lo == c.hi {
		c.lo, c.hi = -2, 2
	}
	b := built{graph: New("case"), feed: map[string][]float32{}}
	for i, s := range c.shapes {
		name := fmt.Sprint("x", i)
		b.inputs = append(b.inputs, b.graph.Input(name, s...))
		b.feed[name] = random(uint64(i+1), size(s), c.lo, c.hi)
	}
	b.out = c.build(b.inputs)
	weighting := Const(b.graph, b.out.Shape(), random(99, size(b.out.shape), -1, 1))
	b.loss = ReduceSum(Mul(b.out, weighting), false)
	b.weights = b.graph.InitParams(1)
	return b
}

// exact is the loss in float64, with one number of one input moved.
func (b built) exact(name string, at int, by float64) float64 {
	return evaluate([]*Value{b.loss}, func(label string, shape []int) array {
		data, ok := b.feed[label]
		if !ok {
			data = b.weights[label]
		}
		a := fromFloat32(shape, data)
		if label == name {
			a.data[at] += by
		}
		return a
	})[0].data[0]
}

func TestOperators_AgreeWithTheReferenceOnONNXRuntime(t *testing.T) {
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			b := buildCase(c)
			want := Eval([]*Value{b.out}, b.feed, b.weights)
			got := onRuntime(t, b.graph, []*Value{b.out}, b.feed, b.weights)
			if d := worst(got[0], want[0]); !(d < 2e-5) {
				t.Errorf("differs by %.2g:\n got %v\nwant %v", d, got[0], want[0])
			}
		})
	}
}

func TestGradients_AgreeWithFiniteDifferences(t *testing.T) {
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			b := buildCase(c)
			grads := Grad(b.loss, b.inputs...)
			onEval := Eval(grads, b.feed, b.weights)
			onORT := onRuntime(t, b.graph, grads, b.feed, b.weights)
			for i, v := range b.inputs {
				want := b.differences(v, c.flat)
				if d := worst(onEval[i], want); !(d < 2e-5) {
					t.Errorf("reference gradient of input %d differs by %.2g:\n got %v\nwant %v", i, d, onEval[i], want)
				}
				if d := worst(onORT[i], want); !(d < 5e-5) {
					t.Errorf("ONNX Runtime gradient of input %d differs by %.2g:\n got %v\nwant %v", i, d, onORT[i], want)
				}
			}
		})
	}
}

// differences are central finite differences in float64.
func (b built) differences(v *Value, flat bool) []float32 {
	const h = 1e-5
	out := make([]float32, size(v.shape))
	for i := range out {
		if !flat && b.used(v) {
			out[i] = float32((b.exact(v.Name(), i, h) - b.exact(v.Name(), i, -h)) / (2 * h))
		}
	}
	return out
}

func (b built) used(v *Value) bool {
	for _, n := range reachable([]*Value{b.loss}, nil) {
		if n == v.node {
			return true
		}
	}
	return false
}

func TestGradients_FlowThroughManyUses(t *testing.T) {
	g := New("many")
	x := g.Input("x", 2)
	y := Add(Mul(x, Exp(x)), Mul(x, StopGradient(x)))
	feed := map[string][]float32{"x": {0.5, -1}}
	got := Eval(Grad(ReduceSum(y, false), x), feed, nil)[0]
	for i, v := range feed["x"] {
		v := float64(v)
		want := math.Exp(v)*(1+v) + v
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("d/dx at %v = %v, want %v", v, got[i], want)
		}
	}
}

func TestGradients_ReachValuesInsideMergedLayouts(t *testing.T) {
	g := New("merged")
	x := g.Input("x", 2, 6)
	reshaped := Reshape(x, 3, 4)
	transposed := Transpose(Reshape(reshaped, 2, 3, 2), 2, 1, 0)
	again := Transpose(transposed, 1, 0, 2)
	stretched := Expand(Reshape(again, 3, 2, 2, 1), 3, 2, 2, 5)
	y := Mul(stretched, Const(g, []int{3, 2, 2, 5}, random(3, 60, -1, 1)))
	feed := map[string][]float32{"x": random(1, 12, -1, 1)}
	loss := ReduceSum(Square(y), false)
	wrt := []*Value{reshaped, transposed, again, stretched, x}
	norms := make([]float64, len(wrt))
	for i, d := range Eval(Grad(loss, wrt...), feed, nil) {
		for _, v := range d {
			norms[i] += float64(v) * float64(v)
		}
	}
	for i := range 3 { // a permutation keeps the norm of the gradient
		if math.Abs(norms[i]-norms[4]) > 1e-5*norms[4] || norms[4] == 0 {
			t.Errorf("gradient %d has norm %v, that of x %v", i, norms[i], norms[4])
		}
	}
	if norms[3] == 0 {
		t.Error("no gradient reached the stretched value")
	}
}

func TestReduceMax_SharesTheGradientOfEqualElements(t *testing.T) {
	g := New("ties")
	x := g.Input("x", 2, 3)
	y := ReduceMax(x, false, 1)
	loss := ReduceSum(Mul(y, Const(g, []int{2}, []float32{6, 1})), false)
	got := Eval(Grad(loss, x), map[string][]float32{"x": {4, 4, 4, 1, 3, 2}}, nil)[0]
	if want := []float32{2, 2, 2, 0, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("gradient is %v, want %v", got, want)
	}
}
