package graph

import "math"

// unary applies f element by element; rule gives the gradient from the output
// y and its gradient dy.
func unary(kind string, a *Value, f func(float64) float64, rule func(y, dy *Value) *Value) *Value {
	return apply1(unaryOp(kind, f, rule), a.shape, a)
}

func unaryOp(kind string, f func(float64) float64, rule func(y, dy *Value) *Value) *op {
	o := &op{kind: kind, eval: func(_ *node, in []array) []array {
		out := newArray(in[0].shape)
		for i, x := range in[0].data {
			out.data[i] = f(x)
		}
		return []array{out}
	}}
	if rule != nil {
		o.grad = func(n *node, dy []*Value) []*Value { return []*Value{rule(n.out[0], dy[0])} }
	}
	return o
}

// Neg is -a.
func Neg(a *Value) *Value {
	return unary("Neg", a, func(x float64) float64 { return -x },
		func(_, dy *Value) *Value { return Neg(dy) })
}

// Exp is e to the power a.
func Exp(a *Value) *Value {
	return unary("Exp", a, math.Exp, func(y, dy *Value) *Value { return Mul(dy, y) })
}

// Log is the natural logarithm.
func Log(a *Value) *Value {
	return unary("Log", a, math.Log, func(_, dy *Value) *Value { return Div(dy, a) })
}

// Sqrt is the square root; its gradient is infinite at 0.
func Sqrt(a *Value) *Value {
	return unary("Sqrt", a, math.Sqrt, func(y, dy *Value) *Value { return MulScalar(Div(dy, y), 0.5) })
}

// Square is a * a.
func Square(a *Value) *Value {
	o := unaryOp("Mul", func(x float64) float64 { return x * x },
		func(_, dy *Value) *Value { return MulScalar(Mul(dy, a), 2) })
	o.encode = func(e *encoder, n *node) {
		x := e.name(n.in[0])
		e.node("Mul", []string{x, x}, []string{e.output(n, 0)})
	}
	return apply1(o, a.shape, a)
}

// Abs is the absolute value; its gradient at 0 is 0.
func Abs(a *Value) *Value {
	return unary("Abs", a, math.Abs, func(_, dy *Value) *Value { return Mul(dy, step(a, -1)) })
}

// Reciprocal is 1 / a.
func Reciprocal(a *Value) *Value {
	return unary("Reciprocal", a, func(x float64) float64 { return 1 / x },
		func(y, dy *Value) *Value { return Neg(Mul(dy, Square(y))) })
}

// Tanh is the hyperbolic tangent.
func Tanh(a *Value) *Value {
	return unary("Tanh", a, math.Tanh, func(y, dy *Value) *Value {
		return Mul(dy, AddScalar(Neg(Square(y)), 1))
	})
}

// Sin is the sine of radians.
func Sin(a *Value) *Value {
	return unary("Sin", a, math.Sin, func(_, dy *Value) *Value { return Mul(dy, Cos(a)) })
}

// Cos is the cosine of radians.
func Cos(a *Value) *Value {
	return unary("Cos", a, math.Cos, func(_, dy *Value) *Value { return Neg(Mul(dy, Sin(a))) })
}

// Erf is the error function.
func Erf(a *Value) *Value {
	return unary("Erf", a, math.Erf, func(_, dy *Value) *Value {
		return Mul(dy, MulScalar(Exp(Neg(Square(a))), 2/math.Sqrt(math.Pi)))
	})
}

// AddScalar is a + x.
func AddScalar(a *Value, x float64) *Value {
	return withScalar("Add", a, x, func(v float64) float64 { return v + x },
		func(_, dy *Value) *Value { return dy })
}

// MulScalar is a * x.
func MulScalar(a *Value, x float64) *Value {
	if x == 1 {
		return a
	}
	return withScalar("Mul", a, x, func(v float64) float64 { return v * x },
		func(_, dy *Value) *Value { return MulScalar(dy, x) })
}

// PowScalar is a to the power p; a must be positive unless p is a whole number.
func PowScalar(a *Value, p float64) *Value {
	return withScalar("Pow", a, p, func(v float64) float64 { return math.Pow(v, p) },
		func(_, dy *Value) *Value { return Mul(dy, MulScalar(PowScalar(a, p-1), p)) })
}

// withScalar is a binary ONNX operator whose second input is the constant x.
func withScalar(kind string, a *Value, x float64, f func(float64) float64, rule func(y, dy *Value) *Value) *Value {
	o := unaryOp(kind, f, rule)
	o.encode = func(e *encoder, n *node) {
		e.node(kind, []string{e.name(n.in[0]), e.floats(nil, []float32{float32(x)})}, []string{e.output(n, 0)})
	}
	return apply1(o, a.shape, a)
}

// Clip limits a to lo..hi; no gradient flows where it was limited.
func Clip(a *Value, lo, hi float64) *Value {
	if lo > hi {
		fail("Clip", "the lower limit exceeds the upper", a.shape)
	}
	o := unaryOp("Clip", func(x float64) float64 { return math.Min(math.Max(x, lo), hi) },
		func(_, dy *Value) *Value {
			g := a.Graph()
			inside := Mul(GreaterMask(a, Scalar(g, lo)), GreaterMask(Scalar(g, hi), a))
			return Mul(dy, inside)
		})
	o.encode = func(e *encoder, n *node) {
		limits := func(x float64) string { return e.floats(nil, []float32{float32(x)}) }
		e.node("Clip", []string{e.name(n.in[0]), limits(lo), limits(hi)}, []string{e.output(n, 0)})
	}
	return apply1(o, a.shape, a)
}
