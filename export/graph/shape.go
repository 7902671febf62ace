package graph

import "slices"

// size is the number of elements of a shape.
func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// strides are the row-major steps of a shape.
func strides(shape []int) []int {
	out := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = step
		step *= shape[i]
	}
	return out
}

// broadcast is the numpy rule: sizes are aligned at the end, 1 stretches.
func broadcast(a, b []int) ([]int, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		j := len(a) - len(b) + i
		switch {
		case a[j] == d || d == 1:
		case a[j] == 1:
			out[j] = d
		default:
			return nil, false
		}
	}
	return out, true
}

// axis resolves a negative axis and checks the range.
func axis(op string, a *Value, ax int) int {
	r := ax
	if r < 0 {
		r += len(a.shape)
	}
	if r < 0 || r >= len(a.shape) {
		fail(op, "no such axis", a.shape, []int{ax})
	}
	return r
}

// axesOf resolves axes, sorted; none means all.
func axesOf(op string, a *Value, axes []int) []int {
	if len(axes) == 0 {
		return sequence(0, len(a.shape))
	}
	out := make([]int, len(axes))
	for i, ax := range axes {
		out[i] = axis(op, a, ax)
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) != len(out) {
		fail(op, "an axis is named twice", a.shape, axes)
	}
	return out
}

// sequence is from, from+1, .., to-1.
func sequence(from, to int) []int {
	out := make([]int, 0, max(to-from, 0))
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

// repeat is n times x.
func repeat(x, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// join concatenates lists of sizes.
func join(lists ...[]int) []int { return slices.Concat(lists...) }
