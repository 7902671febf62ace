package graph

import (
	"fmt"
	"slices"
)

// Reshape gives the same numbers another shape; one size may be -1.
func Reshape(a *Value, shape ...int) *Value {
	shape = inferSize(a, shape)
	if slices.Equal(a.shape, shape) {
		return a
	}
	base := a.made()
	for base.node.op.kind == "Reshape" {
		base = base.node.in[0].made()
	}
	if base == a {
		return reshape(a, shape)
	}
	return withGradient("Reshape", reshape(base, shape), []*Value{a}, func(dy *Value) []*Value {
		return []*Value{Reshape(dy, a.shape...)}
	})
}

func reshape(a *Value, shape []int) *Value {
	if slices.Equal(a.shape, shape) {
		return a
	}
	o := &op{kind: "Reshape"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, shape) }
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{Reshape(dy[0], a.shape...)} }
	o.eval = func(_ *node, in []array) []array { return []array{{shape: shape, data: in[0].data}} }
	return apply1(o, shape, a)
}

func inferSize(a *Value, shape []int) []int {
	shape = slices.Clone(shape)
	free, known := -1, 1
	for i, d := range shape {
		if d == -1 && free < 0 {
			free = i
			continue
		}
		known *= d
	}
	if free >= 0 && known > 0 && size(a.shape)%known == 0 {
		shape[free] = size(a.shape) / known
	}
	if size(shape) != size(a.shape) || slices.ContainsFunc(shape, func(d int) bool { return d < 1 }) {
		fail("Reshape", fmt.Sprintf("%d elements do not fill the new shape", size(a.shape)), a.shape, shape)
	}
	return shape
}

// Unsqueeze inserts axes of size 1; the axes are positions in the result.
func Unsqueeze(a *Value, axes ...int) *Value {
	r := len(a.shape) + len(axes)
	isNew := make([]bool, r)
	for _, ax := range axes {
		if ax < 0 {
			ax += r
		}
		if ax < 0 || ax >= r || isNew[ax] {
			fail("Unsqueeze", "no such axis, or named twice", a.shape, axes)
		}
		isNew[ax] = true
	}
	shape, next := make([]int, r), 0
	for i := range shape {
		shape[i] = 1
		if !isNew[i] {
			shape[i] = a.shape[next]
			next++
		}
	}
	return Reshape(a, shape...)
}

// Squeeze removes axes of size 1; no axes means all of them.
func Squeeze(a *Value, axes ...int) *Value {
	if len(axes) == 0 {
		for i, d := range a.shape {
			if d == 1 {
				axes = append(axes, i)
			}
		}
		if len(axes) == 0 {
			return a
		}
	}
	axes = axesOf("Squeeze", a, axes)
	for _, ax := range axes {
		if a.shape[ax] != 1 {
			fail("Squeeze", "the axis is not of size 1", a.shape, axes)
		}
	}
	return dropAxes(a, false, axes)
}

// Transpose reorders the axes: axis i of the result is axis perm[i] of a.
func Transpose(a *Value, perm ...int) *Value {
	sorted := slices.Sorted(slices.Values(perm))
	if !slices.Equal(sorted, sequence(0, len(a.shape))) {
		fail("Transpose", "wants each axis once", a.shape, perm)
	}
	perm = slices.Clone(perm)
	made := a.made()
	from, ok := made.node.op.perm()
	if !ok {
		return transpose(a, perm)
	}
	both, inverse := make([]int, len(perm)), make([]int, len(perm)) // two transposes make one
	for i, p := range perm {
		both[i], inverse[p] = from[p], i
	}
	return withGradient("Transpose", transpose(made.node.in[0], both), []*Value{a}, func(dy *Value) []*Value {
		return []*Value{Transpose(dy, inverse...)}
	})
}

