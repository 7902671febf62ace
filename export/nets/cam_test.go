package nets

import (
	"math"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// twoRooms is a toy network with two sets of logits over two feature maps:
// f = tanh(x * gain), a = sum f^2 w, b = sum f w.
type twoRooms struct{}

func (twoRooms) Name() string      { return "two rooms" }
func (twoRooms) Preset() string    { return "toy" }
func (twoRooms) Outputs() []string { return []string{"a", "b"} }
func (twoRooms) Inputs() []Port {
	return []Port{{"x", []int{1, 1, 2, 4}}, {"y", []int{1, 1, 2, 4}}, {"shift", []int{1, 3, 1, 1}}}
}
func (twoRooms) CAM() []CAMTarget {
	return []CAMTarget{
		{Logits: "a", Features: []string{"_fx", "_fy"}, Inputs: []string{"x", "y"}},
		{Logits: "b", Features: []string{"_fy"}, Inputs: []string{"y"}},
	}
}

// Forward adds "shift" to the channels of f_x, which lets a test move them.
func (twoRooms) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	gain := g.Param("gain", []int{1, 3, 1, 1}, graph.NormalInit(1))
	w := g.Param("w", []int{3, 2}, graph.NormalInit(1))
	fx := graph.Add(graph.Tanh(graph.Mul(in["x"], gain)), in["shift"])
	fy := graph.Tanh(graph.Mul(in["y"], gain))
	pool := func(v *graph.Value) *graph.Value { return graph.MatMul(graph.GlobalAvgPool(v), w) }
	return map[string]*graph.Value{
		"a":   pool(graph.Square(graph.Add(fx, fy))),
		"b":   pool(fy),
		"_fx": fx, "_fy": fy,
	}
}

func TestGradCAM_EqualsFiniteDifferences(t *testing.T) {
	needORT(t)
	n := twoRooms{}
	w := weightsOf(n, 2)
	model, err := GradCAM(n, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{0.3, -1, 0.5, 2, -0.2, 0.1, 0.9, -0.7}
	y := []float32{-0.4, 0.2, 0.8, -1.1, 1.5, 0.6, -0.3, 0.05}
	out := runModel(t, model, map[string]ort.Tensor{
		"x": {Shape: []int{1, 1, 2, 4}, Data: x}, "y": {Shape: []int{1, 1, 2, 4}, Data: y},
		"shift":        {Shape: []int{1, 3, 1, 1}, Data: []float32{0, 0, 0}},
		"cam_target_a": {Shape: []int{1, 2}, Data: []float32{0, 1}},
		"cam_target_b": {Shape: []int{1, 2}, Data: []float32{0, 0}},
	})
	want := differenceCAM(w, x, y)
	if d := farthest(out["cam_0"].Data, want); d > 1e-3 {
		t.Errorf("map of x is %v, want %v", out["cam_0"].Data, want)
	}
}

// differenceCAM is the map of f_x for the second logit of a by moving each
// channel: the derivative by a shift of channel k is the sum of ds/dA_k.
func differenceCAM(w graph.Weights, x, y []float32) []float32 {
	g := graph.New("toy")
	n := twoRooms{}
	out := n.Forward(g, feed(g, n))
	eval := func(shift []float32) [][]float32 {
		return graph.Eval([]*graph.Value{out["a"], out["_fx"]}, map[string][]float32{"x": x, "y": y, "shift": shift}, w)
	}
	features, cam := eval([]float32{0, 0, 0})[1], make([]float64, 8)
	for k := range 3 {
		up, down := make([]float32, 3), make([]float32, 3)
		up[k], down[k] = 0.01, -0.01
		weight := float64(eval(up)[0][1]-eval(down)[0][1]) / 0.02 / 8
		for i := range cam {
			cam[i] += weight * float64(features[k*8+i])
		}
	}
	result := make([]float32, 8)
	for i, v := range cam {
		result[i] = float32(math.Max(v, 0))
	}
	return result
}

func TestGradCAM_OfGFSSNetFollowsItsDefinition(t *testing.T) {
	needORT(t)
	cfg := tinyGFSSNet()
	n := mustGFSSNet(t, cfg)
	w, in := weightsOf(n, 1), scene(cfg)
	voxels := cfg.Size[0] * cfg.Size[1] * cfg.Size[2]
	target := make([]float32, cfg.Semantic*voxels)
	copy(target[2*voxels:], in["target_semantic"][2*voxels:])
	model, err := GradCAM(n, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	feeds := tensors(n, in)
	feeds["cam_target"] = ort.Tensor{Shape: []int{1, cfg.Semantic, cfg.Size[0], cfg.Size[1], cfg.Size[2]}, Data: target}
	got := runModel(t, model, feeds)["cam"]

	g := graph.New("cam")
	out := n.Forward(g, feed(g, n))
	mask := g.Input("mask", out["semantic"].Shape()...)
	score := graph.ReduceSum(graph.Mul(out["semantic"], mask), false, 0, 1, 2, 3, 4)
	in["mask"] = target
	r := graph.Eval([]*graph.Value{out["_cam"], graph.Grad(score, out["_cam"])[0]}, in, w)
	want := enlarge(plainCAM(r[0], r[1], out["_cam"].Shape()[1]), out["_cam"].Shape()[2:], cfg.Size)
	if len(got.Data) != voxels || farthest(got.Data, want) > 1e-3*farthest(want, make([]float32, voxels)) {
		t.Errorf("map differs by %g of %g", farthest(got.Data, want), farthest(want, make([]float32, voxels)))
	}
}

// plainCAM is ReLU(sum_k mean(G_k) A_k).
func plainCAM(a, grad []float32, channels int) []float32 {
	n := len(a) / channels
	sum := make([]float64, n)
	for k := range channels {
		mean := 0.0
		for _, v := range grad[k*n : (k+1)*n] {
			mean += float64(v) / float64(n)
		}
		for i := range sum {
			sum[i] += mean * float64(a[k*n+i])
		}
	}
	out := make([]float32, n)
	for i, v := range sum {
		out[i] = float32(math.Max(v, 0))
	}
	return out
}

// enlarge interpolates linearly between cell centres, repeating the border.
func enlarge(x []float32, from []int, to [3]int) []float32 {
	out := make([]float32, to[0]*to[1]*to[2])
	at := func(p [3]int) float64 { return float64(x[(p[0]*from[1]+p[1])*from[2]+p[2]]) }
	for i := range out {
		p := [3]int{i / (to[1] * to[2]), i / to[2] % to[1], i % to[2]}
		sum := 0.0
		for corner := range 8 {
			weight, q := 1.0, [3]int{}
			for a := range 3 {
				c := (float64(p[a])+0.5)*float64(from[a])/float64(to[a]) - 0.5
				c = math.Min(math.Max(c, 0), float64(from[a]-1))
				lo := min(int(c), max(from[a]-2, 0))
				f := c - float64(lo)
				if corner>>a&1 == 1 {
					q[a], weight = min(lo+1, from[a]-1), weight*f
				} else {
					q[a], weight = lo, weight*(1-f)
				}
			}
			sum += weight * at(q)
		}
		out[i] = float32(sum)
	}
	return out
}
