// Package graph builds ONNX graphs in Go: networks, their gradients and whole
// training steps, from one closed set of operators.
//
// A Graph collects the operators; a Value is one immutable tensor in it, with a
// shape known when it is made. Every operator is a free function that checks
// its shapes at the call (ShapeError, with the caller's file and line). For
// each operator one file holds, side by side, its forward shape rule, its ONNX
// encoding, its gradient rule (which emits operators of the same set) and a
// plain float64 reference evaluator, which the tests trust.
//
// All tensors are float32, row-major; images are (N, C, spatial...).
package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Graph owns the operators made on it. It is not safe for concurrent use.
type Graph struct {
	Name string
	// Training chooses the behaviour of dropout and batch normalisation.
	Training bool
	// FreeBatch and FreeVolume have operators choose forms that hold for every batch
	// size, and for every size of the spatial axes, for ExportFree. They cost speed
	// or a gradient.
	FreeBatch, FreeVolume bool

	nodes  []*node
	inputs []*Value // Input and Noise, in order of declaration
	noises []*Value
	params []*Param
	states []*Param
	names  map[string]bool   // of inputs, parameters and states
	next   map[*Value]*Value // value of a State after a training step
	scope  string
	label  string // of nodes, within the scope

	replaying bool // leaves are found again instead of made
	noiseNext int  // number of the next Noise
	frugal    bool // some of it is recomputed in training
}

// New gives an empty graph.
func New(name string) *Graph {
	return &Graph{Name: name, names: map[string]bool{}, next: map[*Value]*Value{}}
}

// Value is one tensor of a graph. It never changes.
type Value struct {
	node  *node
	index int // which output of the node
	shape []int
}

// Shape is the value's size along each axis.
func (v *Value) Shape() []int { return slices.Clone(v.shape) }

// Dim is the size along one axis; negative axes count from the end.
func (v *Value) Dim(axis int) int {
	if axis < 0 {
		axis += len(v.shape)
	}
	return v.shape[axis]
}

// Name is the name of an input, parameter or state; empty for all else.
func (v *Value) Name() string { return v.node.label }

// Rank is the number of axes.
func (v *Value) Rank() int { return len(v.shape) }

// Graph is the graph the value belongs to.
func (v *Value) Graph() *Graph { return v.node.graph }

// String says what the value is, for error messages.
func (v *Value) String() string {
	return fmt.Sprintf("%s%v", v.node.op.kind, v.shape)
}

// node is one application of an operator.
type node struct {
	graph *Graph
	id    int // inputs always have smaller ids
	op    *op
	in    []*Value
	out   []*Value
	scope string
	label string // name of an input, parameter or state
}

// op is an operator with its attributes bound.
type op struct {
	kind  string // ONNX operator name, also the readable part of node names
	alias bool   // the output is the first input under another name
	attrs []attr // ONNX attributes
	// encode writes the ONNX nodes; nil writes one node of this kind.
	encode func(e *encoder, n *node)
	// grad maps the gradients of the outputs (nil where none arrives) to the
	// gradients of the inputs (nil where none flows). A nil grad stops all.
	grad func(n *node, dy []*Value) []*Value
	// eval is the reference evaluator.
	eval func(n *node, in []array) []array
	// macs counts multiply-adds; zero counts one operation per output element.
	macs float64
}

// Kinds of nodes that compute nothing.
const (
	kindInput = "Input"
	kindParam = "Param"
	kindState = "State"
	kindConst = "Constant"
)

// apply adds a node with one output per shape.
func (g *Graph) apply(o *op, in []*Value, shapes ...[]int) []*Value {
	n := &node{graph: g, id: len(g.nodes), op: o, in: in, scope: strings.Trim(g.scope+"."+g.label, ".")}
	for i, s := range shapes {
		n.out = append(n.out, &Value{node: n, index: i, shape: slices.Clone(s)})
	}
	g.nodes = append(g.nodes, n)
	return n.out
}

// apply1 adds a node with one output.
func apply1(o *op, shape []int, in ...*Value) *Value {
	return in[0].node.graph.apply(o, in, shape)[0]
}

func (g *Graph) leaf(kind, name string, shape []int) *Value {
	for _, d := range shape {
		if d < 1 {
			fail(kind, fmt.Sprintf("%q has a size below 1", name), shape)
		}
	}
	if g.replaying {
		return g.find(kind, name, shape)
	}
	if g.names[name] {
		fail(kind, fmt.Sprintf("the name %q is taken", name), shape)
	}
	g.names[name] = true
	v := g.apply(&op{kind: kind}, nil, shape)[0]
	v.node.label = name
	return v
}

// Input declares a tensor that is fed at each run.
func (g *Graph) Input(name string, shape ...int) *Value {
	v := g.leaf(kindInput, name, shape)
	if !g.replaying {
		g.inputs = append(g.inputs, v)
	}
	return v
}

// Noise declares an input named noise_N that the trainer fills with uniform
// [0,1) numbers at each step.
func (g *Graph) Noise(shape ...int) *Value {
	v := g.Input(fmt.Sprintf("noise_%d", g.noiseNext), shape...)
	g.noiseNext++
	if !g.replaying {
		g.noises = append(g.noises, v)
	}
	return v
}