func transpose(a *Value, perm []int) *Value {
	if slices.IsSorted(perm) {
		return a
	}
	shape, inverse := make([]int, len(perm)), make([]int, len(perm))
	for i, p := range perm {
		shape[i], inverse[p] = a.shape[p], i
	}
	if slices.IsSorted(slices.DeleteFunc(slices.Clone(perm), func(p int) bool { return a.shape[p] == 1 })) {
		return Reshape(a, shape...) // only axes of size 1 move
	}
	o := &op{kind: "Transpose", attrs: []attr{intsAttr("perm", perm)}}
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{Transpose(dy[0], inverse...)} }
	o.eval = func(_ *node, in []array) []array {
		from := make([]int, len(perm))
		return []array{gather(shape, func(pos []int) float64 {
			for i, p := range perm {
				from[p] = pos[i]
			}
			return in[0].at(from)
		})}
	}
	return apply1(o, shape, a)
}

// perm is the permutation of a Transpose.
func (o *op) perm() ([]int, bool) {
	if o.kind != "Transpose" {
		return nil, false
	}
	return o.attrs[0].ints, true
}

// Concat joins values along an axis; all other sizes must agree.
func Concat(ax int, vals ...*Value) *Value {
	if len(vals) == 0 {
		fail("Concat", "wants at least one value")
	}
	ax = axis("Concat", vals[0], ax)
	shape := slices.Clone(vals[0].shape)
	sizes := []int{shape[ax]}
	for _, v := range vals[1:] {
		if len(v.shape) != len(shape) || !slices.Equal(v.shape[:ax], shape[:ax]) || !slices.Equal(v.shape[ax+1:], shape[ax+1:]) {
			fail("Concat", fmt.Sprintf("sizes differ outside axis %d", ax), vals[0].shape, v.shape)
		}
		sizes = append(sizes, v.shape[ax])
		shape[ax] += v.shape[ax]
	}
	if len(vals) == 1 {
		return vals[0]
	}
	o := &op{kind: "Concat", attrs: []attr{intAttr("axis", ax)}}
	o.grad = func(_ *node, dy []*Value) []*Value { return Split(dy[0], ax, sizes...) }
	o.eval = func(_ *node, in []array) []array {
		out := newArray(shape)
		rows, inner := size(shape[:ax]), size(shape[ax+1:])
		at := 0
		for row := range rows {
			for i, a := range in {
				chunk := sizes[i] * inner
				at += copy(out.data[at:], a.data[row*chunk:(row+1)*chunk])
			}
		}
		return []array{out}
	}
	return vals[0].node.graph.apply(o, slices.Clone(vals), shape)[0]
}

// Split cuts a along an axis into pieces of the given sizes.
func Split(a *Value, ax int, sizes ...int) []*Value {
	ax = axis("Split", a, ax)
	sizes = slices.Clone(sizes)
	total := 0
	var shapes [][]int
	for _, s := range sizes {
		shape := slices.Clone(a.shape)
		shape[ax] = s
		shapes = append(shapes, shape)
		total += s
	}
	if total != a.shape[ax] || slices.Contains(sizes, 0) {
		fail("Split", fmt.Sprintf("the pieces must be positive and fill axis %d", ax), a.shape, sizes)
	}
	if len(sizes) == 1 {
		return []*Value{a}
	}
	o := &op{kind: "Split", attrs: []attr{intAttr("axis", ax)}}
	o.encode = func(e *encoder, n *node) { e.withInts(n, sizes) }
	o.grad = func(n *node, dy []*Value) []*Value {
		parts := make([]*Value, len(dy))
		for i, d := range dy {
			parts[i] = d
			if d == nil {
				parts[i] = Filled(n.graph, 0, shapes[i]...)
			}
		}
		return []*Value{Concat(ax, parts...)}
	}
	o.eval = func(_ *node, in []array) []array {
		outs, begin := []array{}, make([]int, len(a.shape))
		for i, s := range sizes {
			outs = append(outs, in[0].box(begin, shapes[i]))
			begin[ax] += s
		}
		return outs
	}
	return a.node.graph.apply(o, []*Value{a}, shapes...)
}

// box copies a part of a.
func (a array) box(begin, shape []int) array {
	from := make([]int, len(begin))
	return gather(shape, func(pos []int) float64 {
		for i := range pos {
			from[i] = pos[i] + begin[i]
		}
		return a.at(from)
	})
}

