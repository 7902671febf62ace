package volume

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// randomGrid is a rotated, anisotropic grid, mirrored half of the time.
func randomGrid(r *rand.Rand) Grid {
	dir := func() Vec3 { return Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
	u := dir().Unit()
	w := u.Cross(dir()).Unit()
	v := w.Cross(u).Scale(float64(1 - 2*r.IntN(2)))
	step := func() float64 { return 0.3 + 5*r.Float64() }
	return Grid{
		Size:   [3]int{1 + r.IntN(9), 1 + r.IntN(9), 1 + r.IntN(9)},
		Affine: NewAffine(u.Scale(step()), v.Scale(step()), w.Scale(step()), dir().Scale(200)),
	}
}

func near(a, b Vec3, tolerance float64) bool { return a.Sub(b).Norm() <= tolerance }

func TestGrid_WorldAndVoxelAreInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		g := randomGrid(r)
		vox := Vec3{r.NormFloat64() * 100, r.NormFloat64() * 100, r.NormFloat64() * 100}
		if back := g.ToVoxel(g.ToWorld(vox)); !near(back, vox, 1e-9) {
			t.Fatalf("%v: voxel %v came back as %v", g, vox, back)
		}
	}
}

func TestGrid_SpacingIsTheStepBetweenNeighbours(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		g := randomGrid(r)
		for a := range 3 {
			var one Vec3
			one[a] = 1
			if d := g.ToWorld(one).Sub(g.ToWorld(Vec3{})).Norm(); math.Abs(d-g.SpacingMM()[a]) > 1e-9 {
				t.Fatalf("axis %d: neighbours are %g mm apart, spacing says %g", a, d, g.SpacingMM()[a])
			}
		}
	}
}

func TestGrid_IndexAndCoordsAreInverse(t *testing.T) {
	g := Grid{Size: [3]int{3, 4, 5}}
	for n := range g.Len() {
		if i, j, k := g.Coords(n); g.Index(i, j, k) != n || !g.Contains(i, j, k) {
			t.Fatalf("position %d became (%d, %d, %d)", n, i, j, k)
		}
	}
}

func TestGrid_SingularAffineIsRefusedAndGivesNaN(t *testing.T) {
	g := Grid{Size: [3]int{2, 2, 2}, Affine: NewAffine(Vec3{1}, Vec3{2}, Vec3{0, 0, 1}, Vec3{})}
	if g.Validate() == nil {
		t.Error("a grid whose voxels have no volume was accepted")
	}
	if v := g.ToVoxel(Vec3{1, 2, 3}); !math.IsNaN(v[0]) {
		t.Errorf("a place was found in it: %v", v)
	}
	if _, ok := New(Grid{Size: [3]int{2, 2, 2}}).Sample(g.ToVoxel(Vec3{})); ok {
		t.Error("NaN is inside")
	}
}

func TestValidate_RefusesSizesThatOverflow(t *testing.T) {
	for _, size := range [][3]int{{0, 1, 1}, {-1, 4, 4}, {1 << 17, 1, 1}, {1 << 16, 1 << 16, 1 << 16}, {1 << 10, 1 << 10, 1 << 9}} {
		g := Grid{Size: size, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 1}, Vec3{})}
		if g.Validate() == nil {
			t.Errorf("size %v was accepted", size)
		}
	}
}

