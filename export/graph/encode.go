package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
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

// Encode writes the part of g that the outputs need as an ONNX model. All
// declared inputs stay inputs, needed or not. The same graph gives the same
// bytes.
func Encode(g *Graph, outputs []Output, o EncodeOptions) ([]byte, error) {
	return encodeModel(g, outputs, o, nil)
}

// encodeModel writes the model with some values replaced by others.
func encodeModel(g *Graph, outputs []Output, o EncodeOptions, replaced map[*Value]*Value) (model []byte, err error) {
	if o.Opset == 0 {
		o.Opset = DefaultOpset
	}
	if o.Opset < 17 || o.Opset > 20 {
		return nil, fmt.Errorf("encode %s: opset %d is outside 17..20", g.Name, o.Opset)
	}
	e := &encoder{opset: o.Opset, replaced: replaced, names: map[*Value]string{}, taken: map[string]bool{}, initializers: map[string]string{}}
	err = Try(func() {
		outs := e.outputs(g, outputs)
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
		e.finish(outs)
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", g.Name, err)
	}
	return e.model(g.Name, o), nil
}

// outputs checks the names and gives each output at least one axis.
func (e *encoder) outputs(g *Graph, outputs []Output) []Output {
	outs := slices.Clone(outputs)
	seen := map[string]bool{}
	for i, out := range outs {
		if out.Name == "" || seen[out.Name] || g.names[out.Name] {
			panic(fmt.Errorf("the output name %q is empty or taken", out.Name))
		}
		if out.Value == nil || out.Value.Graph() != g {
			panic(fmt.Errorf("the output %q belongs to another graph", out.Name))
		}
		seen[out.Name], e.taken[out.Name] = true, true
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

// encoder writes one model.
type encoder struct {
	opset        int
	replaced     map[*Value]*Value
	names        map[*Value]string
	taken        map[string]bool
	initializers map[string]string // content -> name, to write each constant once
	inits        []message
	inputs       []message
	results      []message
	nodes        []message
	prefix       string          // of the names inside a Scan's body
	consumed     map[*Value]bool // values that some node or output needs
}

// leaves names inputs, parameters and states.
func (e *encoder) leaves(g *Graph, live []*node, w Weights) {
	for name := range g.names {
		e.taken[name] = true
	}
	for _, v := range g.inputs {
		e.names[v] = v.node.label
		e.inputs = append(e.inputs, valueInfo(v.node.label, v.shape))
	}
	for _, n := range live {
		if n.op.kind != kindParam && n.op.kind != kindState {
			continue
		}
		v := n.out[0]
		if e.replaced[v] != nil {
			continue
		}
		e.names[v] = n.label
		if w == nil {
			e.inputs = append(e.inputs, valueInfo(n.label, v.shape))
			continue
		}
		data, ok := w[n.label]
		if !ok || len(data) != size(v.shape) {
			panic(fmt.Errorf("the weights hold %d numbers for %s, which needs %d", len(data), n.label, size(v.shape)))
		}
		e.inits = append(e.inits, tensorProto(n.label, onnxFloat, v.shape, rawFloats(data)))
	}
}

// emit writes the ONNX nodes of one operator.
func (e *encoder) emit(n *node) {
	switch n.op.kind {
	case kindInput, kindParam, kindState:
		return
	}
	if n.op.encode != nil {
		n.op.encode(e, n)
		return
	}
	e.plain(n)
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

// reduce writes a reduction that keeps the axes. ReduceSum takes the axes as an
// input since opset 13, the others since 18.
func (e *encoder) reduce(kind string, n *node, axes []int) {
	in, out := e.inputsOf(n), e.outputsOf(n)
	if kind == "ReduceSum" || e.opset >= 18 {
		e.node(kind, append(in, e.ints(axes)), out, intAttr("keepdims", 1))
		return
	}
	e.node(kind, in, out, intsAttr("axes", axes), intAttr("keepdims", 1))
}

// name is the ONNX name of a value that is already written.
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

// output names an output of n, readably: scope, operator, number.
func (e *encoder) output(n *node, i int) string {
	v := n.out[i]
	if s, ok := e.names[v]; ok {
		return s
	}
	s := e.temp(n, "")
	if i > 0 {
		s = e.temp(n, fmt.Sprint(i))
	}
	e.names[v] = s
	return s
}

// temp makes an unused name for a tensor inside n.
func (e *encoder) temp(n *node, what string) string {
	s := fmt.Sprintf("%s%s_%d", e.prefix, n.op.kind, n.id)
	if n.scope != "" {
		s = n.scope + "/" + s
	}
	if what != "" {
		s += "." + what
	}
	for e.taken[s] {
		s += "'"
	}
	e.taken[s] = true
	return s
}

// node writes a NodeProto named after its first output.
func (e *encoder) node(kind string, in, out []string, attrs ...attr) {
	var m message
	for _, s := range in {
		m.text(1, s)
	}
	for _, s := range out {
		m.text(2, s)
	}
	m.text(3, out[0])
	m.text(4, kind)
	for _, a := range attrs {
		m.bytes(5, a.encode())
	}
	e.nodes = append(e.nodes, m)
}

// constPrefix begins the names of fixed tensors, which are not weights.
const constPrefix = "const/"

// floats names a constant float tensor, written once.
func (e *encoder) floats(shape []int, data []float32) string {
	return e.constant(onnxFloat, shape, rawFloats(data))
}

// ints names a constant int64 list, written once.
func (e *encoder) ints(data []int) string {
	return e.constant(onnxInt64, []int{len(data)}, rawInts(data))
}

func (e *encoder) constant(kind int, shape []int, raw []byte) string {
	key := fmt.Sprint(kind, shape) + string(raw)
	if name, ok := e.initializers[key]; ok {
		return name
	}
	name := fmt.Sprintf("%s%slist%d", constPrefix, e.prefix, len(e.initializers))
	if len(raw) == 4 && kind == onnxFloat {
		name = fmt.Sprintf("%s%s%g", constPrefix, e.prefix, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		name += strings.Repeat("_", len(shape))
	}
	e.initializers[key] = name
	e.inits = append(e.inits, tensorProto(name, kind, shape, raw))
	return name
}

// finish names the outputs, by Identity so that one value may leave twice.
func (e *encoder) finish(outs []Output) {
	for _, out := range outs {
		e.node("Identity", []string{e.name(out.Value)}, []string{out.Name})
		e.results = append(e.results, valueInfo(out.Name, out.Value.shape))
	}
}

// graphProto writes what was collected.
func (e *encoder) graphProto(name string) message {
	var m message
	for _, n := range e.nodes {
		m.bytes(1, n)
	}
	m.text(2, name)
	for _, t := range e.inits {
		m.bytes(5, t)
	}
	for _, v := range e.inputs {
		m.bytes(11, v)
	}
	for _, v := range e.results {
		m.bytes(12, v)
	}
	return m
}

func (e *encoder) model(name string, o EncodeOptions) []byte {
	var m, opset message
	opset.text(1, "")
	opset.integer(2, o.Opset)
	m.integer(1, irVersion(o.Opset))
	m.text(2, "columna")
	m.bytes(7, e.graphProto(name))
	m.bytes(8, opset)
	keys := make([]string, 0, len(o.Doc))
	for k := range o.Doc {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		var p message
		p.text(1, k)
		p.text(2, o.Doc[k])
		m.bytes(14, p)
	}
	return m
}
