package render

import (
	"columna/assets"
	"columna/volume"
)

// heatStep is how many device pixels lie between samples of a heat map. Its own
// voxels are several pixels wide, so bilinear filling between loses nothing.
const heatStep = 4

// heatGrid is the nodes of a pane, heatStep apart, and its scratch rows.
type heatGrid struct {
	nodes []float32     // 0 to 255, nw times nh
	nw    int           // one more than the cells of a row
	warm  []bool        // rows of nodes that are not all zero
	along []volume.Vec3 // the voxel coordinates of the first row's nodes
	left  []float32     // a cell row's upper edge at every pixel
	rise  []float32     // what its lower edge has more
}

// heatAt reads a heat map over a pane as bytes, 255 for 1.
func (g *heatGrid) heatAt(out []uint8, v *volume.Volume, l Lens, w, h int) {
	inv, err := v.Affine.Inverse()
	if err != nil {
		clear(out)
		g.warm = resize(g.warm, h/heatStep+2)
		clear(g.warm)
		return
	}
	g.sample(v, inv, l, w, h)
	g.left, g.rise = resize(g.left, w), resize(g.rise, w)
	for y := 0; y < h; y += heatStep {
		cells := out[y*w : min(y+heatStep, h)*w]
		n := y / heatStep
		if !g.warmAt(y) {
			clear(cells)
			continue
		}
		g.fill(cells, g.nodes[n*g.nw:][:g.nw], g.nodes[(n+1)*g.nw:][:g.nw], w)
	}
}

// warmAt reports whether pixels of row y may be above zero.
func (g *heatGrid) warmAt(y int) bool { return g.warm[y/heatStep] || g.warm[y/heatStep+1] }

// sample reads the map at the nodes. A node's coordinates are the sum of its
// column's and its row's, so that a node costs three additions.
func (g *heatGrid) sample(v *volume.Volume, inv volume.Affine, l Lens, w, h int) {
	g.nw = (w+heatStep-1)/heatStep + 1
	nh := (h+heatStep-1)/heatStep + 1
	g.nodes, g.warm, g.along = resize(g.nodes, g.nw*nh), resize(g.warm, nh), resize(g.along, g.nw)
	origin := inv.Apply(l.Patient(0, 0))
	dx := inv.Apply(l.Patient(heatStep, 0)).Sub(origin)
	dy := inv.Apply(l.Patient(0, heatStep)).Sub(origin)
	for x := range g.along {
		g.along[x] = origin.Add(dx.Scale(float64(x)))
	}
	for y := range nh {
		down := dy.Scale(float64(y))
		row := g.nodes[y*g.nw:][:g.nw]
		from, to := inside(origin.Add(down), dx, v.Size, g.nw)
		clear(row)
		g.warm[y] = false
		for x := from; x < to; x++ {
			if s := trilinear(v, g.along[x].Add(down)); s > 0 {
				row[x], g.warm[y] = min(s, 1)*255, true
			}
		}
	}
}

// trilinear is Volume.Sample, the same sum in the same order, without its loops;
// 0 outside.
func trilinear(v *volume.Volume, vox volume.Vec3) float32 {
	i0, i1, fi, inI := between(vox[0], v.Size[0])
	j0, j1, fj, inJ := between(vox[1], v.Size[1])
	k0, k1, fk, inK := between(vox[2], v.Size[2])
	if !inI || !inJ || !inK {
		return 0
	}
	ni, nij := v.Size[0], v.Size[0]*v.Size[1]
	a, b, data := j0*ni+k0*nij, j1*ni+k0*nij, v.Data
	ei, ej, ek := 1-fi, 1-fj, 1-fk
	sum := ei * ej * ek * float64(data[i0+a])
	sum += fi * ej * ek * float64(data[i1+a])
	sum += ei * fj * ek * float64(data[i0+b])
	sum += fi * fj * ek * float64(data[i1+b])
	if fk == 0 {
		return float32(sum)
	}
	a, b = j0*ni+k1*nij, j1*ni+k1*nij
	sum += ei * ej * fk * float64(data[i0+a])
	sum += fi * ej * fk * float64(data[i1+a])
	sum += ei * fj * fk * float64(data[i0+b])
	sum += fi * fj * fk * float64(data[i1+b])
	return float32(sum)
}

// between is the voxels on both sides of coordinate x of an axis of n, and the
// second's weight; in is false outside the grid.
func between(x float64, n int) (a, b int, f float64, in bool) {
	last := float64(n - 1)
	if !(x > -0.5 && x < last+0.5) {
		return 0, 0, 0, false
	}
	if x < 0 {
		x = 0
	} else if x > last {
		x = last
	}
	a = min(int(x), max(n-2, 0))
	return a, min(a+1, n-1), x - float64(a), true
}

// fill draws one row of cells, up to heatStep rows of w pixels, bilinear between
// the nodes above and below.
func (g *heatGrid) fill(cells []uint8, above, below []float32, w int) {
	left, rise := g.left[:w], g.rise[:w]
	for x := range left {
		c, tx := x/heatStep, (float32(x%heatStep)+0.5)/heatStep
		a := above[c] + (above[c+1]-above[c])*tx
		b := below[c] + (below[c+1]-below[c])*tx
		left[x], rise[x] = a, b-a
	}
	for y := 0; y*w < len(cells); y++ {
		ty := (float32(y) + 0.5) / heatStep
		row := cells[y*w:][:w]
		for x := range row {
			row[x] = uint8(left[x] + rise[x]*ty)
		}
	}
}

// heatTable is the colour already times its opacity, and what is left of the
// pixel below, for each heat value. Values under a tenth are clear.
type heatTable [256]heatShade

// heatShade holds red, blue and green in three lanes of 16 bits, so that one
// multiplication blends all of them.
type heatShade struct{ color, rest uint64 }

// lanes is a byte of ones at the foot of each lane.
const lanes = 0x00ff_00ff_00ff

func newHeatTable(opacity float64) *heatTable {
	t := &heatTable{}
	for i, c := range assets.Heat() {
		ramp := min(max((float64(i)/255-0.08)/0.25, 0), 1)
		a := uint64(ramp*opacity*255 + 0.5)
		t[i] = heatShade{color: (uint64(c.R) | uint64(c.B)<<16 | uint64(c.G)<<32) * a, rest: 255 - a}
	}
	return t
}

// over blends heat value v over an opaque little-endian RGBA pixel. No lane
// exceeds 255*255, below which (x + x>>8 + 1) >> 8 is x/255.
func (t *heatTable) over(p uint32, v uint8) uint32 {
	s := &t[v]
	x := (uint64(p&0xff00ff)|uint64(p&0xff00)<<24)*s.rest + s.color
	x = (x + x>>8&lanes + 0x0001_0001_0001) >> 8 & lanes
	return uint32(x)&0xff00ff | uint32(x>>24)&0xff00 | 0xff<<24
}