// Inputs lists the declared inputs, noise included, in order of declaration.
func (g *Graph) Inputs() []*Value { return slices.Clone(g.inputs) }

// Param is a trained tensor, or a state tensor kept between steps.
type Param struct {
	Name  string
	Shape []int
	Value *Value
	Init  Init
}

// Param declares a trained tensor named by the current scope and name.
func (g *Graph) Param(name string, shape []int, init Init) *Value {
	v := g.leaf(kindParam, g.fullName(name), shape)
	if !g.replaying {
		g.params = append(g.params, &Param{Name: v.node.label, Shape: v.Shape(), Value: v, Init: init})
	}
	return v
}

// State declares a tensor that training keeps but does not optimise, such as a
// running mean.
func (g *Graph) State(name string, shape []int, init Init) *Value {
	v := g.leaf(kindState, g.fullName(name), shape)
	if !g.replaying {
		g.states = append(g.states, &Param{Name: v.node.label, Shape: v.Shape(), Value: v, Init: init})
	}
	return v
}

// SetState gives the value that the state takes after a training step.
func (g *Graph) SetState(state, next *Value) {
	if state.node.op.kind != kindState || !slices.Equal(state.shape, next.shape) {
		fail("SetState", "wants a State value and a next value of its shape", state.shape, next.shape)
	}
	if !g.replaying {
		g.next[state] = next
	}
}

// NextState is the value that a State takes after a training step: the one that
// SetState gave, else the state itself.
func (g *Graph) NextState(state *Value) *Value {
	if next := g.next[state]; next != nil {
		return next
	}
	return state
}

// Params lists the trained tensors in order of declaration.
func (g *Graph) Params() []*Param { return slices.Clone(g.params) }

// States lists the state tensors in order of declaration.
func (g *Graph) States() []*Param { return slices.Clone(g.states) }

// ParamCount is the number of trained numbers.
func ParamCount(g *Graph) int {
	n := 0
	for _, p := range g.params {
		n += size(p.Shape)
	}
	return n
}

// Scope names what f builds: parameters become "outer.inner/name".
func (g *Graph) Scope(name string, f func()) {
	outer, label := g.scope, g.label
	g.scope, g.label = strings.TrimPrefix(outer+"."+name, "."), ""
	defer func() { g.scope, g.label = outer, label }()
	f()
}

// Label names the nodes of one value within the scope, as "scope.name/Conv_1", and
// leaves the names of parameters alone. The inner of two labels holds.
func (g *Graph) Label(name string, build func() *Value) *Value {
	outer := g.label
	g.label = name
	defer func() { g.label = outer }()
	return build()
}

func (g *Graph) fullName(name string) string {
	if g.scope == "" {
		return name
	}
	return g.scope + "/" + name
}

// Const is a tensor of fixed numbers.
func Const(g *Graph, shape []int, data []float32) *Value {
	if size(shape) != len(data) {
		fail(kindConst, fmt.Sprintf("got %d numbers", len(data)), shape)
	}
	data = slices.Clone(data)
	o := &op{kind: kindConst}
	o.encode = func(e *encoder, n *node) { e.names[n.out[0]] = e.floats(n.out[0].shape, data) }
	o.eval = func(*node, []array) []array { return []array{fromFloat32(shape, data)} }
	return g.apply(o, nil, shape)[0]
}

// Scalar is a constant without axes; it broadcasts against everything.
func Scalar(g *Graph, x float64) *Value { return Const(g, nil, []float32{float32(x)}) }

// Filled is a constant tensor of one number.
func Filled(g *Graph, x float64, shape ...int) *Value {
	if len(shape) == 0 {
		return Scalar(g, x)
	}
	return Expand(Scalar(g, x), shape...)
}

// StopGradient passes a on and stops the gradient.
func StopGradient(a *Value) *Value {
	return apply1(aliasOp("StopGradient", nil), a.shape, a)
}

// withGradient passes y on; its gradient goes to wrt by rule instead of through
// the operators that made y. It carries closed-form gradients of compositions.
func withGradient(kind string, y *Value, wrt []*Value, rule func(dy *Value) []*Value) *Value {
	grad := func(_ *node, dy []*Value) []*Value {
		return append([]*Value{nil}, rule(dy[0])...)
	}
	return apply1(aliasOp(kind, grad), y.shape, append([]*Value{y}, wrt...)...)
}

// made is the value that v is another name of: v itself unless v is an alias.
func (v *Value) made() *Value {
	for v.node.op.alias {
		v = v.node.in[0]
	}
	return v
}

// aliasOp is an operator whose output is its first input under another name;
// it leaves no trace in the ONNX file.
func aliasOp(kind string, grad func(*node, []*Value) []*Value) *op {
	return &op{
		kind:   kind,
		alias:  true,
		encode: func(e *encoder, n *node) { e.names[n.out[0]] = e.name(n.in[0]) },
		grad:   grad,
		eval:   func(_ *node, in []array) []array { return in[:1] },
	}
}
