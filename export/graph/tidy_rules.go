package graph

import "slices"

// tidyRules lists the rules that change no number, in the order in which they
// are tried.
func tidyRules() []rule {
	return []rule{
		dropIdentity, dropSameShape, dropTimesOne,
		joinReshapes, joinTransposes, transposeOfOnes, reduceWithoutOnes,
		joinSlices, sliceOfPad, splitOfConcat, sliceOfConcat, concatOfSplit, concatOfReshapes,
		skipExpand, signs, reshapeLast, reshapeBothLast, computedBefore,
	}
}

// dropIdentity: Identity(x) is x.
func dropIdentity(_ *tidier, n *draftNode) bool {
	return n.kind == "Identity" && n.become(n.input(0))
}

// dropSameShape: a rearrangement that leaves the shape leaves the tensor, too.
func dropSameShape(_ *tidier, n *draftNode) bool {
	x := n.input(0)
	switch n.kind {
	case "Reshape", "Expand", "Pad":
	case "Concat", "Split":
		if len(n.in) > 1 && n.kind == "Concat" || len(n.out) > 1 {
			return false
		}
	case "Slice":
		if _, _, by, ok := n.bounds(); !ok || slices.Min(by) < 0 {
			return false
		}
	case "Transpose":
		if !slices.IsSorted(n.attrInts("perm")) {
			return false
		}
	default:
		return false
	}
	return slices.Equal(x.shape, n.out[0].shape) && n.become(x)
}

// dropTimesOne: x * 1 and x / 1 are x where 1 does not stretch x.
func dropTimesOne(_ *tidier, n *draftNode) bool {
	if n.kind != "Mul" && n.kind != "Div" {
		return false
	}
	for i, x := range []*tensor{n.input(0), n.input(1)} {
		other := n.input(1 - i)
		if (i == 0 || n.kind == "Mul") && other.isScalar(1) && slices.Equal(x.shape, n.out[0].shape) {
			return n.become(x)
		}
	}
	return false
}

// joinReshapes: only the last of two reshapes counts.
func joinReshapes(t *tidier, n *draftNode) bool {
	if n.kind != "Reshape" {
		return false
	}
	before := n.input(0).madeBy("Reshape")
	if before == nil {
		return false
	}
	n.in = []*tensor{before.input(0), t.d.ints(n.out[0].shape, n.scope)}
	return true
}

// joinTransposes: two transposes are one.
func joinTransposes(_ *tidier, n *draftNode) bool {
	if n.kind != "Transpose" {
		return false
	}
	before := n.input(0).madeBy("Transpose")
	if before == nil {
		return false
	}
	first, second := before.attrInts("perm"), n.attrInts("perm")
	perm := make([]int, len(second))
	for i, p := range second {
		perm[i] = first[p]
	}
	n.in, n.attrs, n.eval = []*tensor{before.input(0)}, []attr{intsAttr("perm", perm)}, nil
	return true
}

// transposeOfOnes: a transpose that moves only axes of size 1 is a reshape.
func transposeOfOnes(t *tidier, n *draftNode) bool {
	if n.kind != "Transpose" {
		return false
	}
	x, moved := n.input(0), -1
	for _, p := range n.attrInts("perm") {
		if x.shape[p] == 1 {
			continue
		}
		if p < moved {
			return false
		}
		moved = p
	}
	return n.become(t.reshape(n, x, n.out[0].shape))
}

// reduceWithoutOnes: a reduction followed by a reshape that only drops the axes
// of size 1 which it left behind, drops them itself.
func reduceWithoutOnes(t *tidier, n *draftNode) bool {
	if n.kind != "Reshape" {
		return false
	}
	var sum *draftNode
	for _, kind := range []string{"ReduceSum", "ReduceMean", "ReduceMax"} {
		if sum == nil {
			sum = n.input(0).madeBy(kind)
		}
	}
	if sum == nil || sum.attrInt("keepdims", 1) == 0 || !t.single(n.input(0)) {
		return false
	}
	bare := &draftNode{kind: sum.kind, in: sum.in, attrs: slices.Clone(sum.attrs)}
	bare.attr("keepdims").i = 0
	if shape, err := bare.reduced(); err != nil || !slices.Equal(shape, n.out[0].shape) {
		return false
	}
	return n.become(t.node(sum, sum.kind, n.out[0].shape, sum.in, bare.attrs...))
}

// joinSlices: a part of a part is a part.
func joinSlices(t *tidier, n *draftNode) bool {
	if n.kind != "Slice" {
		return false
	}
	before := n.input(0).madeBy("Slice")
	if before == nil {
		return false
	}
	from, to, by, ok := n.bounds()
	from0, _, by0, ok0 := before.bounds()
	if !ok || !ok0 || !allOnes(by) || !allOnes(by0) {
		return false
	}
	for i := range from {
		from[i], to[i] = from[i]+from0[i], to[i]+from0[i]
	}
	return n.become(t.part(n, before.input(0), from, to))
}

