package nets

import (
	"strconv"

	"columna/export/graph"
)

// This file is the decoder: four DAPU stages (or UNet3+ stages) and the heads.

// skips joins the two sequences at each resolution, the input's own first.
func (b *gfssnet) skips(stages [2][4]*graph.Value, masked [2]*graph.Value) []*graph.Value {
	both := func(name string, x, y *graph.Value) *graph.Value {
		return b.layer(name, func() *graph.Value { return graph.Concat(1, x, y) })
	}
	list := []*graph.Value{both("input", masked[0], masked[1])}
	for s := range 3 {
		name := "skip" + strconv.Itoa(s+1)
		x := b.pointwise(name, both(name, stages[0][s], stages[1][s]), b.cfg.Channels[s])
		x = b.norm(name+".norm", x)
		list = append(list, b.layer(name, func() *graph.Value { return b.activate(x) }))
	}
	return list
}

// decode climbs from the bottleneck x to the input's resolution. The level logits
// start as the GCN's node assignment (nil without GCN) and are refined at each
// stage; at the last one they are only interpolated: half the pixels suffice to
// name a structure, and the semantic head draws its edge.
func (b *gfssnet) decode(x, level *graph.Value, skips []*graph.Value, out map[string]*graph.Value) {
	strides := [4][3]int{b.cfg.Stem, b.cfg.Down[0], b.cfg.Down[1], b.cfg.Down[2]}
	widths := [4]int{b.cfg.Head, b.cfg.Channels[0], b.cfg.Channels[1], b.cfg.Channels[2]}
	bottleneck := x
	for s := 3; s >= 0; s-- {
		up := strides[s]
		b.g.Scope("decoder"+strconv.Itoa(s), func() {
			if b.cfg.DAPU {
				x = b.recompute(func(x []*graph.Value) *graph.Value { return b.dapu(x[0], x[1], widths[s], up, s == 0) }, x, skips[s])
			} else {
				x = b.fullScale(x, bottleneck, skips, s, widths[s])
			}
			level = b.levelStage(level, x, up, s)
			if s > 0 {
				out["_aux"+strconv.Itoa(s)] = b.pointwise("aux", x, b.cfg.Semantic)
				out["_level_aux"+strconv.Itoa(s)] = level
			}
		})
		if s == 2 {
			out["_cam"] = x
		}
	}
	out["semantic"] = b.pointwise("semantic", x, b.cfg.Semantic)
	out["level"] = level
}

// levelStage interpolates the level logits and adds what the features x of stage
// s say.
func (b *gfssnet) levelStage(level, x *graph.Value, up [3]int, s int) *graph.Value {
	if level != nil {
		level = graph.UpsampleLinear(level, up[:]...)
	}
	if s == 0 {
		return level
	}
	seen := b.pointwise("level", x, b.cfg.Nodes)
	if level == nil {
		return seen
	}
	return graph.Add(level, seen)
}

// dapu is depth-aware progressive upsampling of x by the factors up to out
// channels: depth attention, boundary branch, fusion, skip, structure-preserving
// convolution. The 1x1x1 fusion is done before the interpolation: the two are
// linear on different axes and commute, and it is cheaper there. At the input's
// resolution (light) the convolutions stay within the slice.
func (b *gfssnet) dapu(x, skip *graph.Value, out int, up [3]int, light bool) *graph.Value {
	k := [3]int{3, 3, 3}
	if light {
		k[0] = 1
	}
	boundary := b.boundary(x, max(out/4, 2), k)
	fused := b.pointwise("fuse", graph.Concat(1, b.depthAttention(x), boundary), out)
	fused = b.activate(b.norm("fuse.norm", graph.UpsampleLinear(fused, up[:]...)))
	y := b.conv("structure", graph.Concat(1, fused, skip), out, k, 1)
	return b.activate(b.norm("structure.norm", y))
}

// depthAttention weighs each channel of each slice:
// X sigmoid(W2 ReLU(W1 mean_HW X)).
func (b *gfssnet) depthAttention(x *graph.Value) *graph.Value {
	c := channels(x)
	pooled := graph.ReduceMean(x, true, 3, 4)
	h := b.relu(b.pointwise("depth.squeeze", pooled, max(c/4, 2)))
	return graph.Mul(x, graph.Sigmoid(b.pointwise("depth.excite", h, c)))
}

// boundary looks for edges at three scales: dilations 1, 2 and 3.
func (b *gfssnet) boundary(x *graph.Value, width int, k [3]int) *graph.Value {
	var list []*graph.Value
	for d := 1; d <= 3; d++ {
		list = append(list, b.conv("boundary"+strconv.Itoa(d), x, width, k, d))
	}
	return b.activate(b.norm("boundary.norm", graph.Concat(1, list...)))
}

// fullScale is the baseline without DAPU, in the manner of UNet3+: the stage's
// own skip, the finer skips pooled, the stage below and the bottleneck
// interpolated, joined by one convolution. Only the own skip is used at the
// input's resolution.
func (b *gfssnet) fullScale(x, bottleneck *graph.Value, skips []*graph.Value, s, out int) *graph.Value {
	size := skips[s].Shape()[2:]
	list := []*graph.Value{skips[s], b.resized("below", x, out, size)}
	k := [3]int{3, 3, 3}
	if s == 0 {
		k[0] = 1
	} else {
		if x != bottleneck {
			list = append(list, b.resized("bottleneck", bottleneck, out, size))
		}
		for f := 1; f < s; f++ {
			fine := skips[f].Shape()
			pool := []int{fine[2] / size[0], fine[3] / size[1], fine[4] / size[2]}
			list = append(list, b.pointwise("finer"+strconv.Itoa(f), graph.AvgPool(skips[f], pool...), out))
		}
	}
	y := b.conv("conv", graph.Concat(1, list...), out, k, 1)
	return b.activate(b.norm("conv.norm", y))
}

// resized narrows x to out channels and interpolates it to size.
func (b *gfssnet) resized(name string, x *graph.Value, out int, size []int) *graph.Value {
	return graph.ResizeLinear(b.pointwise(name, x, out), size...)
}
