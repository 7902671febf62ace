package graph

import (
	"fmt"
	"slices"
)

// ConvOpts sets a convolution. A list of one number stands for all spatial
// axes; nil gives the default.
type ConvOpts struct {
	Stride   []int // default 1
	Pad      []int // zeros on either side; default keeps the size at stride 1
	Dilation []int // default 1
	Groups   int   // default 1; the channel count makes it depthwise
}

// Conv convolves x (N,C,spatial..) with w (O,C/Groups,kernel..) and adds b (O),
// which may be nil. One to three spatial axes.
//
// Default padding: dilation*(k-1)/2 on both sides for odd kernels, none where
// the stride equals the kernel, else as much as halving (by the stride) needs.
func Conv(x, w, b *Value, opts ConvOpts) *Value {
	c := newConv(x, w, opts)
	if b != nil && !slices.Equal(b.shape, []int{c.outCh}) {
		fail("Conv", "wants a bias (O)", x.shape, w.shape, b.shape)
	}
	in := []*Value{x, w}
	if b != nil {
		in = append(in, b)
	}
	return x.node.graph.apply(c.op(), in, c.outShape)[0]
}

// DynamicConv convolves each sample with its own kernel: x (N,C,..), w
// (N,O,C,kernel..), stride 1, same padding. Samples become groups, or if their
// number is open are convolved one after the other.
func DynamicConv(x, w *Value) *Value {
	if len(w.shape) != len(x.shape)+1 || w.shape[0] != x.shape[0] {
		fail("DynamicConv", "wants x (N,C,..) and w (N,O,C,kernel..)", x.shape, w.shape)
	}
	if x.node.graph.FreeBatch {
		return convolveEach(x, w)
	}
	n, o := w.shape[0], w.shape[1]
	space := x.shape[2:]
	folded := Reshape(x, join([]int{1, n * x.shape[1]}, space)...)
	kernel := Reshape(w, join([]int{n * o}, w.shape[2:])...)
	y := Conv(folded, kernel, nil, ConvOpts{Groups: n})
	return Reshape(y, join([]int{n, o}, space)...)
}

// convolveEach is DynamicConv as a Scan over the samples.
func convolveEach(x, w *Value) *Value {
	b := newBody("samples")
	b.graph.FreeVolume = x.node.graph.FreeVolume
	one, kernel := b.input("x", x.shape[1:]...), b.input("w", w.shape[1:]...)
	y := Conv(Unsqueeze(one, 0), kernel, nil, ConvOpts{})
	b.outputs = []*Value{Reshape(y, y.shape[1:]...)}
	y = scan(b, false, nil, []*Value{x, w}, nil)[0]
	return withGradient("DynamicConv", y, []*Value{x, w}, func(*Value) []*Value {
		fail("DynamicConv", "has no gradient while the batch size is left open", x.shape, w.shape)
		return nil
	})
}

// conv is a convolution with everything resolved. Per-axis lists have one
// entry for each spatial axis.
type conv struct {
	dims                int
	batch, inCh, outCh  int
	groups              int
	in, out, kernel     []int // spatial sizes
	stride, dilation    []int
	padBefore, padAfter []int
	outShape, inShape   []int
}

