package volume

// Permute names the axes anew: axis a of the result is axis order[a] of v. Every
// voxel keeps its value and its place in the patient.
func (v *Volume) Permute(order [3]int) *Volume {
	var g Grid
	var steps [3]Vec3
	for a, from := range order {
		g.Size[a], steps[a] = v.Size[from], v.Affine.Column(from)
	}
	g.Affine = NewAffine(steps[0], steps[1], steps[2], v.Affine.Column(3))
	out := New(g)
	stride := [3]int{1, v.Size[0], v.Size[0] * v.Size[1]}
	si, sj, sk := stride[order[0]], stride[order[1]], stride[order[2]]
	n := 0
	for k := range g.Size[2] {
		for j := range g.Size[1] {
			at := k*sk + j*sj
			for range g.Size[0] {
				out.Data[n] = v.Data[at]
				n, at = n+1, at+si
			}
		}
	}
	return out
}

// SlicesLast names the axes anew so that slices lie along k. Files may hold them
// along any axis; slices are the axis with clearly the widest steps.
func (v *Volume) SlicesLast() *Volume {
	spacing, across := v.SpacingMM(), 2
	for a := range 2 {
		if spacing[a] > 1.25*spacing[across] {
			across = a
		}
	}
	switch across {
	case 0:
		return v.Permute([3]int{1, 2, 0})
	case 1:
		return v.Permute([3]int{0, 2, 1})
	}
	return v
}
