package volume

// Box is a half-open box of voxels: Min is inside, Max is just outside. The
// zero Box is empty.
type Box struct {
	Min, Max [3]int
}

// Empty reports whether the box holds no voxel.
func (b Box) Empty() bool {
	return b.Max[0] <= b.Min[0] || b.Max[1] <= b.Min[1] || b.Max[2] <= b.Min[2]
}

// Size counts the voxels of the box along i, j, k.
func (b Box) Size() [3]int {
	return [3]int{b.Max[0] - b.Min[0], b.Max[1] - b.Min[1], b.Max[2] - b.Min[2]}
}

// Add returns the smallest box that holds b and voxel (i, j, k).
func (b Box) Add(i, j, k int) Box {
	return b.Union(Box{Min: [3]int{i, j, k}, Max: [3]int{i + 1, j + 1, k + 1}})
}

// Union returns the smallest box that holds both.
func (b Box) Union(c Box) Box {
	if b.Empty() {
		return c
	}
	if c.Empty() {
		return b
	}
	for a := range 3 {
		b.Min[a] = min(b.Min[a], c.Min[a])
		b.Max[a] = max(b.Max[a], c.Max[a])
	}
	return b
}

// Bounds is the box of the whole grid.
func (g Grid) Bounds() Box { return Box{Max: g.Size} }

// Coords is the inverse of Index: the voxel at position n of the data.
func (g Grid) Coords(n int) (i, j, k int) {
	i = n % g.Size[0]
	n /= g.Size[0]
	return i, n % g.Size[1], n / g.Size[1]
}
