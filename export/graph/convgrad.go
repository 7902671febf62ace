package graph

import "slices"

// The backward of a convolution, in the forms measured fastest on ONNX Runtime:
// the input's gradient is a convolution with the flipped, transposed kernel
// (ConvTranspose is ten times slower there), the kernel's gradient a few
// products over all positions. A strided convolution is first rewritten as one of stride 1
// over the phases of its input (space to depth).

// gradient gives the gradients of x, w and, if present, b.
func (c *conv) gradient(in []*Value, dy *Value) []*Value {
	out := []*Value{c.gradInput(in[1], dy), c.gradKernel(in[0], dy)}
	if len(in) == 3 {
		axes := append([]int{0}, sequence(2, 2+c.dims)...)
		out = append(out, ReduceSum(dy, false, axes...))
	}
	return out
}

// strided says whether any axis takes steps larger than 1. Such convolutions
// must not be dilated.
func (c *conv) strided() bool {
	big := func(n int) bool { return n > 1 }
	if !slices.ContainsFunc(c.stride, big) {
		return false
	}
	if slices.ContainsFunc(c.dilation, big) {
		fail("Conv", "has no gradient for stride and dilation together", c.inShape, c.kernel)
	}
	return true
}

// gradInput is dL/dx.
func (c *conv) gradInput(w, dy *Value) *Value {
	if c.strided() {
		p := c.phases()
		return p.join(p.conv.gradInput(p.kernel(w), dy))
	}
	g := c.groups
	flipped := Flip(w, sequence(2, 2+c.dims)...)
	if size(c.kernel) == 1 {
		flipped = w
	}
	// (G, O/G, C/G, k..) -> (G, C/G, O/G, k..)
	byGroup := Reshape(flipped, join([]int{g, c.outCh / g, c.inCh / g}, c.kernel)...)
	swapped := Transpose(byGroup, append([]int{0, 2, 1}, sequence(3, 3+c.dims)...)...)
	kernel := Reshape(swapped, join([]int{c.inCh, c.outCh / g}, c.kernel)...)

	back := &conv{dims: c.dims, batch: c.batch, inCh: c.outCh, outCh: c.inCh, groups: g, kernel: c.kernel,
		stride: c.stride, dilation: c.dilation, out: c.in, outShape: c.inShape}
	begin, stop := make([]int, 2+c.dims), slices.Clone(dy.shape)
	for i, k := range c.kernel {
		reach := c.dilation[i] * (k - 1)
		before, after := reach-c.padBefore[i], reach-c.padAfter[i]
		// Padding beyond the kernel's reach saw only zeros: crop it.
		begin[2+i], stop[2+i] = max(-before, 0), stop[2+i]-max(-after, 0)
		back.padBefore = append(back.padBefore, max(before, 0))
		back.padAfter = append(back.padAfter, max(after, 0))
	}
	dy = sliceBox(dy, begin, stop)
	back.in, back.inShape = dy.shape[2:], dy.shape
	return apply1(back.op(), back.outShape, dy, kernel)
}

// gradKernel is dL/dw.
func (c *conv) gradKernel(x, dy *Value) *Value {
	if c.strided() {
		p := c.phases()
		return p.joinKernel(p.conv.gradKernel(p.split(x), dy))
	}
	if w, ok := c.winograd(); ok {
		return w.gradKernel(x, dy)
	}
	return c.gradFlat(x, dy)
}

// gradFlat is dL/dw by products over all positions.
func (c *conv) gradFlat(x, dy *Value) *Value {
	zero := []int{0, 0}
	x = Pad(x, join(zero, c.padBefore), join(zero, c.padAfter))
	var dw *Value
	if c.groups == 1 && c.inCh <= thin {
		dw = c.gradThin(x, dy)
	} else {
		dw = c.gradDense(x, dy)
	}
	return Reshape(dw, join([]int{c.outCh, c.inCh / c.groups}, c.kernel)...)
}

// byChannel brings (N,C,..) to (C,N,..).
func byChannel(x *Value) *Value {
	return Transpose(x, append([]int{1, 0}, sequence(2, len(x.shape))...)...)
}

