package graph

import (
	"math"
	"slices"
)

// LayerNorm normalises over the last axis, then scales by gamma and shifts by
// beta, both of the last axis' size.
func LayerNorm(x, gamma, beta *Value, eps float64) *Value {
	r := len(x.shape)
	if r < 1 || !slices.Equal(gamma.shape, x.shape[r-1:]) || !slices.Equal(beta.shape, x.shape[r-1:]) {
		fail("LayerNorm", "wants gamma and beta of the last axis' size", x.shape, gamma.shape, beta.shape)
	}
	stat := join(x.shape[:r-1], []int{1})
	o := &op{kind: "LayerNormalization", attrs: []attr{intAttr("axis", -1), floatAttr("epsilon", eps)}}
	o.encode = func(e *encoder, n *node) {
		outs := e.outputsOf(n)
		if !e.used(n.out[1]) && !e.used(n.out[2]) {
			outs = outs[:1]
		}
		e.node(n.op.kind, e.inputsOf(n), outs, n.op.attrs...)
	}
	o.grad = func(n *node, dy []*Value) []*Value {
		xhat := Mul(Sub(x, n.out[1]), n.out[2])
		lead := sequence(0, r-1)
		return []*Value{
			normGrad(Mul(dy[0], gamma), xhat, n.out[2], []int{r - 1}),
			sumTo(Mul(dy[0], xhat), lead, gamma.shape),
			sumTo(dy[0], lead, beta.shape),
		}
	}
	o.eval = func(_ *node, in []array) []array { return evalLayerNorm(in, stat, eps) }
	return x.node.graph.apply(o, []*Value{x, gamma, beta}, x.shape, stat, stat)[0]
}

func evalLayerNorm(in []array, stat []int, eps float64) []array {
	y, mean, inv := newArray(in[0].shape), newArray(stat), newArray(stat)
	n := len(in[1].data)
	for row := range mean.data {
		x := in[0].data[row*n : (row+1)*n]
		sum, sq := 0.0, 0.0
		for _, v := range x {
			sum += v
		}
		mean.data[row] = sum / float64(n)
		for _, v := range x {
			sq += (v - mean.data[row]) * (v - mean.data[row])
		}
		inv.data[row] = 1 / math.Sqrt(sq/float64(n)+eps)
		for i, v := range x {
			y.data[row*n+i] = (v-mean.data[row])*inv.data[row]*in[1].data[i] + in[2].data[i]
		}
	}
	return []array{y, mean, inv}
}

// normGrad is the gradient of xhat = (x - mean) * inv with respect to x, mean
// and inv taken over the axes: inv * (d - mean(d) - xhat * mean(d * xhat)).
func normGrad(d, xhat, inv *Value, axes []int) *Value {
	centred := Sub(d, ReduceMean(d, true, axes...))
	return Mul(Sub(centred, Mul(xhat, ReduceMean(Mul(d, xhat), true, axes...))), inv)
}

// sumTo sums over the axes and gives the rest a shape.
func sumTo(a *Value, axes []int, shape []int) *Value {
	if len(axes) > 0 {
		a = ReduceSum(a, false, axes...)
	}
	return Reshape(a, shape...)
}

// InstanceNorm normalises each channel of each sample over its spatial axes,
// then scales by gamma (C) and shifts by beta (C).
func InstanceNorm(x, gamma, beta *Value, eps float64) *Value {
	checkChannels("InstanceNorm", x, gamma, beta)
	return normalise(x, gamma, beta, sequence(2, len(x.shape)), eps, nil)
}

