package graph

import (
	"fmt"
	"slices"
)

// Recompute gives f(x), and in training keeps none of the values inside f for
// the backward: they are computed again when the gradient arrives (Chen et al.
// 2016, "Training deep nets with sublinear memory cost"). It trades one more
// forward of f for the memory of all its activations.
//
// f must build the same nodes each time from x, parameters, states and constants
// alone; whatever else it reads must be among x.
func Recompute(x []*Value, f func(x []*Value) *Value) *Value {
	g := x[0].Graph()
	first, noise, scope := len(g.nodes), g.noiseNext, g.scope
	y := f(x)
	if !g.Training || y.node.id < first {
		return y
	}
	g.frugal = true
	wrt := append(slices.Clone(x), g.captured(first, x)...)
	return withGradient("Recompute", y, wrt, func(dy *Value) []*Value {
		dy = full(dy, y.shape)
		again := slices.Clone(wrt)
		for i, v := range x {
			again[i] = after(v, dy)
		}
		start := len(g.nodes)
		var replayed *Value
		g.replay(scope, noise, func() { replayed = f(again[:len(x)]) })
		return pullBack(replayed, dy, again, start)
	})
}

// captured lists the parameters that the nodes from first on use, and refuses
// values made outside.
func (g *Graph) captured(first int, x []*Value) []*Value {
	known := map[*Value]bool{}
	for _, v := range x {
		sameNumbers(v, known)
	}
	var params []*Value
	for _, n := range g.nodes[first:] {
		for _, v := range n.in {
			switch kind := v.node.op.kind; {
			case kind == kindParam:
				if !slices.Contains(params, v) {
					params = append(params, v)
				}
			case v.node.id < first && kind != kindState && kind != kindConst && kind != kindInput && !known[v]:
				fail("Recompute", fmt.Sprintf("the function reads %v, which is not among its arguments", v), v.shape)
			}
		}
	}
	return params
}

// sameNumbers adds v and the values that it is another layout of: operators that
// change the layout are merged, and then read those.
func sameNumbers(v *Value, known map[*Value]bool) {
	for {
		known[v] = true
		switch v.node.op.kind {
		case "Reshape", "Transpose", "Expand":
		default:
			if !v.node.op.alias {
				return
			}
		}
		v = v.node.in[0]
	}
}

// replay runs f with the leaves that it made the first time.
func (g *Graph) replay(scope string, noise int, f func()) {
	wasReplaying, wasNoise, wasScope := g.replaying, g.noiseNext, g.scope
	g.replaying, g.noiseNext, g.scope = true, noise, scope
	defer func() { g.replaying, g.noiseNext, g.scope = wasReplaying, wasNoise, wasScope }()
	f()
}

// find is the leaf that was declared under a name.
func (g *Graph) find(kind, name string, shape []int) *Value {
	for _, n := range g.nodes {
		if n.label == name && n.op.kind == kind && slices.Equal(n.out[0].shape, shape) {
			return n.out[0]
		}
	}
	fail(kind, fmt.Sprintf("%q was not declared the first time", name), shape)
	return nil
}

// after is v, computed no sooner than dy: a runtime that merges equal nodes or
// runs them as soon as it can would keep what Recompute is to forget.
func after(v, dy *Value) *Value {
	first := dy
	for ax := range dy.shape {
		first = Slice(first, ax, 0, 1)
	}
	return Add(v, MulScalar(Reshape(first), 0))
}
