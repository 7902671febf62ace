package nets

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// batchStep is the gradient step of a network for a batch, with the mean squared
// distance of each output that has a batch axis to a target. Batch statistics and
// noise, which samples of a batch share or differ in, are out of the way.
func batchStep(t *testing.T, n Net, batch int) (*ort.Session, *graph.Graph) {
	t.Helper()
	g := graph.New(n.Name())
	in := map[string]*graph.Value{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, append([]int{batch}, p.Shape[1:]...)...)
	}
	out := n.Forward(g, in)
	var total *graph.Value
	for _, name := range slices.Sorted(maps.Keys(out)) {
		shape := out[name].Shape()
		if len(shape) < 2 || shape[0] != batch || strings.Contains(name, "attention") {
			continue
		}
		target := g.Input("target"+strings.ReplaceAll(name, "/", "_"), shape...)
		term := graph.ReduceMean(graph.Square(graph.Sub(out[name], target)), false)
		if total == nil {
			total = term
		} else {
			total = graph.Add(total, term)
		}
	}
	model, err := graph.GradientStep(g, total, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1, OptimizationOff: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, g
}

// randomBatch fills every input; where a sequence may be absent, one is.
func randomBatch(s *ort.Session, theta, state []float32) map[string]ort.Tensor {
	r, in := graph.NewRandom(5), map[string]ort.Tensor{}
	for _, io := range s.Inputs() {
		x := ort.Tensor{Shape: io.Shape, Data: make([]float32, sizeOf(io.Shape))}
		for i := range x.Data {
			x.Data[i] = float32(r.Normal())
			if io.Name == "present" {
				x.Data[i] = float32(min(i%4, 1))
			}
		}
		in[io.Name] = x
	}
	in["theta"], in["grad"] = vectorOf(theta), vectorOf(make([]float32, len(theta)))
	if len(state) > 0 {
		in["state"] = vectorOf(state)
	}
	return in
}

func sizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func vectorOf(x []float32) ort.Tensor { return ort.Tensor{Shape: []int{len(x)}, Data: x} }

func TestNetworks_GradientOfABatchIsTheMeanOfItsSamples(t *testing.T) {
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	all := map[string]Net{"gfssnet": mustGFSSNet(t, tinyGFSSNet()), "desamba": must(NewDeSamba(tinyDeSamba())), "stenosisnet": must(NewStenosisNet(tinyStenosis()))}
	for name, n := range tinySegmenters(unchanged) {
		all[name] = n
	}
	for name, n := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const batch = 3
			three, g := batchStep(t, n, batch)
			one, _ := batchStep(t, n, 1)
			theta, state := graph.Flatten(g, disturbed(g, 9))
			in := randomBatch(three, theta, state)
			in["share"] = vectorOf([]float32{1})
			want, err := three.Run(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			grad := in["grad"]
			for b := range batch {
				single := maps.Clone(in)
				for _, io := range one.Inputs() {
					if x := in[io.Name]; len(x.Shape) > 1 {
						row := len(x.Data) / batch
						single[io.Name] = ort.Tensor{Shape: io.Shape, Data: x.Data[b*row:][:row]}
					}
				}
				single["grad"], single["share"] = grad, vectorOf([]float32{1. / batch})
				out, err := one.Run(context.Background(), single)
				if err != nil {
					t.Fatal(err)
				}
				grad = out["grad_next"]
			}
			sameGradient(t, g, grad.Data, want["grad_next"].Data)
		})
	}
}

// sameGradient compares each parameter's gradient relative to the larger of its
// own norm and a thousandth of the whole's.
func sameGradient(t *testing.T, g *graph.Graph, got, want []float32) {
	t.Helper()
	norm := func(x []float32) float64 {
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return math.Sqrt(sum)
	}
	floor := norm(want) / 1000
	if !(floor > 0) {
		t.Fatal("there is no gradient")
	}
	for _, p := range g.Params() {
		n := sizeOf(p.Shape)
		d := make([]float32, n)
		for i := range d {
			d[i] = got[i] - want[i]
		}
		if e := norm(d) / max(norm(want[:n]), floor); !(e < 1e-3) {
			t.Errorf("the gradient of %s differs by %.2g of its norm", p.Name, e)
		}
		got, want = got[n:], want[n:]
	}
}
