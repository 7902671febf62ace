package graph

import (
	"fmt"
	"math"
	"slices"
)

// Free is a size of a model that is left open: a name for the file, such as
// "batch", and three sizes to build the graph at. They should be larger than one
// and unlike the graph's other sizes, so that nothing fits by chance.
type Free struct {
	Name  string
	Sizes [3]int
}

// ExportFree writes a model that takes any of the sizes named. build makes the graph
// for sizes in the order of free; it should set Graph.FreeBatch or FreeVolume.
//
// The graph is built at several sizes and the drafts are laid side by side: they
// must hold the same nodes. A size that differs between them is written as 0 or -1
// where ONNX offers that, else computed from the shapes of the inputs. Where a
// number, a parameter's shape or an attribute depends on the size, the model cannot
// be written, and the error says where.
func ExportFree(free []Free, build func(sizes []int) (*Graph, []Output), o EncodeOptions) (*Model, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	probes := probesOf(free)
	drafts := make([]*draft, len(probes))
	plain := o
	plain.Fold = false
	var m *Model
	var inner error
	err := Try(func() {
		for i, sizes := range probes {
			g, outs := build(sizes)
			drafts[i] = drawn(g, outs, plain, nil)
		}
		u := &unifier{free: free, probes: probes, known: map[string]*tensor{}}
		if inner = u.unify(drafts); inner != nil {
			return
		}
		d := drafts[0]
		d.nodes = append(u.sizes, d.nodes...)
		walks(d, o, freeRules(o))
		m, inner = newModel(d, o)
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return nil, fmt.Errorf("leave sizes open: %w", err)
	}
	return m, nil
}

// freeRules are the rules that look at no open size.
func freeRules(o EncodeOptions) []rule {
	rules := []rule{computedBefore}
	if o.Fold {
		rules = append(rules, foldRules()...)
	}
	return rules
}

// probesOf lists the sizes to build at: the first of each; the other two of one
// with the first of the rest; the second of all.
func probesOf(free []Free) [][]int {
	first, second := make([]int, len(free)), make([]int, len(free))
	for k, f := range free {
		first[k], second[k] = f.Sizes[0], f.Sizes[1]
	}
	probes := [][]int{first}
	for k, f := range free {
		for _, s := range f.Sizes[1:] {
			sizes := slices.Clone(first)
			sizes[k] = s
			probes = append(probes, sizes)
		}
	}
	return append(probes, second)
}

// unifier turns the first of several drafts into one for all sizes.
type unifier struct {
	free   []Free
	probes [][]int
	root   *draft
	known  map[string]*tensor // computed sizes, by what they are
	sizes  []*draftNode       // that compute them
	twins  []map[*tensor]*tensor
}

// unify compares the drafts and rewrites the first.
func (u *unifier) unify(drafts []*draft) error {
	u.root = drafts[0]
	for range drafts {
		u.twins = append(u.twins, map[*tensor]*tensor{})
	}
	return u.draft(drafts)
}

// draft unifies graphs, or the bodies of one Scan.
func (u *unifier) draft(drafts []*draft) error {
	d := drafts[0]
	for _, other := range drafts {
		if len(other.nodes) != len(d.nodes) || len(other.inputs) != len(d.inputs) || len(other.outputs) != len(d.outputs) {
			return fmt.Errorf("the graph has %d nodes at one size and %d at another", len(d.nodes), len(other.nodes))
		}
	}
	for i := range d.inputs {
		if err := u.match(drafts, func(x *draft) *tensor { return x.inputs[i] }, "an input"); err != nil {
			return err
		}
	}
	for i, n := range d.nodes {
		if err := u.node(drafts, i); err != nil {
			return fmt.Errorf("%s in scope %q: %w", n.kind, n.scope, err)
		}
	}
	return nil
}

// match declares tensors of the drafts to be one, and names its open sizes.
func (u *unifier) match(drafts []*draft, pick func(*draft) *tensor, what string) error {
	t := pick(drafts[0])
	values := make([][]int, len(t.shape))
	for p, d := range drafts {
		other := pick(d)
		if len(other.shape) != len(t.shape) || other.kind != t.kind {
			return fmt.Errorf("%s has %d axes at one size and %d at another", what, len(t.shape), len(other.shape))
		}
		u.twins[p][other] = t
		for i, n := range other.shape {
			values[i] = append(values[i], n)
		}
	}
	t.dims = make([]string, len(t.shape))
	for i := range t.dims {
		f, err := u.fit(values[i])
		if err != nil {
			return err
		}
		if !f.constant() {
			t.dims[i] = u.text(f)
		}
	}
	return nil
}

// node unifies the i-th nodes of the drafts.
func (u *unifier) node(drafts []*draft, i int) error {
	nodes := make([]*draftNode, len(drafts))
	for p, d := range drafts {
		nodes[p] = d.nodes[i]
	}
	n := nodes[0]
	for _, other := range nodes[1:] {
		if other.kind != n.kind || len(other.in) != len(n.in) || len(other.out) != len(n.out) {
			return fmt.Errorf("at another size there is the operator %s", other.kind)
		}
		for a := range n.attrs {
			if n.attrs[a].kind != attrGraph && !slices.Equal(n.attrs[a].encode(), other.attrs[a].encode()) {
				return fmt.Errorf("its attribute %s depends on the size", n.attrs[a].name)
			}
		}
	}
	if n.body != nil {
		bodies := make([]*draft, len(nodes))
		for p := range nodes {
			bodies[p] = nodes[p].body
		}
		if err := u.bodies(bodies); err != nil {
			return err
		}
	}
	for at := range n.in {
		if err := u.input(nodes, at); err != nil {
			return err
		}
	}
	for at := range n.out {
		if err := u.match(drafts, func(d *draft) *tensor { return d.nodes[i].out[at] }, "its result"); err != nil {
			return err
		}
	}
	return nil
}

// bodies unifies the bodies of a Scan.
func (u *unifier) bodies(bodies []*draft) error {
	if err := u.draft(bodies); err != nil {
		return err
	}
	for i, o := range bodies[0].outputs {
		for p, b := range bodies {
			if u.twin(p, b.outputs[i].from.real()) != o.from.real() {
				return fmt.Errorf("its body gives other tensors at another size")
			}
		}
	}
	return nil
}

// twin is the first draft's tensor for one of draft p; constants are their own.
func (u *unifier) twin(p int, t *tensor) *tensor {
	if t == nil || t.isConst() {
		return t
	}
	return u.twins[p][t]
}

// input unifies the inputs at one place of nodes that correspond.
func (u *unifier) input(nodes []*draftNode, at int) error {
	t := nodes[0].input(at)
	differ := false
	for p, n := range nodes {
		other := n.input(at)
		switch {
		case (t == nil) != (other == nil) || t.isConst() != other.isConst():
			return fmt.Errorf("its input %d is another at another size", at)
		case t == nil:
		case !t.isConst():
			if u.twin(p, other) != t {
				return fmt.Errorf("its input %d is another at another size", at)
			}
		case t.kind == onnxInt64:
			if len(other.value.ints) != len(t.value.ints) {
				return fmt.Errorf("its input %d is a list of another length at another size", at)
			}
			differ = differ || !slices.Equal(t.value.ints, other.value.ints)
		case t.value.weight && t.name != other.name || t.value.weight != other.value.weight || !slices.Equal(t.shape, other.shape):
			return fmt.Errorf("the constant %s has the shape %v, and %v at another size", t.name, t.shape, other.shape)
		case !t.value.weight && !slices.Equal(t.value.floats, other.value.floats):
			return fmt.Errorf("a constant of shape %v holds numbers that depend on the size", t.shape)
		}
	}
	if !differ {
		return nil
	}
	return u.list(nodes, at)
}

// list writes a list of sizes, input at of a node, for all sizes.
func (u *unifier) list(nodes []*draftNode, at int) error {
	n := nodes[0]
	forms := make([]form, len(n.input(at).value.ints))
	for j := range forms {
		values := make([]int, len(nodes))
		for p := range nodes {
			values[p] = nodes[p].input(at).value.ints[j]
		}
		f, err := u.fitOr(values, u.standIn(nodes, at, j, values))
		if err != nil {
			return err
		}
		forms[j] = f
	}
	if n.kind == "Reshape" {
		inferOne(forms)
	}
	n.in = slices.Clone(n.in)
	n.in[at] = u.compute(forms, n.scope)
	return nil
}

// beyond is a position behind the last of any axis.
const beyond = math.MaxInt32

// standIn is what ONNX takes for a size that it knows itself: 0 in a Reshape and 1
// in an Expand for the input's own size, positions from the end in a Slice. nil if
// it takes none.
func (u *unifier) standIn(nodes []*draftNode, at, j int, values []int) *int {
	axis, from := j, make([]int, len(nodes))
	if nodes[0].kind == "Slice" {
		axis = nodes[0].input(3).value.ints[j]
	}
	for p, n := range nodes {
		x := n.input(0).shape
		if nodes[0].kind == "Expand" { // aligned at the end
			axis = j - (len(n.input(at).value.ints) - len(x))
		}
		if axis < 0 || axis >= len(x) {
			return nil
		}
		from[p] = values[p] - x[axis]
	}
	if slices.Min(from) != slices.Max(from) {
		return nil
	}
	stand := 0
	switch {
	case nodes[0].kind == "Reshape" && from[0] == 0:
	case nodes[0].kind == "Expand" && from[0] == 0:
		stand = 1
	case nodes[0].kind == "Slice" && from[0] < 0:
		stand = from[0]
	case nodes[0].kind == "Slice" && at == 2 && from[0] == 0:
		stand = beyond
	default:
		return nil
	}
	return &stand
}

// inferOne lets a Reshape infer its one open size, if it is just one.
func inferOne(forms []form) {
	open := -1
	for j, f := range forms {
		if f.constant() {
			continue
		}
		if open >= 0 {
			return
		}
		open = j
	}
	if open >= 0 {
		forms[open] = form{plus: -1}
	}
}
