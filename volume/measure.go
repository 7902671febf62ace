package volume

import "math"

// Measure is the extent of one label.
type Measure struct {
	Label     uint8
	Voxels    int
	VolumeMM3 float64
	Centroid  Vec3 // LPS+ mm
	Box       Box  // in voxels
}

// Measures describes every label that occurs but 0, in ascending order.
func (m *LabelMap) Measures() []Measure {
	var all [256]Measure
	var sum [256]Vec3
	n := 0
	for k := range m.Size[2] {
		for j := range m.Size[1] {
			for i := range m.Size[0] {
				if label := m.Data[n]; label != 0 {
					all[label].Voxels++
					all[label].Box = all[label].Box.Add(i, j, k)
					sum[label] = sum[label].Add(Vec3{float64(i), float64(j), float64(k)})
				}
				n++
			}
		}
	}
	voxel := math.Abs(m.Affine.Determinant())
	var out []Measure
	for label, x := range all {
		if x.Voxels > 0 {
			x.Label = uint8(label)
			x.VolumeMM3 = float64(x.Voxels) * voxel
			x.Centroid = m.ToWorld(sum[label].Scale(1 / float64(x.Voxels)))
			out = append(out, x)
		}
	}
	return out
}
