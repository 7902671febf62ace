package graph

import "slices"

// A convolution whose kernel has three taps along a short axis is written in
// Winograd's form F(4,3) along that axis (Lavin and Gray 2016): four results
// from six products instead of twelve. The transforms of input and output are
// products with constant matrices that also hold the padding, the dilation and
// the rest of an axis that is no multiple of four; between them lies one
// convolution that is flat along the axis, with the six products as groups.

const (
	winogradOut = 4               // results of a tile
	winogradTap = 3               // taps of the kernel
	winogradIn  = winogradOut + 2 // inputs, and products, of a tile
)

// The transforms of one tile for the points 0, 1, -1, 1/2, -2 and infinity,
// which lose the least precision: y = out ((kernel g) * (in d)).
var winogradKernel, winogradInput, winogradOutput = winogradTile([]float64{0, 1, -1, 0.5, -2})

// winogradTile gives kernel (6,3), in (6,6) and out (4,6) by Toom and Cook's
// interpolation at the points and infinity.
func winogradTile(points []float64) (kernel, in, out [][]float64) {
	n := len(points)
	for j, p := range points {
		others := slices.Delete(slices.Clone(points), j, j+1)
		scale := 1.0
		for _, q := range others {
			scale *= p - q
		}
		kernel = append(kernel, []float64{1 / scale, p / scale, p * p / scale})
		in = append(in, append(polynomial(others), 0))
	}
	kernel = append(kernel, []float64{0, 0, 1})
	in = append(in, polynomial(points))
	for i := range winogradOut {
		row := make([]float64, n+1)
		for j, p := range points {
			row[j] = 1
			for range i {
				row[j] *= p
			}
		}
		row[n] = float64(toInt(i == winogradOut-1))
		out = append(out, row)
	}
	return kernel, in, out
}

// polynomial gives the coefficients of the product of (x - root), the lowest
// power first.
func polynomial(roots []float64) []float64 {
	p := []float64{1}
	for _, r := range roots {
		next := make([]float64, len(p)+1)
		for i, c := range p {
			next[i+1] += c
			next[i] -= r * c
		}
		p = next
	}
	return p
}

// winograd is a convolution in this form.
type winograd struct {
	*conv
	ax    int   // the transformed spatial axis
	tiles []int // first output position of each tile
}

// winograd says whether and how a convolution is written in this form: along
// the shortest axis that allows it, where it pays.
func (c *conv) winograd() (winograd, bool) {
	ax := -1
	for i := range max(c.dims-1, 0) { // the last axis has no runs to multiply
		if c.kernel[i] == winogradTap && c.stride[i] == 1 && (ax < 0 || c.out[i] < c.out[ax]) {
			ax = i
		}
	}
	if ax < 0 || c.out[ax] < winogradOut || c.inCh/c.groups <= thin {
		return winograd{}, false
	}
	w := c.tiled(ax)
	return w, w.pays()
}

// tiled cuts the axis into tiles: with a dilation d, one row of tiles for each
// of the d interleaved lines that the kernel sees.
func (c *conv) tiled(ax int) winograd {
	w := winograd{conv: c, ax: ax}
	d := c.dilation[ax]
	for r := range min(d, c.out[ax]) {
		for first := r; first < c.out[ax]; first += d * winogradOut {
			w.tiles = append(w.tiles, first)
		}
	}
	return w
}

// pays weighs the saved half of the products against the transforms, in
// nanoseconds for each position, as measured with ONNX Runtime on one core:
// convolutions with few results spend their time on unfolding the input, and a
// transform passes over each channel twice and multiplies along the axis.
func (w winograd) pays() bool {
	macs := float64(w.inCh * w.outCh / w.groups * size(w.kernel))
	perChannel := float64(w.outCh / w.groups)
	rate := 65 * perChannel / (perChannel + 20)
	return macs/rate/2 > float64(w.inCh+w.outCh)*(1.2+0.03*float64(w.out[w.ax]))
}

// rows is the number of products along the axis.
func (w winograd) rows() int { return winogradIn * len(w.tiles) }

// inMatrix (products, in) brings the input's axis to the products' axis.
func (w winograd) inMatrix() []float32 {
	n, d := w.in[w.ax], w.dilation[w.ax]
	m := make([]float32, w.rows()*n)
	for t, tile := range w.tiles {
		for j, row := range winogradInput {
			for i, v := range row {
				if at := tile + i*d - w.padBefore[w.ax]; at >= 0 && at < n {
					m[(j*len(w.tiles)+t)*n+at] = float32(v)
				}
			}
		}
	}
	return m
}

// outMatrix (out, products) brings the products' axis to the output's axis.
func (w winograd) outMatrix() []float32 {
	m := make([]float32, w.out[w.ax]*w.rows())
	for t, tile := range w.tiles {
		for i, row := range winogradOutput {
			at := tile + i*w.dilation[w.ax]
			if at >= w.out[w.ax] {
				continue
			}
			for j, v := range row {
				m[at*w.rows()+j*len(w.tiles)+t] = float32(v)
			}
		}
	}
	return m
}

// kernelMatrix (6,3) brings the kernel's taps to the products.
func (w winograd) kernelMatrix() []float32 {
	var m []float32
	for _, row := range winogradKernel {
		for _, v := range row {
			m = append(m, float32(v))
		}
	}
	return m
}

