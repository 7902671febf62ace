package graph

import (
	"math"
	"slices"
)

// Add is a + b with numpy broadcasting, as are all binary operators.
func Add(a, b *Value) *Value {
	return pairwise("Add", a, b,
		func(x, y float64) float64 { return x + y },
		func(_, dy *Value) (da, db *Value) { return dy, dy })
}

// Sub is a - b.
func Sub(a, b *Value) *Value {
	return pairwise("Sub", a, b,
		func(x, y float64) float64 { return x - y },
		func(_, dy *Value) (da, db *Value) { return dy, Neg(unbroadcast(dy, b.shape)) })
}

// Mul is a * b.
func Mul(a, b *Value) *Value {
	if a == b {
		return Square(a)
	}
	return pairwise("Mul", a, b,
		func(x, y float64) float64 { return x * y },
		func(_, dy *Value) (da, db *Value) { return Mul(dy, b), Mul(dy, a) })
}

// Div is a / b.
func Div(a, b *Value) *Value {
	return pairwise("Div", a, b,
		func(x, y float64) float64 { return x / y },
		func(y, dy *Value) (da, db *Value) {
			da = Div(dy, b)
			return da, Neg(unbroadcast(Mul(da, y), b.shape))
		})
}

// Maximum is the larger of a and b; where they are equal the gradient goes to b.
func Maximum(a, b *Value) *Value {
	return pairwise("Max", a, b, math.Max, func(_, dy *Value) (da, db *Value) {
		mask := GreaterMask(a, b)
		da = Mul(dy, mask)
		return da, Sub(dy, da)
	})
}

// Minimum is the smaller of a and b; where they are equal the gradient goes to b.
func Minimum(a, b *Value) *Value {
	return pairwise("Min", a, b, math.Min, func(_, dy *Value) (da, db *Value) {
		mask := GreaterMask(b, a)
		da = Mul(dy, mask)
		return da, Sub(dy, da)
	})
}

// GreaterMask is 1 where a > b, else 0. No gradient flows.
func GreaterMask(a, b *Value) *Value {
	o := binaryOp("Greater", func(x, y float64) float64 {
		if x > y {
			return 1
		}
		return 0
	})
	o.encode = func(e *encoder, n *node) {
		mask := e.temp(n, "mask")
		e.node("Greater", []string{e.name(n.in[0]), e.name(n.in[1])}, []string{mask})
		e.node("Cast", []string{mask}, []string{e.output(n, 0)}, intAttr("to", onnxFloat))
	}
	return apply1(o, broadcastOf("GreaterMask", a, b), a, b)
}

// pairwise applies f element by element. rule gives the gradients before they
// are summed over the stretched axes; its first argument is the output.
func pairwise(kind string, a, b *Value, f func(x, y float64) float64, rule func(y, dy *Value) (da, db *Value)) *Value {
	shape := broadcastOf(kind, a, b)
	grad := func(y, dy *Value) []*Value {
		da, db := rule(y, dy)
		return []*Value{unbroadcast(da, a.shape), unbroadcast(db, b.shape)}
	}
	smallA := unexpand(a, b, shape)
	smallB := unexpand(b, smallA, shape)
	o := binaryOp(kind, f)
	y := apply1(o, shape, smallA, smallB)
	if smallA == a && smallB == b {
		o.grad = func(_ *node, dy []*Value) []*Value { return grad(y, dy[0]) }
		return y
	}
	return withGradient(kind, y, []*Value{a, b}, func(dy *Value) []*Value { return grad(y, dy) })
}

func binaryOp(kind string, f func(x, y float64) float64) *op {
	return &op{kind: kind, eval: func(n *node, in []array) []array {
		return []array{gather(n.out[0].shape, func(pos []int) float64 {
			return f(in[0].at(pos), in[1].at(pos))
		})}
	}}
}

func broadcastOf(kind string, a, b *Value) []int {
	if a.node.graph != b.node.graph {
		fail(kind, "the values belong to different graphs", a.shape, b.shape)
	}
	shape, ok := broadcast(a.shape, b.shape)
	if !ok {
		fail(kind, "the shapes do not broadcast", a.shape, b.shape)
	}
	return shape
}

// unexpand undoes an Expand of a that the broadcast with other makes needless.
func unexpand(a, other *Value, shape []int) *Value {
	for a.node.op.kind == "Expand" {
		small := a.node.in[0]
		if s, ok := broadcast(small.shape, other.shape); !ok || !slices.Equal(s, shape) {
			break
		}
		a = small
	}
	return a
}

// unbroadcast sums a gradient over the axes that broadcasting stretched.
func unbroadcast(dy *Value, shape []int) *Value {
	if dy == nil || slices.Equal(dy.shape, shape) {
		return dy
	}
	extra := len(dy.shape) - len(shape)
	axes := sequence(0, extra)
	for i, d := range shape {
		if d != dy.shape[extra+i] {
			axes = append(axes, extra+i)
		}
	}
	if len(axes) > 0 {
		dy = ReduceSum(dy, true, axes...)
	}
	return Reshape(dy, shape...)
}
