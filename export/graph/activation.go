package graph

import "math"

// Relu is max(a, 0).
func Relu(a *Value) *Value {
	return unary("Relu", a, func(x float64) float64 { return math.Max(x, 0) },
		func(y, dy *Value) *Value { return wherePositive(y, dy, 0) })
}

// LeakyRelu is a where a is positive, else alpha * a.
func LeakyRelu(a *Value, alpha float64) *Value {
	o := unaryOp("LeakyRelu", func(x float64) float64 { return math.Max(x, 0) + alpha*math.Min(x, 0) },
		func(_, dy *Value) *Value { return wherePositive(a, dy, alpha) })
	o.attrs = []attr{floatAttr("alpha", alpha)}
	return apply1(o, a.shape, a)
}

// wherePositive is b where a > 0, else alpha * b: the backward of rectifiers,
// a Where because that is ONNX Runtime's fastest form.
func wherePositive(a, b *Value, alpha float64) *Value {
	b = full(b, a.shape)
	o := &op{kind: "Where"}
	o.encode = func(e *encoder, n *node) {
		mask, low := e.temp(n, "positive"), e.floats(nil, []float32{0})
		x, y := e.name(n.in[0]), e.name(n.in[1])
		e.node("Greater", []string{x, low}, []string{mask})
		if alpha != 0 {
			low = e.temp(n, "low")
			e.node("Mul", []string{y, e.floats(nil, []float32{float32(alpha)})}, []string{low})
		}
		e.node("Where", []string{mask, y, low}, []string{e.output(n, 0)})
	}
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{nil, wherePositive(a, dy[0], alpha)} }
	o.eval = func(_ *node, in []array) []array {
		out := newArray(in[0].shape)
		for i, x := range in[0].data {
			out.data[i] = in[1].data[i]
			if x <= 0 {
				out.data[i] *= alpha
			}
		}
		return []array{out}
	}
	return apply1(o, a.shape, a, b)
}

// Sigmoid is 1 / (1 + exp(-a)).
func Sigmoid(a *Value) *Value {
	return unary("Sigmoid", a, logistic, func(y, dy *Value) *Value {
		return Mul(dy, Mul(y, AddScalar(Neg(y), 1)))
	})
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Silu is a * sigmoid(a).
func Silu(a *Value) *Value {
	s := Sigmoid(a)
	y := Mul(a, s)
	return withGradient("Silu", y, []*Value{a}, func(dy *Value) []*Value {
		// s + a s (1 - s) = s + y - y s
		return []*Value{Mul(dy, Add(s, Sub(y, Mul(y, s))))}
	})
}

// Softplus is log(1 + exp(a)).
func Softplus(a *Value) *Value {
	f := func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	return unary("Softplus", a, f, func(_, dy *Value) *Value { return Mul(dy, Sigmoid(a)) })
}

// Gelu is a * Phi(a), Phi the normal distribution function (exact, by erf).
func Gelu(a *Value) *Value {
	phi := MulScalar(AddScalar(Erf(MulScalar(a, math.Sqrt2/2)), 1), 0.5)
	y := Mul(a, phi)
	return withGradient("Gelu", y, []*Value{a}, func(dy *Value) []*Value {
		density := MulScalar(Exp(MulScalar(Square(a), -0.5)), 1/math.Sqrt(2*math.Pi))
		return []*Value{Mul(dy, Add(phi, Mul(a, density)))}
	})
}