// flat is the convolution between the transforms, for one product.
func (w winograd) flat() *conv {
	one := func(list []int, v int) []int {
		list = slices.Clone(list)
		list[w.ax] = v
		return list
	}
	f := &conv{dims: w.dims, batch: w.batch, inCh: w.inCh, outCh: w.outCh, groups: w.groups,
		in: one(w.in, len(w.tiles)), out: one(w.out, len(w.tiles)), kernel: one(w.kernel, 1),
		stride: w.stride, dilation: one(w.dilation, 1),
		padBefore: one(w.padBefore, 0), padAfter: one(w.padAfter, 0)}
	f.inShape, f.outShape = join([]int{f.batch, f.inCh}, f.in), join([]int{f.batch, f.outCh}, f.out)
	return f
}

// encode writes the convolution of n in this form.
func (w winograd) encode(e *encoder, n *node) {
	step := func(kind string, what string, in []string, attrs ...attr) string {
		out := e.temp(n, what)
		e.node(kind, in, []string{out}, attrs...)
		return out
	}
	shaped := func(what, x string, shape ...[]int) string {
		return step("Reshape", what, []string{x, e.ints(join(shape...))})
	}
	f, p := w.flat(), w.ax
	perGroup := w.inCh / w.groups
	k := size(w.kernel[:p])

	// Kernel: (O C pre, 3, post) to (6 O, C, pre, 1, post).
	u := shaped("taps", e.name(n.in[1]), []int{w.outCh * perGroup * k, winogradTap, size(w.kernel[p+1:])})
	u = step("MatMul", "kernel", []string{e.floats([]int{winogradIn, winogradTap}, w.kernelMatrix()), u})
	u = step("Transpose", "by_product", []string{u}, intsAttr("perm", []int{1, 0, 2}))
	u = shaped("flat_kernel", u, []int{winogradIn * w.outCh, perGroup}, f.kernel)

	// Input: (B, C pre, in, post) to (B, 6 C, pre, tiles, post).
	x := shaped("lines", e.name(n.in[0]), []int{w.batch, w.inCh * size(w.in[:p]), w.in[p], size(w.in[p+1:])})
	x = step("MatMul", "input", []string{e.floats([]int{w.rows(), w.in[p]}, w.inMatrix()), x})
	x = shaped("input_products", x, []int{w.batch, w.inCh * size(w.in[:p]), winogradIn, len(w.tiles) * size(w.in[p+1:])})
	x = step("Transpose", "input_by_product", []string{x}, intsAttr("perm", []int{0, 2, 1, 3}))
	x = shaped("flat_input", x, []int{w.batch, winogradIn * w.inCh}, f.in)

	y := step("Conv", "flat", []string{x, u},
		intsAttr("kernel_shape", f.kernel), intsAttr("strides", f.stride), intsAttr("dilations", f.dilation),
		intsAttr("pads", join(f.padBefore, f.padAfter)), intAttr("group", winogradIn*w.groups))

	// Output: back to (B, O, pre, out, post).
	y = shaped("output_products", y, []int{w.batch, winogradIn, w.outCh * size(w.out[:p]), len(w.tiles) * size(w.out[p+1:])})
	y = step("Transpose", "output_by_channel", []string{y}, intsAttr("perm", []int{0, 2, 1, 3}))
	y = shaped("output_lines", y, []int{w.batch, w.outCh * size(w.out[:p]), w.rows(), size(w.out[p+1:])})
	y = step("MatMul", "output", []string{e.floats([]int{w.out[p], w.rows()}, w.outMatrix()), y})
	if len(n.in) == 3 {
		y = shaped("unbiased", y, w.outShape)
		bias := shaped("bias", e.name(n.in[2]), []int{w.outCh}, repeat(1, w.dims))
		e.node("Add", []string{y, bias}, []string{e.output(n, 0)})
		return
	}
	e.node("Reshape", []string{y, e.ints(w.outShape)}, []string{e.output(n, 0)})
}

// gradKernel is dL/dw: products of the transformed input and the transformed
// gradient, one flat convolution's gradient for each.
func (w winograd) gradKernel(x, dy *Value) *Value {
	g, p := x.Graph(), w.ax
	f := w.flat()
	zero := []int{0, 0}
	before, after := slices.Clone(w.padBefore), slices.Clone(w.padAfter)
	before[p], after[p] = 0, 0
	x = Pad(x, join(zero, before), join(zero, after))
	for i := range f.in {
		f.in[i] += before[i] + after[i]
	}
	f.padBefore, f.padAfter = repeat(0, w.dims), repeat(0, w.dims)
	f.inShape = join([]int{f.batch, f.inCh}, f.in)

	v := MatMul(Const(g, []int{w.rows(), w.in[p]}, w.inMatrix()), Reshape(x, -1, w.in[p], size(f.in[p+1:])))
	out := Const(g, []int{w.out[p], w.rows()}, w.outMatrix())
	m := MatMul(Transpose(out, 1, 0), Reshape(dy, -1, w.out[p], size(w.out[p+1:])))
	v = Reshape(v, w.batch*w.inCh*size(f.in[:p]), winogradIn, -1)
	m = Reshape(m, w.batch*w.outCh*size(f.out[:p]), winogradIn, -1)
	parts := make([]*Value, winogradIn)
	for j := range parts {
		vj := Reshape(Slice(v, 1, j, j+1), f.inShape...)
		mj := Reshape(Slice(m, 1, j, j+1), f.outShape...)
		parts[j] = Reshape(f.gradFlat(vj, mj), 1, -1)
	}
	du := Reshape(Concat(0, parts...), winogradIn, -1, size(w.kernel[p+1:]))
	taps := Const(g, []int{winogradIn, winogradTap}, w.kernelMatrix())
	dw := MatMul(Transpose(taps, 1, 0), Transpose(du, 1, 0, 2))
	return Reshape(dw, join([]int{w.outCh, w.inCh / w.groups}, w.kernel)...)
}
