package loss

import (
	"math"

	"columna/export/graph"
)

// SpectralCorrelation is 1 - corr(|FFT(p)|, |FFT(g)|), the mean over the classes
// that g contains: Pearson's correlation over all frequencies of the magnitude
// spectra (networks.md section 4). It is added to a spatial loss.
func SpectralCorrelation(p, g *graph.Value) *graph.Value {
	weight := frequencyWeight(p)
	a, b := centred(spectrum(p), weight), centred(spectrum(g), weight)
	corr := graph.Div(moment(a, b, weight), graph.Sqrt(graph.AddScalar(graph.Mul(moment(a, a, weight), moment(b, b, weight)), 1e-12)))
	voxels := graph.ReduceSum(g, false, spatial(g)...)
	there := graph.GreaterMask(voxels, graph.MulScalar(voxels, 0))
	lost := graph.Mul(there, graph.AddScalar(graph.Neg(corr), 1))
	return graph.Div(sumAll(lost), graph.AddScalar(sumAll(there), 1e-6))
}

// spectrum is |FFT| over the spatial axes, scaled by 1/sqrt(positions), as
// products with DFT matrices: faster in ONNX Runtime than its DFT operator, and
// with a gradient. Of the last axis only the n/2+1 frequencies are kept that
// determine the rest.
func spectrum(p *graph.Value) *graph.Value {
	s := p.Shape()
	last := len(s) - 1
	n, k := s[last], s[last]/2+1
	re := graph.MatMul(p, dftMatrix(p.Graph(), n, k, math.Cos))
	im := graph.MatMul(p, dftMatrix(p.Graph(), n, k, math.Sin))
	total := n
	for a := last - 1; a >= 2; a-- {
		re, im = dftAxis(re, im, a)
		total *= s[a]
	}
	power := graph.Add(graph.Square(re), graph.Square(im))
	return graph.Sqrt(graph.AddScalar(graph.MulScalar(power, 1/float64(total)), 1e-12))
}

// dftAxis transforms axis a of re + i im. With sines instead of minus sines it
// is the conjugate transform, whose magnitudes are the same for real input.
func dftAxis(re, im *graph.Value, a int) (*graph.Value, *graph.Value) {
	s := re.Shape()
	n, post := s[a], 1
	for _, d := range s[a+1:] {
		post *= d
	}
	cos, sin := dftMatrix(re.Graph(), n, n, math.Cos), dftMatrix(re.Graph(), n, n, math.Sin)
	flatRe, flatIm := graph.Reshape(re, -1, n, post), graph.Reshape(im, -1, n, post)
	outRe := graph.Sub(graph.MatMul(cos, flatRe), graph.MatMul(sin, flatIm))
	outIm := graph.Add(graph.MatMul(cos, flatIm), graph.MatMul(sin, flatRe))
	return graph.Reshape(outRe, s...), graph.Reshape(outIm, s...)
}

// dftMatrix is f(2 pi i j / n) with i < n, j < k.
func dftMatrix(g *graph.Graph, n, k int, f func(float64) float64) *graph.Value {
	data := make([]float32, n*k)
	for i := range n {
		for j := range k {
			data[i*k+j] = float32(f(2 * math.Pi * float64(i*j%n) / float64(n)))
		}
	}
	return graph.Const(g, []int{n, k}, data)
}

// frequencyWeight is how often each kept frequency of the last axis occurs in the
// full spectrum, scaled so that the weighted sum over all frequencies is a mean.
func frequencyWeight(p *graph.Value) *graph.Value {
	s := p.Shape()
	n, total := s[len(s)-1], 1
	for _, d := range s[2:] {
		total *= d
	}
	data := make([]float32, n/2+1)
	for j := range data {
		times := 2.0
		if j == 0 || 2*j == n {
			times = 1
		}
		data[j] = float32(times / float64(total))
	}
	return graph.Const(p.Graph(), []int{len(data)}, data)
}

// centred takes the weighted mean over the frequencies away.
func centred(x, weight *graph.Value) *graph.Value {
	return graph.Sub(x, graph.ReduceSum(graph.Mul(x, weight), true, spatial(x)...))
}

// moment is the weighted mean of a b over the frequencies, (N,C).
func moment(a, b, weight *graph.Value) *graph.Value {
	return graph.ReduceSum(graph.Mul(graph.Mul(a, b), weight), false, spatial(a)...)
}

func spatial(v *graph.Value) []int { return allButClass(v)[1:] }
