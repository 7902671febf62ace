package loss

import (
	"math"
	"math/cmplx"
	"testing"

	"columna/export/graph"
)

// shape of the small problem: one sample, three classes, a 3x4x5 grid.
var shape = []int{1, 3, 3, 4, 5}

const positions = 60

// problem gives logits, their softmax and a one-hot truth with all classes.
func problem() (logits, p, g []float64) {
	r := graph.NewRandom(7)
	logits, p, g = make([]float64, 3*positions), make([]float64, 3*positions), make([]float64, 3*positions)
	for i := range positions {
		sum := 0.0
		for c := range 3 {
			logits[c*positions+i] = float64(float32(r.Normal()))
			sum += math.Exp(logits[c*positions+i])
		}
		for c := range 3 {
			p[c*positions+i] = float64(float32(math.Exp(logits[c*positions+i]) / sum))
		}
		g[int(r.Uint64()%3)*positions+i] = 1
	}
	return logits, p, g
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// of evaluates a loss of the tensors a and b.
func of(a, b []float64, f func(a, b *graph.Value) *graph.Value) float64 {
	g := graph.New("loss")
	l := f(g.Input("a", shape...), g.Input("b", shape...))
	return float64(graph.Eval([]*graph.Value{l}, map[string][]float32{"a": narrow(a), "b": narrow(b)}, nil)[0][0])
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-5*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %.8f, want %.8f", what, got, want)
	}
}

// index is the Tversky index of class c, as the paper writes it.
func index(p, g []float64, c int, alpha, beta float64) float64 {
	both, fp, fn := 0.0, 0.0, 0.0
	for i := c * positions; i < (c+1)*positions; i++ {
		both += p[i] * g[i]
		fp += p[i] * (1 - g[i])
		fn += (1 - p[i]) * g[i]
	}
	return (both + smooth) / (both + alpha*fp + beta*fn + smooth)
}

func TestTversky_EqualsPaperFormula(t *testing.T) {
	_, p, g := problem()
	weights, beta, want := []float64{0.2, 1.2, 1.6}, []float64{0.75, 0.75, 0.9}, 0.0
	for c := range 3 {
		want += weights[c] * (1 - index(p, g, c, 0.25, beta[c])) / 3
	}
	near(t, "Tversky", of(p, g, func(a, b *graph.Value) *graph.Value {
		return Tversky(a, b, []float64{0.25}, beta, weights)
	}), want)
}

func TestDice_IsZeroOnTruthAndIsSoftDiceElse(t *testing.T) {
	_, p, g := problem()
	dice := func(a, b *graph.Value) *graph.Value { return Dice(a, b, nil) }
	near(t, "Dice of the truth", of(g, g, dice), 0)
	want := 0.0
	for c := range 3 {
		both, sum := 0.0, 0.0
		for i := c * positions; i < (c+1)*positions; i++ {
			both += p[i] * g[i]
			sum += p[i] + g[i]
		}
		want += (1 - (2*both+2*smooth)/(sum+2*smooth)) / 3
	}
	near(t, "Dice", of(p, g, dice), want)
}

// plainSlope is the mean absolute forward difference at position (d,h,w).
func plainSlope(x []float64, d, h, w int) float64 {
	at := func(d, h, w int) float64 { return x[(d*4+h)*5+w] }
	sum := 0.0
	if d < 2 {
		sum += math.Abs(at(d+1, h, w) - at(d, h, w))
	}
	if h < 3 {
		sum += math.Abs(at(d, h+1, w) - at(d, h, w))
	}
	if w < 4 {
		sum += math.Abs(at(d, h, w+1) - at(d, h, w))
	}
	return sum / 3
}

func TestHFDTversky_EqualsPaperFormula(t *testing.T) {
	_, p, g := problem()
	o := PaperHFD(3)
	all := 0.0
	for c, beta := range []float64{0.75, 0.75, 0.9} {
		all += o.Weights[c] * (1 - index(p, g, c, 0.25, beta)) / 3
	}
	edge := 0.0
	for i := range positions {
		d, h, w := i/20, i/5%4, i%5
		edge += math.Abs(plainSlope(p[positions:2*positions], d, h, w)-plainSlope(g[positions:2*positions], d, h, w)) / positions
	}
	vertebra := 1.2*(1-index(p, g, 1, 0.25, 0.75)) + 0.07*edge
	near(t, "HFD-Tversky", of(p, g, func(a, b *graph.Value) *graph.Value { return HFDTversky(a, b, o) }), 0.55*all+0.45*vertebra)
}

func TestFocal_EqualsPlainFormula(t *testing.T) {
	logits, p, g := problem()
	weights := []float64{0.5, 1, 2}
	for _, gamma := range []float64{0, 2} {
		sum, total := 0.0, 0.0
		for i := range 3 * positions {
			w := g[i] * weights[i/positions]
			if i%positions < 20 {
				w = 0
			}
			sum -= w * math.Pow(1-p[i], gamma) * math.Log(p[i])
			total += w
		}
		near(t, "focal", of(logits, g, func(a, b *graph.Value) *graph.Value {
			mask := make([]float32, positions)
			for i := 20; i < positions; i++ {
				mask[i] = 1
			}
			return Focal(a, b, gamma, weights, graph.Const(a.Graph(), []int{1, 1, 3, 4, 5}, mask))
		}), sum/total)
	}
}

