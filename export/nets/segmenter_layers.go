package nets

import (
	"columna/export/graph"
)

// segmenterLayers is one build of a reference segmentation network on a graph:
// the layers that U-Net, UNet3+ and TransUNet share, in two or three dimensions.
// Triples lose their first number in two dimensions.
type segmenterLayers struct {
	classLayers
	cfg     SegmenterConfig
	present *graph.Value // (B, sequences); nil with "image"
	cam     *graph.Value
}

// axes keeps the numbers of a triple that the convolutions know.
func (l *segmenterLayers) axes(triple [3]int) []int { return triple[3-l.cfg.Dims:] }

// kernel is 3 along every axis, or only within the slice at the finest levels.
func (l *segmenterLayers) kernel(level int) [3]int {
	if level < l.cfg.Flat {
		return [3]int{1, 3, 3}
	}
	return [3]int{3, 3, 3}
}

// activate is the rectifier of the blocks.
func (l *segmenterLayers) activate(x *graph.Value) *graph.Value {
	if l.smooth || l.cfg.Leak == 0 {
		return l.relu(x)
	}
	return graph.LeakyRelu(x, l.cfg.Leak)
}

// convolve keeps the size, or divides it by the stride. bias is for layers
// without normalisation.
func (l *segmenterLayers) convolve(name string, x *graph.Value, out int, k, stride [3]int, bias bool) *graph.Value {
	fan := channels(x) * volumeOf(l.axes(k))
	w := l.g.Param(name+".w", append([]int{out, channels(x)}, l.axes(k)...), graph.HeInit(fan))
	var b *graph.Value
	if bias {
		b = l.g.Param(name+".b", []int{out}, graph.ZeroInit())
	}
	var pad []int
	for _, n := range l.axes(k) {
		pad = append(pad, n/2)
	}
	return l.g.Label(name, func() *graph.Value {
		return graph.Conv(x, w, b, graph.ConvOpts{Stride: l.axes(stride), Pad: pad})
	})
}

// logits is the convolution of a head.
func (l *segmenterLayers) logits(name string, x *graph.Value, out int, k [3]int) *graph.Value {
	in, cells := channels(x), volumeOf(l.axes(k))
	w := l.g.Param(name+".w", append([]int{out, in}, l.axes(k)...), graph.XavierInit(in*cells, out*cells))
	b := l.g.Param(name+".b", []int{out}, graph.ZeroInit())
	return l.g.Label(name, func() *graph.Value { return graph.Conv(x, w, b, graph.ConvOpts{}) })
}

// volumeOf is the product of sizes.
func volumeOf(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

// normGroups is the number of groups of NormGroup.
const normGroups = 32

// normalise is the configured normalisation with scale and shift.
func (l *segmenterLayers) normalise(name string, x *graph.Value) *graph.Value {
	switch l.cfg.Norm {
	case NormNone:
		return x
	case NormBatch:
		return l.batchNorm(name, x)
	case NormGroup:
		return l.g.Label(name, func() *graph.Value { return l.groupNorm(name, x) })
	}
	c := []int{channels(x)}
	gamma, beta := l.g.Param(name+".gamma", c, graph.ConstInit(1)), l.g.Param(name+".beta", c, graph.ZeroInit())
	return l.g.Label(name, func() *graph.Value { return graph.InstanceNorm(x, gamma, beta, normEps) })
}

// groupNorm is instance normalisation of the groups as if each were one channel,
// then a scale and shift for each channel.
func (l *segmenterLayers) groupNorm(name string, x *graph.Value) *graph.Value {
	s := x.Shape()
	y := graph.InstanceNorm(graph.Reshape(x, s[0], normGroups, -1),
		graph.Filled(l.g, 1, normGroups), graph.Filled(l.g, 0, normGroups), normEps)
	wide := append([]int{1, s[1]}, l.axes([3]int{1, 1, 1})...)
	gamma, beta := l.g.Param(name+".gamma", wide, graph.ConstInit(1)), l.g.Param(name+".beta", wide, graph.ZeroInit())
	return graph.Add(graph.Mul(graph.Reshape(y, s...), gamma), beta)
}

// block is convolution, normalisation and rectifier.
func (l *segmenterLayers) block(name string, x *graph.Value, out int, k [3]int) *graph.Value {
	y := l.convolve(name, x, out, k, [3]int{1, 1, 1}, l.cfg.Norm == NormNone)
	y = l.normalise(name+".norm", y)
	return l.g.Label(name, func() *graph.Value { return l.activate(y) })
}

// first is the block that reads the input. What an absent sequence leaves out
// is made up for by a learned shift of each channel, after the normalisation, which
// would undo it.
func (l *segmenterLayers) first(name string, x *graph.Value, out int, k, stride [3]int) *graph.Value {
	y := l.normalise(name+".norm", l.convolve(name, x, out, k, stride, l.cfg.Norm == NormNone))
	if l.present != nil {
		shift := l.g.Label("absent", func() *graph.Value { return l.absent(out, y.Dim(0)) })
		y = l.g.Label(name, func() *graph.Value { return graph.Add(y, shift) })
	}
	return l.g.Label(name, func() *graph.Value { return l.activate(y) })
}

// absent is the shift (images,C,1..) of the images of every sample.
func (l *segmenterLayers) absent(c, images int) *graph.Value {
	batch, n := l.present.Dim(0), l.present.Dim(1)
	table := l.g.Param("absent", []int{n, c}, graph.NormalInit(0.5))
	missing := graph.AddScalar(graph.Neg(l.present), 1)
	shift := graph.Reshape(graph.Linear(missing, table, nil), batch, 1, c)
	shift = graph.Expand(shift, batch, images/batch, c)
	return graph.Reshape(shift, append([]int{images, c}, l.axes([3]int{1, 1, 1})...)...)
}

// twice is the two blocks of a U-Net's level.
func (l *segmenterLayers) twice(x *graph.Value, widths [2]int, level int) *graph.Value {
	return l.block("conv2", l.block("conv1", x, widths[0], l.kernel(level)), widths[1], l.kernel(level))
}

// pool divides the size by maximum, or smoothly by mean.
func (l *segmenterLayers) pool(x *graph.Value, stride [3]int) *graph.Value {
	if l.smooth {
		return graph.AvgPool(x, l.axes(stride)...)
	}
	return graph.MaxPool(x, l.axes(stride)...)
}

// upConvolve is the up-convolution: transposed, with kernel and step stride. Its
// blocks do not overlap, so it is a 1x1 convolution to as many channels as a
// block has cells, laid out side by side. It has no bias: the convolution that
// follows has one.
func (l *segmenterLayers) upConvolve(name string, x *graph.Value, out int, stride [3]int) *graph.Value {
	step, s, one := l.axes(stride), x.Shape(), [3]int{1, 1, 1}
	y := l.convolve(name, x, out*volumeOf(step), one, one, false)
	apart, perm, joined := append([]int{s[0], out}, step...), []int{0, 1}, []int{s[0], out}
	for a, n := range step {
		apart = append(apart, s[2+a])
		perm = append(perm, 2+len(step)+a, 2+a)
		joined = append(joined, s[2+a]*n)
	}
	return graph.Reshape(graph.Transpose(graph.Reshape(y, apart...), perm...), joined...)
}

// seen marks the features that Grad-CAM looks at: they go on through the layout of
// the network's outputs, in which their gradient is asked for.
func (l *segmenterLayers) seen(x *graph.Value) *graph.Value {
	return l.g.Label("cam", func() *graph.Value {
		l.cam = l.stack(x)
		return l.slices(l.cam)
	})
}
