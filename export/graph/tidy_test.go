package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// raw applies an ONNX operator as it is, past the functions that simplify.
func raw(kind string, shape []int, in ...*Value) *Value {
	return apply1(&op{kind: kind}, shape, in...)
}

func rawReshape(a *Value, shape ...int) *Value {
	o := &op{kind: "Reshape"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, shape) }
	return apply1(o, shape, a)
}

func rawTranspose(a *Value, perm ...int) *Value {
	shape := make([]int, len(perm))
	for i, p := range perm {
		shape[i] = a.shape[p]
	}
	return apply1(&op{kind: "Transpose", attrs: []attr{intsAttr("perm", perm)}}, shape, a)
}

func rawExpand(a *Value, shape ...int) *Value {
	o := &op{kind: "Expand"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, shape) }
	return apply1(o, shape, a)
}

// kinds lists the ONNX operators of a model in order.
func kinds(t *testing.T, g *Graph, outs []*Value, o EncodeOptions) string {
	t.Helper()
	var named []Output
	for i, v := range outs {
		named = append(named, Output{fmt.Sprintf("out_%d", i), v})
	}
	o.Opset = DefaultOpset
	d := drawn(g, named, o, nil)
	if err := d.verify(); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, n := range d.nodes {
		list = append(list, n.kind)
	}
	return strings.Join(list, " ")
}

// ruleCases are graphs that one rule simplifies, with the operators left.
func ruleCases() map[string]struct {
	build func(x, y *Value) []*Value // x and y are (2,3,4)
	want  string
} {
	one := func(v *Value) []*Value { return []*Value{v} }
	return map[string]struct {
		build func(x, y *Value) []*Value
		want  string
	}{
		"dropIdentity":  {func(x, _ *Value) []*Value { return one(Exp(raw("Identity", x.shape, x))) }, "Exp"},
		"dropSameShape": {func(x, _ *Value) []*Value { return one(Exp(rawTranspose(rawReshape(x, 2, 3, 4), 0, 1, 2))) }, "Exp"},
		"dropTimesOne":  {func(x, _ *Value) []*Value { return one(Exp(Div(Mul(Scalar(x.Graph(), 1), x), Scalar(x.Graph(), 1)))) }, "Exp"},
		"dropTimesOne keeps a stretch": {func(x, _ *Value) []*Value {
			return one(Mul(Slice(x, 0, 0, 1), Const(x.Graph(), []int{1}, []float32{1})))
		}, "Slice"},
		"dropTimesOne keeps a reciprocal": {func(x, _ *Value) []*Value { return one(Div(Scalar(x.Graph(), 1), x)) }, "Div"},
		"joinReshapes":                    {func(x, _ *Value) []*Value { return one(Exp(rawReshape(rawReshape(x, 6, 4), 4, 6))) }, "Exp Reshape"},
		"joinTransposes": {func(x, _ *Value) []*Value {
			return one(rawTranspose(rawTranspose(x, 1, 2, 0), 1, 2, 0))
		}, "Transpose"},
		"joinTransposes to nothing": {func(x, _ *Value) []*Value {
			return one(Exp(rawTranspose(rawTranspose(x, 1, 2, 0), 2, 0, 1)))
		}, "Exp"},
		"transposeOfOnes": {func(x, _ *Value) []*Value {
			return one(rawTranspose(Exp(rawReshape(x, 1, 6, 4)), 1, 0, 2))
		}, "Exp Reshape"},
		"reduceWithoutOnes": {func(x, _ *Value) []*Value { return one(ReduceSum(x, false, 1)) }, "ReduceSum"},
		"joinSlices": {func(x, _ *Value) []*Value {
			return one(Slice(Slice(x, 2, 1, 4), 2, 1, 3))
		}, "Slice"},
		"joinSlices leaves a flip": {func(x, _ *Value) []*Value { return one(Slice(Flip(x, 2), 2, 0, 3)) }, "Slice Slice"},
		"sliceOfPad": {func(x, _ *Value) []*Value {
			return one(Exp(Slice(Slice(Pad(x, []int{0, 1, 2}, []int{0, 0, 1}), 1, 1, 4), 2, 2, 6)))
		}, "Exp"},
		"sliceOfPad keeps padding": {func(x, _ *Value) []*Value {
			return one(Slice(Pad(x, []int{0, 0, 2}, []int{0, 0, 1}), 2, 1, 5))
		}, "Pad Slice"},
		"splitOfConcat": {func(x, y *Value) []*Value {
			parts := Split(Concat(1, x, y), 1, 3, 3)
			return []*Value{Exp(parts[0]), Exp(parts[1])}
		}, "Exp Exp"},
		"splitOfConcat elsewhere": {func(x, y *Value) []*Value {
			parts := Split(Concat(1, x, y), 1, 2, 4)
			return []*Value{Exp(parts[0]), Exp(parts[1])}
		}, "Concat Split Exp Exp"},
		"sliceOfConcat": {func(x, y *Value) []*Value { return one(Slice(Concat(2, x, y), 2, 5, 7)) }, "Slice"},
		"sliceOfConcat across the seam": {func(x, y *Value) []*Value {
			return one(Slice(Concat(2, x, y), 2, 3, 7))
		}, "Concat Slice"},
		"concatOfSplit": {func(x, _ *Value) []*Value {
			parts := Split(x, 2, 1, 3)
			return one(Exp(Concat(2, parts...)))
		}, "Exp"},
		"concatOfSplit in another order": {func(x, _ *Value) []*Value {
			parts := Split(x, 2, 1, 3)
			return one(Concat(2, parts[1], parts[0]))
		}, "Split Concat"},
		"concatOfReshapes": {func(x, y *Value) []*Value {
			return one(Concat(1, Reshape(x, 1, 2, 12), Reshape(y, 1, 2, 12)))
		}, "Concat Reshape"},
		"skipExpand": {func(x, y *Value) []*Value {
			return one(raw("Add", x.shape, rawExpand(Slice(x, 0, 0, 1), 2, 3, 4), y))
		}, "Slice Add"},
		"skipExpand of both": {func(x, y *Value) []*Value {
			a := Slice(x, 0, 0, 1)
			return one(raw("Mul", x.shape, rawExpand(a, 2, 3, 4), rawExpand(Slice(y, 0, 0, 1), 2, 3, 4)))
		}, "Slice Slice Expand Mul"},
		"signs": {func(x, y *Value) []*Value {
			return []*Value{Add(x, Neg(y)), Add(Neg(x), y), Sub(x, Neg(y)), Exp(raw("Neg", x.shape, Neg(x)))}
		}, "Sub Sub Add Exp"},
		"reshapeLast": {func(x, _ *Value) []*Value {
			return one(rawReshape(Exp(MulScalar(rawReshape(x, 24), 2)), 6, 4))
		}, "Mul Exp Reshape"},
		"reshapeBothLast": {func(x, y *Value) []*Value {
			return one(Add(rawReshape(x, 24), rawReshape(y, 24)))
		}, "Add Reshape"},
		"computedBefore": {func(x, y *Value) []*Value {
			return one(Mul(Exp(Add(x, y)), Tanh(Add(x, y))))
		}, "Add Exp Tanh Mul"},
	}
}

