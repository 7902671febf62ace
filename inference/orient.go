package inference

import (
	"math"

	"columna/volume"
)

// The anatomical directions in LPS+.
var (
	toLeft      = volume.Vec3{1, 0, 0}
	toPosterior = volume.Vec3{0, 1, 0}
	toInferior  = volume.Vec3{0, 0, -1}
)

// frame tells which axis of a grid runs along P, I and L (in that order), and
// whether it runs that way (+1) or the other (-1).
type frame struct {
	axis [3]int
	sign [3]float64
}

// The places of the directions in a frame.
const (
	axisP = iota
	axisI
	axisL
)

// frameOf assigns each axis of a grid to the anatomical direction it is nearest
// to, choosing the assignment that fits best as a whole.
func frameOf(g volume.Grid) frame {
	want := [3]volume.Vec3{toPosterior, toInferior, toLeft}
	best, fit := frame{}, -1.0
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		f, sum := frame{axis: p}, 0.0
		for d := range 3 {
			c := g.Affine.Column(p[d]).Unit().Dot(want[d])
			f.sign[d] = math.Copysign(1, c)
			sum += math.Abs(c)
		}
		if sum > fit {
			best, fit = f, sum
		}
	}
	return best
}

// directions gives unit vectors towards P, I and L along the grid's own axes,
// made exactly perpendicular; the in-plane ones P and I of a sagittal series
// keep their plane.
func (f frame) directions(g volume.Grid) (p, i, l volume.Vec3) {
	p = g.Affine.Column(f.axis[axisP]).Scale(f.sign[axisP]).Unit()
	i = g.Affine.Column(f.axis[axisI]).Scale(f.sign[axisI])
	i = i.Sub(p.Scale(i.Dot(p))).Unit()
	l = i.Cross(p).Unit()
	return p, i, l
}

// CanonicalGrid is the network grid over a series: the series' own axes,
// reordered and flipped so that i runs to posterior, j to inferior and k to the
// patient's left, centred on the series. A slice spacing within a quarter of the
// network's is kept, with network slices exactly on acquired ones.
func CanonicalGrid(series volume.Grid, sizeVox [3]int, spacingMM [3]float64) volume.Grid {
	f := frameOf(series)
	p, i, l := f.directions(series)
	own := series.SpacingMM()[f.axis[axisL]]
	center := series.CenterMM()
	if ratio := own / spacingMM[2]; ratio >= 0.75 && ratio <= 1.25 {
		spacingMM[2] = own
		if n := series.Size[f.axis[axisL]]; (n-sizeVox[2])%2 != 0 {
			center = center.Add(l.Scale(own / 2))
		}
	}
	steps := [3]volume.Vec3{p.Scale(spacingMM[0]), i.Scale(spacingMM[1]), l.Scale(spacingMM[2])}
	origin := center
	for a := range 3 {
		origin = origin.Sub(steps[a].Scale(float64(sizeVox[a]-1) / 2))
	}
	return volume.Grid{Size: sizeVox, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}

// AcquiredGrid is a series' own grid, its axes reordered and flipped as CanonicalGrid
// has them.
func AcquiredGrid(series volume.Grid) volume.Grid {
	f, own := frameOf(series), series.SpacingMM()
	var size [3]int
	var spacing [3]float64
	for to, from := range f.axis {
		size[to], spacing[to] = series.Size[from], own[from]
	}
	return CanonicalGrid(series, size, spacing)
}

// inside reports whether a continuous index lies within half a voxel of the grid.
func inside(g volume.Grid, vox volume.Vec3) bool {
	for a := range 3 {
		if !(vox[a] > -0.5 && vox[a] < float64(g.Size[a])-0.5) {
			return false
		}
	}
	return true
}