// BatchNorm normalises each channel over the batch and the spatial axes while
// the graph trains, and keeps running statistics (new = (1-momentum) old +
// momentum batch, the batch variance unbiased); else it uses those.
func BatchNorm(g *Graph, x, gamma, beta, runningMean, runningVar *Value, eps, momentum float64) *Value {
	checkChannels("BatchNorm", x, gamma, beta, runningMean, runningVar)
	wide := channelShape(x)
	if !g.Training {
		inv := Reciprocal(Sqrt(AddScalar(runningVar, eps)))
		scale := Mul(gamma, inv)
		shift := Sub(beta, Mul(runningMean, scale))
		return Add(Mul(x, Reshape(scale, wide...)), Reshape(shift, wide...))
	}
	axes := append([]int{0}, sequence(2, len(x.shape))...)
	count := float64(size(x.shape) / x.shape[1])
	return normalise(x, gamma, beta, axes, eps, func(mean, variance *Value) {
		blend := func(state, now *Value) {
			now = Reshape(StopGradient(now), state.shape...)
			g.SetState(state, Add(MulScalar(state, 1-momentum), MulScalar(now, momentum)))
		}
		blend(runningMean, mean)
		blend(runningVar, MulScalar(variance, count/math.Max(count-1, 1)))
	})
}

// normalise is the shared forward of the channel norms, with the closed-form
// gradient (shorter and more exact than the chain of its operators).
func normalise(x, gamma, beta *Value, axes []int, eps float64, stats func(mean, variance *Value)) *Value {
	wide := channelShape(x)
	mean := ReduceMean(x, true, axes...)
	centred := Sub(x, mean)
	variance := ReduceMean(Square(centred), true, axes...)
	if stats != nil {
		stats(mean, variance)
	}
	inv := Reciprocal(Sqrt(AddScalar(variance, eps)))
	scale := Mul(inv, Reshape(gamma, wide...))
	y := affine(centred, scale, Reshape(beta, wide...))
	return withGradient("Norm", y, []*Value{x, gamma, beta}, func(dy *Value) []*Value {
		dy = full(dy, x.shape)
		meanDy := ReduceMean(dy, true, axes...)
		dot := Mul(ReduceMean(Mul(dy, centred), true, axes...), inv) // mean of dy * xhat
		count := float64(size(x.shape) / size(meanDy.shape))
		dx := Sub(affine(dy, scale, Neg(Mul(meanDy, scale))), Mul(centred, Mul(Mul(dot, inv), scale)))
		rest := []int{}
		for i, d := range meanDy.shape {
			if i != 1 && d > 1 {
				rest = append(rest, i)
			}
		}
		return []*Value{
			dx,
			sumTo(MulScalar(dot, count), rest, gamma.shape),
			sumTo(MulScalar(meanDy, count), rest, beta.shape),
		}
	})
}

// affine is x * a + b, with a and b (N or 1, C, 1..), as a convolution of each
// channel by itself: one pass over x where a product and a sum take two.
func affine(x, a, b *Value) *Value {
	folded, n := x.shape, 1
	differ := a.shape[0] > 1 || b.shape[0] > 1
	if len(x.shape) < 3 || len(x.shape) > 5 || differ && x.node.graph.FreeBatch {
		return Add(Mul(x, a), b)
	}
	if differ { // each channel of each sample is one
		n = x.shape[0]
		folded = join([]int{1, n * x.shape[1]}, x.shape[2:])
	}
	channels := n * x.shape[1]
	each := func(v *Value) *Value { return Reshape(full(v, join([]int{n, x.shape[1]}, v.shape[2:])), channels) }
	kernel := Reshape(each(a), join([]int{channels}, repeat(1, len(x.shape)-1))...)
	y := Conv(Reshape(x, folded...), kernel, each(b), ConvOpts{Groups: channels})
	return Reshape(y, x.shape...)
}

// channelShape makes a (C) tensor broadcast against x: (1,C,1..).
func channelShape(x *Value) []int {
	shape := repeat(1, len(x.shape))
	shape[1] = x.shape[1]
	return shape
}

func checkChannels(op string, x *Value, perChannel ...*Value) {
	for _, v := range perChannel {
		if len(x.shape) < 2 || !slices.Equal(v.shape, x.shape[1:2]) {
			fail(op, "wants x (N,C,..) and one number for each channel", x.shape, v.shape)
		}
	}
}
