package graph

import "slices"

// Folding computes what depends on weights and constants alone when the file is
// written instead of at each run: in float64, rounded to float32 after every
// operator, so that sums, products, quotients and roots are the very numbers
// that a run would give. It is done where it costs the file little.

const (
	// foldGrown bounds a folded tensor that is larger than all it is made from, such
	// as a stretched scalar, or that is only reshaped, in numbers.
	foldGrown = 4 << 10
	// foldCopied bounds one beside which what it is made from stays in the file.
	foldCopied = 64 << 10
)

// foldRules lists the rules of folding. The first is exact as said above; those
// that move a factor or a shift into a convolution round once where a run rounds
// twice.
func foldRules() []rule {
	return []rule{foldConstant, scaleIntoConv, shiftIntoConv}
}

// foldConstant: a node of constants is a constant.
func foldConstant(t *tidier, n *draftNode) bool {
	if len(n.in) == 0 || n.body != nil || n.out[0].kind != onnxFloat || !t.worthFolding(n) {
		return false
	}
	for i := range n.in {
		if !n.input(i).isConst() {
			return false
		}
	}
	if n.kind == "Reshape" {
		return n.become(t.folded(n, n.out[0].shape, n.input(0).value.floats))
	}
	in := make([]array, len(n.in))
	for i := range n.in {
		if x := n.input(i); x.kind == onnxFloat {
			in[i] = fromFloat32(x.shape, x.value.floats)
		}
	}
	results := n.compute(in)
	if results == nil {
		return false
	}
	for i, out := range n.out {
		out.same = t.folded(n, out.shape, results[i].float32())
	}
	return true
}

// compute gives a node's results, or nil if it cannot. Arithmetic is done on the
// file's own float32 numbers, not on the float64 ones that its operator holds.
func (n *draftNode) compute(in []array) []array {
	var f func(x, y float64) float64
	switch n.kind {
	case "Add":
		f = func(x, y float64) float64 { return x + y }
	case "Sub":
		f = func(x, y float64) float64 { return x - y }
	case "Mul":
		f = func(x, y float64) float64 { return x * y }
	case "Div":
		f = func(x, y float64) float64 { return x / y }
	case "Exp":
		out := newArray(in[0].shape)
		for i, x := range in[0].data {
			out.data[i] = PortableExp(x)
		}
		return []array{out}
	default:
		if n.eval == nil {
			return nil
		}
		return n.eval(in)
	}
	return []array{gather(n.out[0].shape, func(pos []int) float64 { return f(in[0].at(pos), in[1].at(pos)) })}
}

// worthFolding says whether folding a node keeps the file small.
func (t *tidier) worthFolding(n *draftNode) bool {
	made, from, freed := 0, 0, 0
	for _, out := range n.out {
		made += size(out.shape)
	}
	for i := range n.in {
		if x := n.input(i); x != nil && x.kind == onnxFloat {
			from += size(x.shape)
			if t.frees(x) {
				freed += size(x.shape)
			}
		}
	}
	switch {
	case made > from, made > freed && n.kind == "Reshape":
		return made <= foldGrown
	case made > freed:
		return made <= foldCopied
	}
	return true
}

// frees says whether a constant leaves the file when its reader is folded.
func (t *tidier) frees(x *tensor) bool {
	return t.single(x) && !(t.o.KeepWeights && x.isConst() && x.value.weight)
}

// folded is a constant made from others, named after the operator it replaces.
func (t *tidier) folded(n *draftNode, shape []int, data []float32) *tensor {
	c := t.d.floats(shape, data, n.scope)
	if c.value.what == "" {
		c.value.what = n.kind
	}
	return c
}

// scaleIntoConv: a factor for each channel after a convolution goes into its
// kernel and bias. So batch normalisation costs nothing.
func scaleIntoConv(t *tidier, n *draftNode) bool {
	conv, factor := t.convAndChannel(n, "Mul")
	if conv == nil {
		return false
	}
	w := conv.input(1)
	per := size(w.shape[1:])
	kernel := make([]float32, len(w.value.floats))
	for i, x := range w.value.floats {
		kernel[i] = x * factor[i/per]
	}
	in := []*tensor{conv.input(0), t.folded(conv, w.shape, kernel)}
	if b := conv.input(2); b != nil {
		bias := make([]float32, len(factor))
		for i, f := range factor {
			bias[i] = b.value.floats[i] * f
		}
		in = append(in, t.folded(conv, b.shape, bias))
	}
	return t.convInstead(n, conv, in)
}

// convInstead lets a convolution like conv on other inputs take n's place.
func (t *tidier) convInstead(n, conv *draftNode, in []*tensor) bool {
	y := t.node(conv, "Conv", n.out[0].shape, in, conv.attrs...)
	y.dims = n.out[0].dims
	return n.become(y)
}

// shiftIntoConv: a shift for each channel after a convolution goes into its bias.
func shiftIntoConv(t *tidier, n *draftNode) bool {
	conv, shift := t.convAndChannel(n, "Add")
	if conv == nil {
		return false
	}
	bias := slices.Clone(shift)
	if b := conv.input(2); b != nil {
		for i := range bias {
			bias[i] += b.value.floats[i]
		}
	}
	in := []*tensor{conv.input(0), conv.input(1), t.folded(conv, []int{len(bias)}, bias)}
	return t.convInstead(n, conv, in)
}

// convAndChannel matches an operator on a convolution and one constant number
// for each of its channels. The convolution's result and kernel have no other
// reader, its kernel and bias are constants.
func (t *tidier) convAndChannel(n *draftNode, kind string) (conv *draftNode, perChannel []float32) {
	if n.kind != kind {
		return nil, nil
	}
	for i := range 2 {
		y, c := n.input(i), n.input(1-i)
		conv = y.madeBy("Conv")
		if conv == nil || !t.single(y) || !slices.Equal(y.shape, n.out[0].shape) || !conv.input(1).isConst() || !t.single(conv.input(1)) {
			continue
		}
		if b := conv.input(2); b != nil && !b.isConst() {
			continue
		}
		if data, ok := channelConstant(c, y.shape); ok {
			return conv, data
		}
	}
	return nil, nil
}

// channelConstant is a constant that broadcasts along the channels of shape.
func channelConstant(c *tensor, shape []int) ([]float32, bool) {
	if !c.isConst() || c.kind != onnxFloat {
		return nil, false
	}
	if size(c.shape) == 1 {
		return slices.Repeat(c.value.floats, shape[1]), true
	}
	lead := len(shape) - len(c.shape)
	if lead < 0 || lead > 1 || c.shape[1-lead] != shape[1] || size(c.shape) != shape[1] {
		return nil, false
	}
	return c.value.floats, true
}
