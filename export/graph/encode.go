package graph

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
)

// Output names a value that leaves the graph. A value without axes leaves as
// a tensor of shape (1).
type Output struct {
	Name  string
	Value *Value
}

// EncodeOptions sets what Encode writes.
type EncodeOptions struct {
	// Weights become initializers. Nil makes parameters and states inputs.
	Weights Weights
	// Doc is written as the model's metadata.
	Doc map[string]string
	// Opset is the ai.onnx version, 17 (the default) to 20. All operators exist
	// in 17, which every runtime of the last years and every checker reads.
	Opset int
	// Fold computes now what depends on weights and constants alone (fold.go).
	Fold bool
	// KeepWeights keeps in the file, as they are, the weights that folding changed and
	// those that only training needs, so that DecodeWeights gives back all of them.
	KeepWeights bool
	// Lean hides the shapes inside, so that the runtime gives each tensor back
	// after its last reader: less memory, and somewhat slower (lean.go).
	Lean bool
	step bool // a training step, which is lean where that pays
	// Shapes keeps the shapes inside a training step for the reader, where hiding them
	// would merely pay.
	Shapes bool
	// Verbatim writes every operator as it was made, without tidying (tidy.go):
	// for comparing.
	Verbatim bool
}

// DefaultOpset is written where EncodeOptions names none.
const DefaultOpset = 17

// irVersion is the file format's version: 8 came with opset 17 (ONNX 1.12), 9
// with opset 19 and 20.
func irVersion(opset int) int {
	if opset < 19 {
		return 8
	}
	return 9
}

// complete fills in the opset and checks it.
func (o *EncodeOptions) complete() error {
	if o.Opset == 0 {
		o.Opset = DefaultOpset
	}
	if o.Opset < 17 || o.Opset > 20 {
		return fmt.Errorf("opset %d is outside 17..20", o.Opset)
	}
	return nil
}

// Encode writes the part of g that the outputs need as an ONNX model. All
// declared inputs stay inputs, needed or not. The same graph gives the same
// bytes.
func Encode(g *Graph, outputs []Output, o EncodeOptions) ([]byte, error) {
	return bytesOf(Export(g, outputs, o))
}

// Export is Encode for models too large to hold twice.
func Export(g *Graph, outputs []Output, o EncodeOptions) (*Model, error) {
	return export(g, outputs, o, nil)
}

func bytesOf(m *Model, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}

// export writes the model with some values replaced by others.
func export(g *Graph, outputs []Output, o EncodeOptions, replaced map[*Value]*Value) (m *Model, err error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("encode %s: %w", g.Name, err)
	}
	if e := Try(func() { m, err = newModel(drawn(g, outputs, o, replaced), o) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", g.Name, err)
	}
	return m, nil
}

// drawn is the simplified draft of a graph.
func drawn(g *Graph, outputs []Output, o EncodeOptions, replaced map[*Value]*Value) *draft {
	e := newEncoder(g.Name, o.Opset, new(int))
	e.replaced = replaced
	outs := outputsOf(g, outputs)
	roots := make([]*Value, len(outs))
	for i, out := range outs {
		roots[i] = out.Value
	}
	live := reachable(roots, replaced)
	e.consumed = consumed(live, roots, replaced)
	e.leaves(g, live, o.Weights)
	for _, n := range live {
		e.emit(n)
	}
	for _, out := range outs {
		e.draft.outputs = append(e.draft.outputs, draftOutput{out.Name, e.tensors[e.name(out.Value)]})
	}
	tidy(e.draft, o)
	return e.draft
}

// outputsOf checks the names and gives each output at least one axis.
func outputsOf(g *Graph, outputs []Output) []Output {
	outs := slices.Clone(outputs)
	seen := map[string]bool{}
	for i, out := range outs {
		if out.Name == "" || seen[out.Name] || g.names[out.Name] {
			panic(fmt.Errorf("the output name %q is empty or taken", out.Name))
		}
		if out.Value == nil || out.Value.Graph() != g {
			panic(fmt.Errorf("the output %q belongs to another graph", out.Name))
		}
		seen[out.Name] = true
		if len(out.Value.shape) == 0 {
			outs[i].Value = Reshape(out.Value, 1)
		}
	}
	return outs
}

// reachable lists the nodes that the values need, each after its inputs. That
// is the order of creation, but replacements, made last, come first.
func reachable(roots []*Value, replaced map[*Value]*Value) []*node {
	early := map[*node]bool{}
	for _, v := range replaced {
		closure([]*Value{v}, nil, early)
	}
	seen := map[*node]bool{}
	closure(roots, replaced, seen)
	nodes := make([]*node, 0, len(seen))
	for n := range seen {
		nodes = append(nodes, n)
	}
	sort.Slice(nodes, func(i, j int) bool {
		if early[nodes[i]] != early[nodes[j]] {
			return early[nodes[i]]
		}
		return nodes[i].id < nodes[j].id
	})
	return nodes
}

