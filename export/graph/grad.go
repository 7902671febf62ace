package graph

import "slices"

// Grad gives the gradients of a loss with one element. A value that the loss
// does not depend on gets zeros.
func Grad(loss *Value, wrt ...*Value) []*Value {
	if size(loss.shape) != 1 {
		fail("Grad", "wants a loss of one element", loss.shape)
	}
	return pullBack(loss, Filled(loss.Graph(), 1, loss.shape...), wrt, 0)
}

// pullBack carries the gradient dy of y back to wrt, through the nodes from
// number first on.
func pullBack(y, dy *Value, wrt []*Value, first int) []*Value {
	g := y.Graph()
	b := &backward{graph: g, dy: map[*Value]*Value{y: dy}, wanted: map[*node]bool{}}
	nodes := g.nodes[first : y.node.id+1]
	b.want(nodes, wrt)
	outer, label := g.scope, g.label
	g.label = ""
	defer func() { g.scope, g.label = outer, label }()
	for i := len(nodes) - 1; i >= 0; i-- {
		if b.wanted[nodes[i]] {
			b.step(nodes[i])
		}
	}
	out := make([]*Value, len(wrt))
	for i, v := range wrt {
		if out[i] = b.dy[v]; out[i] == nil {
			out[i] = Filled(g, 0, v.shape...)
		}
	}
	return out
}

// backward is one walk from the loss to the leaves.
type backward struct {
	graph  *Graph
	dy     map[*Value]*Value
	wanted map[*node]bool // the wanted values' nodes and all that depend on them
}

// want marks the nodes that depend on wrt.
func (b *backward) want(nodes []*node, wrt []*Value) {
	for _, v := range wrt {
		b.wanted[v.node] = true
	}
	for _, n := range nodes {
		if slices.ContainsFunc(n.in, func(v *Value) bool { return b.wanted[v.node] }) {
			b.wanted[n] = true
		}
	}
}

// step hands the gradient of one node's outputs to its inputs.
func (b *backward) step(n *node) {
	dy := make([]*Value, len(n.out))
	arrived := false
	for i, v := range n.out {
		dy[i] = b.dy[v]
		arrived = arrived || dy[i] != nil
	}
	if !arrived || n.op.grad == nil {
		return
	}
	b.graph.scope = gradScope(n.scope)
	for i, d := range n.op.grad(n, dy) {
		v := n.in[i]
		if d == nil || !b.wanted[v.node] {
			continue
		}
		if !slices.Equal(d.shape, v.shape) {
			d = full(d, v.shape)
		}
		if old := b.dy[v]; old != nil {
			d = Add(old, d)
		}
		b.dy[v] = d
	}
}

func gradScope(scope string) string {
	if scope == "" {
		return "grad"
	}
	return "grad." + scope
}
