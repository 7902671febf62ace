package graph

import (
	"maps"
	"slices"
	"testing"
)

// foldNet is a small network whose weights are used through other weights: a
// convolution with batch normalisation, decays -exp(a), a stretched start and a
// transposed matrix.
func foldNet(g *Graph) *Value {
	x := g.Input("x", 2, 3, 4, 4)
	per := func(name string, init Init) *Value { return g.Param(name, []int{5}, init) }
	w := g.Param("w", []int{5, 3, 3, 3}, HeInit(27))
	y := BatchNorm(g, Conv(x, w, per("b", NormalInit(1)), ConvOpts{}), per("gamma", NormalInit(1)), per("beta", NormalInit(1)),
		g.State("mean", []int{5}, NormalInit(1)), g.State("var", []int{5}, ConstInit(2)), 1e-5, 0.1)
	decay := Neg(Exp(per("a", NormalInit(1))))
	y = Mul(Relu(y), Reshape(decay, 1, 5, 1, 1))
	m := g.Param("m", []int{3, 5}, NormalInit(1))
	return Add(MatMul(Reshape(y, 2, 16, 5), Transpose(m, 1, 0)), Filled(g, 0.5, 1, 16, 3))
}

func TestFold_LeavesNoOperatorOnConstantsAndTheSameNumbers(t *testing.T) {
	build := func(o EncodeOptions) (string, []float32, Weights) {
		g := New("net")
		y := foldNet(g)
		o.Weights = g.InitParams(3)
		out := onRuntimeWith(t, g, []*Value{y}, map[string][]float32{"x": random(4, 96, -1, 1)}, o)
		return kinds(t, g, []*Value{y}, o), out[0], o.Weights
	}
	got, folded, _ := build(EncodeOptions{Fold: true})
	if want := "Conv Relu Mul Reshape MatMul Add"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
	_, plain, _ := build(EncodeOptions{Verbatim: true})
	if d := worst(folded, plain); !(d < 1e-6) {
		t.Errorf("folding changed the result by %.2g", d)
	}
}

func TestFold_KeepsTheTrainedWeightsIfAsked(t *testing.T) {
	decoded := func(keep bool) (got, want Weights) {
		g := New("net")
		y := foldNet(g)
		want = g.InitParams(3)
		model, err := Encode(g, []Output{{"y", y}}, EncodeOptions{Weights: want, Fold: true, KeepWeights: keep})
		if err != nil {
			t.Fatal(err)
		}
		got, err = DecodeWeights(model)
		if err != nil {
			t.Fatal(err)
		}
		return got, want
	}
	got, want := decoded(true)
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%d tensors came back of %d, or changed", len(got), len(want))
	}
	if got, _ := decoded(false); len(got) != 0 {
		t.Errorf("%d weights stayed though all were folded", len(got))
	}
}

func TestFold_DoesNotBlowUpTheFile(t *testing.T) {
	size := func(fold bool) int {
		g := New("net")
		wide := Expand(g.Param("row", []int{1, 300}, ConstInit(1)), 300, 300)
		kernel := g.Param("kernel", []int{300, 300}, ConstInit(2))
		x := g.Input("x", 300, 300)
		y := Add(MatMul(x, wide), Add(MatMul(kernel, x), MatMul(Transpose(kernel, 1, 0), x)))
		model, err := Encode(g, []Output{{"y", y}}, EncodeOptions{Weights: g.InitParams(1), Fold: fold})
		if err != nil {
			t.Fatal(err)
		}
		return len(model)
	}
	if plain, folded := size(false), size(true); folded > plain {
		t.Errorf("%d bytes folded, %d plain", folded, plain)
	}
}

func TestFold_LeavesAConvolutionThatOthersReadAlone(t *testing.T) {
	g := New("net")
	x := g.Input("x", 1, 2, 4, 4)
	w := g.Param("w", []int{2, 2, 3, 3}, HeInit(18))
	y := Conv(x, w, nil, ConvOpts{})
	scaled := Mul(y, Const(g, []int{1, 2, 1, 1}, []float32{2, 3}))
	o := EncodeOptions{Weights: g.InitParams(1), Fold: true}
	if got := kinds(t, g, []*Value{scaled, y}, o); got != "Conv Mul" {
		t.Errorf("left %q", got)
	}
	along := Mul(Conv(x, w, nil, ConvOpts{Dilation: []int{2}}), Const(g, []int{4}, []float32{1, 2, 3, 4}))
	if got := kinds(t, g, []*Value{along}, o); got != "Conv Mul" {
		t.Errorf("a factor along columns went into the kernel: left %q", got)
	}
}