// closure adds to seen every node that the values need.
func closure(roots []*Value, replaced map[*Value]*Value, seen map[*node]bool) {
	stack := slices.Clone(roots)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if r, ok := replaced[v]; ok {
			v = r
		}
		if !seen[v.node] {
			seen[v.node] = true
			stack = append(stack, needed(v.node)...)
		}
	}
}

// needed are the inputs that a node computes from. An alias carries the inputs
// of its gradient rule too, but computes from the first alone.
func needed(n *node) []*Value {
	if n.op.alias {
		return n.in[:1]
	}
	return n.in
}

// consumed are the values that the nodes compute from or that leave the graph.
func consumed(live []*node, roots []*Value, replaced map[*Value]*Value) map[*Value]bool {
	out := map[*Value]bool{}
	for _, n := range live {
		for _, v := range needed(n) {
			out[v] = true
		}
	}
	for _, v := range roots {
		out[v] = true
	}
	for _, v := range replaced {
		out[v] = true
	}
	return out
}

// used says whether v is needed; an operator may leave unneeded outputs out.
func (e *encoder) used(v *Value) bool { return e.consumed[v] }

// encoder drafts one model, or the body of a Scan. While it does, tensors go by
// strings: those that names holds, and those that temp makes.
type encoder struct {
	opset    int
	draft    *draft
	outer    *encoder
	replaced map[*Value]*Value
	names    map[*Value]string
	tensors  map[string]*tensor
	consumed map[*Value]bool // values that some node or output needs
	now      *node           // being written
}

func newEncoder(name string, opset int, count *int) *encoder {
	return &encoder{opset: opset, draft: newDraft(name, count), names: map[*Value]string{}, tensors: map[string]*tensor{}}
}

// hold gives a tensor the string it goes by.
func (e *encoder) hold(t *tensor) string {
	id := fmt.Sprintf("#%d", t.id)
	e.tensors[id] = t
	return id
}

// find is the tensor that goes by a string; nil for "", an input left out.
func (e *encoder) find(id string) *tensor {
	for at := e; at != nil; at = at.outer {
		if t := at.tensors[id]; t != nil {
			return t
		}
	}
	if id != "" {
		panic(fmt.Errorf("%s reads the tensor %q, which nothing makes", e.now.op.kind, id))
	}
	return nil
}

// feed declares an input of the model.
func (e *encoder) feed(v *Value, name string) {
	t := e.draft.tensor(onnxFloat, v.shape)
	t.name = name
	e.names[v] = e.hold(t)
	e.draft.inputs = append(e.draft.inputs, t)
}

// leaves declares inputs, parameters and states.
func (e *encoder) leaves(g *Graph, live []*node, w Weights) {
	for _, v := range g.inputs {
		e.feed(v, v.node.label)
	}
	for _, n := range live {
		if n.op.kind != kindParam && n.op.kind != kindState {
			continue
		}
		v := n.out[0]
		switch {
		case e.replaced[v] != nil:
		case w == nil:
			e.feed(v, n.label)
		default:
			e.weight(v, w[n.label])
		}
	}
	if w == nil {
		return
	}
	for _, p := range slices.Concat(g.params, g.states) {
		if _, live := e.names[p.Value]; !live && w[p.Name] != nil {
			e.weight(p.Value, w[p.Name])
		}
	}
}

// weight declares an initializer. It is no copy: the numbers may be many.
func (e *encoder) weight(v *Value, data []float32) {
	if len(data) != size(v.shape) {
		panic(fmt.Errorf("the weights hold %d numbers for %s, which needs %d", len(data), v.node.label, size(v.shape)))
	}
	t := e.draft.tensor(onnxFloat, v.shape)
	t.name, t.value = v.node.label, &constant{floats: data, weight: true}
	e.draft.weights = append(e.draft.weights, t)
	e.names[v] = e.hold(t)
}

// emit writes the ONNX nodes of one operator.
func (e *encoder) emit(n *node) {
	switch n.op.kind {
	case kindInput, kindParam, kindState:
		return
	}
	e.now = n
	before := len(e.draft.nodes)
	if n.op.encode != nil {
		n.op.encode(e, n)
	} else {
		e.plain(n)
	}
	if n.op.eval != nil && len(e.draft.nodes) == before+1 {
		e.draft.nodes[before].eval = func(in []array) []array { return n.op.eval(n, in[:len(n.in)]) }
	}
}

// plain writes a node as the ONNX operator of its kind.
func (e *encoder) plain(n *node) {
	e.node(n.op.kind, e.inputsOf(n), e.outputsOf(n), n.op.attrs...)
}

