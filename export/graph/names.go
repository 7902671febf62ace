package graph

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of nodes and tensors tell where they belong: "see.t1.stage2/Conv_3" is
// the third Conv of that scope, counted there alone, so that a change elsewhere
// leaves it as it is. A node's first result has the node's name. Inputs, weights
// and outputs keep the names they were given; other constants begin with
// constPrefix.

// constPrefix begins the names of fixed tensors, which are not weights.
const constPrefix = "const/"

// namer hands out the names of one model, its bodies included.
type namer struct {
	taken map[string]bool
	last  map[string]int // number last used, by scope and operator
}

// nameAll names everything in a model.
func nameAll(d *draft) {
	n := &namer{taken: map[string]bool{}, last: map[string]int{}}
	n.reserve(d)
	n.draft(d, "")
}

// reserve keeps the names that are given.
func (n *namer) reserve(d *draft) {
	for _, t := range d.inputs {
		n.taken[t.name] = true
	}
	for _, o := range d.outputs {
		n.taken[o.name] = true
	}
	for _, t := range d.initializers() {
		if t.name != "" {
			n.taken[t.name] = true
		}
	}
}

// draft names a graph inside a scope: "" or the name of the Scan around it.
func (n *namer) draft(d *draft, inside string) {
	if inside != "" {
		for _, t := range d.inputs {
			t.name = n.free(inside + "/" + t.name)
		}
		for i := range d.outputs {
			d.outputs[i].name = n.free(inside + "/" + d.outputs[i].name)
		}
	}
	n.results(d)
	for _, t := range d.initializers() {
		if t.name == "" {
			t.name = n.constant(t, inside)
		}
	}
	for _, node := range d.nodes {
		scope := node.scope
		if inside != "" {
			scope = inside
		}
		node.name = n.numbered(scope, node.kind)
		for i, t := range node.out {
			switch {
			case t.name != "":
			case i == 0:
				t.name = node.name
			default:
				t.name = n.free(fmt.Sprintf("%s.%d", node.name, i))
			}
		}
		if node.body != nil {
			n.draft(node.body, node.name)
		}
	}
}

// results names the tensors that leave the graph. One that is an input or a
// constant, or leaves twice, leaves through an Identity.
func (n *namer) results(d *draft) {
	for i, o := range d.outputs {
		t := o.from.real()
		if t.name != "" || t.maker == nil || t.owner != d {
			t = d.add(&draftNode{kind: "Identity", in: []*tensor{t}}, t.kind, t.shape).out[0]
			t.dims = o.from.real().dims
		}
		t.name = o.name
		d.outputs[i].from = t
	}
}

// numbered is the next name of an operator in a scope.
func (n *namer) numbered(scope, kind string) string {
	key := strings.TrimPrefix(scope+"/"+kind, "/")
	n.last[key]++
	return n.free(key + "_" + strconv.Itoa(n.last[key]))
}

// free is name, or name with strokes if that is taken.
func (n *namer) free(name string) string {
	for n.taken[name] {
		name += "'"
	}
	n.taken[name] = true
	return name
}

// constant names a short constant by its numbers, another by its scope.
func (n *namer) constant(t *tensor, inside string) string {
	prefix := constPrefix
	if inside != "" {
		prefix += inside + "/"
	}
	if t.kind == onnxInt64 {
		return n.free(prefix + strings.ReplaceAll(fmt.Sprint(t.value.ints), " ", ","))
	}
	if len(t.value.floats) == 1 {
		return n.free(prefix + strconv.FormatFloat(float64(t.value.floats[0]), 'g', -1, 32) + strings.Repeat("_", len(t.shape)))
	}
	what := t.value.what
	if what == "" {
		what = "tensor"
	}
	if inside == "" {
		prefix += t.value.scope
	}
	return n.numbered(strings.TrimSuffix(prefix, "/"), what)
}
