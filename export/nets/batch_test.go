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

// randomBatch fills every input but the weights; where a sequence may be absent, one
// is.
func randomBatch(s *ort.Session, w graph.Weights) map[string]ort.Tensor {
	r, in := graph.NewRandom(5), map[string]ort.Tensor{}
	for _, io := range s.Inputs() {
		x := ort.Tensor{Shape: io.Shape, Data: w[io.Name]}
		if x.Data != nil {
			in[io.Name] = x
			continue
		}
		x.Data = make([]float32, sizeOf(io.Shape))
		for i := range x.Data {
			x.Data[i] = float32(r.Normal())
			if io.Name == "present" {
				x.Data[i] = float32(min(i%4, 1))
			}
		}
		in[io.Name] = x
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
			w := disturbed(g, 9)
			in := randomBatch(three, w)
			want, err := three.Run(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			mean := map[string][]float32{}
			for b := range batch {
				single := maps.Clone(in)
				for _, io := range one.Inputs() {
					if x := in[io.Name]; w[io.Name] == nil {
						row := len(x.Data) / batch
						single[io.Name] = ort.Tensor{Shape: io.Shape, Data: x.Data[b*row:][:row]}
					}
				}
				out, err := one.Run(context.Background(), single)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range g.Params() {
					mean[p.Name] = plus(mean[p.Name], out[p.Name+graph.GradSuffix].Data, 1./batch)
				}
			}
			sameGradient(t, g, mean, want)
		})
	}
}

// plus is sum + share * x; a nil sum is zeros.
func plus(sum, x []float32, share float32) []float32 {
	if sum == nil {
		sum = make([]float32, len(x))
	}
	for i, v := range x {
		sum[i] += share * v
	}
	return sum
}

// sameGradient compares each parameter's gradient relative to the larger of its
// own norm and a thousandth of the whole's.
func sameGradient(t *testing.T, g *graph.Graph, got map[string][]float32, want map[string]ort.Tensor) {
	t.Helper()
	square := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	whole := 0.0
	for _, p := range g.Params() {
		whole += square(want[p.Name+graph.GradSuffix].Data)
	}
	if !(whole > 0) {
		t.Fatal("there is no gradient")
	}
	for _, p := range g.Params() {
		w := want[p.Name+graph.GradSuffix].Data
		d := plus(plus(nil, w, -1), got[p.Name], 1)
		if e := math.Sqrt(square(d) / max(square(w), 1e-6*whole)); !(e < 1e-3) {
			t.Errorf("the gradient of %s differs by %.2g of its norm", p.Name, e)
		}
	}
}
