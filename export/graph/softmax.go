package graph

import "math"

// Softmax is exp(a) divided by its sum along an axis.
func Softmax(a *Value, ax int) *Value {
	ax = axis("Softmax", a, ax)
	var y *Value
	if ax == len(a.shape)-1 {
		y = apply1(lastSoftmax(), a.shape, a)
	} else { // faster in ONNX Runtime than Softmax over an inner axis
		e := Exp(Sub(a, StopGradient(ReduceMax(a, true, ax))))
		y = Div(e, ReduceSum(e, true, ax))
	}
	return withGradient("Softmax", y, []*Value{a}, func(dy *Value) []*Value {
		return []*Value{Mul(y, Sub(dy, ReduceSum(Mul(dy, y), true, ax)))}
	})
}

func lastSoftmax() *op {
	o := &op{kind: "Softmax", attrs: []attr{intAttr("axis", -1)}}
	o.eval = func(_ *node, in []array) []array {
		out := newArray(in[0].shape)
		n := in[0].shape[len(in[0].shape)-1]
		for at := 0; at < len(out.data); at += n {
			x, y, sum := in[0].data[at:at+n], out.data[at:at+n], 0.0
			top := math.Inf(-1)
			for _, v := range x {
				top = math.Max(top, v)
			}
			for i, v := range x {
				y[i] = math.Exp(v - top)
				sum += y[i]
			}
			for i := range y {
				y[i] /= sum
			}
		}
		return []array{out}
	}
	return o
}

// LogSoftmax is the logarithm of Softmax, without its rounding.
func LogSoftmax(a *Value, ax int) *Value {
	ax = axis("LogSoftmax", a, ax)
	centred := Sub(a, StopGradient(ReduceMax(a, true, ax)))
	y := Sub(centred, Log(ReduceSum(Exp(centred), true, ax)))
	return withGradient("LogSoftmax", y, []*Value{a}, func(dy *Value) []*Value {
		return []*Value{Sub(dy, Mul(Exp(y), ReduceSum(dy, true, ax)))}
	})
}
