package graph

import (
	"slices"
	"strings"
	"testing"
)

// namesOf lists the node names of a model.
func namesOf(t *testing.T, g *Graph, outs ...Output) []string {
	t.Helper()
	d := drawn(g, outs, EncodeOptions{Opset: DefaultOpset}, nil)
	nameAll(d)
	var list []string
	var walk func(d *draft)
	walk = func(d *draft) {
		for _, n := range d.nodes {
			list = append(list, n.name)
			if n.body != nil {
				walk(n.body)
			}
		}
	}
	walk(d)
	return list
}

func inScope(names []string, scope string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return !strings.HasPrefix(s, scope+"/") })
}

func TestNames_CountByScopeAndOperatorAlone(t *testing.T) {
	build := func(more bool) []string {
		g := New("net")
		x := g.Input("x", 4)
		g.Scope("first", func() {
			x = Exp(Tanh(Exp(x)))
			if more {
				x = Exp(Sin(x))
			}
		})
		g.Scope("second", func() {
			g.Scope("inner", func() { x = Exp(Cos(Exp(x))) })
		})
		return namesOf(t, g, Output{"y", x})
	}
	want := []string{"second.inner/Exp_1", "second.inner/Cos_1", "second.inner/Exp_2"}
	for _, more := range []bool{false, true} {
		if got := inScope(build(more), "second.inner"); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestNames_TellGradientAndOptimiserApart(t *testing.T) {
	g := New("smooth")
	g.Training = true
	model, err := TrainingStep(g, smoothNet(g), nil, AdamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stem/Conv_1", "grad.stem/", "grad.body/", "grad.head/Gemm_1", "adam/Split_1"} {
		if !strings.Contains(string(model), name) {
			t.Errorf("no node is called %s", name)
		}
	}
}

func TestNames_OfAScanLieInsideIt(t *testing.T) {
	g := New("net")
	u := g.Input("u", 2, 5, 3)
	per := func(name string, shape ...int) *Value { return g.Input(name, shape...) }
	g.Scope("mamba", func() {
		u = SelectiveScan(u, per("delta", 2, 5, 3), per("a", 3, 2), per("b", 2, 5, 2), per("c", 2, 5, 2), per("d", 3))
	})
	names := namesOf(t, g, Output{"y", u})
	if got := inScope(names, "mamba/Scan_1"); !slices.Contains(got, "mamba/Scan_1/Exp_1") {
		t.Errorf("the Scan holds %v", got)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("two nodes share a name: %v", names)
	}
}

func TestNames_AnInputOrAWeightMayLeaveToo(t *testing.T) {
	g := New("net")
	x, w := g.Input("x", 2), g.Param("w", []int{2}, ConstInit(1))
	y := Exp(x)
	outs := []*Value{x, w, y, y}
	got := onRuntime(t, g, outs, map[string][]float32{"x": {1, 2}}, g.InitParams(1))
	if !slices.Equal(got[0], []float32{1, 2}) || !slices.Equal(got[1], []float32{1, 1}) || !slices.Equal(got[2], got[3]) {
		t.Errorf("got %v", got)
	}
}

func TestLabel_NamesNodesAndLeavesParametersAlone(t *testing.T) {
	g := New("net")
	x := g.Input("x", 4)
	g.Scope("stage", func() {
		x = g.Label("fuse", func() *Value {
			x = Mul(x, g.Param("fuse.w", []int{4}, ConstInit(1)))
			return g.Label("inner", func() *Value { return Exp(x) })
		})
		x = Exp(x)
	})
	if p := g.Params()[0].Name; p != "stage/fuse.w" {
		t.Errorf("the parameter is called %s", p)
	}
	if got := namesOf(t, g, Output{"y", x}); !slices.Equal(got, []string{"stage.fuse/Mul_1", "stage.inner/Exp_1", "stage/Exp_1"}) {
		t.Errorf("the nodes are called %v", got)
	}
}
