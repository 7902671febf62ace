package nets

import (
	"math"

	"columna/export/graph"
)

// fourier is the orthonormal 3D discrete Fourier transform of real images on
// one grid, by matrix products. A real image's spectrum is Hermitian, so only
// frequencies 0..W/2 along the last axis are kept. H and W are transformed by
// one matrix, then D.
type fourier struct {
	g            *graph.Graph
	grid         [3]int
	cosHW, sinHW *graph.Value // (H*W, H*K): real and imaginary part
	depth        *graph.Value // (2D, 2D): acts on the stacked parts; nil if D is 1
	half         int          // K = W/2+1
	bandMasks    map[int]*graph.Value
}

// fourier is the transform of a grid, made once per network.
func (d *desamba) fourier(grid [3]int) *fourier {
	if f := d.dft[grid]; f != nil {
		return f
	}
	f := &fourier{g: d.g, grid: grid, half: grid[2]/2 + 1, bandMasks: map[int]*graph.Value{}}
	f.cosHW, f.sinHW = f.planeMatrix(graph.PortableCos), f.planeMatrix(func(turn float64) float64 { return -graph.PortableSin(turn) })
	if grid[0] > 1 {
		f.depth = f.depthMatrix()
	}
	d.dft[grid] = f
	return f
}

// count is the number of frequencies kept.
func (f *fourier) count() int { return f.grid[0] * f.grid[1] * f.half }

// planeMatrix is part(h u/H + w v/W turns) / sqrt(HW), rows (h,w), columns (u,v).
func (f *fourier) planeMatrix(part func(float64) float64) *graph.Value {
	h, w := f.grid[1], f.grid[2]
	m := make([]float32, 0, h*w*h*f.half)
	for row := range h * w {
		for col := range h * f.half {
			turn := float64((row/w)*(col/f.half)%h)/float64(h) + float64((row%w)*(col%f.half)%w)/float64(w)
			m = append(m, float32(part(turn)/math.Sqrt(float64(h*w))))
		}
	}
	return graph.Const(f.g, []int{h * w, h * f.half}, m)
}

// depthMatrix is [[C,S],[-S,C]] with C, S the cosines and sines along D, over
// sqrt(D): it transforms stacked real and imaginary parts, and its transpose
// transforms them back.
func (f *fourier) depthMatrix() *graph.Value {
	d := f.grid[0]
	m := make([]float32, 4*d*d)
	for u := range d {
		for z := range d {
			turn := float64(u*z%d) / float64(d)
			c := float32(graph.PortableCos(turn) / math.Sqrt(float64(d)))
			s := float32(graph.PortableSin(turn) / math.Sqrt(float64(d)))
			m[u*2*d+z], m[u*2*d+d+z] = c, s
			m[(d+u)*2*d+z], m[(d+u)*2*d+d+z] = -s, c
		}
	}
	return graph.Const(f.g, []int{2 * d, 2 * d}, m)
}

// forward gives the real and imaginary spectrum, each (B, C, D*H*K), of an image
// (B, C, D, H, W).
func (f *fourier) forward(image *graph.Value) (re, im *graph.Value) {
	b, c, d := image.Dim(0), image.Dim(1), f.grid[0]
	x := graph.Reshape(image, b, c, d, f.grid[1]*f.grid[2])
	re, im = graph.MatMul(x, f.cosHW), graph.MatMul(x, f.sinHW)
	if f.depth != nil {
		both := graph.MatMul(f.depth, graph.Concat(2, re, im))
		re, im = graph.Slice(both, 2, 0, d), graph.Slice(both, 2, d, 2*d)
	}
	return graph.Reshape(re, b, c, f.count()), graph.Reshape(im, b, c, f.count())
}

// inverse is the image of a half spectrum, whose other half is taken as its
// mirror, so that the image is real.
func (f *fourier) inverse(re, im *graph.Value) *graph.Value {
	b, c, d, plane := re.Dim(0), re.Dim(1), f.grid[0], f.grid[1]*f.half
	re, im = graph.Reshape(re, b, c, d, plane), graph.Reshape(im, b, c, d, plane)
	if f.depth != nil {
		both := graph.MatMul(graph.Transpose(f.depth, 1, 0), graph.Concat(2, re, im))
		re, im = graph.Slice(both, 2, 0, d), graph.Slice(both, 2, d, 2*d)
	}
	twice := f.mirrorWeight()
	back := func(part, matrix *graph.Value) *graph.Value {
		return graph.MatMul(graph.Mul(part, twice), graph.Transpose(matrix, 1, 0))
	}
	x := graph.Add(back(re, f.cosHW), back(im, f.sinHW))
	return graph.Reshape(x, b, c, d, f.grid[1], f.grid[2])
}

// mirrorWeight is (H*K): 1 for a column that is its own mirror, 2 for one that
// stands for its mirror too.
func (f *fourier) mirrorWeight() *graph.Value {
	w := make([]float32, f.grid[1]*f.half)
	for i := range w {
		if v := i % f.half; v == 0 || 2*v == f.grid[2] {
			w[i] = 1
		} else {
			w[i] = 2
		}
	}
	return graph.Const(f.g, []int{len(w)}, w)
}

// bands is (n, D*H*K): n overlapping radial bands, triangles over the radius
// from zero to the highest frequency, which sum to one at every frequency.
func (f *fourier) bands(n int) *graph.Value {
	if m := f.bandMasks[n]; m != nil {
		return m
	}
	m := make([]float32, n*f.count())
	for i := range f.count() {
		at := f.radius(i) * float64(n-1)
		for band := range n {
			m[band*f.count()+i] = float32(math.Max(0, 1-math.Abs(at-float64(band))))
		}
	}
	f.bandMasks[n] = graph.Const(f.g, []int{n, f.count()}, m)
	return f.bandMasks[n]
}

// radius is the distance of the i-th frequency from zero, 1 at the corner.
func (f *fourier) radius(i int) float64 {
	at := [3]int{i / (f.grid[1] * f.half), i / f.half % f.grid[1], i % f.half}
	sum, axes := 0.0, 0.0
	for a, u := range at {
		if n := f.grid[a]; n > 1 {
			r := float64(min(u, n-u)) / float64(n/2)
			sum, axes = sum+r*r, axes+1
		}
	}
	return math.Sqrt(sum / math.Max(axes, 1))
}
