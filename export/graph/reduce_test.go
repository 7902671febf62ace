package graph

import "testing"

// One sum over all positions, as ONNX Runtime adds them, is off by 1e-6 here.
func TestReduce_KeepsItsDigitsOverAVolume(t *testing.T) {
	for name, reduce := range map[string]func(x *Value) *Value{
		"mean": func(x *Value) *Value { return ReduceMean(x, false, 2, 3, 4) },
		"sum":  func(x *Value) *Value { return ReduceSum(x, true, 0, 2, 3, 4) },
		"norm": func(x *Value) *Value {
			g := x.Graph()
			return InstanceNorm(x, Filled(g, 1, 2), Filled(g, 0, 2), 1e-5)
		},
	} {
		g := New(name)
		x := g.Input("x", 2, 2, 16, 64, 48)
		feed := map[string][]float32{"x": random(3, size(x.Shape()), -1, 2)}
		y := []*Value{reduce(x)}
		if d := worst(onRuntime(t, g, y, feed, nil)[0], Eval(y, feed, nil)[0]); !(d < 4e-7) {
			t.Errorf("%s differs by %.2g", name, d)
		}
	}
}