func allOnes(xs []int) bool {
	return !slices.ContainsFunc(xs, func(x int) bool { return x != 1 })
}

// part adds a Slice before n, or gives x itself if that is all of it.
func (t *tidier) part(n *draftNode, x *tensor, from, to []int) *tensor {
	var axes, begin, end, shape []int
	for i, d := range x.shape {
		shape = append(shape, to[i]-from[i])
		if shape[i] != d {
			axes, begin, end = append(axes, i), append(begin, from[i]), append(end, to[i])
		}
	}
	if len(axes) == 0 {
		return x
	}
	list := func(xs []int) *tensor { return t.d.ints(xs, n.scope) }
	return t.node(n, "Slice", shape, []*tensor{x, list(begin), list(end), list(axes)})
}

// sliceOfPad: a part of a padded tensor that holds no padding is a part of the
// tensor.
func sliceOfPad(t *tidier, n *draftNode) bool {
	if n.kind != "Slice" {
		return false
	}
	before := n.input(0).madeBy("Pad")
	from, to, by, ok := n.bounds()
	if before == nil || !ok || !allOnes(by) {
		return false
	}
	pads, ok := before.intsOf(1)
	x := before.input(0)
	if !ok || slices.Min(pads) < 0 {
		return false
	}
	for i, d := range x.shape {
		from[i], to[i] = from[i]-pads[i], to[i]-pads[i]
		if from[i] < 0 || to[i] > d {
			return false
		}
	}
	return n.become(t.part(n, x, from, to))
}

// splitOfConcat: cut where it was joined, a tensor falls into what it was made of.
func splitOfConcat(_ *tidier, n *draftNode) bool {
	if n.kind != "Split" {
		return false
	}
	before := n.input(0).madeBy("Concat")
	ax := n.attrInt("axis", 0)
	if before == nil || before.attrInt("axis", 0) != ax || len(before.in) != len(n.out) {
		return false
	}
	for i, piece := range n.out {
		if !slices.Equal(piece.shape, before.input(i).shape) {
			return false
		}
	}
	for i, piece := range n.out {
		piece.same = before.input(i)
	}
	return true
}

// sliceOfConcat: a part that lies within one of the joined tensors is a part of
// that one.
func sliceOfConcat(t *tidier, n *draftNode) bool {
	if n.kind != "Slice" {
		return false
	}
	before := n.input(0).madeBy("Concat")
	from, to, by, ok := n.bounds()
	if before == nil || !ok || !allOnes(by) {
		return false
	}
	ax, at := before.attrInt("axis", 0), 0
	for i := range before.in {
		x := before.input(i)
		if next := at + x.shape[ax]; from[ax] >= at && to[ax] <= next {
			from[ax], to[ax] = from[ax]-at, to[ax]-at
			return n.become(t.part(n, x, from, to))
		}
		at += x.shape[ax]
	}
	return false
}

// concatOfSplit: all pieces joined in order are the tensor they were cut from.
func concatOfSplit(_ *tidier, n *draftNode) bool {
	if n.kind != "Concat" {
		return false
	}
	cut := n.input(0).madeBy("Split")
	if cut == nil || cut.attrInt("axis", 0) != n.attrInt("axis", 0) || len(cut.out) != len(n.in) {
		return false
	}
	for i := range n.in {
		if n.input(i) != cut.output(i) {
			return false
		}
	}
	return n.become(cut.input(0))
}

// concatOfReshapes: tensors that were reshaped alike before they are joined can be
// joined first, if an axis begins where the joined one does.
func concatOfReshapes(t *tidier, n *draftNode) bool {
	if n.kind != "Concat" {
		return false
	}
	ax := n.attrInt("axis", 0)
	var in []*tensor
	for i := range n.in {
		r := n.input(i).madeBy("Reshape")
		if r == nil || !t.single(n.input(i)) {
			return false
		}
		in = append(in, r.input(0))
	}
	at := axisAt(in[0].shape, size(n.out[0].shape[:ax]))
	for _, x := range in[1:] {
		if at < 0 || !sameBut(in[0].shape, x.shape, at) {
			return false
		}
	}
	if at < 0 {
		return false
	}
	shape := slices.Clone(in[0].shape)
	for _, x := range in[1:] {
		shape[at] += x.shape[at]
	}
	return n.become(t.reshape(n, t.node(n, "Concat", shape, in, intAttr("axis", at)), n.out[0].shape))
}