// shiftAxis is the spatial axis whose taps are served by shifted copies of dy
// instead of parts of x: the first with more than one tap. The copies stack to
// one tall matrix, so that the products are fewer and less thin.
func (c *conv) shiftAxis() int {
	for i, k := range c.kernel {
		if k > 1 {
			return i
		}
	}
	return 0
}

// taps cuts from the padded input (its last axes spatial), for each kernel tap
// of the axes other than shift, the part that the tap multiplies.
func (c *conv) taps(x *Value, shift int) []*Value {
	lead := len(x.shape) - c.dims
	others := slices.Clone(c.kernel)
	others[shift] = 1
	var out []*Value
	each(others, func(_ int, tap []int) {
		begin, stop := make([]int, len(x.shape)), slices.Clone(x.shape)
		for i, t := range tap {
			if i != shift {
				begin[lead+i] = t * c.dilation[i]
				stop[lead+i] = begin[lead+i] + c.out[i]
			}
		}
		out = append(out, sliceBox(x, begin, stop))
	})
	return out
}

// shifts lays out dy (its last axes spatial), for each tap of the axis shift,
// on the padded input's grid along that axis.
func (c *conv) shifts(dy *Value, shift int) []*Value {
	ax := len(dy.shape) - c.dims + shift
	k, step := c.kernel[shift], c.dilation[shift]
	var out []*Value
	for t := range k {
		before, after := make([]int, len(dy.shape)), make([]int, len(dy.shape))
		before[ax], after[ax] = t*step, (k-1-t)*step
		out = append(out, Pad(dy, before, after))
	}
	return out
}

// gradDense gives (O, C, taps): products (G, shifts*O/G, K) x (G, K, C/G), K all
// positions, one for each tap of the other axes.
func (c *conv) gradDense(x, dy *Value) *Value {
	g, shift := c.groups, c.shiftAxis()
	k := c.kernel[shift]
	rows := c.shifts(byChannel(dy), shift)
	for i, r := range rows {
		rows[i] = Reshape(r, g, 1, c.outCh/g, -1)
	}
	left := Reshape(Concat(1, rows...), g, k*c.outCh/g, -1)
	taps := c.taps(byChannel(x), shift)
	for i, t := range taps {
		product := productT(left, Reshape(t, g, c.inCh/g, -1))
		taps[i] = Reshape(product, g, k, c.outCh/g, c.inCh/g, 1)
	}
	// (G, shifts, O/G, C/G, other taps): every axis before shift has one tap.
	return Transpose(Concat(4, taps...), 0, 2, 3, 1, 4)
}

// productT is a x b transposed, (G,M,K) and (G,N,K), as a plain product if G is 1.
func productT(a, b *Value) *Value {
	if a.shape[0] == 1 {
		return gemm(Reshape(a, a.shape[1:]...), Reshape(b, b.shape[1:]...), false, true)
	}
	return MatMul(a, swapLast(b))
}

// gradThin gives (O, C, taps) with one product over all taps, for few channels.
func (c *conv) gradThin(x, dy *Value) *Value {
	shift := c.shiftAxis()
	rows := c.shifts(byChannel(dy), shift)
	left := Reshape(Concat(0, rows...), len(rows)*c.outCh, -1)
	taps := c.taps(byChannel(x), shift)
	for i, t := range taps {
		taps[i] = Reshape(t, c.inCh, 1, -1)
	}
	right := Reshape(Concat(1, taps...), c.inCh*len(taps), -1)
	product := Reshape(gemm(left, right, false, true), len(rows), c.outCh, c.inCh, len(taps))
	return Transpose(product, 1, 2, 0, 3)
}

// thin is the channel count up to which all taps share one product.
const thin = 2

// phases is a strided convolution seen as one of stride 1 over the phases of
// its input: channel c*prod(stride)+r of the new input holds the positions
// p with p mod stride = r. The kernel is padded to whole strides.
type phases struct {
	of     *conv
	conv   *conv
	blocks []int // kernel size in strides, rounded up
	length []int // input size in strides
	after  []int // zeros behind the input, or if negative what is left unread
}