func (e *encoder) inputsOf(n *node) []string {
	var ins []string
	for _, v := range n.in {
		ins = append(ins, e.name(v))
	}
	return ins
}

func (e *encoder) outputsOf(n *node) []string {
	var outs []string
	for i := range n.out {
		outs = append(outs, e.output(n, i))
	}
	return outs
}

// withInts writes a node whose further inputs are constant int64 lists.
func (e *encoder) withInts(n *node, lists ...[]int) {
	ins := e.inputsOf(n)
	for _, l := range lists {
		ins = append(ins, e.ints(l))
	}
	e.node(n.op.kind, ins, e.outputsOf(n), n.op.attrs...)
}

// longSum is the number of terms above which a sum over several axes is written
// axis by axis: ONNX Runtime adds one after the other, and over the 100,000
// positions of a volume that costs a digit.
const longSum = 4096

// reduce writes a reduction that keeps the axes.
func (e *encoder) reduce(kind string, n *node, axes []int) {
	in, count := e.inputsOf(n), 1
	for _, ax := range axes {
		count *= n.in[0].shape[ax]
	}
	for last := len(axes) - 1; last > 0 && count > longSum && kind != "ReduceMax"; last-- {
		part := []string{e.temp(n, "along"+strconv.Itoa(axes[last]))}
		e.reduceOnce(kind, in, part, axes[last:])
		in, axes = part, axes[:last]
	}
	e.reduceOnce(kind, in, e.outputsOf(n), axes)
}

// reduceOnce writes one node. ReduceSum takes the axes as an input since opset 13,
// the others since 18.
func (e *encoder) reduceOnce(kind string, in, out []string, axes []int) {
	if kind == "ReduceSum" || e.opset >= 18 {
		e.node(kind, append(in, e.ints(axes)), out, intAttr("keepdims", 1))
		return
	}
	e.node(kind, in, out, intsAttr("axes", axes), intAttr("keepdims", 1))
}

// name is the string of a value that is already written.
func (e *encoder) name(v *Value) string {
	if r := e.replaced[v]; r != nil {
		v = r
	}
	s, ok := e.names[v]
	if !ok {
		panic(fmt.Errorf("%v is used before it is made", v))
	}
	return s
}

// output declares an output of n.
func (e *encoder) output(n *node, i int) string {
	v := n.out[i]
	if _, ok := e.names[v]; !ok {
		e.names[v] = e.hold(e.draft.tensor(onnxFloat, v.shape))
	}
	return e.names[v]
}

// temp declares a tensor inside n, for which describe must have a rule. What it
// is, is said for the reader.
func (e *encoder) temp(n *node, what string) string {
	return e.hold(e.draft.tensor(onnxFloat, nil))
}

// node writes an ONNX node.
func (e *encoder) node(kind string, in, out []string, attrs ...attr) {
	n := &draftNode{kind: kind, scope: e.now.scope, attrs: attrs}
	for _, a := range attrs {
		if a.kind == attrGraph {
			n.body = a.body
		}
	}
	for _, id := range in {
		n.in = append(n.in, e.find(id))
	}
	for _, id := range out {
		t := e.find(id)
		t.maker = n
		n.out = append(n.out, t)
	}
	e.describe(n)
	e.draft.nodes = append(e.draft.nodes, n)
}

// describe completes the results of a node by its shape rule, and refuses a
// Value whose shape is not what the ONNX operator gives.
func (e *encoder) describe(n *draftNode) {
	rule, err := describe(n)
	if err != nil {
		panic(fmt.Errorf("%s: %w", e.now.op.kind, err))
	}
	for i, t := range n.out {
		switch {
		case rule == nil && t.shape == nil && !e.isOutput(t):
			panic(fmt.Errorf("%s writes the ONNX operator %s, which has no shape rule in shapes.go", e.now.op.kind, n.kind))
		case rule == nil:
		case e.isOutput(t) && !slices.Equal(t.shape, rule[i].shape):
			panic(fmt.Errorf("%s has shape %v, but its ONNX operator %s gives %v", e.now.op.kind, t.shape, n.kind, rule[i].shape))
		default:
			t.kind, t.shape = rule[i].kind, rule[i].shape
		}
	}
}

// isOutput says whether t is a value of the graph, whose shape is known.
func (e *encoder) isOutput(t *tensor) bool {
	for _, v := range e.now.out {
		if e.tensors[e.names[v]] == t {
			return true
		}
	}
	return false
}

// floats declares a constant float tensor, written once.
func (e *encoder) floats(shape []int, data []float32) string {
	return e.hold(e.draft.floats(shape, data, e.now.scope))
}

// ints declares a constant int64 list, written once.
func (e *encoder) ints(data []int) string {
	return e.hold(e.draft.ints(data, e.now.scope))
}
