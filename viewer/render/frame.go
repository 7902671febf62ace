package render

import (
	"math"

	"columna/spine"
	"columna/volume"
)

// Frame lays the slices of one series on the screen as readers hang them:
// sagittal with anterior to the left and head up, axial with the patient's
// right to the left and anterior up, coronal with right to the left and head
// up. The sides come from the affine only.
type Frame struct {
	Grid         volume.Grid
	Right, Down  volume.Vec3 // unit vectors of the screen in patient space
	Normal       volume.Vec3 // unit vector of growing k, made orthogonal by the grid itself
	uAxis, vAxis int         // the voxel axes that run along Right and Down
	uSign, vSign float64
}

// NewFrame hangs the k slices of a grid.
func NewFrame(g volume.Grid) Frame {
	f := Frame{Grid: g, Normal: g.Affine.Column(0).Cross(g.Affine.Column(1)).Unit()}
	if f.Normal.Dot(g.Affine.Column(2)) < 0 {
		f.Normal = f.Normal.Scale(-1)
	}
	wantRight, wantDown := hanging(PlaneOf(g))
	f.uAxis, f.vAxis = 0, 1
	if math.Abs(g.Affine.Column(1).Unit().Dot(wantRight)) > math.Abs(g.Affine.Column(0).Unit().Dot(wantRight)) {
		f.uAxis, f.vAxis = 1, 0
	}
	f.Right, f.uSign = facing(g.Affine.Column(f.uAxis), wantRight)
	f.Down, f.vSign = facing(g.Affine.Column(f.vAxis), wantDown)
	return f
}

// PlaneOf names the plane of a grid's k slices by its normal.
func PlaneOf(g volume.Grid) spine.Plane {
	n := g.Affine.Column(0).Cross(g.Affine.Column(1))
	x, y, z := math.Abs(n[0]), math.Abs(n[1]), math.Abs(n[2])
	switch {
	case x >= y && x >= z:
		return spine.Sagittal
	case z >= y:
		return spine.Axial
	}
	return spine.Coronal
}

func hanging(p spine.Plane) (right, down volume.Vec3) {
	switch p {
	case spine.Sagittal:
		return volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}
	case spine.Axial:
		return volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}
	}
	return volume.Vec3{1, 0, 0}, volume.Vec3{0, 0, -1}
}

// facing gives the unit vector along step, turned to point the way of want.
func facing(step, want volume.Vec3) (unit volume.Vec3, sign float64) {
	u := step.Unit()
	if u.Dot(want) < 0 {
		return u.Scale(-1), -1
	}
	return u, 1
}

// ExtentMM is the size of a slice along Right and Down, voxel edges included.
func (f Frame) ExtentMM() (u, v float64) {
	s := f.Grid.SpacingMM()
	return float64(f.Grid.Size[f.uAxis]) * s[f.uAxis], float64(f.Grid.Size[f.vAxis]) * s[f.vAxis]
}

// CenterMM is the middle of slice k.
func (f Frame) CenterMM(k int) volume.Vec3 {
	return f.Grid.ToWorld(volume.Vec3{float64(f.Grid.Size[0]-1) / 2, float64(f.Grid.Size[1]-1) / 2, float64(k)})
}

// CornersMM are the corners of slice k, voxel edges included, in order around it.
func (f Frame) CornersMM(k int) [4]volume.Vec3 {
	w, h := float64(f.Grid.Size[0])-0.5, float64(f.Grid.Size[1])-0.5
	z := float64(k)
	return [4]volume.Vec3{
		f.Grid.ToWorld(volume.Vec3{-0.5, -0.5, z}), f.Grid.ToWorld(volume.Vec3{w, -0.5, z}),
		f.Grid.ToWorld(volume.Vec3{w, h, z}), f.Grid.ToWorld(volume.Vec3{-0.5, h, z}),
	}
}

// Letters are the patient directions at the left, right, top and bottom edges.
func (f Frame) Letters() (left, right, top, bottom string) {
	return volume.Letter(f.Right.Scale(-1)), volume.Letter(f.Right), volume.Letter(f.Down.Scale(-1)), volume.Letter(f.Down)
}