func TestLetter_NamesWhereAnAxisPoints(t *testing.T) {
	for want, d := range map[string]Vec3{
		"L": {1, 0.3, 0.2}, "R": {-1, 0.3, 0.2}, "P": {0.3, 1, 0}, "A": {0.3, -1, 0}, "S": {0, 0.2, 1}, "I": {0, 0.2, -1},
	} {
		if got := Letter(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// flipped stores the same patient the other way round along one axis.
func flipped(v *Volume, axis int) *Volume {
	a := v.Affine
	last := Vec3{}
	last[axis] = float64(v.Size[axis] - 1)
	origin := v.ToWorld(last)
	for r := range 3 {
		a[r][axis], a[r][3] = -a[r][axis], origin[r]
	}
	out := New(Grid{Size: v.Size, Affine: a})
	for n := range out.Data {
		i, j, k := out.Coords(n)
		p := [3]int{i, j, k}
		p[axis] = v.Size[axis] - 1 - p[axis]
		out.Data[n] = v.At(p[0], p[1], p[2])
	}
	return out
}

func TestFlippedStorage_KeepsPatientSides(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 50 {
		v := New(randomGrid(r))
		for n := range v.Data {
			v.Data[n] = r.Float32()
		}
		for axis := range 3 {
			f := flipped(v, axis)
			mm := v.ToWorld(Vec3{r.Float64() * float64(v.Size[0]-1), r.Float64() * float64(v.Size[1]-1), r.Float64() * float64(v.Size[2]-1)})
			a, okA := v.Sample(v.ToVoxel(mm))
			b, okB := f.Sample(f.ToVoxel(mm))
			if okA != okB || math.Abs(float64(a-b)) > 1e-5 {
				t.Fatalf("axis %d at %v: %g and %g", axis, mm, a, b)
			}
			if o, p := v.Orientation(), f.Orientation(); o[axis] == p[axis] {
				t.Errorf("the flipped axis %d still says %s", axis, p)
			}
		}
	}
}

func TestResample_OntoTheSameGridChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 30 {
		v := New(randomGrid(r))
		m := NewLabelMap(v.Grid)
		for n := range v.Data {
			v.Data[n], m.Data[n] = r.Float32(), uint8(r.IntN(18))
		}
		w, k := v.Resample(v.Grid), m.Resample(m.Grid)
		for n := range v.Data {
			if math.Abs(float64(v.Data[n]-w.Data[n])) > 1e-5 {
				t.Fatalf("%v: voxel %d was %g and is %g", v.Grid, n, v.Data[n], w.Data[n])
			}
			if m.Data[n] != k.Data[n] {
				t.Fatalf("%v: label %d was %d and is %d", v.Grid, n, m.Data[n], k.Data[n])
			}
		}
	}
}

// linearField is a volume whose value is x + 2y + 3z of the patient.
func linearField(g Grid) *Volume {
	v := New(g)
	for n := range v.Data {
		i, j, k := g.Coords(n)
		p := g.ToWorld(Vec3{float64(i), float64(j), float64(k)})
		v.Data[n] = float32(p[0] + 2*p[1] + 3*p[2])
	}
	return v
}

func TestSample_IsExactOnALinearField(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for range 200 {
		g := randomGrid(r)
		v := linearField(g)
		vox := Vec3{r.Float64() * float64(g.Size[0]-1), r.Float64() * float64(g.Size[1]-1), r.Float64() * float64(g.Size[2]-1)}
		p := g.ToWorld(vox)
		want := p[0] + 2*p[1] + 3*p[2]
		got, ok := v.Sample(vox)
		if !ok || math.Abs(float64(got)-want) > 1e-3 {
			t.Fatalf("%v: %g instead of %g", vox, got, want)
		}
	}
}

func TestResample_ThickTargetVoxelsAreAverages(t *testing.T) {
	fine := Grid{Size: [3]int{4, 4, 8}, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 1}, Vec3{})}
	thick := Grid{Size: [3]int{4, 4, 2}, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 4}, Vec3{0, 0, 1.5})}
	v := New(fine)
	for n := range v.Data {
		_, _, k := fine.Coords(n)
		v.Data[n] = float32(k * k)
	}
	w := v.Resample(thick)
	if got := w.At(1, 1, 0); got != (0+1+4+9)/4.0 {
		t.Errorf("the first thick slice is %g, the mean of its four is 3.5", got)
	}
}

func TestSample_EndsHalfAVoxelOutside(t *testing.T) {
	v := linearField(Grid{Size: [3]int{3, 3, 1}, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 1}, Vec3{})})
	for vox, want := range map[Vec3]bool{{-0.49, 0, 0}: true, {-0.51, 0, 0}: false, {2.49, 2.49, 0.49}: true, {0, 0, 0.51}: false, {math.NaN(), 0, 0}: false} {
		if _, ok := v.Sample(vox); ok != want {
			t.Errorf("%v: inside is %v", vox, ok)
		}
	}
}

func TestLabels_RefusesHalves(t *testing.T) {
	v := New(Grid{Size: [3]int{2, 1, 1}, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 1}, Vec3{})})
	v.Data[1] = 2.0004
	if m, err := v.Labels(); err != nil || m.Data[1] != 2 {
		t.Errorf("a rounded slope: %v, %v", m, err)
	}
	for _, x := range []float32{0.5, -1, 256, float32(math.NaN())} {
		v.Data[1] = x
		if _, err := v.Labels(); err == nil {
			t.Errorf("%g was taken for a label", x)
		}
	}
}

func TestResampleContext_StopsWhenItIsCancelled(t *testing.T) {
	v := New(Grid{Size: [3]int{4, 4, 4}, Affine: NewAffine(Vec3{1}, Vec3{0, 1}, Vec3{0, 0, 1}, Vec3{})})
	for n := range v.Data {
		v.Data[n] = 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	if got := v.ResampleContext(ctx, v.Grid); got.Data[63] != 1 {
		t.Errorf("the last voxel is %g before it is cancelled", got.Data[63])
	}
	cancel()
	if got := v.ResampleContext(ctx, v.Grid); got.Data[0] != 0 || got.Data[63] != 0 {
		t.Error("it went on after it was cancelled")
	}
}
