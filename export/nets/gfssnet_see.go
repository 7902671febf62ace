package nets

import (
	"strconv"

	"columna/export/graph"
)

// This file is the Spatial Enhancement Encoder: FDConv and TD-Mamba in parallel.

// encode runs the four stages of one sequence. Where the sequence is absent
// (present, (B,1,1,1,1), is 0) each stage's output is a learned embedding.
func (b *gfssnet) encode(x, present *graph.Value) [4]*graph.Value {
	var out [4]*graph.Value
	absent := graph.AddScalar(graph.Neg(present), 1)
	stride := b.cfg.Stem
	for s := range 4 {
		b.g.Scope("stage"+strconv.Itoa(s+1), func() {
			x = b.recompute(func(x []*graph.Value) *graph.Value { return b.seeStage(s, x[0]) },
				b.patch("down", x, b.cfg.Channels[s], stride))
			embedding := b.g.Param("absent", []int{1, channels(x), 1, 1, 1}, graph.NormalInit(0.5))
			out[s] = graph.Add(graph.Mul(x, present), graph.Mul(embedding, absent))
		})
		if s < 3 {
			stride = b.cfg.Down[s]
		}
	}
	return out
}

// seeStage fuses the two paths by concatenation and a 1x1x1 convolution; the
// residual connection is ours.
func (b *gfssnet) seeStage(s int, x *graph.Value) *graph.Value {
	c := channels(x)
	local := b.activate(b.norm("fdconv.norm", b.fdconv(x)))
	if b.cfg.Mamba != MambaNone {
		b.g.Scope("mamba", func() { local = graph.Concat(1, local, b.mamba(s, x)) })
	}
	return b.activate(graph.Add(x, b.norm("fuse.norm", b.pointwise("fuse", local, c))))
}

// fdconv is frequency dynamic convolution: sum_i alpha_i (W_i conv X_mod), built
// as one convolution with the kernel sum_i alpha_i W_i of each sample. The bias b
// of the paper is the shift of the normalisation that follows.
func (b *gfssnet) fdconv(x *graph.Value) *graph.Value {
	c := channels(x)
	if !b.cfg.FDConv {
		return b.conv("conv", x, c, [3]int{3, 3, 3}, 1)
	}
	var y *graph.Value
	b.g.Scope("fdconv", func() {
		alpha := b.kernelAttention(x)
		mixed := graph.Mul(x, graph.Sigmoid(b.depthwise("modulate", x, [3]int{3, 3, 3})))
		w := b.g.Param("kernels", []int{b.cfg.Kernels, c * c * 27}, graph.HeInit(c*27))
		kernel := graph.Reshape(graph.MatMul(alpha, w), -1, c, c, 3, 3, 3)
		y = graph.DynamicConv(mixed, kernel)
	})
	return y
}

// kernelAttention weighs the kernels of each sample: (B,N), rows sum to one. On
// pooled features a 1x1x1 convolution is a linear layer.
func (b *gfssnet) kernelAttention(x *graph.Value) *graph.Value {
	c, n := channels(x), b.cfg.Kernels
	hidden := max(c/4, 4)
	h := b.relu(b.linear("squeeze", graph.GlobalAvgPool(x), hidden))
	return graph.Softmax(b.linear("excite", h, n), 1)
}

// linear maps the last axis.
func (b *gfssnet) linear(name string, x *graph.Value, out int) *graph.Value {
	in := x.Shape()[len(x.Shape())-1]
	return b.layer(name, func() *graph.Value {
		w := b.g.Param("w", []int{in, out}, graph.XavierInit(in, out))
		return graph.Linear(x, w, b.g.Param("b", []int{out}, graph.ZeroInit()))
	})
}

// directions are the tensor axes that are scanned.
func (b *gfssnet) directions() []int {
	if b.cfg.Mamba == MambaSagittal {
		return []int{2}
	}
	return []int{2, 3, 4}
}

