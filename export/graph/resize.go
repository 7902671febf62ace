package graph

import (
	"fmt"
	"math"
)

// UpsampleLinear enlarges each spatial axis by a whole factor, linearly, with
// half-pixel centres and clamped edges.
func UpsampleLinear(x *Value, scale ...int) *Value {
	return ResizeLinear(x, scaled("UpsampleLinear", x, scale)...)
}

// ResizeLinear brings the spatial axes to the sizes, linearly, with half-pixel
// centres and clamped edges. Making an axis smaller does not average.
func ResizeLinear(x *Value, sizes ...int) *Value {
	checkSpatial("ResizeLinear", x, sizes)
	if x.node.graph.FreeVolume {
		return resizeFree("linear", x, sizes, linearWeights)
	}
	return resampleAxes(x, sizes, linearWeights)
}

// UpsampleNearest repeats each element along each spatial axis.
func UpsampleNearest(x *Value, scale ...int) *Value {
	sizes := scaled("UpsampleNearest", x, scale)
	if x.node.graph.FreeVolume {
		return resizeFree("nearest", x, sizes, nearestWeights)
	}
	return resampleAxes(x, sizes, nearestWeights)
}

// nearestWeights is the matrix of repetition.
func nearestWeights(from, to int) []float32 {
	m := make([]float32, from*to)
	for i := range to {
		m[i*from+i*from/to] = 1
	}
	return m
}

// AvgPool averages over blocks; the stride is the kernel and a rest is dropped.
func AvgPool(x *Value, kernel ...int) *Value {
	sizes := pooled("AvgPool", x, kernel)
	shape := join(x.shape[:2], sizes)
	o := &op{kind: "AveragePool", attrs: []attr{intsAttr("kernel_shape", kernel), intsAttr("strides", kernel)}}
	o.grad = func(n *node, dy []*Value) []*Value {
		if n.graph.FreeVolume {
			fail("AvgPool", "has no gradient while the volume size is left open", x.shape)
		}
		return []*Value{spread(dy[0], kernel, x.shape)}
	}
	o.eval = func(_ *node, in []array) []array {
		from := make([]int, len(shape))
		return []array{gather(shape, func(pos []int) float64 {
			sum := 0.0
			each(kernel, func(_ int, tap []int) {
				copy(from, pos[:2])
				for i, k := range kernel {
					from[2+i] = pos[2+i]*k + tap[i]
				}
				sum += in[0].at(from)
			})
			return sum / float64(size(kernel))
		})}
	}
	return apply1(o, shape, x)
}

// spread gives each element of a block its share of the block's gradient, and zeros
// to what no block holds.
func spread(dy *Value, kernel, shape []int) *Value {
	for i := len(kernel) - 1; i >= 0; i-- {
		dy = resampleAxis(dy, 2+i, shape[2+i], func(from, to int) []float32 {
			m := make([]float32, from*to)
			for at := range from * kernel[i] {
				m[at*from+at/kernel[i]] = 1 / float32(kernel[i])
			}
			return m
		})
	}
	return dy
}

// GlobalAvgPool averages over all spatial axes: (N,C,..) to (N,C).
func GlobalAvgPool(x *Value) *Value {
	checkSpatial("GlobalAvgPool", x, x.shape[min(2, len(x.shape)):])
	return ReduceMean(x, false, sequence(2, len(x.shape))...)
}

func checkSpatial(op string, x *Value, perAxis []int) {
	if len(x.shape) < 3 || len(perAxis) != len(x.shape)-2 {
		fail(op, "wants (N,C,spatial..) and one number for each spatial axis", x.shape, perAxis)
	}
	for _, n := range perAxis {
		if n < 1 {
			fail(op, "wants numbers of at least 1", x.shape, perAxis)
		}
	}
}

func scaled(op string, x *Value, scale []int) []int {
	checkSpatial(op, x, scale)
	sizes := make([]int, len(scale))
	for i, s := range scale {
		sizes[i] = x.shape[2+i] * s
	}
	return sizes
}

func pooled(op string, x *Value, kernel []int) []int {
	checkSpatial(op, x, kernel)
	sizes := make([]int, len(kernel))
	for i, k := range kernel {
		if sizes[i] = x.shape[2+i] / k; sizes[i] < 1 {
			fail(op, fmt.Sprintf("the kernel exceeds spatial axis %d", i), x.shape, kernel)
		}
	}
	return sizes
}

// resampleAxes multiplies each spatial axis by its matrix (out, in), the axes
// that shrink first.
func resampleAxes(x *Value, sizes []int, weights func(from, to int) []float32) *Value {
	for _, shrink := range []bool{true, false} {
		for i, to := range sizes {
			if from := x.shape[2+i]; from != to && (to < from) == shrink {
				x = resampleAxis(x, 2+i, to, weights)
			}
		}
	}
	return x
}

// resampleAxis is one matrix product, which beats ONNX's Resize forward and
// makes the backward another product.
func resampleAxis(x *Value, ax, to int, weights func(from, to int) []float32) *Value {
	from := x.shape[ax]
	if from == to {
		return x
	}
	shape := join(x.shape[:ax], []int{to}, x.shape[ax+1:])
	m := Const(x.Graph(), []int{to, from}, weights(from, to))
	if after := size(x.shape[ax+1:]); after > 1 {
		return Reshape(MatMul(m, Reshape(x, -1, from, after)), shape...)
	}
	return Reshape(gemm(Reshape(x, -1, from), m, false, true), shape...)
}

// linearWeights is the matrix of half-pixel linear interpolation.
func linearWeights(from, to int) []float32 {
	m := make([]float32, from*to)
	for i := range to {
		at := (float64(i)+0.5)*float64(from)/float64(to) - 0.5
		at = math.Min(math.Max(at, 0), float64(from-1))
		lo := int(at)
		hi := min(lo+1, from-1)
		m[i*from+lo] += float32(1 - (at - float64(lo)))
		m[i*from+hi] += float32(at - float64(lo))
	}
	return m
}