// Slice keeps start <= index < end of one axis; negative bounds count from the end.
func Slice(a *Value, ax, start, end int) *Value {
	ax = axis("Slice", a, ax)
	n := a.shape[ax]
	if start < 0 {
		start += n
	}
	if end < 0 {
		end += n
	}
	if start < 0 || end > n || start >= end {
		fail("Slice", fmt.Sprintf("bad range %d..%d on axis %d", start, end, ax), a.shape)
	}
	begin, stop := make([]int, len(a.shape)), slices.Clone(a.shape)
	begin[ax], stop[ax] = start, end
	return sliceBox(a, begin, stop)
}

// sliceBox keeps begin <= position < stop on all axes.
func sliceBox(a *Value, begin, stop []int) *Value {
	shape, after := make([]int, len(begin)), make([]int, len(begin))
	var axes, from, to []int
	for i := range begin {
		shape[i], after[i] = stop[i]-begin[i], a.shape[i]-stop[i]
		if shape[i] != a.shape[i] {
			axes, from, to = append(axes, i), append(from, begin[i]), append(to, stop[i])
		}
	}
	if len(axes) == 0 {
		return a
	}
	o := &op{kind: "Slice"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, from, to, axes) }
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{Pad(dy[0], begin, after)} }
	o.eval = func(_ *node, in []array) []array { return []array{in[0].box(begin, shape)} }
	return apply1(o, shape, a)
}

// Flip reverses the order along the axes.
func Flip(a *Value, axes ...int) *Value {
	axes = axesOf("Flip", a, axes)
	o := &op{kind: "Slice"}
	o.encode = func(e *encoder, n *node) {
		r := len(axes)
		const beyond = -1 << 31 // "before the first", for a negative step
		e.withInts(n, repeat(-1, r), repeat(beyond, r), axes, repeat(-1, r))
	}
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{Flip(dy[0], axes...)} }
	o.eval = func(_ *node, in []array) []array {
		from := make([]int, len(a.shape))
		return []array{gather(a.shape, func(pos []int) float64 {
			copy(from, pos)
			for _, ax := range axes {
				from[ax] = a.shape[ax] - 1 - pos[ax]
			}
			return in[0].at(from)
		})}
	}
	return apply1(o, a.shape, a)
}

// Pad adds zeros before and after each axis.
func Pad(a *Value, before, after []int) *Value {
	if len(before) != len(a.shape) || len(after) != len(a.shape) {
		fail("Pad", "wants one number before and after each axis", a.shape, before, after)
	}
	shape, stop := make([]int, len(before)), make([]int, len(before))
	for i, d := range a.shape {
		if before[i] < 0 || after[i] < 0 {
			fail("Pad", "wants no negative padding", a.shape, before, after)
		}
		shape[i], stop[i] = before[i]+d+after[i], before[i]+d
	}
	if slices.Equal(shape, a.shape) {
		return a
	}
	before, after = slices.Clone(before), slices.Clone(after)
	o := &op{kind: "Pad"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, join(before, after)) }
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{sliceBox(dy[0], before, stop)} }
	o.eval = func(_ *node, in []array) []array {
		from := make([]int, len(shape))
		return []array{gather(shape, func(pos []int) float64 {
			for i, p := range pos {
				if p < before[i] || p >= stop[i] {
					return 0
				}
				from[i] = p - before[i]
			}
			return in[0].at(from)
		})}
	}
	return apply1(o, shape, a)
}

// Expand stretches axes of size 1 by the numpy rule.
func Expand(a *Value, shape ...int) *Value {
	if got, ok := broadcast(a.shape, shape); !ok || !slices.Equal(got, shape) {
		fail("Expand", "the shape does not stretch to the new one", a.shape, shape)
	}
	if slices.Equal(a.shape, shape) {
		return a
	}
	shape = slices.Clone(shape)
	o := &op{kind: "Expand"}
	o.encode = func(e *encoder, n *node) { e.withInts(n, shape) }
	o.grad = func(_ *node, dy []*Value) []*Value { return []*Value{unbroadcast(dy[0], a.shape)} }
	o.eval = func(_ *node, in []array) []array { return []array{gather(shape, in[0].at)} }
	return apply1(o, shape, a)
}

// full is a stretched to shape if it is not that already.
func full(a *Value, shape []int) *Value { return Expand(a, shape...) }
