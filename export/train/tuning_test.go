package train

import (
	"math"
	"testing"

	"columna/export/dataset"
	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// A child's correction is learned in pixels of the size that the child is read in.
func TestStudySegment_ChildrenAreLearnedAsTheyAreRead(t *testing.T) {
	mask := volume.NewLabelMap(volume.Grid{Size: [3]int{9, 60, 50}, // slices first, as files may have them
		Affine: volume.NewAffine(volume.Vec3{4, 0, 0}, volume.Vec3{0, 0, -0.8}, volume.Vec3{0, 0.6, 0}, volume.Vec3{})})
	network := [3]float64{1.125, 1.125, 4}
	for _, age := range []string{"008Y", "045Y", ""} {
		c := &dataset.Case{Study: spine.Study{Age: age}, Labels: mask}
		g := inference.Growth(&c.Study)
		if (age == "008Y") != (g < 1) {
			t.Fatalf("age %q: growth %g", age, g)
		}
		whole, grid := studyGrids(c, [3]int{32, 48, 8}, network)
		for _, x := range []struct {
			what string
			got  volume.Grid
			want [3]float64
			as   [3]float64
		}{
			{"its own grid", whole, [3]float64{0.6, 0.8, 4}, [3]float64{0.6 / g, 0.8 / g, 4}},
			{"the network's grid", grid, [3]float64{1.125 * g, 1.125 * g, 4}, network},
		} {
			mm, s := x.got.SpacingMM(), studySegment(c, x.got, "p")
			for a := range 3 {
				if math.Abs(mm[a]-x.want[a]) > 1e-9 || math.Abs(s.SpacingMM[a]-x.as[a]) > 1e-9 {
					t.Errorf("age %q, %s, axis %d: pixels of %g mm, learned as %g; want %g and %g", age, x.what, a, mm[a], s.SpacingMM[a], x.want[a], x.as[a])
				}
			}
		}
	}
}
