package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// draft is an ONNX graph before it is written. The encoder fills it, tidy.go and
// fold.go simplify it, names.go names its parts and write.go writes it.
type draft struct {
	name    string
	inputs  []*tensor
	outputs []draftOutput
	nodes   []*draftNode       // each after those it needs
	consts  map[string]*tensor // by content, so that each is written once
	weights []*tensor          // parameters and states as they were given
	count   *int               // tensors made, in this draft and the bodies inside
	hidden  bool               // the shapes inside are not written (lean.go)
	within  bool               // nor those of inputs and outputs: it is a body
}

// draftOutput is a tensor that leaves the graph under a name.
type draftOutput struct {
	name string
	from *tensor
}

// tensor is an input, a constant or the result of a node.
type tensor struct {
	id    int
	owner *draft
	name  string // of inputs, weights and named results; the rest is named when written
	kind  int    // ONNX element type
	shape []int
	dims  []string // names of the sizes left open, "" where the size is fixed
	maker *draftNode
	same  *tensor // the tensor that took this one's place
	value *constant
}

// constant holds the numbers of a tensor that are known when the file is written.
type constant struct {
	floats []float32
	ints   []int
	scope  string // where it was first needed
	what   string // the operator it was folded from
	weight bool   // a parameter or state, whose name is kept
}

// draftNode is one ONNX node. Its tensors may have been replaced: read them
// through input and output.
type draftNode struct {
	kind  string
	name  string
	scope string
	in    []*tensor // nil for an optional input that is left out
	out   []*tensor
	attrs []attr
	body  *draft // of a Scan
	// eval computes the node as Graph's reference evaluator does; nil if it cannot.
	eval func(in []array) []array
}

func newDraft(name string, count *int) *draft {
	return &draft{name: name, consts: map[string]*tensor{}, count: count}
}

func (d *draft) tensor(kind int, shape []int) *tensor {
	*d.count++
	return &tensor{id: *d.count, owner: d, kind: kind, shape: slices.Clone(shape)}
}

// real is the tensor that t now stands for.
func (t *tensor) real() *tensor {
	for t.same != nil {
		t = t.same
	}
	return t
}

func (n *draftNode) input(i int) *tensor {
	if i >= len(n.in) || n.in[i] == nil {
		return nil
	}
	return n.in[i].real()
}

func (n *draftNode) output(i int) *tensor { return n.out[i].real() }

// isConst says whether the numbers of t are known.
func (t *tensor) isConst() bool { return t != nil && t.value != nil }

// isScalar says whether t is the one number x, of any rank.
func (t *tensor) isScalar(x float32) bool {
	return t.isConst() && len(t.value.floats) == 1 && t.value.floats[0] == x
}

// madeBy is the node of a kind that made t, or nil.
func (t *tensor) madeBy(kind string) *draftNode {
	if t == nil || t.maker == nil || t.maker.kind != kind {
		return nil
	}
	return t.maker
}

// floats is a constant float tensor, held once.
func (d *draft) floats(shape []int, data []float32, scope string) *tensor {
	t := d.constant(onnxFloat, shape, rawFloats(data), scope)
	if t.value.floats == nil {
		t.value.floats = data
	}
	return t
}

// ints is a constant list of int64, held once.
func (d *draft) ints(data []int, scope string) *tensor {
	t := d.constant(onnxInt64, []int{len(data)}, rawInts(data), scope)
	if t.value.ints == nil {
		t.value.ints = slices.Clone(data)
	}
	return t
}

func (d *draft) constant(kind int, shape []int, raw []byte, scope string) *tensor {
	key := fmt.Sprint(kind, shape) + string(raw)
	if len(raw) > 256 {
		sum := sha256.Sum256(raw)
		key = fmt.Sprint(kind, shape) + string(sum[:])
	}
	t, ok := d.consts[key]
	if !ok {
		t = d.tensor(kind, shape)
		t.value = &constant{scope: scope}
		d.consts[key] = t
	}
	return t
}

// add appends a node with one result for each shape.
func (d *draft) add(n *draftNode, kind int, shapes ...[]int) *draftNode {
	for _, s := range shapes {
		t := d.tensor(kind, s)
		t.maker = n
		n.out = append(n.out, t)
	}
	d.nodes = append(d.nodes, n)
	return n
}

// captured lists the tensors of outer graphs that a body reads.
func (d *draft) captured() []*tensor {
	var list []*tensor
	read := func(t *tensor) {
		if t.owner != d && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	for _, n := range d.nodes {
		for _, t := range n.reads() {
			read(t)
		}
	}
	for _, o := range d.outputs {
		read(o.from.real())
	}
	return list
}

// reads lists what a node computes from, its body included.
func (n *draftNode) reads() []*tensor {
	list := make([]*tensor, 0, len(n.in))
	for i := range n.in {
		if t := n.input(i); t != nil {
			list = append(list, t)
		}
	}
	if n.body != nil {
		list = append(list, n.body.captured()...)
	}
	return list
}

// intsOf is the constant int64 list at input i.
func (n *draftNode) intsOf(i int) ([]int, bool) {
	t := n.input(i)
	if !t.isConst() || t.kind != onnxInt64 {
		return nil, false
	}
	return t.value.ints, true
}

// attr is the attribute of a name, or nil.
func (n *draftNode) attr(name string) *attr {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			return &n.attrs[i]
		}
	}
	return nil
}

// attrInt is an integer attribute, or what holds where it is not written.
func (n *draftNode) attrInt(name string, otherwise int) int {
	if a := n.attr(name); a != nil {
		return a.i
	}
	return otherwise
}

func (n *draftNode) attrInts(name string) []int {
	if a := n.attr(name); a != nil {
		return a.ints
	}
	return nil
}

func rawFloats(data []float32) []byte {
	raw := make([]byte, 0, 4*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return raw
}

func rawInts(data []int) []byte {
	raw := make([]byte, 0, 8*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(x)))
	}
	return raw
}