// axisAt is the first axis before which there are so many rows, or -1.
func axisAt(shape []int, rows int) int {
	for i := range shape {
		if size(shape[:i]) == rows {
			return i
		}
	}
	return -1
}

// sameBut says whether two shapes agree on all axes but one.
func sameBut(a, b []int, ax int) bool {
	return len(a) == len(b) && slices.Equal(a[:ax], b[:ax]) && slices.Equal(a[ax+1:], b[ax+1:])
}

// skipExpand: an element by element operator stretches its inputs itself.
func skipExpand(_ *tidier, n *draftNode) bool {
	switch n.kind {
	case "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Greater":
	default:
		return false
	}
	for i := range n.in {
		stretched := n.input(i).madeBy("Expand")
		if stretched == nil {
			continue
		}
		small := stretched.input(0)
		if shape, ok := broadcast(small.shape, n.input(1-i).shape); ok && slices.Equal(shape, n.out[0].shape) {
			n.in = slices.Clone(n.in)
			n.in[i] = small
			n.eval = nil
			return true
		}
	}
	return false
}

// signs: a - (-b) is a + b, a + (-b) is a - b, (-a) + b is b - a, -(-a) is a.
// Rounding does not know signs, so all are exact.
func signs(_ *tidier, n *draftNode) bool {
	negated := func(i int) *tensor {
		if m := n.input(i).madeBy("Neg"); m != nil {
			return m.input(0)
		}
		return nil
	}
	switch n.kind {
	case "Neg":
		if a := negated(0); a != nil {
			return n.become(a)
		}
	case "Add":
		if b := negated(1); b != nil {
			return n.turn("Sub", n.input(0), b)
		}
		if a := negated(0); a != nil {
			return n.turn("Sub", n.input(1), a)
		}
	case "Sub":
		if b := negated(1); b != nil {
			return n.turn("Add", n.input(0), b)
		}
	}
	return false
}

// turn makes n another operator.
func (n *draftNode) turn(kind string, in ...*tensor) bool {
	n.kind, n.in, n.eval = kind, in, nil
	return true
}

// elementwise says whether each element of the result comes from the same
// element of the inputs.
func elementwise(kind string) bool {
	switch kind {
	case "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Greater", "Cast", "Neg", "Exp", "Log", "Sqrt", "Abs",
		"Reciprocal", "Tanh", "Sin", "Cos", "Erf", "Relu", "LeakyRelu", "Sigmoid", "Clip":
		return true
	}
	return false
}

// reshapeLast: an operator on the elements of a reshaped tensor, whose other
// inputs are single numbers, is done before the reshape. There the reshape may
// meet another, or none be needed. Where several nodes read the result nothing is won.
func reshapeLast(t *tidier, n *draftNode) bool {
	if !elementwise(n.kind) || !t.single(n.out[0]) {
		return false
	}
	at := -1
	for i := range n.in {
		x := n.input(i)
		switch {
		case x.isConst() && size(x.shape) == 1:
		case at < 0 && x.madeBy("Reshape") != nil && t.single(x) && slices.Equal(x.shape, n.out[0].shape):
			at = i
		default:
			return false
		}
	}
	if at < 0 {
		return false
	}
	x := n.input(at).maker.input(0)
	for i := range n.in {
		if i != at && len(n.input(i).shape) > len(x.shape) {
			return false
		}
	}
	in := slices.Clone(n.in)
	in[at] = x
	return t.before(n, in, x.shape)
}

// reshapeBothLast is reshapeLast for two tensors that were reshaped alike.
func reshapeBothLast(t *tidier, n *draftNode) bool {
	if !elementwise(n.kind) || len(n.in) != 2 {
		return false
	}
	a, b := n.input(0).madeBy("Reshape"), n.input(1).madeBy("Reshape")
	if a == nil || b == nil || !t.single(n.input(0)) || !t.single(n.input(1)) || !slices.Equal(n.input(0).shape, n.input(1).shape) || !slices.Equal(a.input(0).shape, b.input(0).shape) {
		return false
	}
	return t.before(n, []*tensor{a.input(0), b.input(0)}, a.input(0).shape)
}

// before does n on other inputs and reshapes the result to n's.
func (t *tidier) before(n *draftNode, in []*tensor, shape []int) bool {
	y := t.node(n, n.kind, shape, in, n.attrs...)
	y.kind = n.out[0].kind
	return n.become(t.reshape(n, y, n.out[0].shape))
}

// computedBefore: what was computed before is not computed again.
func computedBefore(t *tidier, n *draftNode) bool {
	key := n.key()
	if key == "" {
		return false
	}
	first, ok := t.seen[key]
	if !ok {
		t.seen[key] = n
		return false
	}
	if first == n {
		return false
	}
	for i, out := range n.out {
		out.same = first.output(i)
	}
	return true
}