func (c *conv) phases() *phases {
	p := &phases{of: c}
	count := size(c.stride)
	for i, k := range c.kernel {
		s := c.stride[i]
		blocks := (k + s - 1) / s
		length := c.out[i] + blocks - 1
		p.blocks = append(p.blocks, blocks)
		p.length = append(p.length, length)
		p.after = append(p.after, length*s-c.padBefore[i]-c.in[i])
	}
	none := repeat(0, c.dims)
	p.conv = &conv{dims: c.dims, batch: c.batch, inCh: c.inCh * count, outCh: c.outCh, groups: c.groups,
		in: p.length, out: c.out, kernel: p.blocks, stride: repeat(1, c.dims), dilation: repeat(1, c.dims),
		padBefore: none, padAfter: none, outShape: c.outShape,
		inShape: join([]int{c.batch, c.inCh * count}, p.length)}
	return p
}

// split brings the input to its phases.
func (p *phases) split(x *Value) *Value {
	stop, after := slices.Clone(x.shape), make([]int, len(x.shape))
	for i, a := range p.after {
		stop[2+i] += min(a, 0)
		after[2+i] = max(a, 0)
	}
	x = sliceBox(x, make([]int, len(stop)), stop)
	x = Pad(x, join([]int{0, 0}, p.of.padBefore), after)
	return spaceToDepth(x, p.length, p.of.stride)
}

// join is the inverse of split.
func (p *phases) join(x *Value) *Value {
	c := p.of
	x = depthToSpace(x, p.length, c.stride)
	begin := join([]int{0, 0}, c.padBefore)
	stop, after := slices.Clone(x.shape), make([]int, len(x.shape))
	for i, n := range c.in {
		stop[2+i] = min(begin[2+i]+n, stop[2+i])
		after[2+i] = max(-p.after[i], 0)
	}
	return Pad(sliceBox(x, begin, stop), make([]int, len(after)), after)
}

// kernel brings a kernel to the phases' kernel.
func (p *phases) kernel(w *Value) *Value {
	after := make([]int, len(w.shape))
	for i, k := range p.of.kernel {
		after[2+i] = p.blocks[i]*p.of.stride[i] - k
	}
	return spaceToDepth(Pad(w, make([]int, len(after)), after), p.blocks, p.of.stride)
}

// joinKernel is the inverse of kernel.
func (p *phases) joinKernel(w *Value) *Value {
	w = depthToSpace(w, p.blocks, p.of.stride)
	return sliceBox(w, make([]int, len(w.shape)), join(w.shape[:2], p.of.kernel))
}

// spaceToDepth turns (N,C,a*s,..) into (N,C*prod(s),a,..), the phase of the first
// axis innermost. One axis at a time: a transpose that moves one axis copies runs,
// a transpose of all of them copies number by number.
func spaceToDepth(x *Value, length, stride []int) *Value {
	outer, before := x.shape[0]*x.shape[1], size(x.shape[2:])
	y := x
	for i := len(length) - 1; i >= 0; i-- {
		before /= length[i] * stride[i] // sizes of the axes before this one
		y = Transpose(Reshape(y, outer, before*length[i], stride[i], size(length[i+1:])), 0, 2, 1, 3)
		outer *= stride[i]
	}
	return Reshape(y, join([]int{x.shape[0], x.shape[1] * size(stride)}, length)...)
}

// depthToSpace turns (N,C*prod(s),a,..) into (N,C,a*s,..).
func depthToSpace(x *Value, length, stride []int) *Value {
	outer, before := x.shape[0]*x.shape[1], 1
	shape := []int{x.shape[0], x.shape[1] / size(stride)}
	y := x
	for i := range length {
		outer /= stride[i]
		y = Transpose(Reshape(y, outer, stride[i], before*length[i], size(length[i+1:])), 0, 2, 1, 3)
		before *= length[i] * stride[i]
		shape = append(shape, length[i]*stride[i])
	}
	return Reshape(y, shape...)
}
