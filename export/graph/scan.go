package graph

import (
	"fmt"
	"slices"
)

// SelectiveScan is Mamba's recurrence (Gu and Dao 2023, eq. 2) along axis 1:
//
//	h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t
//	y_t = sum over states of C_t h_t, plus D u_t
//
// u and delta are (N,L,E), A is (E,S) and negative, B and C are (N,L,S), D is
// (E); the result is (N,L,E).
func SelectiveScan(u, delta, A, B, C, D *Value) *Value {
	return selectiveScan(u, delta, A, B, C, D, false)
}

// SelectiveScanReverse runs the recurrence from the last position to the first.
func SelectiveScanReverse(u, delta, A, B, C, D *Value) *Value {
	return selectiveScan(u, delta, A, B, C, D, true)
}

func selectiveScan(u, delta, A, B, C, D *Value, reverse bool) *Value {
	if len(u.shape) != 3 || len(A.shape) != 2 {
		fail("SelectiveScan", "wants u (N,L,E) and A (E,S)", u.shape, A.shape)
	}
	n, l, e, s := u.shape[0], u.shape[1], u.shape[2], A.shape[1]
	if !same(delta, n, l, e) || !same(A, e, s) || !same(B, n, l, s) || !same(C, n, l, s) || !same(D, e) {
		fail("SelectiveScan", "wants u (N,L,E), delta (N,L,E), A (E,S), B (N,L,S), C (N,L,S), D (E)",
			u.shape, delta.shape, A.shape, B.shape, C.shape, D.shape)
	}
	y := scanTimeMajor(timeMajor(u), timeMajor(delta), A, timeMajor(B), timeMajor(C), D, reverse)
	return Transpose(y, 2, 0, 1)
}

// timeMajor brings (N,L,F) to (L,F,N).
func timeMajor(x *Value) *Value { return Transpose(x, 1, 2, 0) }

// SelectiveScanTimeMajor is SelectiveScan in the layout that it computes in: u and
// delta are (L,E,N), B and C are (L,S,N), the result is (L,E,N). With the many
// lines innermost every broadcast has long runs, and each step's tensors fit the
// cache.
func SelectiveScanTimeMajor(u, delta, A, B, C, D *Value) *Value {
	if len(u.shape) != 3 || len(A.shape) != 2 {
		fail("SelectiveScanTimeMajor", "wants u (L,E,N) and A (E,S)", u.shape, A.shape)
	}
	l, e, n, s := u.shape[0], u.shape[1], u.shape[2], A.shape[1]
	if !same(delta, l, e, n) || !same(A, e, s) || !same(B, l, s, n) || !same(C, l, s, n) || !same(D, e) {
		fail("SelectiveScanTimeMajor", "wants u (L,E,N), delta (L,E,N), A (E,S), B (L,S,N), C (L,S,N), D (E)",
			u.shape, delta.shape, A.shape, B.shape, C.shape, D.shape)
	}
	return scanTimeMajor(u, delta, A, B, C, D, false)
}

func scanTimeMajor(u, delta, A, B, C, D *Value, reverse bool) *Value {
	e, n, s := u.shape[1], u.shape[2], A.shape[1]
	a := Reshape(Transpose(A, 1, 0), s, e, 1)
	start := Filled(u.Graph(), 0, s, e, n)
	outs := scan(scanForward(s, e, n), reverse, []*Value{start}, []*Value{delta, u, B, C}, []*Value{a})
	y, before := outs[1], outs[2]
	y = withGradient("SelectiveScan", y, []*Value{delta, u, a, B, C}, func(dy *Value) []*Value {
		g := u.Graph()
		state := []*Value{Filled(g, 0, s, e, n), Filled(g, 0, s, e, 1)}
		outs := scan(scanBackward(s, e, n), !reverse, state, []*Value{dy, delta, u, B, C, before}, []*Value{a})
		return []*Value{outs[2], outs[3], outs[1], outs[4], outs[5]}
	})
	return Add(y, Mul(u, Reshape(D, e, 1)))
}

func same(v *Value, shape ...int) bool {
	return slices.Equal(v.shape, shape)
}

// scanForward is one step: the state h (S,E,N) in and out, then y (E,N) and the
// state before the step, which the backward needs.
func scanForward(s, e, n int) *body {
	b := newBody("scan")
	h := b.input("h", s, e, n)
	dt, u, bt, ct := b.input("dt", e, n), b.input("u", e, n), b.input("b", s, n), b.input("c", s, n)
	a := b.input("a", s, e, 1)
	kept := Mul(Exp(Mul(dt, a)), h)
	next := Add(kept, Mul(Mul(dt, u), Unsqueeze(bt, 1)))
	y := ReduceSum(Mul(next, Unsqueeze(ct, 1)), false, 0)
	b.outputs = []*Value{next, y, h}
	return b
}

