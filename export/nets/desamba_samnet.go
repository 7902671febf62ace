package nets

import (
	"columna/export/graph"
)

// samNet is SAMNet over all stages.
func (d *desamba) samNet(x *graph.Value) []scale {
	return d.stages("samnet", x, d.cfg.Depths, d.samBlock)
}

// samBlock is one SAMBlock: a spatial branch with a large depthwise kernel and a
// frequency branch of SAMB and a small one, each with the ConvNeXt-V2 body, then
// F = theta([F1,F2]) * (a F1 + b F2) and out = x/2 + F/2 (equation 1). Without the
// frequency branch it is a plain ConvNeXt-V2 block.
func (d *desamba) samBlock(in scale) scale {
	image := d.image(in.rows, in.grid)
	f1 := d.convNeXt("spatial", image, d.cfg.LargeKernel, in.grid)
	if !d.cfg.Frequency {
		return scale{graph.Add(in.rows, f1), in.grid}
	}
	f2 := d.convNeXt("frequency", d.samb(image), 3, in.grid)
	c := in.rows.Dim(2)
	a := d.g.Param("alpha", []int{sequenceCount, 1, c}, graph.ConstInit(1))
	b := d.g.Param("beta", []int{sequenceCount, 1, c}, graph.ConstInit(1))
	gate := graph.Sigmoid(d.pointwise("gate", graph.Concat(2, f1, f2), c))
	f := graph.Mul(gate, graph.Add(graph.Mul(a, f1), graph.Mul(b, f2)))
	return scale{graph.MulScalar(graph.Add(in.rows, f), 0.5), in.grid}
}

// convNeXt is ConvNeXt-V2's body without its residual (Woo et al. 2023):
// depthwise convolution, layer normalisation, expansion, GELU, global response
// normalisation, projection. It takes an image and gives rows.
func (d *desamba) convNeXt(name string, image *graph.Value, kernel int, grid [3]int) *graph.Value {
	var y *graph.Value
	d.g.Scope(name, func() {
		c := image.Dim(1) / sequenceCount
		t := d.standardise(d.rows(d.depthwise("depthwise", image, kernel)))
		t = graph.Gelu(d.pointwise("expand", t, c*d.cfg.Expansion))
		y = d.pointwise("project", d.responseNorm(t, positions(grid)), c)
	})
	return y
}

// responseNorm is global response normalisation: with G each channel's L2 norm
// over the positions of one sample and N = G / mean over channels of G,
// y = gamma x N + beta + x.
func (d *desamba) responseNorm(rows *graph.Value, positions int) *graph.Value {
	c := rows.Dim(2)
	x := graph.Reshape(rows, sequenceCount, d.batch, positions, c)
	norm := graph.Sqrt(graph.AddScalar(graph.ReduceSum(graph.Square(x), true, 2), normEps))
	share := graph.Div(norm, graph.ReduceMean(norm, true, 3))
	gamma := d.g.Param("grn.gamma", []int{sequenceCount, 1, 1, c}, graph.ZeroInit())
	beta := d.g.Param("grn.beta", []int{sequenceCount, 1, 1, c}, graph.ZeroInit())
	y := graph.Add(graph.Mul(x, graph.AddScalar(graph.Mul(gamma, share), 1)), beta)
	return graph.Reshape(y, sequenceCount, -1, c)
}

// samb is the Spectral Adaptive Modulation Block. It takes and gives an image:
//
//	R, I = FFT(x), phi = sqrt(R^2+I^2)
//	f_e  = enhancement of concat(R, I), f_m = modulator of normalised x
//	R'   = R (1 + a (f_m - 1)) + b f_e phi,  I' = I (1 + a (f_m - 1))
//
// and the inverse FFT of R', I' (equation 2). a and b are learned per channel.
// Ours: f_m is one factor per channel and radial frequency band.
func (d *desamba) samb(image *graph.Value) *graph.Value {
	var y *graph.Value
	d.g.Scope("samb", func() {
		grid := [3]int{image.Dim(2), image.Dim(3), image.Dim(4)}
		f, c := d.fourier(grid), image.Dim(1)
		re, im := f.forward(image)
		phi := graph.Sqrt(graph.AddScalar(graph.Add(graph.Square(re), graph.Square(im)), normEps))
		factor := func(name string, x float64) *graph.Value {
			return d.g.Param(name, []int{1, c, 1}, graph.ConstInit(x))
		}
		fm := graph.MatMul(d.modulator(image), f.bands(d.cfg.Bands))
		m := graph.AddScalar(graph.Mul(factor("alpha", 1), graph.AddScalar(fm, -1)), 1)
		boost := graph.Mul(factor("beta", 0.1), graph.Mul(d.enhance(re, im), phi))
		y = f.inverse(graph.Add(graph.Mul(re, m), boost), graph.Mul(im, m))
	})
	return y
}

// enhance is the frequency enhancement of concat(R, I), (B,3C,F) to (B,3C,F):
// pointwise convolutions over frequencies, bounded to +-1 so that it adds to
// a frequency at most in proportion to its magnitude.
func (d *desamba) enhance(re, im *graph.Value) *graph.Value {
	c, count := re.Dim(1)/sequenceCount, re.Dim(2)
	split := func(v *graph.Value) *graph.Value { return graph.Reshape(v, d.batch, sequenceCount, c, count) }
	x := graph.Concat(2, split(re), split(im))
	x = graph.Gelu(d.channelwise("enhance.0", x, c))
	x = graph.Tanh(d.channelwise("enhance.1", x, c))
	return graph.Reshape(x, d.batch, sequenceCount*c, count)
}

// channelwise is a pointwise convolution of (B,3,C,P) over C, with bias.
func (d *desamba) channelwise(name string, x *graph.Value, out int) *graph.Value {
	in := x.Dim(2)
	w := d.g.Param(name+".weight", []int{1, sequenceCount, out, in}, graph.XavierInit(in, out))
	b := d.g.Param(name+".bias", []int{1, sequenceCount, out, 1}, graph.ZeroInit())
	return d.g.Label(name, func() *graph.Value { return graph.Add(graph.MatMul(w, x), b) })
}

// modulator gives f_m, (B,3C,Bands) in 0..2 around 1, from the image normalised
// per channel: pointwise convolution, GELU, mean over positions, dense layer.
func (d *desamba) modulator(image *graph.Value) *graph.Value {
	all := image.Dim(1)
	c := all / sequenceCount
	x := graph.InstanceNorm(image, graph.Filled(d.g, 1, all), graph.Filled(d.g, 0, all), normEps)
	x = graph.Reshape(x, d.batch, sequenceCount, c, -1)
	x = graph.ReduceMean(graph.Gelu(d.channelwise("modulator.0", x, c)), true, 3)
	x = graph.Sigmoid(d.channelwise("modulator.1", x, c*d.cfg.Bands))
	return graph.Reshape(graph.MulScalar(x, 2), d.batch, all, d.cfg.Bands)
}
