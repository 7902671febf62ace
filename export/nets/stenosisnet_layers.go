package nets

import (
	"columna/export/graph"
)

// classLayers are the layers that the two classification networks share. With
// smooth set every activation is differentiable everywhere, so that a test can
// hold the gradients against finite differences.
type classLayers struct {
	g      *graph.Graph
	smooth bool
}

const (
	normEps       = 1e-5
	batchMomentum = 0.1 // share of the newest batch in the running statistics
)

// relu is the rectifier, or a smooth stand-in.
func (l classLayers) relu(x *graph.Value) *graph.Value {
	if l.smooth {
		return graph.Silu(x)
	}
	return graph.Relu(x)
}

// maxPool halves the last two axes by maximum, or smoothly by mean.
func (l classLayers) maxPool(x *graph.Value) *graph.Value {
	if l.smooth {
		return graph.AvgPool(x, 2, 2)
	}
	return graph.MaxPool(x, 2, 2)
}

// maxOver is the maximum over axes, kept as size 1; the smooth stand-in is the
// logarithm of the sum of exponentials.
func (l classLayers) maxOver(x *graph.Value, axes ...int) *graph.Value {
	if l.smooth {
		return graph.Log(graph.ReduceSum(graph.Exp(x), true, axes...))
	}
	return graph.ReduceMax(x, true, axes...)
}

// convNorm is a 2D convolution of k x k without bias, batch normalisation and a
// rectifier. x is (B,C,H,W); groups is 1 or C (depthwise, keeps out == C).
func (l classLayers) convNorm(name string, x *graph.Value, out, k, stride, groups int) *graph.Value {
	var y *graph.Value
	l.g.Scope(name, func() {
		y = l.relu(l.batchNorm("norm", l.conv("conv", x, out, k, stride, groups)))
	})
	return y
}

func (l classLayers) conv(name string, x *graph.Value, out, k, stride, groups int) *graph.Value {
	in := x.Dim(1) / groups
	w := l.g.Param(name, []int{out, in, k, k}, graph.HeInit(in*k*k))
	return graph.Conv(x, w, nil, graph.ConvOpts{
		Stride: []int{stride, stride}, Pad: []int{k / 2, k / 2}, Groups: groups,
	})
}

// batchNorm normalises every channel over the batch while training and by the
// running statistics otherwise.
func (l classLayers) batchNorm(name string, x *graph.Value) *graph.Value {
	var y *graph.Value
	l.g.Scope(name, func() {
		c := []int{x.Dim(1)}
		gamma, beta := l.g.Param("scale", c, graph.ConstInit(1)), l.g.Param("shift", c, graph.ZeroInit())
		mean, variance := l.g.State("mean", c, graph.ZeroInit()), l.g.State("variance", c, graph.ConstInit(1))
		y = graph.BatchNorm(l.g, x, gamma, beta, mean, variance, normEps, batchMomentum)
	})
	return y
}

// dense is a fully connected layer over the last axis, with bias.
func (l classLayers) dense(name string, x *graph.Value, out int) *graph.Value {
	w := l.weight(name, x.Dim(-1), out)
	return l.g.Label(name, func() *graph.Value { return graph.Linear(x, w[0], w[1]) })
}

// weight declares a dense layer's weight and bias, for layers used repeatedly.
func (l classLayers) weight(name string, in, out int) [2]*graph.Value {
	return [2]*graph.Value{
		l.g.Param(name+".weight", []int{in, out}, graph.XavierInit(in, out)),
		l.g.Param(name+".bias", []int{out}, graph.ZeroInit()),
	}
}

// layerNorm normalises over the last axis, with learned scale and shift.
func (l classLayers) layerNorm(name string, x *graph.Value) *graph.Value {
	c := []int{x.Dim(-1)}
	gamma := l.g.Param(name+".scale", c, graph.ConstInit(1))
	beta := l.g.Param(name+".shift", c, graph.ZeroInit())
	return l.g.Label(name, func() *graph.Value { return graph.LayerNorm(x, gamma, beta, normEps) })
}

// dropout zeroes a share of x while training and scales up the rest.
func (l classLayers) dropout(x *graph.Value, share float64) *graph.Value {
	if !l.g.Training || share <= 0 {
		return x
	}
	keep := graph.GreaterMask(l.g.Noise(x.Shape()...), graph.Scalar(l.g, share))
	return graph.Mul(x, graph.MulScalar(keep, 1/(1-share)))
}
