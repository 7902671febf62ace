package graph

import (
	"fmt"
	"slices"
)

// The shape rules of the ONNX operators that Columna writes, as the ONNX
// standard states them. They give the shapes of the tensors between the nodes
// of one operator, which no Value carries, and check those that a Value does.

// described is the element type and shape of one result.
type described struct {
	kind  int
	shape []int
}

// describe gives the results of a node from its inputs, or nil for an operator
// without a rule.
func describe(n *draftNode) ([]described, error) {
	x := n.input(0)
	one := func(shape []int, err error) ([]described, error) {
		return []described{{x.kind, shape}}, err
	}
	if n.sizedAtRun() {
		return nil, nil
	}
	switch n.kind {
	case "Shape":
		return []described{{onnxInt64, []int{n.attrInt("end", len(x.shape)) - n.attrInt("start", 0)}}}, nil
	case "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow":
		return one(n.broadcastShape())
	case "Greater":
		shape, err := n.broadcastShape()
		return []described{{onnxBool, shape}}, err
	case "Cast":
		return []described{{n.attrInt("to", onnxFloat), x.shape}}, nil
	case "Identity", "Neg", "Exp", "Log", "Sqrt", "Abs", "Reciprocal", "Tanh", "Sin", "Cos", "Erf", "Relu",
		"LeakyRelu", "Sigmoid", "Clip", "Softmax", "ScatterElements":
		return one(x.shape, nil)
	case "Reshape":
		return one(n.reshaped())
	case "Transpose":
		return one(permuted(x.shape, n.attrInts("perm")))
	case "Expand":
		return one(n.expanded())
	case "Concat":
		return one(n.joined())
	case "Slice":
		return one(n.sliced())
	case "Pad":
		return one(n.padded())
	case "Split":
		return n.pieces()
	case "ReduceSum", "ReduceMean", "ReduceMax":
		return one(n.reduced())
	case "MatMul":
		return one(n.product())
	case "Gemm":
		return one(n.gemmShape())
	case "Conv":
		return one(n.convolved())
	case "MaxPool", "AveragePool":
		return n.pooledShapes()
	case "LayerNormalization":
		return n.normalised()
	case "Resize":
		return one(n.resized())
	}
	return nil, nil
}

// sizedAtRun says whether a list of sizes that the node takes is computed.
func (n *draftNode) sizedAtRun() bool {
	for i := 1; i < len(n.in) && n.kind != "ScatterElements"; i++ {
		if t := n.input(i); t != nil && t.kind == onnxInt64 && !t.isConst() {
			return true
		}
	}
	return false
}

// verify holds every node of a draft to its shape rule, so that no model is
// written whose nodes do not fit.
func (d *draft) verify() error {
	for _, n := range d.nodes {
		rule, err := describe(n)
		if err != nil {
			return err
		}
		for i := range n.out {
			if t := n.output(i); rule != nil && (t.kind != rule[i].kind || !slices.Equal(t.shape, rule[i].shape)) {
				return fmt.Errorf("the ONNX operator %s gives %v where %v is wanted", n.kind, rule[i].shape, t.shape)
			}
		}
		if n.body != nil {
			if err := n.body.verify(); err != nil {
				return err
			}
		}
	}
	return nil
}

// mismatch is the error of a node whose inputs do not fit.
func (n *draftNode) mismatch() error {
	var shapes [][]int
	for i := range n.in {
		if t := n.input(i); t != nil {
			shapes = append(shapes, t.shape)
		}
	}
	return fmt.Errorf("the ONNX operator %s cannot take the shapes %v", n.kind, shapes)
}

func (n *draftNode) broadcastShape() ([]int, error) {
	shape := n.input(0).shape
	for i := range n.in {
		wider, ok := broadcast(shape, n.input(i).shape)
		if !ok {
			return nil, n.mismatch()
		}
		shape = wider
	}
	return shape, nil
}

