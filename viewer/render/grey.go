package render

import "math"

// axisMap is how one screen axis reads one voxel axis: for each pixel the two
// neighbouring voxels, already times the data stride, and the weight of the
// second. Pixels outside [from, to) lie off the slice.
type axisMap struct {
	a, b     []int32
	w        []float32
	from, to int
}

// mapAxis fills the map for n pixels whose voxel coordinate is at0 + p*step.
func (m *axisMap) mapAxis(n int, at0, step float64, size, stride int) {
	m.a, m.b, m.w = resize(m.a, n), resize(m.b, n), resize(m.w, n)
	m.from, m.to = n, 0
	for p := range n {
		at := at0 + float64(p)*step
		if at < -0.5 || at >= float64(size)-0.5 {
			continue
		}
		m.from, m.to = min(m.from, p), p+1
		at = math.Min(math.Max(at, 0), float64(size-1))
		lo := min(int(at), max(size-2, 0))
		m.a[p] = int32(lo * stride)
		m.b[p] = int32(min(lo+1, size-1) * stride)
		m.w[p] = float32(at - float64(lo))
	}
	if m.from >= m.to {
		m.from, m.to = 0, 0
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// greys is the slice resampled to device pixels, in measured values. Pixels off
// the slice hold NaN-free zero and are known by the box x0..x1, y0..y1.
type greys struct {
	values         []float32
	x0, x1, y0, y1 int
	ux, vy         axisMap
	line           []float32
}

// sample reads slice k through the lens: bilinear in the plane, one slice only.
func (g *greys) sample(data []float32, l Lens, w, h int) {
	f, grid := l.Frame, l.Frame.Grid
	strides := [3]int{1, grid.Size[0], grid.Size[0] * grid.Size[1]}
	sp := grid.SpacingMM()
	start := grid.ToVoxel(l.Patient(0.5, 0.5))
	g.ux.mapAxis(w, start[f.uAxis], f.uSign/(sp[f.uAxis]*l.PxPerMM), grid.Size[f.uAxis], 1)
	g.vy.mapAxis(h, start[f.vAxis], f.vSign/(sp[f.vAxis]*l.PxPerMM), grid.Size[f.vAxis], strides[f.vAxis])
	g.x0, g.x1, g.y0, g.y1 = g.ux.from, g.ux.to, g.vy.from, g.vy.to
	g.values = resize(g.values, w*h)
	slice := data[l.K*strides[2]:][:strides[2]]
	nu, su := grid.Size[f.uAxis], strides[f.uAxis]
	g.line = resize(g.line, nu+1)
	for y := g.y0; y < g.y1; y++ {
		g.row(slice, y, w, nu, su)
	}
}

// row joins two voxel rows into one and then reads the pixels from it. The
// row's axis is mapped with stride 1, as the joined row is dense.
func (g *greys) row(slice []float32, y, w, nu, su int) {
	ra, rb, t := slice[g.vy.a[y]:], slice[g.vy.b[y]:], g.vy.w[y]
	line := g.line[:nu]
	for i, p := 0, 0; i < nu; i, p = i+1, p+su {
		line[i] = ra[p] + (rb[p]-ra[p])*t
	}
	out := g.values[y*w : y*w+w]
	first, second, weight := g.ux.a[:len(out)], g.ux.b[:len(out)], g.ux.w[:len(out)]
	for x := g.x0; x < g.x1; x++ {
		a := line[first[x]]
		out[x] = a + (line[second[x]]-a)*weight[x]
	}
}
