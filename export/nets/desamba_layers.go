package nets

import (
	"fmt"

	"columna/export/graph"
)

// scale is one stage's features as rows, with their grid.
type scale struct {
	rows *graph.Value
	grid [3]int
}

func positions(grid [3]int) int { return grid[0] * grid[1] * grid[2] }

// image turns rows (3, B*P, C) into (B, 3C, D, H, W).
func (d *desamba) image(rows *graph.Value, grid [3]int) *graph.Value {
	c := rows.Dim(2)
	v := graph.Reshape(rows, sequenceCount, d.batch, positions(grid), c)
	v = graph.Transpose(v, 1, 0, 3, 2)
	return graph.Reshape(v, d.batch, sequenceCount*c, grid[0], grid[1], grid[2])
}

// rows turns an image (B, 3C, D, H, W) into rows (3, B*P, C).
func (d *desamba) rows(image *graph.Value) *graph.Value {
	c := image.Dim(1) / sequenceCount
	v := graph.Reshape(image, d.batch, sequenceCount, c, -1)
	return graph.Reshape(graph.Transpose(v, 1, 0, 3, 2), sequenceCount, -1, c)
}

// pointwise is a dense layer with bias on rows, each sequence by its own weights.
func (d *desamba) pointwise(name string, rows *graph.Value, out int) *graph.Value {
	in := rows.Dim(2)
	w := d.g.Param(name+".weight", []int{sequenceCount, in, out}, graph.XavierInit(in, out))
	b := d.g.Param(name+".bias", []int{sequenceCount, 1, out}, graph.ZeroInit())
	return d.g.Label(name, func() *graph.Value { return graph.Add(graph.MatMul(rows, w), b) })
}

// standardise is layer normalisation over the channels of rows. The learned
// scale and shift are left to the dense layer that follows, which can express
// them: (x s + t) W + b = x (s W) + (t W + b).
func (d *desamba) standardise(rows *graph.Value) *graph.Value {
	c := rows.Dim(2)
	return graph.LayerNorm(rows, graph.Filled(d.g, 1, c), graph.Filled(d.g, 0, c), normEps)
}

// depthwise is a depthwise convolution on an image. The kernel is no longer along an
// axis than can reach from one end of the grid to the other: further taps would
// only ever see padding.
func (d *desamba) depthwise(name string, image *graph.Value, kernel int) *graph.Value {
	c, k, pad, taps := image.Dim(1), make([]int, 3), make([]int, 3), 1
	for a := range k {
		k[a] = min(kernel, 2*image.Dim(2+a)-1)
		pad[a] = k[a] / 2
		taps *= k[a]
	}
	w := d.g.Param(name+".weight", append([]int{c, 1}, k...), graph.HeInit(taps))
	b := d.g.Param(name+".bias", []int{c}, graph.ZeroInit())
	return d.g.Label(name, func() *graph.Value { return graph.Conv(image, w, b, graph.ConvOpts{Groups: c, Pad: pad}) })
}

// patches embeds non-overlapping patches of rows on a grid: a convolution whose
// kernel is its stride. A stride is cut to the grid where the grid is smaller.
func (d *desamba) patches(name string, in scale, stride [3]int, out int) scale {
	c := in.rows.Dim(2)
	split, grid, taps := []int{sequenceCount, d.batch}, [3]int{}, 1
	for a := range stride {
		s := stride[a]
		if in.grid[a]%s != 0 {
			s = 1
		}
		grid[a] = in.grid[a] / s
		split = append(split, grid[a], s)
		taps *= s
	}
	v := graph.Reshape(in.rows, append(split, c)...)
	v = graph.Transpose(v, 0, 1, 2, 4, 6, 3, 5, 7, 8)
	return scale{d.pointwise(name, graph.Reshape(v, sequenceCount, -1, taps*c), out), grid}
}

// embed starts stage s: the stem, or normalisation and 2x2x2 patches.
func (d *desamba) embed(s int, in scale) scale {
	if s == 0 {
		out := d.patches("stem", in, d.cfg.Stem, d.cfg.Widths[0])
		out.rows = d.standardise(out.rows)
		return out
	}
	in.rows = d.standardise(in.rows)
	return d.patches("down", in, [3]int{2, 2, 2}, d.cfg.Widths[s])
}

// stages runs every stage's embedding and blocks and gives all scales.
func (d *desamba) stages(name string, x *graph.Value, depths []int, block func(scale) scale) []scale {
	at := scale{x, d.cfg.Size}
	var out []scale
	for s, depth := range depths {
		d.g.Scope(fmt.Sprintf("%s.stage%d", name, s), func() {
			at = d.embed(s, at)
			for i := range depth {
				d.g.Scope(fmt.Sprintf("block%d", i), func() { at = block(at) })
			}
		})
		out = append(out, at)
	}
	return out
}

// fuse is the multi-scale fusion block: every scale of both backbones goes
// through its own dense layer to Feature channels and onto the grid of the
// fusion stage, and they are summed (the same as one dense layer over their
// concatenation), then a hidden layer. f leaves with unit variance per position, so
// that the reconstruction losses cannot be had by shrinking it.
func (d *desamba) fuse(scales []scale) (f *graph.Value, grid [3]int) {
	grid = scales[d.cfg.FuseStage].grid
	d.g.Scope("fuse", func() {
		var sum *graph.Value
		for i, s := range scales {
			v := d.onto(s, grid, fmt.Sprintf("scale%d", i))
			if sum == nil {
				sum = v
			} else {
				sum = graph.Add(sum, v)
			}
		}
		h := graph.Gelu(d.standardise(sum))
		f = d.standardise(graph.Add(sum, d.pointwise("mix", h, d.cfg.Feature)))
	})
	return f, grid
}

// onto brings a scale to Feature channels and another grid: by the mean over whole
// blocks where that is coarser, by linear interpolation where it is finer. The
// dense layer commutes with both and is run on the smaller grid.
func (d *desamba) onto(s scale, grid [3]int, name string) *graph.Value {
	v := d.standardise(s.rows)
	if positions(s.grid) <= positions(grid) {
		return d.resized(d.pointwise(name, v, d.cfg.Feature), s.grid, grid)
	}
	return d.pointwise(name, d.resized(v, s.grid, grid), d.cfg.Feature)
}

// resized interpolates rows from one grid to another.
func (d *desamba) resized(rows *graph.Value, from, to [3]int) *graph.Value {
	if from == to {
		return rows
	}
	v, k := d.image(rows, from), []int{1, 1, 1}
	for a := range k {
		k[a] = max(1, from[a]/to[a])
	}
	if k[0]*k[1]*k[2] > 1 {
		v = graph.AvgPool(v, k...)
	}
	return d.rows(graph.ResizeLinear(v, to[:]...))
}
