package train

import (
	"testing"

	"columna/volume"
)

// A slice that only juts into a thin study is labelled by the part that lies in it.
func TestMajority_CountsOnlyWhatTheMapCovers(t *testing.T) {
	at := func(slices int, mm, from float64) volume.Grid {
		return volume.Grid{Size: [3]int{2, 2, slices}, Affine: volume.NewAffine(
			volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, mm}, volume.Vec3{0, 0, from})}
	}
	m := volume.NewLabelMap(at(5, 1, 0)) // from -0.5 to 4.5 mm
	for i := range m.Data {
		m.Data[i] = 3
	}
	got := majority(m, at(4, 4, -2)) // slices from -4 to 12 mm
	for k, want := range []uint8{3, 3, 3, 0} {
		if l := got.At(1, 1, k); l != want {
			t.Errorf("slice %d is labelled %d, want %d", k, l, want)
		}
	}
	m.Data[0], m.Data[4] = 0, 0 // the first column of the first two slices
	if l := majority(m, at(1, 5, 2)).At(0, 0, 0); l != 3 {
		t.Errorf("two unlabelled samples of five win: %d", l)
	}
}
