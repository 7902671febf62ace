package graph

import (
	"fmt"
	"math"
)

// ONNX Runtime plans its buffers before it runs: a tensor whose shape it knows
// takes the buffer of an earlier one of that shape, which in between is not given
// back. A training step with many shapes so holds the most that each shape ever
// needs, all at once: two to three times what is alive at any moment. A lean model
// therefore hides the shapes of what lies between its inputs and outputs: every
// Reshape and Expand takes its target from a sum with zeros that come to be only at run
// time. The runtime then gives each tensor back after its last reader.

// The runtime still looks for a buffer for each tensor whose number of axes it can
// tell, among all that were given back: the time to load a model grows with the
// square of its nodes. leanNodes takes a second, 12,000 nodes take ten.
const (
	leanNodes   = 4000
	leanNumbers = 50e6 // that pass through the nodes: 200 MB
)

// leanPays says whether a draft is large in memory and small in nodes.
func (d *draft) leanPays() bool {
	numbers := 0
	for _, n := range d.nodes {
		for _, t := range n.out {
			numbers += size(t.shape)
		}
	}
	return len(d.nodes) <= leanNodes && numbers >= leanNumbers
}

// lean hides the shapes of a draft that is otherwise ready to be written.
func (d *draft) lean() error {
	old := d.nodes
	d.nodes = nil
	h := &hider{d: d, hidden: map[*tensor]*tensor{}}
	if err := h.begin(); err != nil {
		return err
	}
	for _, t := range d.inputs {
		if size(t.shape) > 1 {
			h.entry(t, old)
		}
	}
	for _, n := range old {
		if (n.kind == "Reshape" || n.kind == "Expand") && n.input(1).isConst() {
			n.in[1] = h.target(n.input(1))
		}
		if n.body != nil {
			n.body.hidden, n.body.within = true, true
		}
		d.nodes = append(d.nodes, n)
	}
	d.hidden = true
	return nil
}

// hider hides the shapes of one draft.
type hider struct {
	d      *draft
	zero   *tensor             // (1) int64, 0 whatever the inputs are
	hidden map[*tensor]*tensor // lists by their hidden twins
}

// begin makes the zero from the smallest input of numbers.
func (h *hider) begin() error {
	var least *tensor
	for _, t := range h.d.inputs {
		if t.kind == onnxFloat && size(t.shape) > 0 && (least == nil || size(t.shape) < size(least.shape)) {
			least = t
		}
	}
	switch {
	case least == nil:
		return fmt.Errorf("a lean model needs an input of numbers")
	case size(least.shape) > 1:
		row := h.node("Reshape", onnxFloat, []int{size(least.shape)}, []*tensor{least, h.d.ints([]int{-1}, "")})
		least = h.node("Gather", onnxFloat, []int{1}, []*tensor{row, h.d.ints([]int{0}, "")}, intAttr("axis", 0))
	}
	h.zeros(least)
	return nil
}

// zeros asks whether a number exceeds infinity, which none does. The last Reshape
// gives the answer a shape that the runtime does not know either.
func (h *hider) zeros(x *tensor) {
	above := h.node("Greater", onnxBool, x.shape, []*tensor{x, h.d.floats(nil, []float32{float32(math.Inf(1))}, "")})
	zero := h.node("Cast", onnxInt64, x.shape, []*tensor{above}, intAttr("to", onnxInt64))
	ones := h.d.ints([]int{1}, "")
	zero = h.node("Reshape", onnxInt64, []int{1}, []*tensor{zero, ones})
	one := h.node("Add", onnxInt64, []int{1}, []*tensor{zero, ones})
	h.zero = h.node("Reshape", onnxInt64, []int{1}, []*tensor{zero, one})
}

// target is a list of sizes that is known only at run time.
func (h *hider) target(list *tensor) *tensor {
	if h.hidden[list] == nil {
		h.hidden[list] = h.node("Add", onnxInt64, list.shape, []*tensor{list, h.zero})
	}
	return h.hidden[list]
}

// entry hides the shape of an input from the nodes that read it.
func (h *hider) entry(t *tensor, nodes []*draftNode) {
	hidden := h.node("Reshape", t.kind, t.shape, []*tensor{t, h.target(h.d.ints(t.shape, ""))})
	for _, n := range nodes {
		for i := range n.in {
			if n.input(i) == t {
				n.in[i] = hidden
			}
		}
	}
}

func (h *hider) node(kind string, result int, shape []int, in []*tensor, attrs ...attr) *tensor {
	return h.d.add(&draftNode{kind: kind, scope: "lean", in: in, attrs: attrs}, result, shape).out[0]
}