// mamba is TD-Mamba with the sizes of stage s: the features, narrowed to the
// inner width, are scanned along each direction, gated as in Mamba, concatenated
// and fused back to the width of x.
func (b *gfssnet) mamba(s int, x *graph.Value) *graph.Value {
	pool, e, dirs := b.cfg.ScanPool[s], b.cfg.Inner[s], b.directions()
	h := x
	if pool != [3]int{1, 1, 1} {
		h = graph.AvgPool(h, pool[:]...)
	}
	parts := graph.Split(b.pointwise("in", h, e*(1+len(dirs))), 1, e, e*len(dirs))
	var ys []*graph.Value
	for _, axis := range dirs {
		b.g.Scope("scan_"+"dhw"[axis-2:axis-1], func() { ys = append(ys, b.scan(s, parts[0], axis)) })
	}
	y := ys[0]
	if len(ys) > 1 {
		y = graph.Concat(1, ys...)
	}
	y = b.pointwise("out", graph.Mul(y, graph.Silu(parts[1])), channels(x))
	if pool != [3]int{1, 1, 1} {
		y = graph.UpsampleLinear(y, pool[:]...)
	}
	return y
}

// scan runs the selective state space model over every line of x (B,E,D,H,W)
// along axis, forward and backward with the same weights, and adds the two. The
// short convolution is centred, since the scan looks both ways.
func (b *gfssnet) scan(s int, x *graph.Value, axis int) *graph.Value {
	k := [3]int{1, 1, 1}
	k[axis-2] = b.cfg.ScanKernel[s]
	u := toLines(graph.Silu(b.depthwise("conv", x, k)), axis)
	lines := u.Shape()[2]
	y := b.selective(b.cfg.State[s], graph.Concat(2, u, graph.Flip(u, 0)))
	halves := graph.Split(y, 2, lines, lines)
	return fromLines(graph.Add(halves[0], graph.Flip(halves[1], 0)), axis, x.Shape())
}

// selective is Mamba's S6 on lines u (L,E,N) with state size n: step, input and
// output matrices are linear in u.
func (b *gfssnet) selective(n int, u *graph.Value) *graph.Value {
	e := u.Shape()[1]
	w := b.g.Param("project", []int{e, e + 2*n}, graph.XavierInit(e, e+2*n))
	parts := graph.Split(graph.MatMul(graph.Transpose(w, 1, 0), u), 1, e, n, n)
	bias := b.g.Param("delta", []int{e}, graph.ValuesInit(deltaBias(e)))
	delta := graph.Softplus(graph.Add(parts[0], graph.Reshape(bias, e, 1)))
	a := graph.Neg(graph.Exp(b.g.Param("a_log", []int{e, n}, graph.ValuesInit(stateLog(e, n)))))
	d := b.g.Param("d", []int{e}, graph.ConstInit(1))
	return graph.SelectiveScanTimeMajor(u, delta, a, parts[1], parts[2], d)
}

// deltaBias spreads the step sizes softplus(bias) over 0.001..0.1 on a log scale,
// as Mamba does (Gu & Dao 2023, section 3.6).
func deltaBias(e int) []float32 {
	out := make([]float32, e)
	for i := range out {
		t := 0.5
		if e > 1 {
			t = float64(i) / float64(e-1)
		}
		from, to := graph.PortableLog(0.001), graph.PortableLog(0.1)
		dt := graph.PortableExp(from + float64(t*(to-from)))
		out[i] = float32(graph.PortableLog(graph.PortableExp(dt) - 1))
	}
	return out
}

// stateLog is log(-A) for A = -(1..n) in every channel (S4D-real).
func stateLog(e, n int) []float32 {
	out := make([]float32, e*n)
	for i := range out {
		out[i] = float32(graph.PortableLog(float64(i%n + 1)))
	}
	return out
}

// linePerm brings axis and then the channels to the front.
func linePerm(axis int) []int {
	perm := []int{axis, 1, 0}
	for a := 2; a <= 4; a++ {
		if a != axis {
			perm = append(perm, a)
		}
	}
	return perm
}

// toLines turns (B,E,D,H,W) into (length, E, lines).
func toLines(x *graph.Value, axis int) *graph.Value {
	s := x.Shape()
	return graph.Reshape(graph.Transpose(x, linePerm(axis)...), s[axis], s[1], -1)
}

// fromLines is toLines undone.
func fromLines(y *graph.Value, axis int, shape []int) *graph.Value {
	perm := linePerm(axis)
	mid, inverse := make([]int, 5), make([]int, 5)
	for i, p := range perm {
		mid[i], inverse[p] = shape[p], i
	}
	return graph.Transpose(graph.Reshape(y, mid...), inverse...)
}
