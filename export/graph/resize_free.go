package graph

import "slices"

// Where the spatial sizes are left open, resampling cannot be a product with a
// constant matrix. These are ONNX's own operators; they have no gradient.

// resizeFree is an ONNX Resize, by factors where they are whole, else to sizes.
func resizeFree(mode string, x *Value, sizes []int, weights func(from, to int) []float32) *Value {
	shape := join(x.shape[:2], sizes)
	if slices.Equal(shape, x.shape) {
		return x
	}
	attrs := []attr{textAttr("mode", mode), textAttr("coordinate_transformation_mode", "half_pixel")}
	if mode == "nearest" {
		attrs = []attr{textAttr("mode", mode), textAttr("coordinate_transformation_mode", "asymmetric"), textAttr("nearest_mode", "floor")}
	}
	o := &op{kind: "Resize"}
	o.grad = func(n *node, _ []*Value) []*Value {
		fail("Resize", "has no gradient while the volume size is left open", n.in[0].shape)
		return nil
	}
	o.eval = func(_ *node, in []array) []array {
		y := in[0]
		for i, to := range sizes {
			y = y.along(2+i, to, weights(y.shape[2+i], to))
		}
		return []array{y}
	}
	o.encode = func(e *encoder, n *node) {
		in := []string{e.name(x), "", "", e.ints(shape)}
		if factors, ok := wholeFactors(x.shape, shape); ok {
			in = []string{e.name(x), "", e.floats([]int{len(factors)}, factors)}
		}
		e.node("Resize", in, e.outputsOf(n), attrs...)
	}
	return apply1(o, shape, x)
}

// wholeFactors are the factors from one shape to another if all are whole.
func wholeFactors(from, to []int) ([]float32, bool) {
	var factors []float32
	for i := range from {
		if to[i]%from[i] != 0 {
			return nil, false
		}
		factors = append(factors, float32(to[i]/from[i]))
	}
	return factors, true
}

// along multiplies an axis by a matrix (to, from).
func (a array) along(ax, to int, m []float32) array {
	shape := slices.Clone(a.shape)
	from := shape[ax]
	shape[ax] = to
	at := make([]int, len(shape))
	return gather(shape, func(pos []int) float64 {
		copy(at, pos)
		sum := 0.0
		for j := range from {
			at[ax] = j
			sum += float64(m[pos[ax]*from+j]) * a.at(at)
		}
		return sum
	})
}