// plainSpectrum is |FFT| at all 60 frequencies by definition.
func plainSpectrum(x []float64) []float64 {
	out := make([]float64, positions)
	for f := range out {
		sum := complex(0, 0)
		for i, v := range x {
			turn := float64(f/20*(i/20))/3 + float64(f/5%4*(i/5%4))/4 + float64(f%5*(i%5))/5
			sum += complex(v, 0) * cmplx.Exp(complex(0, -2*math.Pi*turn))
		}
		out[f] = cmplx.Abs(sum)
	}
	return out
}

func pearson(a, b []float64) float64 {
	ma, mb := 0.0, 0.0
	for i := range a {
		ma, mb = ma+a[i]/float64(len(a)), mb+b[i]/float64(len(b))
	}
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func TestSpectralCorrelation_EqualsPearsonOfSpectra(t *testing.T) {
	_, p, g := problem()
	want := 0.0
	for c := range 3 {
		want += (1 - pearson(plainSpectrum(p[c*positions:(c+1)*positions]), plainSpectrum(g[c*positions:(c+1)*positions]))) / 3
	}
	near(t, "spectral correlation", of(p, g, SpectralCorrelation), want)
	near(t, "of the truth itself", of(g, g, SpectralCorrelation), 0)
}

func TestSpectralCorrelation_LeavesAbsentClassesOut(t *testing.T) {
	_, p, g := problem()
	for i := range positions {
		g[i] += g[2*positions+i]
		g[2*positions+i] = 0
	}
	want := 0.0
	for c := range 2 {
		want += (1 - pearson(plainSpectrum(p[c*positions:(c+1)*positions]), plainSpectrum(g[c*positions:(c+1)*positions]))) / 2
	}
	near(t, "spectral correlation", of(p, g, SpectralCorrelation), want)
}

func TestDeepSupervision_AddsWeightedMean(t *testing.T) {
	_, p, g := problem()
	got := of(p, g, func(a, b *graph.Value) *graph.Value {
		one, three := graph.Scalar(a.Graph(), 1), graph.Scalar(a.Graph(), 3)
		return DeepSupervision(one, []*graph.Value{one, three}, DeepSupervisionWeight(31))
	})
	near(t, "deep supervision", got, 1+0.32*2)
}

func TestShrink_KeepsFractionsOfCells(t *testing.T) {
	g := graph.New("shrink")
	truth, logits := g.Input("truth", 1, 1, 1, 2, 4), g.Input("logits", 1, 1, 1, 1, 2)
	out := graph.Eval([]*graph.Value{Shrink(truth, logits)}, map[string][]float32{"truth": {1, 1, 0, 0, 1, 0, 0, 0}}, nil)[0]
	near(t, "full cell", float64(out[0]), 0.75)
	near(t, "empty cell", float64(out[1]), 0)
}

func TestGradients_EqualFiniteDifferences(t *testing.T) {
	logits, p, g := problem()
	cases := map[string]struct {
		at []float64
		f  func(a, b *graph.Value) *graph.Value
	}{
		"hfd":      {p, func(a, b *graph.Value) *graph.Value { return HFDTversky(a, b, PaperHFD(3)) }},
		"dice":     {p, func(a, b *graph.Value) *graph.Value { return Dice(a, b, nil) }},
		"spectral": {p, SpectralCorrelation},
		"focal":    {logits, func(a, b *graph.Value) *graph.Value { return Focal(a, b, 2, nil, nil) }},
		"entropy":  {logits, func(a, b *graph.Value) *graph.Value { return CrossEntropy(a, b, nil, nil) }},
		"l1":       {p, L1},
	}
	for name, c := range cases {
		gr := graph.New(name)
		a, b := gr.Input("a", shape...), gr.Input("b", shape...)
		grad := graph.Eval(graph.Grad(c.f(a, b), a), map[string][]float32{"a": narrow(c.at), "b": narrow(g)}, nil)[0]
		along, slope := make([]float64, len(c.at)), 0.0
		r := graph.NewRandom(3)
		for i := range along {
			along[i] = r.Normal()
			slope += along[i] * float64(grad[i])
		}
		const h = 2e-3
		up, down := move(c.at, along, h), move(c.at, along, -h)
		numeric := (of(up, g, c.f) - of(down, g, c.f)) / (2 * h)
		if math.Abs(numeric-slope) > 1e-2*math.Max(0.05, math.Abs(slope)) {
			t.Errorf("%s: slope %g by gradient, %g by differences", name, slope, numeric)
		}
	}
}

func move(x, along []float64, h float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] + h*along[i]
	}
	return out
}
