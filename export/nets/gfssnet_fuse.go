package nets

import (
	"math"

	"columna/export/graph"
)

// This file joins the sequences: Position-Aware Attention Fusion, then reasoning
// over the anatomical graph.

// coLearn fuses the deepest features of T1 and T2.
func (b *gfssnet) coLearn(t1, t2 *graph.Value) *graph.Value {
	var x *graph.Value
	b.g.Scope("paaf", func() {
		b.g.Scope("t1", func() { t1 = b.rotational(t1) })
		b.g.Scope("t2", func() { t2 = b.rotational(t2) })
		x = b.pair(t1, t2)
		b.g.Scope("epa", func() { x = b.positionAttention(x) })
	})
	return x
}

// rotational is F' = F * sigmoid(W_g F_rot) + F with F_rot from the scans.
func (b *gfssnet) rotational(f *graph.Value) *graph.Value {
	if b.cfg.Mamba == MambaNone {
		return f
	}
	gate := graph.Sigmoid(b.pointwise("gate", b.mamba(3, f), channels(f)))
	return graph.Add(graph.Mul(f, gate), f)
}

// pair compresses channel c of T1 and channel c of T2 to one channel: a 1x1x1
// convolution with as many groups as channels, written as the two products it is.
func (b *gfssnet) pair(t1, t2 *graph.Value) *graph.Value {
	shape := []int{1, channels(t1), 1, 1, 1}
	return b.layer("pair", func() *graph.Value {
		w1 := b.g.Param("t1", shape, graph.ConstInit(0.5))
		w2 := b.g.Param("t2", shape, graph.ConstInit(0.5))
		bias := b.g.Param("b", shape, graph.ZeroInit())
		return graph.Add(graph.Add(graph.Mul(t1, w1), graph.Mul(t2, w2)), bias)
	})
}

// positionAttention (EPA) is self-attention over all positions, with a learned
// embedding of the position along each axis, read out as one weight per position:
// X (1 + sigmoid(W softmax(Q K^T / sqrt d) V)).
func (b *gfssnet) positionAttention(x *graph.Value) *graph.Value {
	s := x.Shape()
	c, d := s[1], max(s[1]/2, 4)
	at := x
	for a := 2; a <= 4; a++ {
		at = graph.Add(at, b.position(a, c, s[a]))
	}
	tokens := graph.Transpose(graph.Reshape(at, -1, c, s[2]*s[3]*s[4]), 0, 2, 1)
	qkv := graph.Split(b.linear("qkv", tokens, 3*d), 2, d, d, d)
	scores := graph.MulScalar(graph.MatMul(qkv[0], graph.Transpose(qkv[1], 0, 2, 1)), 1/math.Sqrt(float64(d)))
	y := graph.MatMul(graph.Softmax(scores, -1), qkv[2])
	weight := graph.Reshape(graph.Sigmoid(b.linear("weight", y, 1)), -1, 1, s[2], s[3], s[4])
	return graph.Mul(x, graph.AddScalar(weight, 1))
}

// position is the embedding of size places along axis a. A build for crops reads
// the middle of the whole grid's table.
func (b *gfssnet) position(a, c, size int) *graph.Value {
	whole := size
	if w := b.cfg.Whole[a-2]; w > 0 {
		whole = size * w / b.cfg.Size[a-2]
	}
	shape := []int{1, c, 1, 1, 1}
	shape[a] = whole
	table := b.g.Param("position_"+"dhw"[a-2:a-1], shape, graph.NormalInit(0.1))
	if whole == size {
		return table
	}
	from := (whole - size) / 2
	return graph.Slice(table, a, from, from+size)
}

// reason is the GCN: positions are assigned to nodes, node features exchanged
// along the anatomical graph in three layers and projected back. It returns the
// enhanced features and the assignment logits. Pooling over all positions makes
// small structures faint, so node features are normalised first (ours).
func (b *gfssnet) reason(x *graph.Value) (enhanced, assignment *graph.Value) {
	s, k, f := x.Shape(), b.cfg.Nodes, b.cfg.NodeFeatures
	positions := s[2] * s[3] * s[4]
	assignment = b.pointwise("assign", x, k)
	p := graph.Reshape(graph.Softmax(assignment, 1), -1, k, positions)
	tokens := graph.Transpose(graph.Reshape(x, -1, s[1], positions), 0, 2, 1)
	pooled := graph.MulScalar(graph.MatMul(p, tokens), 1/float64(positions))
	project := b.g.Param("feature_to_graph", []int{s[1], f}, graph.XavierInit(s[1], f))
	n := graph.Linear(pooled, project, nil)
	n = b.layer("node", func() *graph.Value {
		gamma := b.g.Param("gamma", []int{f}, graph.ConstInit(1))
		return graph.LayerNorm(n, gamma, b.g.Param("beta", []int{f}, graph.ZeroInit()), 1e-8)
	})
	adjacency := graph.Const(b.g, []int{k, k}, normalisedAdjacency(k, b.cfg.Edges))
	for _, layer := range []string{"layer1", "layer2", "layer3"} {
		w := b.g.Param(layer, []int{f, f}, graph.HeInit(f))
		n = b.relu(graph.MatMul(adjacency, graph.Linear(n, w, nil)))
	}
	back := b.linear("graph_to_feature", n, s[1])
	y := graph.MatMul(graph.Transpose(back, 0, 2, 1), p)
	return graph.Add(x, graph.Reshape(y, -1, s[1], s[2], s[3], s[4])), assignment
}

// normalisedAdjacency is D^-1/2 (A + I) D^-1/2.
func normalisedAdjacency(nodes int, edges [][2]int) []float32 {
	a := make([]float64, nodes*nodes)
	for i := range nodes {
		a[i*nodes+i] = 1
	}
	for _, e := range edges {
		a[e[0]*nodes+e[1]], a[e[1]*nodes+e[0]] = 1, 1
	}
	degree := make([]float64, nodes)
	for i := range a {
		degree[i/nodes] += a[i]
	}
	out := make([]float32, len(a))
	for i := range a {
		out[i] = float32(a[i] / math.Sqrt(degree[i/nodes]*degree[i%nodes]))
	}
	return out
}
