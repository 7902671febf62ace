package inference

import (
	"testing"

	"columna/spine"
	"columna/volume"
)

// What lies apart from the spine goes, whatever it is called and however large, and crumbs
// go; the tips of spinous processes, which thin slabs part from their arches, stay.
func TestRemoveStrays_KeepsWhatLiesNearTheSpine(t *testing.T) {
	g := volume.Grid{Size: [3]int{90, 100, 12}, Affine: volume.NewAffine(
		volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{4, 0, 0}, volume.Vec3{})}
	m := volume.NewLabelMap(g)
	fill := func(s spine.Structure, lo, hi [3]int) {
		for k := lo[2]; k < hi[2]; k++ {
			for j := lo[1]; j < hi[1]; j++ {
				for i := lo[0]; i < hi[0]; i++ {
					m.Data[m.Index(i, j, k)] = uint8(s)
				}
			}
		}
	}
	fill(spine.L4, [3]int{30, 10, 2}, [3]int{55, 40, 10})
	fill(spine.L5, [3]int{30, 44, 2}, [3]int{55, 70, 10})
	fill(spine.Posterior, [3]int{64, 20, 5}, [3]int{72, 32, 7})   // 9 mm behind
	fill(spine.Posterior, [3]int{80, 20, 5}, [3]int{84, 32, 7})   // 8 mm behind that one
	fill(spine.S1, [3]int{4, 70, 4}, [3]int{12, 96, 8})           // 18 mm in front
	fill(spine.VertebraAbove, [3]int{30, 2, 5}, [3]int{32, 4, 6}) // 16 mm³, near
	stray := 8*26*4 + 4
	before := 0
	for _, l := range m.Data {
		before += int(min(l, 1))
	}
	removed := removeStrays(m)
	after := 0
	for _, l := range m.Data {
		after += int(min(l, 1))
		if s := spine.Structure(l); s == spine.S1 || s == spine.VertebraAbove {
			t.Fatalf("a piece of %s is still there", s)
		}
	}
	if before-after != stray {
		t.Errorf("%d voxels were removed, want %d", before-after, stray)
	}
	if len(removed) != 1 || removed[0].structure != spine.S1 || removed[0].ml < 3 {
		t.Errorf("said to be removed: %+v", removed)
	}
}
