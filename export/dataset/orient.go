package dataset

import (
	"math"

	"columna/volume"
)

// toPI is the grid of the same voxels with columns running to posterior and rows to
// inferior, so that resampling by nearest voxel moves values and changes none.
func toPI(g volume.Grid) volume.Grid {
	axes := [3]int{-1, -1, -1}
	taken := [3]bool{}
	for to, direction := range []volume.Vec3{{0, 1, 0}, {0, 0, -1}} { // LPS+
		best := -1.0
		for a := range 3 {
			if d := math.Abs(g.Affine.Column(a).Unit().Dot(direction)); d > best && !taken[a] {
				best, axes[to] = d, a
			}
		}
		taken[axes[to]] = true
	}
	axes[2] = 3 - axes[0] - axes[1]
	out := volume.Grid{}
	origin := g.ToWorld(volume.Vec3{})
	var steps [3]volume.Vec3
	for to, from := range axes {
		out.Size[to] = g.Size[from]
		steps[to] = g.Affine.Column(from)
		if to < 2 && steps[to].Dot([]volume.Vec3{{0, 1, 0}, {0, 0, -1}}[to]) < 0 {
			origin = origin.Add(steps[to].Scale(float64(g.Size[from] - 1)))
			steps[to] = steps[to].Scale(-1)
		}
	}
	out.Affine = volume.NewAffine(steps[0], steps[1], steps[2], origin)
	return out
}
