package inference

import (
	"math"
	"testing"

	"columna/spine"
	"columna/volume"
)

// tilted is an axial block turned about the left-right axis by degrees, stored
// like DICOM: one instance a slice.
func tilted(degrees float64, flip bool) *spine.Series {
	a := degrees * math.Pi / 180
	left, back := volume.Vec3{1, 0, 0}, volume.Vec3{0, math.Cos(a), math.Sin(a)}
	if flip {
		left, back = left.Scale(-1), back.Scale(-1)
	}
	g := volume.Grid{Size: [3]int{100, 100, 3}, Affine: volume.NewAffine(left, back, left.Cross(back).Scale(4), volume.Vec3{})}
	return &spine.Series{Plane: spine.Axial, Sequence: spine.T2, SOPUIDs: sopUIDs(3), Volume: volume.New(g)}
}

func TestCropAxes_HoldOnBlocksTiltedBeyond45Degrees(t *testing.T) {
	for _, degrees := range []float64{-60, -48, -30, 0, 30, 48, 60} {
		for _, flip := range []bool{false, true} {
			s := tilted(degrees, flip)
			if axis := sliceAxis(s); axis != 2 {
				t.Errorf("%v degrees: slices are stacked along axis %d", degrees, axis)
			}
			columns, rows := cropAxes(s, spine.LeftSubarticularStenosis)
			if columns[0] < 0.99 || rows[1] < 0.4 {
				t.Errorf("%v degrees, flip %v: columns run %v, rows %v", degrees, flip, columns, rows)
			}
			if right, _ := cropAxes(s, spine.RightSubarticularStenosis); right[0] > -0.99 {
				t.Errorf("%v degrees, flip %v: the right side's columns run %v", degrees, flip, right)
			}
		}
	}
}

func TestSliceAxis_IsTheWidelySpacedOneWithoutInstances(t *testing.T) {
	s := tilted(55, false)
	s.SOPUIDs = nil
	if axis := sliceAxis(s); axis != 2 {
		t.Errorf("axis %d", axis)
	}
}
