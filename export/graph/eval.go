package graph

import "fmt"

// Eval computes the outputs with the reference evaluator: float64 inside, slow
// and plain. Inputs come from feed, parameters and states from w.
func Eval(outputs []*Value, feed map[string][]float32, w Weights) [][]float32 {
	out := make([][]float32, len(outputs))
	for i, a := range evaluate(outputs, func(label string, shape []int) array {
		data, ok := feed[label]
		if !ok {
			data = w[label]
		}
		if len(data) != size(shape) {
			panic(fmt.Errorf("graph.Eval: %d numbers for %s, which needs %d", len(data), label, size(shape)))
		}
		return fromFloat32(shape, data)
	}) {
		out[i] = a.float32()
	}
	return out
}

// evaluate computes values, taking leaves by name.
func evaluate(outputs []*Value, leaf func(label string, shape []int) array) []array {
	known := map[*Value]array{}
	for _, n := range reachable(outputs, nil) {
		switch n.op.kind {
		case kindInput, kindParam, kindState:
			known[n.out[0]] = leaf(n.label, n.out[0].shape)
			continue
		}
		var in []array
		for _, v := range needed(n) {
			in = append(in, known[v])
		}
		for i, a := range n.op.eval(n, in) {
			known[n.out[i]] = a
		}
	}
	out := make([]array, len(outputs))
	for i, v := range outputs {
		out[i] = known[v]
	}
	return out
}

// FLOPs counts the floating-point operations of one run: two for each
// multiply-add of a product or convolution, one for each element that any other
// arithmetic operator gives.
func FLOPs(outputs ...*Value) float64 {
	total := 0.0
	for _, n := range reachable(outputs, nil) {
		switch n.op.kind {
		case kindInput, kindParam, kindState, kindConst, "Reshape", "Transpose", "Concat", "Split", "Slice", "Pad", "Expand":
			continue
		}
		if n.op.alias {
			continue
		}
		if n.op.macs > 0 {
			total += 2 * n.op.macs
			continue
		}
		for _, v := range n.out {
			total += float64(size(v.shape))
		}
	}
	return total
}
