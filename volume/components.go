package volume

import "slices"

// Component is one island of a label: voxels that touch by their faces.
type Component struct {
	Voxels   int
	Centroid Vec3    // mean of the voxel centres, LPS+ mm
	Box      Box     // in voxels
	Indices  []int32 // positions in the label map's Data, ascending by discovery
}

// Components finds the islands of a label, largest first; islands of one size
// come in the order of their first voxel.
func Components(m *LabelMap, label uint8) []Component {
	seen := make([]bool, len(m.Data))
	var out []Component
	for n, v := range m.Data {
		if v == label && !seen[n] {
			out = append(out, grow(m, n, seen))
		}
	}
	slices.SortStableFunc(out, func(a, b Component) int { return b.Voxels - a.Voxels })
	return out
}

// grow walks the island around voxel n and marks it seen.
func grow(m *LabelMap, n int, seen []bool) Component {
	label := m.Data[n]
	seen[n] = true
	c := Component{Indices: []int32{int32(n)}}
	var sum Vec3
	for head := 0; head < len(c.Indices); head++ {
		at := int(c.Indices[head])
		i, j, k := m.Coords(at)
		sum = sum.Add(Vec3{float64(i), float64(j), float64(k)})
		c.Box = c.Box.Add(i, j, k)
		for _, next := range m.faceNeighbours(at, i, j, k) {
			if next >= 0 && !seen[next] && m.Data[next] == label {
				seen[next] = true
				c.Indices = append(c.Indices, int32(next))
			}
		}
	}
	c.Voxels = len(c.Indices)
	c.Centroid = m.ToWorld(sum.Scale(1 / float64(c.Voxels)))
	return c
}

// faceNeighbours are the positions of the six neighbours of (i, j, k), which
// lies at position at; -1 where the grid ends.
func (g Grid) faceNeighbours(at, i, j, k int) [6]int {
	row, slice := g.Size[0], g.Size[0]*g.Size[1]
	out := [6]int{at - 1, at + 1, at - row, at + row, at - slice, at + slice}
	edge := [6]bool{i == 0, i == g.Size[0]-1, j == 0, j == g.Size[1]-1, k == 0, k == g.Size[2]-1}
	for n, e := range edge {
		if e {
			out[n] = -1
		}
	}
	return out
}

// KeepLargest turns every island of a label but the largest into background and
// returns how many voxels that took.
func KeepLargest(m *LabelMap, label uint8) (removed int) {
	all := Components(m, label)
	for _, c := range all[min(1, len(all)):] {
		for _, n := range c.Indices {
			m.Data[n] = 0
		}
		removed += c.Voxels
	}
	return removed
}

// Centroid is the mean position of a label in LPS+ mm and its voxel count; the
// count is 0 where the label does not occur.
func (m *LabelMap) Centroid(label uint8) (mm Vec3, voxels int) {
	var sum Vec3
	for n, v := range m.Data {
		if v == label {
			i, j, k := m.Coords(n)
			sum = sum.Add(Vec3{float64(i), float64(j), float64(k)})
			voxels++
		}
	}
	if voxels == 0 {
		return Vec3{}, 0
	}
	return m.ToWorld(sum.Scale(1 / float64(voxels))), voxels
}