func newConv(x, w *Value, o ConvOpts) *conv {
	dims := len(x.shape) - 2
	if dims < 1 || dims > 3 || len(w.shape) != len(x.shape) {
		fail("Conv", "wants x (N,C,spatial..) and w (O,C/groups,kernel..) with 1 to 3 spatial axes", x.shape, w.shape)
	}
	c := &conv{dims: dims, batch: x.shape[0], inCh: x.shape[1], outCh: w.shape[0], groups: max(o.Groups, 1)}
	if c.inCh != w.shape[1]*c.groups || c.outCh%c.groups != 0 {
		fail("Conv", fmt.Sprintf("the channels do not fit %d groups", c.groups), x.shape, w.shape)
	}
	c.in, c.kernel, c.inShape = x.shape[2:], w.shape[2:], x.shape
	c.stride, c.dilation = perAxis(o.Stride, 1, dims, w), perAxis(o.Dilation, 1, dims, w)
	c.padBefore, c.padAfter = c.samePadding()
	if o.Pad != nil {
		c.padBefore = perAxis(o.Pad, 0, dims, w)
		c.padAfter = c.padBefore
	}
	c.out = make([]int, dims)
	for i := range dims {
		reach := c.in[i] + c.padBefore[i] + c.padAfter[i] - c.dilation[i]*(c.kernel[i]-1)
		if reach < 1 {
			fail("Conv", fmt.Sprintf("the kernel exceeds the padded spatial axis %d", i), x.shape, w.shape)
		}
		c.out[i] = (reach-1)/c.stride[i] + 1
	}
	c.outShape = join([]int{c.batch, c.outCh}, c.out)
	return c
}

func perAxis(list []int, otherwise, dims int, w *Value) []int {
	switch len(list) {
	case 0:
		return repeat(otherwise, dims)
	case 1:
		return repeat(list[0], dims)
	case dims:
		return slices.Clone(list)
	}
	fail("Conv", "an option wants one number, or one for each spatial axis", w.shape, list)
	return nil
}

func (c *conv) samePadding() (before, after []int) {
	for i, k := range c.kernel {
		total := c.dilation[i] * (k - 1)
		if k%2 == 0 || k == c.stride[i] {
			total = max(total+1-c.stride[i], 0)
		}
		before = append(before, total/2)
		after = append(after, total-total/2)
	}
	return before, after
}

func (c *conv) op() *op {
	o := &op{kind: "Conv", attrs: []attr{
		intsAttr("kernel_shape", c.kernel), intsAttr("strides", c.stride), intsAttr("dilations", c.dilation),
		intsAttr("pads", join(c.padBefore, c.padAfter)), intAttr("group", c.groups),
	}}
	o.macs = float64(size(c.outShape)) * float64(c.inCh/c.groups*size(c.kernel))
	o.grad = func(n *node, dy []*Value) []*Value { return c.gradient(n.in, dy[0]) }
	o.eval = func(_ *node, in []array) []array { return []array{c.eval(in)} }
	if c.depthwise3D() {
		o.encode = unlessFree(c.encodeDepthwise)
	} else if w, ok := c.winograd(); ok {
		o.encode = unlessFree(w.encode)
	}
	return o
}

// unlessFree is an encoding for known spatial sizes; for open ones there is the
// plain operator.
func unlessFree(encode func(e *encoder, n *node)) func(e *encoder, n *node) {
	return func(e *encoder, n *node) {
		if n.graph.FreeVolume {
			e.plain(n)
		} else {
			encode(e, n)
		}
	}
}

// eval is the definition of a convolution.
func (c *conv) eval(in []array) array {
	x, w := in[0], in[1]
	perGroup := c.inCh / c.groups
	step, wstep := strides(c.inShape), strides(join([]int{c.outCh, perGroup}, c.kernel))
	return gather(c.outShape, func(pos []int) float64 {
		sum := 0.0
		if len(in) == 3 {
			sum = in[2].data[pos[1]]
		}
		first := pos[1] / (c.outCh / c.groups) * perGroup
		each(c.kernel, func(tapFlat int, tap []int) {
			from := pos[0] * step[0]
			for i, t := range tap {
				p := pos[2+i]*c.stride[i] + t*c.dilation[i] - c.padBefore[i]
				if p < 0 || p >= c.in[i] {
					return
				}
				from += p * step[2+i]
			}
			for ch := range perGroup {
				sum += x.data[from+(first+ch)*step[1]] * w.data[pos[1]*wstep[0]+ch*wstep[1]+tapFlat]
			}
		})
		return sum
	})
}
