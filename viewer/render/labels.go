package render

import (
	"math"

	"columna/volume"
)

// Label classes in the painter's table: a structure's fill, its edge, and the
// voxels in which two masks differ.
const (
	classEdge    = 64 // added to the label on a structure's rim
	classAdded   = 32 // in the mask, not in the reference
	classRemoved = 33 // in the reference, not in the mask
	classChanged = 34 // another structure than in the reference
	classCount   = 128
)

// labelsAt reads a label map at every pixel of a pane, nearest voxel, through
// any rotation between the pane and the map. Coordinates run in 32.32 fixed
// point so that a row needs only additions.
func labelsAt(out []uint8, m *volume.LabelMap, l Lens, w, h int) {
	clear(out)
	inv, err := m.Affine.Inverse()
	if err != nil {
		return
	}
	origin := inv.Apply(l.Patient(0.5, 0.5))
	dx := inv.Apply(l.Patient(1.5, 0.5)).Sub(origin)
	dy := inv.Apply(l.Patient(0.5, 1.5)).Sub(origin)
	step := [3]int64{toFixed(dx[0]), toFixed(dx[1]), toFixed(dx[2])}
	ni, nj, nk := uint64(m.Size[0]), uint64(m.Size[1]), uint64(m.Size[2])
	for y := range h {
		p := origin.Add(dy.Scale(float64(y)))
		from, to := inside(p, dx, m.Size, w)
		i, j, k := toFixed(p[0]+0.5), toFixed(p[1]+0.5), toFixed(p[2]+0.5)
		i, j, k = i+int64(from)*step[0], j+int64(from)*step[1], k+int64(from)*step[2]
		row := out[y*w : y*w+w]
		if n := int64(to - from - 1); n > 0 && j>>32 == (j+n*step[1])>>32 && k>>32 == (k+n*step[2])>>32 {
			if vj, vk := uint64(j>>32), uint64(k>>32); vj < nj && vk < nk {
				along(row[from:to], m.Data[ni*(vj+nj*vk):][:ni], i, step[0])
			}
			continue
		}
		for x := from; x < to; x++ {
			vi, vj, vk := uint64(i>>32), uint64(j>>32), uint64(k>>32)
			if vi < ni && vj < nj && vk < nk {
				row[x] = m.Data[vi+ni*(vj+nj*vk)]
			}
			i, j, k = i+step[0], j+step[1], k+step[2]
		}
	}
}

// along is labelsAt for pixels that run along one row of voxels.
func along(out, voxels []uint8, i, step int64) {
	for x := range out {
		if v := uint64(i >> 32); v < uint64(len(voxels)) {
			out[x] = voxels[v]
		}
		i += step
	}
}

func toFixed(x float64) int64 { return int64(math.Floor(math.Min(math.Max(x, -1e6), 1e6) * (1 << 32))) }

// inside is the range of pixels of a row that can lie in a grid of the size,
// one pixel generous.
func inside(p, d volume.Vec3, size [3]int, w int) (from, to int) {
	lo, hi := 0.0, float64(w)
	for a := range 3 {
		n := float64(size[a])
		if math.Abs(d[a]) < 1e-9 {
			if p[a] < -0.51 || p[a] > n-0.49 {
				return 0, 0
			}
			continue
		}
		t0, t1 := (-0.5-p[a])/d[a], (n-0.5-p[a])/d[a]
		lo, hi = math.Max(lo, math.Min(t0, t1)-1), math.Min(hi, math.Max(t0, t1)+1)
	}
	if lo >= hi {
		return 0, 0
	}
	return max(0, int(lo)), min(w, int(hi)+1)
}

// markEdges adds classEdge to the pixels on the inner rim of each structure,
// thick pixels wide. A pane's border is no rim. labels and classes must differ.
func markEdges(classes, labels []uint8, w, h, thick int) {
	copy(classes, labels)
	for y := range h {
		row := labels[y*w : y*w+w]
		up := labels[max(y-thick, 0)*w:][:w]
		down := labels[min(y+thick, h-1)*w:][:w]
		for x, l := range row {
			if l == 0 {
				continue
			}
			if up[x] != l || down[x] != l || row[max(x-thick, 0)] != l || row[min(x+thick, w-1)] != l {
				classes[y*w+x] = l | classEdge
			}
		}
	}
}

// markDifference turns labels into difference classes against a reference.
func markDifference(classes, labels, reference []uint8) {
	for i, l := range labels {
		r := reference[i]
		switch {
		case l == r:
			classes[i] = 0
		case r == 0:
			classes[i] = classAdded
		case l == 0:
			classes[i] = classRemoved
		default:
			classes[i] = classChanged
		}
	}
}