func (n *draftNode) reshaped() ([]int, error) {
	x := n.input(0)
	target, ok := n.intsOf(1)
	if !ok {
		return nil, n.mismatch()
	}
	shape, free, known := slices.Clone(target), -1, 1
	for i, d := range shape {
		switch {
		case d == 0 && i < len(x.shape):
			shape[i] = x.shape[i]
		case d == -1:
			free = i
			continue
		}
		known *= shape[i]
	}
	if free >= 0 && known > 0 {
		shape[free] = size(x.shape) / known
	}
	if size(shape) != size(x.shape) {
		return nil, n.mismatch()
	}
	return shape, nil
}

func permuted(shape, perm []int) ([]int, error) {
	if len(perm) != len(shape) {
		return nil, fmt.Errorf("the ONNX operator Transpose cannot reorder %v by %v", shape, perm)
	}
	out := make([]int, len(perm))
	for i, p := range perm {
		out[i] = shape[p]
	}
	return out, nil
}

func (n *draftNode) expanded() ([]int, error) {
	target, ok := n.intsOf(1)
	shape, fits := broadcast(n.input(0).shape, target)
	if !ok || !fits {
		return nil, n.mismatch()
	}
	return shape, nil
}

func (n *draftNode) joined() ([]int, error) {
	shape := slices.Clone(n.input(0).shape)
	ax := n.attrInt("axis", 0)
	if ax >= len(shape) {
		return nil, n.mismatch()
	}
	for i := 1; i < len(n.in); i++ {
		shape[ax] += n.input(i).shape[ax]
	}
	return shape, nil
}

// bounds are start, stop and step of every axis of a Slice, resolved.
func (n *draftNode) bounds() (from, to, by []int, ok bool) {
	x := n.input(0)
	starts, ok1 := n.intsOf(1)
	stops, ok2 := n.intsOf(2)
	axes, ok3 := n.intsOf(3)
	steps := repeat(1, len(axes))
	if len(n.in) > 4 {
		steps, ok = n.intsOf(4)
	} else {
		ok = true
	}
	if !ok || !ok1 || !ok2 || !ok3 {
		return nil, nil, nil, false
	}
	from, to, by = make([]int, len(x.shape)), slices.Clone(x.shape), repeat(1, len(x.shape))
	for i, ax := range axes {
		d := x.shape[ax]
		wrap := func(p, lo, hi int) int {
			if p < 0 {
				p += d
			}
			return min(max(p, lo), hi)
		}
		by[ax] = steps[i]
		if steps[i] > 0 {
			from[ax], to[ax] = wrap(starts[i], 0, d), wrap(stops[i], 0, d)
		} else {
			from[ax], to[ax] = wrap(starts[i], 0, d-1), wrap(stops[i], -1, d-1)
		}
	}
	return from, to, by, true
}

func (n *draftNode) sliced() ([]int, error) {
	from, to, by, ok := n.bounds()
	if !ok {
		return nil, n.mismatch()
	}
	shape := make([]int, len(from))
	for i := range shape {
		if by[i] > 0 {
			shape[i] = max(0, (to[i]-from[i]+by[i]-1)/by[i])
		} else {
			shape[i] = max(0, (from[i]-to[i]-by[i]-1)/-by[i])
		}
	}
	return shape, nil
}

func (n *draftNode) padded() ([]int, error) {
	x := n.input(0)
	pads, ok := n.intsOf(1)
	if !ok || len(pads) != 2*len(x.shape) {
		return nil, n.mismatch()
	}
	shape := slices.Clone(x.shape)
	for i := range shape {
		shape[i] += pads[i] + pads[len(shape)+i]
	}
	return shape, nil
}

func (n *draftNode) pieces() ([]described, error) {
	x, ax := n.input(0), n.attrInt("axis", 0)
	sizes, ok := n.intsOf(1)
	if len(n.in) == 1 { // into equal pieces
		sizes, ok = repeat(x.shape[ax]/len(n.out), len(n.out)), true
	}
	if !ok || len(sizes) != len(n.out) {
		return nil, n.mismatch()
	}
	var list []described
	for _, s := range sizes {
		shape := slices.Clone(x.shape)
		shape[ax] = s
		list = append(list, described{x.kind, shape})
	}
	return list, nil
}

