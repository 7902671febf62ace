package inference

import (
	"math"
	"testing"

	"columna/spine"
	"columna/volume"
)

// seriesOf is a sagittal series of a size in mm (to posterior, to inferior, across)
// with slices of a spacing.
func seriesOf(mm [3]float64, pixel, slice float64) volume.Grid {
	size := [3]int{int(mm[0] / pixel), int(mm[1] / pixel), int(math.Round(mm[2] / slice))}
	return volume.Grid{Size: size, Affine: volume.NewAffine(volume.Vec3{0, pixel, 0}, volume.Vec3{0, 0, -pixel},
		volume.Vec3{slice, 0, 0}, volume.Vec3{-mm[2] / 2, -100, 150})}
}

func TestPlanViews_CoverEverySliceAndTheMiddleOfEachSlice(t *testing.T) {
	size, spacing := [3]int{176, 256, 16}, [3]float64{1.125, 1.125, 4}
	for name, c := range map[string]struct {
		series volume.Grid
		views  int
	}{
		"usual":           {seriesOf([3]float64{220, 290, 66}, 0.7, 4.4), 1},
		"a little taller": {seriesOf([3]float64{220, 304, 66}, 0.7, 4.4), 1},
		"few slices":      {seriesOf([3]float64{220, 290, 20}, 0.7, 4), 1},
		"many slices":     {seriesOf([3]float64{220, 290, 100}, 0.7, 4), 2},
		"very thick":      {seriesOf([3]float64{220, 290, 64}, 0.7, 8), 2},
		"wide":            {seriesOf([3]float64{350, 290, 64}, 0.7, 4), 2},
		"whole spine":     {seriesOf([3]float64{200, 500, 64}, 0.7, 4), 2},
		"one millimetre":  {seriesOf([3]float64{200, 280, 60}, 1, 1), 4},
		"a single slice":  {seriesOf([3]float64{200, 280, 4}, 1, 4), 1},
		"smaller a slice": {seriesOf([3]float64{100, 120, 60}, 1, 4), 1},
	} {
		grid, views := planViews(c.series, size, spacing)
		if len(views) != c.views {
			t.Errorf("%s: %d views, want %d", name, len(views), c.views)
		}
		tall, shown := float64(c.series.Size[1])*c.series.SpacingMM()[1], float64(grid.Size[1])*grid.SpacingMM()[1]
		if shown < tall-1e-6 {
			t.Errorf("%s: %.1f of %.1f mm from head to foot are seen", name, shown, tall)
		}
		r := &reading{grid: grid, views: views, size: size}
		seen := make([]bool, grid.Len())
		for _, v := range views {
			for k := range size[2] {
				for j := range size[1] {
					for i := range size[0] {
						if n, ok := r.voxel(v, i, j, k); ok {
							seen[n] = true
						}
					}
				}
			}
		}
		for n, ok := range seen {
			if !ok {
				i, j, k := grid.Coords(n)
				t.Fatalf("%s: no view shows (%d, %d, %d) of %v", name, i, j, k, grid.Size)
			}
		}
		if d := grid.CenterMM().Sub(c.series.CenterMM()).Norm(); d > 4 {
			t.Errorf("%s: the grid lies %.1f mm off the series", name, d)
		}
		if c.series.SpacingMM()[2] < thickMM {
			if at := c.series.ToVoxel(grid.ToWorld(volume.Vec3{0, 0, 1}))[2]; math.Abs(at-math.Round(at)) > 1e-6 && grid.Size[2] > 1 {
				t.Errorf("%s: slice 1 lies at %g", name, at)
			}
		}
	}
}

// The answer of a network that says the truth of each view is the truth, whatever
// the views.
func TestNetAnswer_BlendsViewsToTheWhole(t *testing.T) {
	size := [3]int{80, 96, 6}
	r := &reading{size: size}
	r.grid, r.views = planViews(seriesOf([3]float64{200, 190, 40}, 1.5, 2), size, [3]float64{1.5, 1.5, 4})
	if len(r.views) < 8 {
		t.Fatalf("only %d views", len(r.views))
	}
	semantic, level := make([]float32, classCount*r.grid.Len()), make([]float32, nodeCount*r.grid.Len())
	for n := range semantic {
		semantic[n] = float32(n%97) - 40
	}
	for n := range level {
		level[n] = float32(n%89) - 30
	}
	a := newNetAnswer(r.grid)
	for _, v := range r.views {
		var s, l []float32
		for c := range classCount {
			s = append(s, cutOut(r, v, semantic[c*r.grid.Len():][:r.grid.Len()])...)
		}
		for c := range nodeCount {
			l = append(l, cutOut(r, v, level[c*r.grid.Len():][:r.grid.Len()])...)
		}
		a.add(r, v, s, l)
	}
	a.finish()
	for n, want := range semantic {
		if math.Abs(float64(a.semantic[n]-want)) > 1e-3 {
			t.Fatalf("semantic %d is %g, want %g", n, a.semantic[n], want)
		}
	}
	m := &netMap{grid: r.grid, level: a.level}
	for n := range level {
		if i, j, _ := r.grid.Coords(n % r.grid.Len()); i%2 == 0 && j%2 == 0 {
			if got := m.levelAt(n/r.grid.Len(), int32(n%r.grid.Len())); math.Abs(got-float64(level[n])) > 1e-3 {
				t.Fatalf("level %d is %g, want %g", n, got, level[n])
			}
		}
	}
}

func TestReading_FindsTheViewThatShowsAStructure(t *testing.T) {
	size := [3]int{80, 96, 6}
	r := &reading{size: size}
	r.grid, r.views = planViews(seriesOf([3]float64{110, 400, 24}, 1.5, 4), size, [3]float64{1.5, 1.5, 4})
	mask := make([]uint8, r.grid.Len())
	mask[r.grid.Index(40, r.grid.Size[1]-3, 3)] = uint8(spine.L5)
	v, n := r.best(mask, spine.L5)
	if n != 1 || v.at[1] != r.grid.Size[1]-size[1] {
		t.Errorf("%d voxels in the view at %v", n, v.at)
	}
	if p := r.viewGrid(v).ToVoxel(r.grid.ToWorld(volume.Vec3{40, float64(r.grid.Size[1] - 3), 3})); math.Abs(p[1]-float64(size[1]-3)) > 1e-9 {
		t.Errorf("in the view it lies at %v", p)
	}
	if _, n := r.best(mask, spine.L1); n != 0 {
		t.Error("a structure that is not there is found")
	}
}
