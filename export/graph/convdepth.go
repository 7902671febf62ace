package graph

// depthwise3D says whether the convolution filters each channel of a volume by
// itself with steps of 1 along its first axis.
func (c *conv) depthwise3D() bool {
	return c.dims == 3 && c.groups == c.inCh && c.groups == c.outCh && c.kernel[0] > 1 && c.stride[0] == 1
}

// encodeDepthwise writes such a convolution as one with a flat kernel, which
// gives each channel as many results as the kernel is deep, and a sum of these
// shifted along the first axis. ONNX Runtime unfolds the input for each channel
// before it multiplies; this way it unfolds a plane instead of a block.
func (c *conv) encodeDepthwise(e *encoder, n *node) {
	step := func(kind string, what string, in []string, attrs ...attr) string {
		out := e.temp(n, what)
		e.node(kind, in, []string{out}, attrs...)
		return out
	}
	deep, space := c.kernel[0], c.out[1:]
	flat := step("Reshape", "planes", []string{e.name(n.in[1]), e.ints(join([]int{c.outCh * deep, 1, 1}, c.kernel[1:]))})
	z := step("Conv", "flat", []string{e.name(n.in[0]), flat},
		intsAttr("kernel_shape", join([]int{1}, c.kernel[1:])), intsAttr("strides", c.stride), intsAttr("dilations", c.dilation),
		intsAttr("pads", join([]int{0}, c.padBefore[1:], []int{0}, c.padAfter[1:])), intAttr("group", c.groups))
	z = step("Reshape", "deep", []string{z, e.ints(join([]int{c.batch, c.outCh, deep, c.in[0]}, space))})
	sum := ""
	for t := range deep {
		// Output d takes result t of input d+shift, where that exists.
		shift := t*c.dilation[0] - c.padBefore[0]
		from, to := max(0, -shift), min(c.out[0], c.in[0]-shift)
		if from >= to {
			continue
		}
		part := step("Slice", "part", []string{z, e.ints([]int{t, from + shift}), e.ints([]int{t + 1, to + shift}), e.ints([]int{2, 3})})
		if to-from < c.out[0] {
			part = step("Pad", "shifted", []string{part, e.ints([]int{0, 0, 0, from, 0, 0, 0, 0, 0, c.out[0] - to, 0, 0})})
		}
		if sum != "" {
			part = step("Add", "sum", []string{sum, part})
		}
		sum = part
	}
	if len(n.in) == 3 {
		bias := step("Reshape", "bias", []string{e.name(n.in[2]), e.ints([]int{c.outCh, 1, 1, 1, 1})})
		sum = step("Add", "biased", []string{sum, bias})
	}
	e.node("Reshape", []string{sum, e.ints(c.outShape)}, []string{e.output(n, 0)})
}
