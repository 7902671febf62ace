package inference

import (
	"context"
	"fmt"

	"columna/spine"
	"columna/volume"
)

// What tidy keeps: islands of at least this share of a structure's largest one.
const (
	keepPiece     = 0.12 // bodies and discs, which gaps between slices may divide
	keepCanal     = 0.05
	keepPosterior = 0.02
	keepSacrum    = 0.2
	// Islands with more millilitres than this are worth a reader's look.
	islandML = 1.0
	// Holes up to this many pixels of a slice are filled.
	holeShare = 0.25 // of the structure's own pixels in that slice
)

// spread names the unnamed voxels of bodies and discs from named neighbours of
// their class, a few voxels far; what stays unnamed fitted nowhere and becomes
// background.
func spread(ctx context.Context, m *volume.LabelMap) {
	var front []int
	for n, l := range m.Data {
		if l >= unnamedBody && namedNeighbour(m, n) != 0 {
			front = append(front, n)
		}
	}
	for round := 0; round < 8 && len(front) > 0 && ctx.Err() == nil; round++ {
		names := make([]uint8, len(front))
		for f, n := range front {
			names[f] = namedNeighbour(m, n)
		}
		var next []int
		for f, n := range front {
			m.Data[n] = names[f]
		}
		for _, n := range front {
			for _, o := range neighbours(m.Grid, n) {
				if o >= 0 && m.Data[o] >= unnamedBody && namedNeighbour(m, o) != 0 {
					next = append(next, o)
				}
			}
		}
		front = next
	}
	for n, l := range m.Data {
		if l >= unnamedBody {
			m.Data[n] = 0
		}
	}
}

// namedNeighbour is the name that an unnamed voxel can take from its faces. The
// sacrum's is not passed on: it has a class of its own.
func namedNeighbour(m *volume.LabelMap, n int) uint8 {
	class := classVertebra
	if m.Data[n] == unnamedDisc {
		class = classDisc
	}
	for _, o := range neighbours(m.Grid, n) {
		if o >= 0 && m.Data[o] < unnamedBody && SemanticClass(spine.Structure(m.Data[o])) == class {
			return m.Data[o]
		}
	}
	return 0
}

// neighbours are the indices of the six face neighbours, -1 outside.
func neighbours(g volume.Grid, n int) [6]int {
	i, j, k := g.Coords(n)
	row, slice := g.Size[0], g.Size[0]*g.Size[1]
	out := [6]int{n - 1, n + 1, n - row, n + row, n - slice, n + slice}
	for f, edge := range [6]bool{i == 0, i == g.Size[0]-1, j == 0, j == g.Size[1]-1, k == 0, k == g.Size[2]-1} {
		if edge {
			out[f] = -1
		}
	}
	return out
}

// island is something tidy removed.
type island struct {
	structure spine.Structure
	at        volume.Vec3
	ml        float64
}

// tidy removes small islands of every structure and fills holes in its slices, then
// removes what lies apart from the spine.
func tidy(ctx context.Context, m *volume.LabelMap) []island {
	var count [256]int
	for _, l := range m.Data {
		count[l]++
	}
	var removed []island
	for s := spine.L1; s <= spine.MaxStructure; s++ {
		if count[s] > 0 && ctx.Err() == nil {
			removed = append(removed, removeIslands(m, s)...)
			fillHoles(m, uint8(s))
		}
	}
	return append(removed, removeStrays(m)...)
}

func removeIslands(m *volume.LabelMap, s spine.Structure) (removed []island) {
	share := keepPiece
	switch s {
	case spine.Canal:
		share = keepCanal
	case spine.Posterior:
		share = keepPosterior
	case spine.S1:
		share = keepSacrum
	}
	parts := volume.Components(m, uint8(s))
	for _, c := range parts[1:] {
		if s == spine.VertebraAbove || s == spine.DiscAbove {
			break // several vertebrae share these labels
		}
		if float64(c.Voxels) >= share*float64(parts[0].Voxels) {
			continue
		}
		for _, n := range c.Indices {
			m.Data[n] = 0
		}
		if ml := float64(c.Voxels) * voxelMM3(m.Grid) / 1000; ml >= islandML {
			removed = append(removed, island{s, c.Centroid, ml})
		}
	}
	return removed
}

func islandFlags(removed []island) (out []spine.Flag) {
	for _, r := range removed {
		at := r.at
		out = append(out, spine.Flag{Kind: "islands", LPS: &at,
			Text: fmt.Sprintf("An island of %.1f ml called %s, away from the rest, was removed.", r.ml, r.structure)})
	}
	return out
}

// fillHoles gives a structure the background that it encloses within a slice.
func fillHoles(m *volume.LabelMap, label uint8) {
	for k := range m.Size[2] {
		box, pixels := sliceBox(m, label, k)
		if pixels > 0 {
			fillSlice(m, label, k, box, int(holeShare*float64(pixels))+1)
		}
	}
}

// sliceBox is the box of a label in slice k (i0, j0, i1, j1) and its pixels.
func sliceBox(m *volume.LabelMap, label uint8, k int) (box [4]int, pixels int) {
	box = [4]int{m.Size[0], m.Size[1], -1, -1}
	for j := range m.Size[1] {
		row := m.Data[m.Index(0, j, k):][:m.Size[0]]
		for i, l := range row {
			if l == label {
				pixels++
				box = [4]int{min(box[0], i), min(box[1], j), max(box[2], i), max(box[3], j)}
			}
		}
	}
	return box, pixels
}

// fillSlice floods the background of the box from its border; background that
// the flood does not reach is enclosed. Enclosed patches up to limit pixels that
// touch only the label are filled.
func fillSlice(m *volume.LabelMap, label uint8, k int, box [4]int, limit int) {
	w, h := box[2]-box[0]+1, box[3]-box[1]+1
	seen := make([]bool, w*h)
	for start := range seen {
		if seen[start] || m.At(box[0]+start%w, box[1]+start/w, k) != 0 {
			continue
		}
		patch, open := floodPatch(m, label, k, box, start, seen)
		if open || len(patch) > limit {
			continue
		}
		for _, p := range patch {
			m.Data[m.Index(box[0]+p%w, box[1]+p/w, k)] = label
		}
	}
}

// floodPatch walks a background patch; open says that it reaches the border of
// the box or touches another structure.
func floodPatch(m *volume.LabelMap, label uint8, k int, box [4]int, start int, seen []bool) (patch []int, open bool) {
	w, h := box[2]-box[0]+1, box[3]-box[1]+1
	seen[start] = true
	patch = []int{start}
	for head := 0; head < len(patch); head++ {
		x, y := patch[head]%w, patch[head]/w
		if x == 0 || y == 0 || x == w-1 || y == h-1 {
			open = true
		}
		for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			u, v := x+d[0], y+d[1]
			if u < 0 || v < 0 || u >= w || v >= h {
				continue
			}
			switch l := m.At(box[0]+u, box[1]+v, k); {
			case l == 0 && !seen[v*w+u]:
				seen[v*w+u] = true
				patch = append(patch, v*w+u)
			case l != 0 && l != label:
				open = true
			}
		}
	}
	return patch, open
}
