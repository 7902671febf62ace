package nets

import (
	"math"

	"columna/export/graph"
)

// cbam is Algorithm 1: channel attention from the means and maxima of every
// channel through one shared reduction, then spatial attention from the mean and
// maximum over channels. It gives the refined features and the spatial map
// (B,1,H,W).
func (n *StenosisNet) cbam(l classLayers, x *graph.Value) (y, spatial *graph.Value) {
	l.g.Scope("body.cbam", func() {
		b, c := x.Dim(0), x.Dim(1)
		hidden := max(1, c/n.cfg.Reduction)
		w := l.g.Param("reduce", []int{c, hidden}, graph.HeInit(c))
		bias := l.g.Param("reduce.bias", []int{hidden}, graph.ZeroInit())
		squeeze := func(v *graph.Value) *graph.Value {
			return l.relu(graph.Linear(graph.Reshape(v, b, c), w, bias))
		}
		both := graph.Add(squeeze(graph.ReduceMean(x, true, 2, 3)), squeeze(l.maxOver(x, 2, 3)))
		channel := graph.Reshape(graph.Sigmoid(l.dense("expand", both, c)), b, c, 1, 1)
		xc := graph.Mul(x, channel)
		stack := graph.Concat(1, graph.ReduceMean(xc, true, 1), l.maxOver(xc, 1))
		spatial = graph.Sigmoid(l.conv("spatial", stack, 1, 7, 1, 1))
		y = graph.Mul(xc, spatial)
	})
	return y, spatial
}

// tokens turns (B,C,H,W) into (B,H*W,C).
func tokens(x *graph.Value) *graph.Value {
	return graph.Transpose(graph.Reshape(x, x.Dim(0), x.Dim(1), -1), 0, 2, 1)
}

// selfAttention is Algorithm 2, with a learned position code on the tokens
// (ours: the crop is centred on the level, so position means anatomy). The map
// (B,1,H,W) is the attention roll-out of the one layer: half identity, half the
// heads' mean, averaged over the queries.
func (n *StenosisNet) selfAttention(l classLayers, x *graph.Value) (y, rollout *graph.Value) {
	b, h, w := x.Dim(0), x.Dim(2), x.Dim(3)
	count, dim := h*w, n.cfg.Embed/n.cfg.Heads
	l.g.Scope("body.self", func() {
		code := l.g.Param("position", []int{1, count, x.Dim(1)}, graph.NormalInit(0.02))
		t := graph.Add(tokens(x), code)
		heads := func(name string) *graph.Value { // (B,heads,H*W,dim)
			v := graph.Reshape(l.dense(name, t, n.cfg.Embed), b, count, n.cfg.Heads, dim)
			return graph.Transpose(v, 0, 2, 1, 3)
		}
		q := graph.MulScalar(heads("query"), 1/math.Sqrt(float64(dim)))
		attention := graph.Softmax(graph.MatMul(q, graph.Transpose(heads("key"), 0, 1, 3, 2)), -1)
		o := graph.Transpose(graph.MatMul(attention, heads("value")), 0, 2, 1, 3)
		o = l.dense("out", graph.Reshape(o, b, count, n.cfg.Embed), n.cfg.Embed)
		y = graph.Reshape(graph.Transpose(o, 0, 2, 1), b, n.cfg.Embed, h, w)
		received := graph.ReduceMean(graph.ReduceMean(attention, false, 2), false, 1)
		received = graph.AddScalar(graph.MulScalar(received, 0.5), 0.5/float64(count))
		rollout = graph.Reshape(received, b, 1, h, w)
	})
	return y, rollout
}

// slotAttention is Algorithm 3: slots compete for the pooled features and are
// refined by what they win. The paper pools to a single vector; we pool to
// SlotCells x SlotCells cells (1 is the paper's), so that slots can settle on
// places and the attention is a map (B,slots,cells,cells). Slots start from
// learned vectors, not from noise: the same crop gives the same grade.
func (n *StenosisNet) slotAttention(l classLayers, x *graph.Value) (pooled, attention *graph.Value) {
	b, cells := x.Dim(0), n.cfg.SlotCells
	l.g.Scope("body.slots", func() {
		if k := x.Dim(2) / cells; k > 1 {
			x = graph.AvgPool(x, k, k)
		}
		t := l.layerNorm("norm", tokens(x))
		key := graph.Transpose(l.dense("key", t, n.cfg.SlotDim), 0, 2, 1)
		value := l.dense("value", t, n.cfg.SlotDim)
		slots := l.g.Param("start", []int{1, n.cfg.Slots, n.cfg.SlotDim}, graph.NormalInit(1))
		slots = graph.Expand(slots, b, n.cfg.Slots, n.cfg.SlotDim)
		refine := n.slotStep(l, key, value)
		for range n.cfg.SlotIters {
			slots, attention = refine(slots)
		}
		pooled = graph.ReduceMean(slots, false, 1)
		attention = graph.Reshape(attention, b, n.cfg.Slots, cells, cells)
	})
	return pooled, attention
}

// slotStep declares the weights that every refinement shares and gives the
// refinement: S = LayerNorm(S), A = softmax over slots of S K, S = S + MLP(A V).
func (n *StenosisNet) slotStep(l classLayers, key, value *graph.Value) func(*graph.Value) (slots, attention *graph.Value) {
	d, count := n.cfg.SlotDim, value.Dim(1)
	query, up, down := l.weight("query", d, d), l.weight("mlp.0", d, 2*d), l.weight("mlp.1", 2*d, d)
	scale, shift := l.g.Param("slot.scale", []int{d}, graph.ConstInit(1)), l.g.Param("slot.shift", []int{d}, graph.ZeroInit())
	return func(slots *graph.Value) (*graph.Value, *graph.Value) {
		slots = graph.LayerNorm(slots, scale, shift, normEps)
		q := graph.MulScalar(graph.Linear(slots, query[0], query[1]), 1/math.Sqrt(float64(d)))
		attention := graph.Softmax(graph.MatMul(q, key), 1)
		share := attention
		if count > 1 { // a weighted mean over the cells won, as in slot attention
			share = graph.Div(attention, graph.AddScalar(graph.ReduceSum(attention, true, 2), normEps))
		}
		u := l.relu(graph.Linear(graph.MatMul(share, value), up[0], up[1]))
		return graph.Add(slots, graph.Linear(u, down[0], down[1])), attention
	}
}
