package graph

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestEncode_SameGraphSameBytes(t *testing.T) {
	encode := func() []byte {
		g := New("net")
		loss := smoothNet(g)
		model, err := Encode(g, []Output{{"loss", loss}}, EncodeOptions{Weights: g.InitParams(1), Doc: map[string]string{"a": "1", "b": "2", "c": "3"}})
		if err != nil {
			t.Fatal(err)
		}
		return model
	}
	if !bytes.Equal(encode(), encode()) {
		t.Error("two builds differ")
	}
}

func TestDecodeWeights_GivesBackWhatWasEncoded(t *testing.T) {
	g := New("net")
	loss := smoothNet(g)
	w := g.InitParams(5)
	model, err := Encode(g, []Output{{"loss", loss}}, EncodeOptions{Weights: w})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeWeights(model)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(w) {
		t.Errorf("%d tensors came back of %d", len(got), len(w))
	}
	for name := range w {
		if !slices.Equal(got[name], w[name]) {
			t.Errorf("%s came back changed", name)
		}
	}
}

func FuzzDecodeWeights_RefusesForeignBytes(f *testing.F) {
	g := New("net")
	w := g.Param("w", []int{2}, ConstInit(1))
	model, err := Encode(g, []Output{{"y", Exp(w)}}, EncodeOptions{Weights: g.InitParams(1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(model)
	f.Add([]byte{0x3a, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) { DecodeWeights(data) })
}

func TestEncode_LeavesOutWhatNoOutputNeeds(t *testing.T) {
	g := New("net")
	x := g.Input("x", 2)
	y := Exp(x)
	Grad(ReduceSum(Tanh(y), false), x)
	model, err := Encode(g, []Output{{"y", y}}, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(model, []byte("Tanh")) {
		t.Error("the model holds an operator that no output needs")
	}
}

func TestEncode_RefusesWhatCannotBeWritten(t *testing.T) {
	g := New("net")
	x := g.Input("x", 2)
	w := g.Param("w", []int{2}, ZeroInit())
	y := Mul(x, w)
	for name, c := range map[string]struct {
		outs []Output
		o    EncodeOptions
	}{
		"missing weights":       {[]Output{{"y", y}}, EncodeOptions{Weights: Weights{}}},
		"output named as input": {[]Output{{"x", y}}, EncodeOptions{}},
		"output named twice":    {[]Output{{"y", y}, {"y", x}}, EncodeOptions{}},
		"foreign value":         {[]Output{{"y", New("other").Input("x", 1)}}, EncodeOptions{}},
		"old opset":             {[]Output{{"y", y}}, EncodeOptions{Opset: 11}},
	} {
		if _, err := Encode(g, c.outs, c.o); err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
}

func TestEncode_NamesNodesByScope(t *testing.T) {
	g := New("net")
	x := g.Input("x", 1, 1, 4)
	g.Scope("see", func() {
		g.Scope("t1", func() { x = Conv(x, g.Param("w", []int{1, 1, 3}, HeInit(3)), nil, ConvOpts{}) })
	})
	model, err := Encode(g, []Output{{"y", x}}, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"see.t1/w", "see.t1/Conv_"} {
		if !bytes.Contains(model, []byte(name)) {
			t.Errorf("no %q in the model", name)
		}
	}
}

func TestEncode_EveryOpsetGivesTheSameNumbers(t *testing.T) {
	for opset := 17; opset <= 20; opset++ {
		g := New("net")
		x := g.Input("x", 2, 3)
		y := Add(ReduceMean(x, true, 1), ReduceMax(x, true, 0))
		model, err := Encode(g, []Output{{"y", y}}, EncodeOptions{Opset: opset})
		if err != nil {
			t.Fatal(err)
		}
		feed := map[string][]float32{"x": random(1, 6, -1, 1)}
		got := runModel(t, model, g, feed)["y"]
		if d := worst(got.Data, Eval([]*Value{y}, feed, nil)[0]); !(d < 1e-6) {
			t.Errorf("opset %d differs by %.2g", opset, d)
		}
	}
}

func TestShapeError_NamesOperatorShapesAndPlace(t *testing.T) {
	g := New("net")
	x, y := g.Input("x", 2, 3), g.Input("y", 2, 4)
	for op, f := range map[string]func(){
		"MatMul":        func() { MatMul(x, y) },
		"Add":           func() { Add(x, y) },
		"Concat":        func() { Concat(0, x, y) },
		"Conv":          func() { Conv(x, y, nil, ConvOpts{}) },
		"Reshape":       func() { Reshape(x, 5) },
		"Linear":        func() { Linear(x, y, nil) },
		"SelectiveScan": func() { SelectiveScan(x, x, y, x, x, y) },
		"LayerNorm":     func() { LayerNorm(x, y, y, 1e-5) },
		"MaxPool":       func() { MaxPool(x, 2) },
		"ReduceSum":     func() { ReduceSum(x, false, 2) },
	} {
		err := Try(f)
		var shapeErr *ShapeError
		if !errors.As(err, &shapeErr) {
			t.Errorf("%s: got %v, want a ShapeError", op, err)
			continue
		}
		for _, part := range []string{op, "[2 3]", "encode_test.go:"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestTry_ReturnsErrorsButNotCrashes(t *testing.T) {
	want := errors.New("boom")
	if err := Try(func() { panic(want) }); err != want {
		t.Errorf("got %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a run-time error of Go was swallowed")
		}
	}()
	Try(func() { var p *Graph; p.Name = "" })
}

func TestParam_RefusesATakenName(t *testing.T) {
	g := New("net")
	g.Param("w", []int{1}, ZeroInit())
	if err := Try(func() { g.Param("w", []int{1}, ZeroInit()) }); err == nil {
		t.Error("two parameters share a name")
	}
}

func TestInitParams_DependsOnSeedAndNameOnly(t *testing.T) {
	build := func(extra bool) *Graph {
		g := New("net")
		if extra {
			g.Param("first", []int{3}, NormalInit(1))
		}
		g.Param("w", []int{4}, HeInit(4))
		return g
	}
	a, b := build(false).InitParams(1)["w"], build(true).InitParams(1)["w"]
	if !slices.Equal(a, b) {
		t.Error("another parameter changed the numbers")
	}
	if slices.Equal(a, build(false).InitParams(2)["w"]) {
		t.Error("another seed gave the same numbers")
	}
}

func TestFLOPs_CountsConvolutionsTwicePerMultiplyAdd(t *testing.T) {
	g := New("net")
	x := g.Input("x", 1, 2, 4, 4)
	y := Conv(x, g.Param("w", []int{3, 2, 3, 3}, ZeroInit()), nil, ConvOpts{})
	if got, want := FLOPs(y), float64(2*3*16*2*9); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
