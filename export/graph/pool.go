package graph

import "math"

// MaxPool takes the largest element of each block; the stride is the kernel and
// a rest is dropped. Of equal elements the first gets the gradient.
func MaxPool(x *Value, kernel ...int) *Value {
	shape := join(x.shape[:min(2, len(x.shape))], pooled("MaxPool", x, kernel))
	o := &op{kind: "MaxPool", attrs: []attr{intsAttr("kernel_shape", kernel), intsAttr("strides", kernel)}}
	o.encode = func(e *encoder, n *node) {
		outs := e.outputsOf(n)
		if !e.used(n.out[1]) {
			outs = outs[:1]
		}
		e.node("MaxPool", e.inputsOf(n), outs, n.op.attrs...)
	}
	o.grad = func(n *node, dy []*Value) []*Value {
		return []*Value{scatter(dy[0], n.out[1], x.shape)}
	}
	o.eval = func(_ *node, in []array) []array { return evalMaxPool(in[0], shape, kernel) }
	return x.node.graph.apply(o, []*Value{x}, shape, shape)[0] // the other is the int64 index
}

// evalMaxPool gives the maxima and their flat positions in x.
func evalMaxPool(x array, shape, kernel []int) []array {
	best, where := newArray(shape), newArray(shape)
	step := strides(x.shape)
	each(shape, func(flat int, pos []int) {
		best.data[flat] = math.Inf(-1)
		each(kernel, func(_ int, tap []int) {
			at := pos[0]*step[0] + pos[1]*step[1]
			for i, k := range kernel {
				at += (pos[2+i]*k + tap[i]) * step[2+i]
			}
			if x.data[at] > best.data[flat] {
				best.data[flat], where.data[flat] = x.data[at], float64(at)
			}
		})
	})
	return []array{best, where}
}

// scatter puts each element of a at its flat index in zeros of the given shape.
func scatter(a, index *Value, shape []int) *Value {
	n, count := size(a.shape), size(shape)
	zeros := Filled(a.Graph(), 0, count)
	o := &op{kind: "ScatterElements", attrs: []attr{intAttr("axis", 0)}}
	o.eval = func(_ *node, in []array) []array {
		out := newArray([]int{count})
		for i, at := range in[1].data {
			out.data[int(at)] = in[2].data[i]
		}
		return []array{out}
	}
	flat := apply1(o, []int{count}, zeros, reshape(index, []int{n}), Reshape(a, n))
	return Reshape(flat, shape...)
}
