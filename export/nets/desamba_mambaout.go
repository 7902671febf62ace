package nets

import (
	"columna/export/graph"
)

// mambaOut is 3D MambaOut over all stages: Mamba's gated block without its
// state-space model (Yu and Wang 2025).
func (d *desamba) mambaOut(x *graph.Value) []scale {
	return d.stages("mambaout", x, d.cfg.OutDepths, d.gatedBlock)
}

// gatedBlock is x + W2 (GELU(g) * [i, depthwise(c)]) with g, i, c = split(W1 LN(x)).
// As in MambaOut the hidden width is 8/3 C, and as many channels as x has are
// convolved.
func (d *desamba) gatedBlock(in scale) scale {
	c := in.rows.Dim(2)
	hidden := max(c+1, 8*c/3)
	t := d.pointwise("in", d.standardise(in.rows), 2*hidden)
	parts := graph.Split(t, 2, hidden, hidden-c, c)
	mixed := d.rows(d.depthwise("depthwise", d.image(parts[2], in.grid), d.cfg.LargeKernel))
	t = graph.Mul(graph.Gelu(parts[0]), graph.Concat(2, parts[1], mixed))
	return scale{graph.Add(in.rows, d.pointwise("out", t, c)), in.grid}
}
