package inference

import (
	"columna/spine"
	"columna/volume"
)

// A piece of the mask, whatever its labels, that lies farther than strayMM from the
// spine is not of it, and one that is smaller than strayMM3 is nothing.
const (
	strayMM     = 15.0
	strayCellMM = 3.0 // of the lattice on which distances are taken
	strayMM3    = 30.0
)

// cell is a place of the lattice, in whole numbers.
type cell [3]float32

// removeStrays empties the pieces of the mask that lie apart from the largest one, and
// from those that lie near it, and crumbs wherever they lie.
func removeStrays(m *volume.LabelMap) (removed []island) {
	whole := volume.NewLabelMap(m.Grid)
	for n, l := range m.Data {
		whole.Data[n] = min(l, 1)
	}
	parts := volume.Components(whole, 1)
	if len(parts) < 2 {
		return nil
	}
	kept := cellsOf(m.Grid, parts[0])
	for _, c := range parts[1:] {
		if float64(c.Voxels)*voxelMM3(m.Grid) >= strayMM3 {
			if own := cellsOf(m.Grid, c); near(kept, own) {
				kept = append(kept, own...)
				continue
			}
		}
		if ml := float64(c.Voxels) * voxelMM3(m.Grid) / 1000; ml >= islandML {
			removed = append(removed, island{spine.Structure(m.Data[c.Indices[0]]), c.Centroid, ml})
		}
		for _, n := range c.Indices {
			m.Data[n] = 0
		}
	}
	return removed
}

// cellsOf are the cells of the lattice that a piece has voxels in.
func cellsOf(g volume.Grid, c volume.Component) (out []cell) {
	mm, known := g.SpacingMM(), map[cell]bool{}
	for _, n := range c.Indices {
		i, j, k := g.Coords(int(n))
		at := cell{float32(int(float64(i) * mm[0] / strayCellMM)), float32(int(float64(j) * mm[1] / strayCellMM)),
			float32(int(float64(k) * mm[2] / strayCellMM))}
		if !known[at] {
			known[at] = true
			out = append(out, at)
		}
	}
	return out
}

// near says whether any cell of the one lies within strayMM of any of the other.
func near(a, b []cell) bool {
	const most = strayMM * strayMM / (strayCellMM * strayCellMM)
	for _, p := range b {
		for _, q := range a {
			x, y, z := p[0]-q[0], p[1]-q[1], p[2]-q[2]
			if x*x+y*y+z*z <= most {
				return true
			}
		}
	}
	return false
}
