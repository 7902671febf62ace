package bench

import (
	"context"
	"errors"

	"columna/export/graph"
)

// operator is one operator of the graph builder at a size that the networks use.
type operator struct {
	name string // family/what
	// build applies it to inputs of g; wrt are the inputs that training
	// differentiates.
	build func(g *graph.Graph) (y *graph.Value, wrt []*graph.Value)
	kind  kind
}

// kind says what limits an operator and therefore what it is held against.
type kind int

const (
	// products are counted in GFLOP/s: the forward's multiply-adds, and as many
	// again for the gradient of each factor, whatever its formulation spends.
	products kind = iota
	// chains of small operators are counted in GFLOP/s as the graph has them.
	chains
	// passes over memory are counted in GB/s as if one loop did all: forward reads
	// the inputs and writes the output; backward reads its gradient and the inputs
	// and writes theirs.
	passes
	// linear passes do not need their inputs again.
	linear
)

// operators are the families in the order of their files.
func operators() []benchmark {
	var out []benchmark
	for _, family := range [][]operator{convolutions(), matrices(), norms(), elementwise(), layouts()} {
		for _, o := range family {
			out = append(out, benchmark{name: o.name, run: o.run})
		}
	}
	return out
}

// pass is what of an operator is run.
type pass struct {
	name   string
	output bool // its output is wanted
	pick   func(wrt []*graph.Value) []*graph.Value
}

// passes are the forward and what training adds: the gradient of each factor of a
// product, forward and backward together of all else.
func (o operator) passes() []pass {
	none := func([]*graph.Value) []*graph.Value { return nil }
	forward := pass{"forward", true, none}
	if o.kind != products {
		return []pass{forward, {"forward+backward", true, func(wrt []*graph.Value) []*graph.Value { return wrt }}}
	}
	return []pass{
		forward,
		{"input-gradient", false, func(wrt []*graph.Value) []*graph.Value { return wrt[:1] }},
		{"kernel-gradient", false, func(wrt []*graph.Value) []*graph.Value { return wrt[1:] }},
	}
}

func (o operator) run(ctx context.Context, l *lab) ([]Result, error) {
	ref, err := o.reference(l)
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, p := range o.passes() {
		m, work, err := o.load(l, p)
		if err != nil {
			return nil, err
		}
		r, err := l.rate(ctx, o.name+"/"+p.name, work/giga, ref, m.run)
		m.close()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// load builds one pass and says how much work it is.
func (o operator) load(l *lab, p pass) (m *model, work float64, err error) {
	var modelErr error
	err = graph.Try(func() {
		g := graph.New("bench")
		g.Training = true
		y, wrt := o.build(g)
		picked := p.pick(wrt)
		var outputs []*graph.Value
		if len(picked) > 0 {
			outputs = gradients(y, picked)
		}
		if p.output {
			outputs = append(outputs, y)
		}
		work = o.work(y, wrt, outputs, len(picked) > 0)
		m, modelErr = l.newModel(g, outputs...)
	})
	return m, work, errors.Join(err, modelErr)
}

// gradients differentiates y for a gradient that arrives from outside, as in the
// middle of a network.
func gradients(y *graph.Value, wrt []*graph.Value) []*graph.Value {
	arriving := y.Graph().Input("dy", y.Shape()...)
	axes := make([]int, y.Rank())
	for a := range axes {
		axes[a] = a
	}
	return graph.Grad(graph.ReduceSum(graph.Mul(y, arriving), false, axes...), wrt...)
}

func (o operator) reference(l *lab) (*reference, error) {
	if o.kind == products || o.kind == chains {
		return l.peakProduct()
	}
	return l.peakStream()
}

// work is the operations or bytes of one run.
func (o operator) work(y *graph.Value, wrt, outputs []*graph.Value, backward bool) float64 {
	switch {
	case o.kind == products:
		return graph.FLOPs(y)
	case o.kind == chains:
		return graph.FLOPs(outputs...)
	}
	in, out := 0.0, float64(size(y.Shape()))
	for _, v := range wrt {
		in += float64(size(v.Shape()))
	}
	numbers := in + out
	if backward {
		numbers += out + in
		if o.kind == passes {
			numbers += in
		}
	}
	return 4 * numbers
}

// unary is an operator on one input.
func unary(name string, kind kind, shape []int, f func(x *graph.Value) *graph.Value) operator {
	return operator{name, func(g *graph.Graph) (*graph.Value, []*graph.Value) {
		x := g.Input("x", shape...)
		return f(x), []*graph.Value{x}
	}, kind}
}

// binary is an operator on two inputs.
func binary(name string, kind kind, a, b []int, f func(a, b *graph.Value) *graph.Value) operator {
	return operator{name, func(g *graph.Graph) (*graph.Value, []*graph.Value) {
		x, w := g.Input("x", a...), g.Input("w", b...)
		return f(x, w), []*graph.Value{x, w}
	}, kind}
}

// volumeOf is the shape of c channels of 16 x 96 x 96 voxels.
func volumeOf(c int) []int { return []int{1, c, 16, 96, 96} }
