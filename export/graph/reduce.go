package graph

import (
	"math"
	"slices"
)

// ReduceSum sums over the axes; no axes means all.
func ReduceSum(a *Value, keepDims bool, axes ...int) *Value {
	return reduce("ReduceSum", a, keepDims, axes, 0,
		func(acc, x float64) float64 { return acc + x },
		func(_, dy *Value, _ int) *Value { return Expand(dy, a.shape...) })
}

// ReduceMean averages over the axes; no axes means all.
func ReduceMean(a *Value, keepDims bool, axes ...int) *Value {
	return reduce("ReduceMean", a, keepDims, axes, 0,
		func(acc, x float64) float64 { return acc + x },
		func(_, dy *Value, count int) *Value {
			return Expand(MulScalar(dy, 1/float64(count)), a.shape...)
		})
}

// ReduceMax is the largest element over the axes; elements that are equally large
// share the gradient evenly.
func ReduceMax(a *Value, keepDims bool, axes ...int) *Value {
	return reduce("ReduceMax", a, keepDims, axes, math.Inf(-1), math.Max,
		func(y, dy *Value, _ int) *Value {
			largest := AddScalar(Neg(GreaterMask(y, a)), 1)
			return Mul(largest, Div(dy, ReduceSum(largest, true, axes...)))
		})
}

// reduce folds the axes. rule gets y and dy with the reduced axes kept as 1.
func reduce(kind string, a *Value, keep bool, axes []int, zero float64, fold func(acc, x float64) float64, rule func(y, dy *Value, count int) *Value) *Value {
	axes = axesOf(kind, a, axes)
	kept := slices.Clone(a.shape)
	count := 1
	for _, ax := range axes {
		count *= kept[ax]
		kept[ax] = 1
	}
	if count == 1 {
		return dropAxes(a, keep, axes)
	}
	o := &op{kind: kind}
	o.encode = func(e *encoder, n *node) { e.reduce(kind, n, axes) }
	o.grad = func(n *node, dy []*Value) []*Value { return []*Value{rule(n.out[0], dy[0], count)} }
	o.eval = func(_ *node, in []array) []array {
		out := newArray(kept)
		for i := range out.data {
			out.data[i] = zero
		}
		step := strides(kept)
		each(in[0].shape, func(flat int, pos []int) {
			to := 0
			for i, p := range pos {
				if kept[i] > 1 {
					to += p * step[i]
				}
			}
			out.data[to] = fold(out.data[to], in[0].data[flat])
		})
		if kind == "ReduceMean" {
			for i := range out.data {
				out.data[i] /= float64(count)
			}
		}
		return []array{out}
	}
	return dropAxes(apply1(o, kept, a), keep, axes)
}

// dropAxes removes axes of size 1 unless they are to be kept.
func dropAxes(a *Value, keep bool, axes []int) *Value {
	if keep {
		return a
	}
	var shape []int
	for i, d := range a.shape {
		if !slices.Contains(axes, i) {
			shape = append(shape, d)
		}
	}
	return Reshape(a, shape...)
}
