// Package volume holds arrays in patient space: a Grid joins a voxel lattice to
// the patient's LPS+ millimetres, a Volume is grey values on a grid and a
// LabelMap is structure labels on one.
//
// World coordinates are LPS+ everywhere (DICOM PS3.3 C.7.6.2.1.1): x grows
// towards the patient's left, y towards posterior, z towards superior. Voxel
// indices i, j, k count columns, rows and slices; data are stored i fastest.
package volume

import (
	"fmt"
	"math"
)

// Vec3 is a point or direction in patient millimetres (x, y, z in LPS+), or a
// continuous voxel index (i, j, k), as the name of the variable says.
type Vec3 [3]float64

// Add returns a + b.
func (a Vec3) Add(b Vec3) Vec3 { return Vec3{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }

// Sub returns a - b.
func (a Vec3) Sub(b Vec3) Vec3 { return Vec3{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }

// Scale returns s * a.
func (a Vec3) Scale(s float64) Vec3 { return Vec3{a[0] * s, a[1] * s, a[2] * s} }

// Dot returns the scalar product.
func (a Vec3) Dot(b Vec3) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// Cross returns the vector product.
func (a Vec3) Cross(b Vec3) Vec3 {
	return Vec3{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// Norm returns the Euclidean length.
func (a Vec3) Norm() float64 { return math.Sqrt(a.Dot(a)) }

// Unit returns a scaled to length one; the zero vector stays zero.
func (a Vec3) Unit() Vec3 {
	n := a.Norm()
	if n == 0 {
		return a
	}
	return a.Scale(1 / n)
}

// Affine maps voxel indices to LPS+ millimetres: columns 0..2 are the steps of
// one voxel along i, j and k, column 3 is the centre of voxel (0,0,0).
type Affine [3][4]float64

// NewAffine joins the steps along i, j, k and the origin, all in millimetres.
func NewAffine(stepI, stepJ, stepK, origin Vec3) Affine {
	var a Affine
	for r := range 3 {
		a[r] = [4]float64{stepI[r], stepJ[r], stepK[r], origin[r]}
	}
	return a
}

// Column returns column c: a step (0..2) or the origin (3).
func (a Affine) Column(c int) Vec3 { return Vec3{a[0][c], a[1][c], a[2][c]} }

// Apply maps a continuous voxel index to millimetres.
func (a Affine) Apply(vox Vec3) Vec3 {
	var out Vec3
	for r := range 3 {
		out[r] = a[r][0]*vox[0] + a[r][1]*vox[1] + a[r][2]*vox[2] + a[r][3]
	}
	return out
}

// Determinant of the 3x3 part in mm^3: the signed voxel volume.
func (a Affine) Determinant() float64 {
	return a.Column(0).Dot(a.Column(1).Cross(a.Column(2)))
}

// Inverse maps millimetres back to voxel indices. It fails on a singular affine.
func (a Affine) Inverse() (Affine, error) {
	det := a.Determinant()
	if math.Abs(det) < 1e-12 || math.IsNaN(det) || math.IsInf(det, 0) {
		return Affine{}, fmt.Errorf("affine is singular: its voxels have no volume")
	}
	u, v, w := a.Column(0), a.Column(1), a.Column(2)
	rows := [3]Vec3{v.Cross(w).Scale(1 / det), w.Cross(u).Scale(1 / det), u.Cross(v).Scale(1 / det)}
	var inv Affine
	o := a.Column(3)
	for r := range 3 {
		inv[r] = [4]float64{rows[r][0], rows[r][1], rows[r][2], -rows[r].Dot(o)}
	}
	return inv, nil
}

// Grid is a voxel lattice in the patient: Size counts voxels along i, j, k.
type Grid struct {
	Size   [3]int
	Affine Affine
}

// Len is the number of voxels.
func (g Grid) Len() int { return g.Size[0] * g.Size[1] * g.Size[2] }

// Index is the position of voxel (i, j, k) in the data, i fastest.
func (g Grid) Index(i, j, k int) int { return i + g.Size[0]*(j+g.Size[1]*k) }

// Contains reports whether (i, j, k) is a voxel of the grid.
func (g Grid) Contains(i, j, k int) bool {
	return i >= 0 && j >= 0 && k >= 0 && i < g.Size[0] && j < g.Size[1] && k < g.Size[2]
}

// SpacingMM is the distance between voxel centres along i, j, k.
func (g Grid) SpacingMM() Vec3 {
	return Vec3{g.Affine.Column(0).Norm(), g.Affine.Column(1).Norm(), g.Affine.Column(2).Norm()}
}

// ToWorld maps a continuous voxel index to LPS+ millimetres.
func (g Grid) ToWorld(vox Vec3) Vec3 { return g.Affine.Apply(vox) }

// ToVoxel maps LPS+ millimetres to a continuous voxel index; a singular affine
// gives NaN, which Contains and the samplers treat as outside.
func (g Grid) ToVoxel(mm Vec3) Vec3 {
	inv, err := g.Affine.Inverse()
	if err != nil {
		return Vec3{math.NaN(), math.NaN(), math.NaN()}
	}
	return inv.Apply(mm)
}

// CenterMM is the middle of the grid in LPS+ millimetres.
func (g Grid) CenterMM() Vec3 {
	return g.ToWorld(Vec3{float64(g.Size[0]-1) / 2, float64(g.Size[1]-1) / 2, float64(g.Size[2]-1) / 2})
}

// Validate says what is wrong with a grid, if anything.
func (g Grid) Validate() error {
	for _, n := range g.Size {
		if n < 1 || n > 1<<16 {
			return fmt.Errorf("grid size %v: each side must be 1 to 65536 voxels", g.Size)
		}
	}
	if g.Size[0]*g.Size[1] > 1<<28/g.Size[2] {
		return fmt.Errorf("grid size %v: more than %d voxels", g.Size, 1<<28)
	}
	_, err := g.Affine.Inverse()
	return err
}

// Letter names the patient direction that d points to most: L, R, A, P, S or I.
func Letter(d Vec3) string {
	names := [3][2]string{{"L", "R"}, {"P", "A"}, {"S", "I"}}
	axis := 0
	for a := 1; a < 3; a++ {
		if math.Abs(d[a]) > math.Abs(d[axis]) {
			axis = a
		}
	}
	if d[axis] >= 0 {
		return names[axis][0]
	}
	return names[axis][1]
}

// Orientation gives the letters that i, j and k run towards, such as "PIL".
func (g Grid) Orientation() string {
	return Letter(g.Affine.Column(0)) + Letter(g.Affine.Column(1)) + Letter(g.Affine.Column(2))
}
