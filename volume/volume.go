package volume

import "fmt"

// Volume is grey values (after rescale) on a grid.
type Volume struct {
	Grid
	Data []float32
}

// New makes a zero volume on a grid.
func New(g Grid) *Volume { return &Volume{Grid: g, Data: make([]float32, g.Len())} }

// At is the value of voxel (i, j, k).
func (v *Volume) At(i, j, k int) float32 { return v.Data[v.Index(i, j, k)] }

// LabelMap is one structure label per voxel; zero is background.
type LabelMap struct {
	Grid
	Data []uint8
}

// NewLabelMap makes an empty label map on a grid.
func NewLabelMap(g Grid) *LabelMap { return &LabelMap{Grid: g, Data: make([]uint8, g.Len())} }

// At is the label of voxel (i, j, k).
func (m *LabelMap) At(i, j, k int) uint8 { return m.Data[m.Index(i, j, k)] }

// Clone copies the label map.
func (m *LabelMap) Clone() *LabelMap {
	return &LabelMap{Grid: m.Grid, Data: append([]uint8(nil), m.Data...)}
}

// SameGrid reports whether two grids hold the same voxels, to a thousandth of a
// millimetre at every corner.
func SameGrid(a, b Grid) bool {
	if a.Size != b.Size {
		return false
	}
	for corner := range 8 {
		var vox Vec3
		for axis := range 3 {
			if corner>>axis&1 == 1 {
				vox[axis] = float64(a.Size[axis] - 1)
			}
		}
		if a.ToWorld(vox).Sub(b.ToWorld(vox)).Norm() > 1e-3 {
			return false
		}
	}
	return true
}

// check refuses data whose length is not the grid's.
func check(g Grid, n int) error {
	if g.Len() != n {
		return fmt.Errorf("%d values for a grid of %v voxels", n, g.Size)
	}
	return g.Validate()
}

// Validate says what is wrong with the volume, if anything.
func (v *Volume) Validate() error { return check(v.Grid, len(v.Data)) }

// Validate says what is wrong with the label map, if anything.
func (m *LabelMap) Validate() error { return check(m.Grid, len(m.Data)) }
