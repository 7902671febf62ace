package volume

import "testing"

func TestPermute_KeepsValuesAtTheirPlace(t *testing.T) {
	v := New(Grid{Size: [3]int{3, 4, 5}, Affine: NewAffine(Vec3{1, 0, 0.1}, Vec3{0, 2, 0}, Vec3{0, 0, -3}, Vec3{7, 8, 9})})
	for n := range v.Data {
		v.Data[n] = float32(n)
	}
	for _, order := range [][3]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		p := v.Permute(order)
		for n, x := range p.Data {
			i, j, k := p.Coords(n)
			vox := v.ToVoxel(p.ToWorld(Vec3{float64(i), float64(j), float64(k)}))
			if got, ok := v.Sample(vox); !ok || got-x > 1e-3 || x-got > 1e-3 {
				t.Fatalf("order %v: voxel %d,%d,%d holds %g, its place %g", order, i, j, k, x, got)
			}
		}
	}
}
