package graph

import "math"

// Relu is max(a, 0).
func Relu(a *Value) *Value {
	return unary("Relu", a, func(x float64) float64 { return math.Max(x, 0) },
		func(y, dy *Value) *Value { return Mul(dy, step(y, 0)) })
}

// LeakyRelu is a where a is positive, else alpha * a; 0 <= alpha <= 1.
func LeakyRelu(a *Value, alpha float64) *Value {
	o := unaryOp("LeakyRelu", func(x float64) float64 { return math.Max(x, 0) + alpha*math.Min(x, 0) }, nil)
	o.grad = func(n *node, dy []*Value) []*Value {
		of := a
		if alpha > 0 {
			of = n.out[0] // of the same sign, and a need not be kept
		}
		return []*Value{Mul(dy[0], step(of, alpha))}
	}
	o.attrs = []attr{floatAttr("alpha", alpha)}
	return apply1(o, a.shape, a)
}

// step is 1 where a > 0, else lo. Clipping a steep line takes ONNX Runtime half
// the time of Greater and Where, and a third of Sign.
func step(a *Value, lo float64) *Value { return Clip(MulScalar(a, 1e38), lo, 1) }

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

// Softplus is log(1 + exp(a)), built from operators because ONNX Runtime's own
// takes three times as long; below -16 it is 0.
func Softplus(a *Value) *Value {
	y := Add(Relu(a), Log(AddScalar(Exp(Neg(Abs(a))), 1)))
	return withGradient("Softplus", y, []*Value{a}, func(dy *Value) []*Value {
		return []*Value{Mul(dy, Sigmoid(a))}
	})
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