func (n *draftNode) reduced() ([]int, error) {
	axes := n.reducedAxes()
	if axes == nil {
		return nil, n.mismatch()
	}
	keep := n.attrInt("keepdims", 1) == 1
	var shape []int
	for i, d := range n.input(0).shape {
		switch {
		case !slices.Contains(axes, i):
			shape = append(shape, d)
		case keep:
			shape = append(shape, 1)
		}
	}
	return shape, nil
}

// reducedAxes are the axes of a reduction, which opset 13 and 18 moved from an
// attribute to an input.
func (n *draftNode) reducedAxes() []int {
	if axes := n.attrInts("axes"); axes != nil {
		return axes
	}
	axes, _ := n.intsOf(1)
	return axes
}

func (n *draftNode) product() ([]int, error) {
	a, b := n.input(0).shape, n.input(1).shape
	ra, rb := len(a), len(b)
	if ra < 2 || rb < 2 || a[ra-1] != b[rb-2] {
		return nil, n.mismatch()
	}
	lead, ok := broadcast(a[:ra-2], b[:rb-2])
	if !ok {
		return nil, n.mismatch()
	}
	return join(lead, []int{a[ra-2], b[rb-1]}), nil
}

func (n *draftNode) gemmShape() ([]int, error) {
	a, b := slices.Clone(n.input(0).shape), slices.Clone(n.input(1).shape)
	if n.attrInt("transA", 0) == 1 {
		slices.Reverse(a)
	}
	if n.attrInt("transB", 0) == 1 {
		slices.Reverse(b)
	}
	if len(a) != 2 || len(b) != 2 || a[1] != b[0] {
		return nil, n.mismatch()
	}
	return []int{a[0], b[1]}, nil
}

func (n *draftNode) convolved() ([]int, error) {
	x, w := n.input(0).shape, n.input(1).shape
	stride, dilation, pads := n.attrInts("strides"), n.attrInts("dilations"), n.attrInts("pads")
	dims := len(x) - 2
	if len(w) != len(x) || w[1]*n.attrInt("group", 1) != x[1] || len(stride) != dims || len(dilation) != dims || len(pads) != 2*dims {
		return nil, n.mismatch()
	}
	shape := []int{x[0], w[0]}
	for i := range dims {
		reach := x[2+i] + pads[i] + pads[dims+i] - dilation[i]*(w[2+i]-1) - 1
		shape = append(shape, reach/stride[i]+1)
	}
	return shape, nil
}

func (n *draftNode) pooledShapes() ([]described, error) {
	x, kernel, stride := n.input(0), n.attrInts("kernel_shape"), n.attrInts("strides")
	if len(kernel) != len(x.shape)-2 || len(stride) != len(kernel) {
		return nil, n.mismatch()
	}
	shape := slices.Clone(x.shape[:2])
	for i, k := range kernel {
		shape = append(shape, (x.shape[2+i]-k)/stride[i]+1)
	}
	return []described{{x.kind, shape}, {onnxInt64, shape}}, nil
}

func (n *draftNode) normalised() ([]described, error) {
	x := n.input(0)
	stat := slices.Clone(x.shape)
	stat[len(stat)-1] = 1
	return []described{{x.kind, x.shape}, {x.kind, stat}, {x.kind, stat}}, nil
}

// resized is the shape after a Resize by whole factors or to sizes.
func (n *draftNode) resized() ([]int, error) {
	shape := slices.Clone(n.input(0).shape)
	if sizes, ok := n.intsOf(3); ok {
		return sizes, nil
	}
	scales := n.input(2)
	if !scales.isConst() || len(scales.value.floats) != len(shape) {
		return nil, n.mismatch()
	}
	for i, s := range scales.value.floats {
		shape[i] = int(float32(shape[i]) * s)
	}
	return shape, nil
}
