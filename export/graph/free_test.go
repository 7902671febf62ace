package graph

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"columna/internal/ort"
)

// freeBatch leaves a batch open.
func freeBatch() Free { return Free{"batch", [3]int{7, 11, 13}} }

// freeVolume leaves two spatial axes open, as multiples of 4.
func freeVolume() []Free {
	return []Free{freeBatch(), {"height", [3]int{68, 76, 92}}, {"width", [3]int{116, 124, 148}}}
}

// runAt feeds a model that takes inputs of several sizes.
func runAt(t *testing.T, model []byte, in map[string]ort.Tensor) map[string]ort.Tensor {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// freeNet holds what makes sizes hard to leave open: kernels of each sample, a
// scan, stretched weights, a split of joined samples, parts counted from the end,
// pixels laid out to larger images and back.
func freeNet(g *Graph, n, h, w int) []Output {
	x := g.Input("x", n, 4, h, w)
	y := x
	g.Scope("dynamic", func() {
		alpha := Softmax(Linear(GlobalAvgPool(y), g.Param("attend", []int{4, 2}, NormalInit(1)), nil), 1)
		kernel := MatMul(alpha, g.Param("kernels", []int{2, 4 * 4 * 9}, HeInit(36)))
		y = LeakyRelu(DynamicConv(y, Reshape(kernel, -1, 4, 4, 3, 3)), 0.1)
	})
	g.Scope("pool", func() {
		small := MaxPool(y, 2, 2)
		wide := UpsampleLinear(Conv(small, g.Param("w", []int{4, 4, 3, 3}, HeInit(36)), nil, ConvOpts{}), 2, 2)
		y = Add(y, Add(wide, UpsampleNearest(AvgPool(y, 4, 2), 4, 2)))
		edge := Slice(Slice(y, 2, 1, h), 3, 0, w-1)
		y = Add(y, Pad(edge, []int{0, 0, 0, 1}, []int{0, 0, 1, 0}))
		y = depthToSpace(spaceToDepth(y, []int{h / 2, w / 2}, []int{2, 2}), []int{h / 2, w / 2}, []int{2, 2})
	})
	g.Scope("scan", func() {
		u := Reshape(Transpose(y, 0, 2, 3, 1), n*h, w, 4)
		both := Concat(0, u, Flip(u, 1))
		bc := func(name string) *Value { return Linear(both, g.Param(name, []int{4, 2}, NormalInit(0.5)), nil) }
		a := Neg(Exp(g.Param("a", []int{4, 2}, NormalInit(1))))
		s := SelectiveScan(both, Sigmoid(both), a, bc("b"), bc("c"), g.Param("d", []int{4}, ConstInit(1)))
		halves := Split(s, 0, n*h, n*h)
		y = Reshape(Add(halves[0], halves[1]), n, h, w, 4)
	})
	start := Expand(g.Param("start", []int{1, 3, 4}, NormalInit(1)), n, 3, 4)
	tokens := Reshape(y, n, -1, 4)
	slots := MatMul(Softmax(MatMul(start, Transpose(tokens, 0, 2, 1)), -1), tokens)
	return []Output{{"image", y}, {"slots", slots}, {"pooled", ReduceMean(y, false, 1, 2)}}
}

func exportFree(t *testing.T, free []Free, o EncodeOptions) (*Model, Weights) {
	t.Helper()
	w := Weights{}
	g := New("net")
	freeNet(g, 1, 8, 8)
	w = g.InitParams(9)
	o.Weights = w
	m, err := ExportFree(free, func(sizes []int) (*Graph, []Output) {
		g := New("net")
		g.FreeBatch = true
		if len(sizes) == 1 {
			return g, freeNet(g, sizes[0], 8, 12)
		}
		g.FreeVolume = true
		return g, freeNet(g, sizes[0], sizes[1], sizes[2])
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, w
}

// fixedRun is the same network built at one size.
func fixedRun(t *testing.T, w Weights, x ort.Tensor) map[string]ort.Tensor {
	t.Helper()
	g := New("net")
	outs := freeNet(g, x.Shape[0], x.Shape[2], x.Shape[3])
	model, err := Encode(g, outs, EncodeOptions{Weights: w})
	if err != nil {
		t.Fatal(err)
	}
	return runAt(t, model, map[string]ort.Tensor{"x": x})
}

func TestExportFree_GivesWhatAModelOfEachSizeGives(t *testing.T) {
	for _, c := range []struct {
		name  string
		free  []Free
		sizes [][3]int
	}{
		{"batch", []Free{freeBatch()}, [][3]int{{1, 8, 12}, {2, 8, 12}, {3, 8, 12}}},
		{"batch and volume", freeVolume(), [][3]int{{1, 8, 12}, {2, 4, 8}, {3, 12, 4}, {2, 16, 16}}},
	} {
		for _, fold := range []bool{false, true} {
			m, w := exportFree(t, c.free, EncodeOptions{Fold: fold})
			for _, s := range c.sizes {
				x := ort.Tensor{Shape: []int{s[0], 4, s[1], s[2]}, Data: random(uint64(s[1]), s[0]*4*s[1]*s[2], -1, 1)}
				got, want := runAt(t, m.Bytes(), map[string]ort.Tensor{"x": x}), fixedRun(t, w, x)
				for name := range want {
					if !slices.Equal(got[name].Shape, want[name].Shape) || !(worst(got[name].Data, want[name].Data) < 1e-6) {
						t.Errorf("%s %v, fold %v: %s differs by %.2g, shape %v", c.name, s, fold, name, worst(got[name].Data, want[name].Data), got[name].Shape)
					}
				}
			}
		}
	}
}

func TestExportFree_SamplesDoNotSeeEachOther(t *testing.T) {
	m, _ := exportFree(t, []Free{freeBatch()}, EncodeOptions{Fold: true})
	const n = 4 * 8 * 12
	x := random(3, 3*n, -1, 1)
	all := runAt(t, m.Bytes(), map[string]ort.Tensor{"x": {Shape: []int{3, 4, 8, 12}, Data: x}})
	for i := range 3 {
		one := runAt(t, m.Bytes(), map[string]ort.Tensor{"x": {Shape: []int{1, 4, 8, 12}, Data: x[i*n : (i+1)*n]}})
		for name, v := range one {
			k := len(v.Data)
			if d := worst(all[name].Data[i*k:(i+1)*k], v.Data); !(d < 1e-6) {
				t.Errorf("sample %d: %s differs by %.2g from the sample alone", i, name, d)
			}
		}
	}
}

func TestExportFree_NamesOpenSizesInShapes(t *testing.T) {
	m, _ := exportFree(t, freeVolume(), EncodeOptions{Fold: true})
	text := string(m.Bytes())
	for _, size := range []string{"batch", "height", "width", "height/2", "batch*height", "height-1", "2*batch*height"} {
		if !strings.Contains(text, "\x12"+string(rune(len(size)))+size) {
			t.Errorf("no tensor has a size called %q", size)
		}
	}
}

func TestExportFree_SaysWhatFixesASize(t *testing.T) {
	n := []Free{freeBatch()}
	for name, c := range map[string]struct {
		build func(g *Graph, n int) *Value
		want  string
	}{
		"a parameter": {func(g *Graph, n int) *Value {
			return Add(g.Input("x", n, 2), g.Param("table", []int{n, 1}, ZeroInit()))
		}, "table"},
		"a number": {func(g *Graph, n int) *Value {
			return MulScalar(g.Input("x", n, 2), 1/float64(n))
		}, "depend on the size"},
		"an attribute": {func(g *Graph, n int) *Value {
			return LeakyRelu(g.Input("x", n, 2), 1/float64(n))
		}, "attribute alpha"},
		"another operator": {func(g *Graph, n int) *Value {
			x := g.Input("x", n, 2)
			if n > 12 {
				return Exp(x)
			}
			return Tanh(x)
		}, "Exp"},
		"a size that is no product": {func(g *Graph, n int) *Value {
			return Slice(g.Input("x", n, 200), 1, 0, n*n+n)
		}, "no product"},
		"kernels of samples as groups": {func(g *Graph, n int) *Value {
			g.FreeBatch = false
			return DynamicConv(g.Input("x", n, 2, 4), g.Input("w", n, 2, 2, 3))
		}, "group"},
	} {
		_, err := ExportFree(n, func(sizes []int) (*Graph, []Output) {
			g := New("net")
			g.FreeBatch = true
			w := c.build(g, sizes[0])
			return g, []Output{{"y", w}}
		}, EncodeOptions{Weights: Weights{"table": make([]float32, 7)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestExportFree_RefusesGradientsThatAreNotThere(t *testing.T) {
	for name, build := range map[string]func(g *Graph) *Value{
		"DynamicConv": func(g *Graph) *Value {
			g.FreeBatch = true
			return DynamicConv(g.Input("x", 3, 2, 4), g.Input("w", 3, 2, 2, 3))
		},
		"Resize":  func(g *Graph) *Value { g.FreeVolume = true; return UpsampleLinear(g.Input("x", 3, 2, 4), 2) },
		"AvgPool": func(g *Graph) *Value { g.FreeVolume = true; return AvgPool(g.Input("x", 3, 2, 4), 2) },
	} {
		g := New("net")
		y := build(g)
		err := Try(func() { Grad(ReduceSum(y, false), g.Inputs()[0]) })
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFreeForms_EqualTheReference(t *testing.T) {
	for name, build := range map[string]func(x *Value) *Value{
		"upsample":    func(x *Value) *Value { return UpsampleLinear(x, 2, 3) },
		"shrink":      func(x *Value) *Value { return ResizeLinear(x, 3, 8) },
		"uneven":      func(x *Value) *Value { return ResizeLinear(x, 7, 9) },
		"nearest":     func(x *Value) *Value { return UpsampleNearest(x, 3, 2) },
		"mean":        func(x *Value) *Value { return AvgPool(x, 2, 3) },
		"volume":      func(x *Value) *Value { return UpsampleLinear(Reshape(x, 1, 3, 2, 3, 8), 2, 2, 1) },
		"volume mean": func(x *Value) *Value { return AvgPool(Reshape(x, 1, 3, 2, 3, 8), 1, 2, 2) },
	} {
		feed := map[string][]float32{"x": random(5, 3*48, -1, 1)}
		run := func(free bool) ([]float32, []float32) {
			g := New("net")
			g.FreeVolume = free
			y := build(g.Input("x", 1, 3, 6, 8))
			return onRuntime(t, g, []*Value{y}, feed, nil)[0], Eval([]*Value{y}, feed, nil)[0]
		}
		got, reference := run(true)
		want, _ := run(false)
		if d := worst(got, want); !(d < 1e-6) || !(worst(reference, want) < 1e-6) {
			t.Errorf("%s: differs by %.2g, its evaluator by %.2g", name, d, worst(reference, want))
		}
	}
}

func TestForms_FitProductsAndLines(t *testing.T) {
	u := &unifier{free: freeVolume(), probes: probesOf(freeVolume())}
	for want, f := range map[string]func(n, h, w int) int{
		"12":              func(n, h, w int) int { return 12 },
		"batch":           func(n, h, w int) int { return n },
		"3*batch*width/4": func(n, h, w int) int { return n * 3 * w / 4 },
		"batch*batch":     func(n, h, w int) int { return n * n },
		"height-3":        func(n, h, w int) int { return h - 3 },
		"5*width/2+1":     func(n, h, w int) int { return 5*w/2 + 1 },
		"-1*batch+20":     func(n, h, w int) int { return 20 - n },
		"height*width/4":  func(n, h, w int) int { return 2 * h * w / 8 },
	} {
		var values []int
		for _, s := range u.probes {
			values = append(values, f(s[0], s[1], s[2]))
		}
		form, err := u.fit(values)
		if err != nil || u.text(form) != want {
			t.Errorf("got %s, %v; want %s", u.text(form), err, want)
		}
	}
	if _, err := u.fit([]int{1, 2, 3, 4, 5, 6, 7, 8}); err == nil {
		t.Error("numbers without a form were accepted")
	}
}