// scanBackward is one step back: the state's gradient (S,E,N) and A's (S,E,1)
// in and out, then the gradients of delta, u (E,N), B and C (S,N).
func scanBackward(s, e, n int) *body {
	b := newBody("scan_back")
	carried, da := b.input("dh", s, e, n), b.input("da", s, e, 1)
	dy, dt, u := b.input("dy", e, n), b.input("dt", e, n), b.input("u", e, n)
	bt, ct := Unsqueeze(b.input("b", s, n), 1), Unsqueeze(b.input("c", s, n), 1)
	before := b.input("before", s, e, n)
	a := b.input("a", s, e, 1)

	decay := Exp(Mul(dt, a))
	kept := Mul(decay, before)
	dtu := Mul(dt, u)
	h := Add(kept, Mul(dtu, bt))
	dh := Add(carried, Mul(dy, ct))
	dc := ReduceSum(Mul(h, dy), false, 1)
	db := ReduceSum(Mul(dh, dtu), false, 1)
	ddtu := ReduceSum(Mul(dh, bt), false, 0)
	dexp := Mul(dh, kept) // gradient of the exponent delta * A
	ddt := Add(ReduceSum(Mul(dexp, a), false, 0), Mul(ddtu, u))
	daNext := Add(da, ReduceSum(Mul(dexp, dt), true, 2))
	b.outputs = []*Value{Mul(dh, decay), daNext, ddt, Mul(ddtu, dt), db, dc}
	return b
}

// body is the subgraph of an ONNX Scan. Its inputs are the states, then one
// slice of each scanned value, then the captured values of the outer graph.
type body struct {
	graph   *Graph
	inputs  []*Value
	outputs []*Value // next states, then one slice of each scanned output
}

func newBody(name string) *body { return &body{graph: New(name)} }

func (b *body) input(name string, shape ...int) *Value {
	v := b.graph.Input(name, shape...)
	b.inputs = append(b.inputs, v)
	return v
}

// scan runs a body along axis 0 of the scanned values and gives the last states
// and the stacked outputs. It has no gradient of its own.
func scan(b *body, reverse bool, states, scanned, captured []*Value) []*Value {
	length := scanned[0].shape[0]
	var shapes [][]int
	for i, v := range b.outputs {
		shape := v.Shape()
		if i >= len(states) {
			shape = join([]int{length}, shape)
		}
		shapes = append(shapes, shape)
	}
	s := &scanOp{body: b, reverse: reverse, states: len(states), scanned: len(scanned)}
	o := &op{kind: "Scan", encode: s.encode, eval: s.eval, macs: FLOPs(b.outputs...) * float64(length) / 2}
	in := append(append(append([]*Value{}, states...), scanned...), captured...)
	return scanned[0].node.graph.apply(o, in, shapes...)
}

type scanOp struct {
	body            *body
	reverse         bool
	states, scanned int
}

// encode writes the Scan with its body; stacked outputs nobody needs are left
// out, so that inference does not keep all states.
func (s *scanOp) encode(e *encoder, n *node) {
	var outs []string
	var kept []*Value
	for i := range n.out {
		if i < s.states || e.used(n.out[i]) {
			outs = append(outs, e.output(n, i))
			kept = append(kept, s.body.outputs[i])
		}
	}
	fed := s.states + s.scanned
	stacked := len(kept) - s.states
	e.node("Scan", e.inputsOf(n)[:fed], outs,
		graphAttr("body", s.encodeBody(e, n, kept)),
		intAttr("num_scan_inputs", s.scanned),
		intsAttr("scan_input_directions", repeat(toInt(s.reverse), s.scanned)),
		intsAttr("scan_output_directions", repeat(toInt(s.reverse), stacked)))
}

// encodeBody drafts the body with the outputs that are kept.
func (s *scanOp) encodeBody(outer *encoder, n *node, outs []*Value) *draft {
	e := newEncoder(s.body.graph.Name, outer.opset, outer.draft.count)
	e.outer = outer
	live := reachable(outs, nil)
	e.consumed = consumed(live, outs, nil)
	fed := s.states + s.scanned
	for i, v := range s.body.inputs {
		if i >= fed {
			e.names[v] = outer.name(n.in[i])
			continue
		}
		e.feed(v, v.node.label)
	}
	for _, inner := range live {
		e.emit(inner)
	}
	for i, v := range outs {
		e.draft.outputs = append(e.draft.outputs, draftOutput{fmt.Sprintf("out_%d", i), e.find(e.name(v))})
	}
	return e.draft
}

func (s *scanOp) eval(n *node, in []array) []array {
	length := in[s.states].shape[0]
	outs := make([]array, len(n.out))
	for i, v := range n.out {
		outs[i] = newArray(v.shape)
	}
	states := in[:s.states]
	for step := range length {
		t := step
		if s.reverse {
			t = length - 1 - step
		}
		feed := map[string]array{}
		for i, v := range s.body.inputs {
			switch {
			case i < s.states:
				feed[v.node.label] = states[i]
			case i < s.states+s.scanned:
				feed[v.node.label] = in[i].row(t)
			default:
				feed[v.node.label] = in[i]
			}
		}
		results := evaluate(s.body.outputs, func(label string, _ []int) array { return feed[label] })
		states = results[:s.states]
		for i := s.states; i < len(outs); i++ {
			copy(outs[i].row(t).data, results[i].data)
		}
	}
	copy(outs, states)
	return outs
}

// row is the part of a at index t of axis 0, sharing its data.
func (a array) row(t int) array {
	n := size(a.shape[1:])
	return array{shape: a.shape[1:], data: a.data[t*n : (t+1)*n]}
}
