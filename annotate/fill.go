package annotate

// island lists the voxels that Fill changes, or nil. A label grows in three
// dimensions; background only within its slice, and only if it is enclosed.
func (e *Editor) island(at int) []int32 {
	from := e.mask.Data[at]
	seen := map[int32]bool{int32(at): true}
	out := []int32{int32(at)}
	for head := 0; head < len(out); head++ {
		next, edge := e.neighbours(int(out[head]), from == 0)
		if edge && from == 0 {
			return nil
		}
		for _, n := range next {
			if e.mask.Data[n] == from && !seen[int32(n)] {
				seen[int32(n)] = true
				out = append(out, int32(n))
			}
		}
	}
	return out
}

// neighbours lists the face neighbours of a voxel, in its slice only where flat;
// edge tells that it lies on the border of its slice.
func (e *Editor) neighbours(at int, flat bool) (next []int, edge bool) {
	size := e.mask.Size
	i, j, k := e.mask.Coords(at)
	axes := 3
	if flat {
		axes = 2
	}
	stride := [3]int{1, size[0], size[0] * size[1]}
	for a, p := range [3]int{i, j, k} {
		if a >= axes {
			break
		}
		if p > 0 {
			next = append(next, at-stride[a])
		}
		if p < size[a]-1 {
			next = append(next, at+stride[a])
		}
		edge = edge || a < 2 && (p == 0 || p == size[a]-1)
	}
	return next, edge
}