func TestTidy_EachRuleLeavesWhatIsNeededAndTheVeryNumbers(t *testing.T) {
	for name, c := range ruleCases() {
		build := func(o EncodeOptions) (string, [][]float32) {
			g := New("net")
			x, y := g.Input("x", 2, 3, 4), g.Input("y", 2, 3, 4)
			outs := c.build(x, y)
			feed := map[string][]float32{"x": random(1, 24, -2, 2), "y": random(2, 24, -2, 2)}
			o.Weights = Weights{}
			return kinds(t, g, outs, o), onRuntimeWith(t, g, outs, feed, o)
		}
		got, tidied := build(EncodeOptions{})
		if got != c.want {
			t.Errorf("%s: left %q, want %q", name, got, c.want)
		}
		_, plain := build(EncodeOptions{Verbatim: true})
		for i := range plain {
			if !slices.Equal(tidied[i], plain[i]) {
				t.Errorf("%s: output %d changed", name, i)
			}
		}
	}
}

func TestTidy_ATrainingStepKeepsItsVeryNumbers(t *testing.T) {
	step := func(o EncodeOptions) (nodes int, theta []float32) {
		g := New("smooth")
		g.Training = true
		model, err := TrainingStep(g, smoothNet(g), nil, AdamOptions{ClipNorm: 1, File: o})
		if err != nil {
			t.Fatal(err)
		}
		s := newStepper(t, g, model, 1)
		defer s.Close()
		for n := 1; n <= 3; n++ {
			if _, err := s.Step(t.Context(), feedFor(g, n, 0.02)); err != nil {
				t.Fatal(err)
			}
		}
		return strings.Count(string(model), "Reshape"), s.State()["theta"].Data
	}
	plain, want := step(EncodeOptions{Verbatim: true})
	tidied, got := step(EncodeOptions{})
	if !slices.Equal(got, want) {
		t.Error("the weights after three steps changed")
	}
	if tidied >= plain {
		t.Errorf("%d mentions of Reshape, %d without tidying", tidied, plain)
	}
}
