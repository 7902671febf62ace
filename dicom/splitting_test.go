package dicom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// writeBlocks writes grids as blocks of one axial T2 series and returns its volumes.
func writeBlocks(t *testing.T, dir string, grids ...volume.Grid) (out []*volume.Volume) {
	t.Helper()
	for b, g := range grids {
		v := pattern(g, uint64(b))
		s := testSeries("t2_ax", spine.T2, v)
		s.Block = b
		if err := WriteSeries(dir, testStudy(), s); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// importBlocks imports a folder of one study and loads each series of it.
func importBlocks(t *testing.T, dir string) ([]spine.Series, []*volume.Volume) {
	t.Helper()
	r, err := Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 1 || len(r.Refused) > 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	var out []*volume.Volume
	for n := range r.Studies[0].Series {
		v, err := LoadSeries(t.Context(), r.Files[Key(&r.Studies[0].Series[n])])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return r.Studies[0].Series, out
}

// rewrite changes every file of a folder, in the order of their names.
func rewrite(t *testing.T, dir string, change func(n int, d *dataset.Dataset)) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for n, name := range names {
		f := parseFile(t, name)
		change(n, f.Dataset)
		if err := dataset.Write(name, f.Dataset); err != nil {
			t.Fatal(err)
		}
	}
}

// tilted is an axial grid of so many slices of 4 mm, tilted about the left-right
// axis, whose first pixel lies at origin.
func tilted(degrees float64, slices int, origin volume.Vec3) volume.Grid {
	s, c := math.Sincos(degrees * math.Pi / 180)
	return grid([3]int{9, 8, slices}, volume.Vec3{0.6, 0.6, 4}, volume.Vec3{1, 0, 0}, volume.Vec3{0, c, s}, false, origin)
}

func TestImport_PartsParallelBlocksThatArePushedToTheirDiscs(t *testing.T) {
	for name, z := range map[string][3]float64{"with a small gap": {60, 36, 12}, "overlapping": {60, 50, 40}, "interleaved": {60, 58, 56}} {
		dir := t.TempDir()
		want := writeBlocks(t, dir, tilted(10, 4, volume.Vec3{-2, 0, z[0]}), tilted(10, 4, volume.Vec3{-2, 6, z[1]}), tilted(10, 4, volume.Vec3{-2, 13, z[2]}))
		series, got := importBlocks(t, dir)
		if len(got) != 3 {
			t.Errorf("%s: %d blocks of 3", name, len(got))
			continue
		}
		for n := range want {
			sameInPatient(t, want[n], got[n])
			if len(series[n].Warnings) > 0 {
				t.Errorf("%s: %q", name, series[n].Warnings)
			}
		}
	}
}

func TestImport_KeepsBlocksHalfADegreeApartInTheirPlaces(t *testing.T) {
	dir := t.TempDir()
	want := writeBlocks(t, dir, tilted(0, 4, volume.Vec3{0, 0, 60}), tilted(0.5, 4, volume.Vec3{0, 0, 48}), tilted(0.45, 4, volume.Vec3{0, 0, 20}))
	_, got := importBlocks(t, dir)
	if len(got) != 3 {
		t.Fatalf("%d blocks of 3", len(got))
	}
	for n := range want {
		sameInPatient(t, want[n], got[n])
	}
}

func TestImport_SteepBlockIsOfThePlaneOfItsSeries(t *testing.T) {
	dir := t.TempDir()
	writeBlocks(t, dir, tilted(5, 4, volume.Vec3{0, 0, 60}), tilted(20, 4, volume.Vec3{0, 0, 20}), tilted(38, 4, volume.Vec3{0, 0, -20}), tilted(52, 4, volume.Vec3{0, 0, -60}))
	series, _ := importBlocks(t, dir)
	for n := range series {
		if s := &series[n]; s.Plane != spine.Axial || s.Doubtful() != (n == 3) {
			t.Errorf("block %d is %s with %.2f", n, s.Plane, s.Confidence)
		}
	}
	for degrees, plane := range map[float64]spine.Plane{38: spine.Axial, 52: spine.Coronal} {
		alone := t.TempDir()
		writeBlocks(t, alone, tilted(degrees, 4, volume.Vec3{0, 0, -30}))
		if series, _ := importBlocks(t, alone); series[0].Plane != plane || !series[0].Doubtful() {
			t.Errorf("%v degrees alone: %s with %.2f", degrees, series[0].Plane, series[0].Confidence)
		}
	}
}

// threePlanes are stacks across each axis.
func threePlanes(slices int) []volume.Grid {
	x, y, z := volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, 1}
	size, sp := [3]int{8, 8, slices}, volume.Vec3{1, 1, 10}
	return []volume.Grid{grid(size, sp, y, z.Scale(-1), false, volume.Vec3{}), grid(size, sp, x, z.Scale(-1), false, volume.Vec3{}), grid(size, sp, x, y, false, volume.Vec3{})}
}

func TestImport_KnowsALocalizerByItsPlanes(t *testing.T) {
	dir := t.TempDir()
	writeBlocks(t, dir, threePlanes(3)...)
	r, err := Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "localizer") {
		t.Fatalf("%v %+v", err, r)
	}
	full := t.TempDir()
	want := writeBlocks(t, full, threePlanes(6)...)
	series, got := importBlocks(t, full)
	if len(got) != len(want) || series[0].Plane == series[1].Plane || series[1].Plane == series[2].Plane {
		t.Fatalf("three whole stacks became %d", len(got))
	}
}

func TestImport_FlippedSlicesAreAStackOfTheirOwn(t *testing.T) {
	x, y := volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}
	for name, flipped := range map[string]volume.Grid{
		"rows":    grid([3]int{9, 8, 4}, volume.Vec3{0.6, 0.7, 4}, x.Scale(-1), y, false, volume.Vec3{20, 0, 0}),
		"columns": grid([3]int{9, 8, 4}, volume.Vec3{0.6, 0.7, 4}, x, y.Scale(-1), false, volume.Vec3{0, 30, 0}),
		"both":    grid([3]int{9, 8, 4}, volume.Vec3{0.6, 0.7, 4}, x.Scale(-1), y.Scale(-1), false, volume.Vec3{20, 30, 2}),
		"turned":  grid([3]int{9, 8, 4}, volume.Vec3{0.6, 0.7, 4}, y, x, false, volume.Vec3{0, 30, 0}),
	} {
		dir := t.TempDir()
		want := writeBlocks(t, dir, grid([3]int{9, 8, 4}, volume.Vec3{0.6, 0.7, 4}, x, y, false, volume.Vec3{}), flipped)
		_, got := importBlocks(t, dir)
		if len(got) != 2 {
			t.Errorf("%s: %d stacks of 2", name, len(got))
			continue
		}
		if !volume.SameGrid(got[0].Grid, want[0].Grid) && !volume.SameGrid(got[1].Grid, want[0].Grid) {
			t.Errorf("%s: the first stack is gone", name)
		}
		for n := range got {
			of := want[0]
			if got[n].Affine.Column(0).Dot(want[0].Affine.Column(0)) < 0.1 || got[n].Affine.Column(1).Dot(want[0].Affine.Column(1)) < 0.1 {
				of = want[1]
			}
			sameInPatient(t, of, got[n])
		}
	}
}

func TestImport_PartsWhatTheHeaderTellsApartAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(second bool, n int, d *dataset.Dataset)
		stacks int
		asks   bool
	}{
		{"echo time", func(second bool, _ int, d *dataset.Dataset) { d.SetDecimals(tagTE, 20+80*one(second)) }, 2, false},
		{"echo number", func(second bool, _ int, d *dataset.Dataset) { d.SetIntegers(tagEchoNumber, 1+int(one(second))) }, 2, false},
		{"image type", func(second bool, _ int, d *dataset.Dataset) {
			d.SetText(tagImageType, "CS", "ORIGINAL", "PRIMARY", []string{"W", "F"}[int(one(second))])
		}, 2, false},
		{"time", func(second bool, _ int, d *dataset.Dataset) { d.SetIntegers(tagTemporal, 9+int(one(second))) }, 2, false},
		{"acquisition", func(second bool, _ int, d *dataset.Dataset) { d.SetIntegers(tagAcquisition, 1+int(one(second))) }, 2, false},
		{"frame of reference", func(second bool, _ int, d *dataset.Dataset) {
			d.SetText(tagFrameOfRef, "UI", fmt.Sprint("1.2.", 3+one(second)))
		}, 2, false},
		{"nothing", func(bool, int, *dataset.Dataset) {}, 2, true},
	} {
		v := pattern(sagittalGrid([3]int{6, 5, 5}), 3)
		dir := t.TempDir()
		s := testSeries("t2", spine.T2, v)
		for n := range 2 {
			s.SOPUIDs = nil
			for k := range 5 {
				s.SOPUIDs = append(s.SOPUIDs, fmt.Sprintf("1.2.%d.%d", n, k+1))
			}
			part := filepath.Join(dir, fmt.Sprint(n))
			if err := WriteSeries(part, testStudy(), s); err != nil {
				t.Fatal(err)
			}
			rewrite(t, part, func(k int, d *dataset.Dataset) { c.change(n == 1, k, d) })
		}
		series, got := importBlocks(t, dir)
		if len(got) != c.stacks {
			t.Errorf("%s: %d stacks, want %d", c.name, len(got), c.stacks)
			continue
		}
		for n := range got {
			sameInPatient(t, v, got[n])
			if asks := strings.Contains(strings.Join(series[n].Warnings, " "), "tells them apart"); asks != c.asks {
				t.Errorf("%s: warnings %q", c.name, series[n].Warnings)
			}
		}
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestImport_RoundedEchoTimesAndAcquisitionNumbersDoNotPart(t *testing.T) {
	v := pattern(sagittalGrid([3]int{6, 5, 8}), 3)
	dir := t.TempDir()
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
		t.Fatal(err)
	}
	rewrite(t, dir, func(n int, d *dataset.Dataset) {
		d.SetDecimals(tagTE, 100+0.02*float64(n%3))
		d.SetIntegers(tagAcquisition, 1+n%2) // two passes of one stack
		d.SetIntegers(tagInstanceNumber, 8-n)
		d.SetText(0x00201041, "DS", "7") // SliceLocation, the same on all
	})
	_, _, got := importOne(t, dir)
	sameInPatient(t, v, got)
}

func TestImport_SaysWhereTheStepIsUneven(t *testing.T) {
	v := pattern(sagittalGrid([3]int{6, 5, 8}), 3)
	dir := t.TempDir()
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
		t.Fatal(err)
	}
	rewrite(t, dir, func(n int, d *dataset.Dataset) {
		if n == 3 {
			p := d.Numbers(tagPosition)
			d.SetDecimals(tagPosition, p[0]+0.9, p[1], p[2])
		}
	})
	_, s, got := importOne(t, dir)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "uneven by up to 0.9 mm") || s.Gaps != nil || got.Size[2] != 8 {
		t.Errorf("%q, gaps %v, size %v", s.Warnings, s.Gaps, got.Size)
	}
}

func TestImport_MarkerOnTheLeftStaysOnTheLeft(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	direction := func() volume.Vec3 { return volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
	for n := range 48 {
		size := [3]int{6 + r.IntN(9), 6 + r.IntN(9), 1 + r.IntN(12)}
		g := grid(size, volume.Vec3{0.3 + r.Float64(), 0.3 + r.Float64(), 1 + 4*r.Float64()}, direction(), direction(), n%2 == 1, direction().Scale(60))
		v := pattern(g, uint64(n))
		at := [3]int{r.IntN(size[0]), r.IntN(size[1]), r.IntN(size[2])}
		v.Data[v.Index(at[0], at[1], at[2])] = 9999
		want := g.ToWorld(volume.Vec3{float64(at[0]), float64(at[1]), float64(at[2])})
		got := brightest(importAs(t, v, n, r))
		if got.Sub(want).Norm() > 1e-3 || math.Abs(want[0]) > 0.01 && got[0]*want[0] < 0 {
			t.Fatalf("case %d: the marker at %v is found at %v", n, want, got)
		}
	}
}

// importAs sends a volume through one of the ways a series can come: classic or
// Enhanced, little or big endian, names and instance numbers shuffled.
func importAs(t *testing.T, v *volume.Volume, way int, r *rand.Rand) *volume.Volume {
	t.Helper()
	dir, out := t.TempDir(), t.TempDir()
	writeShuffled(t, dir, testStudy(), testSeries("marked", spine.T2, v))
	numbers := r.Perm(v.Size[2])
	rewrite(t, dir, func(n int, d *dataset.Dataset) { d.SetIntegers(tagInstanceNumber, numbers[n]) })
	syntax := []string{dataset.ExplicitLE, dataset.ExplicitBE}[way/4%2]
	if way%4 < 2 {
		enhancedFile(t, filepath.Join(out, "e.dcm"), syntax, sopEnhancedMR, classicFiles(t, dir), way%3 == 0)
	} else {
		for n, f := range classicFiles(t, dir) {
			name := filepath.Join(out, fmt.Sprint(n))
			if syntax == dataset.ExplicitBE {
				writeBigEndian(t, name, f.Dataset)
			} else if err := dataset.Write(name, f.Dataset); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, _, got := importOne(t, out)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	return got
}

// brightest is the place of the brightest voxel.
func brightest(v *volume.Volume) volume.Vec3 {
	best := 0
	for i, x := range v.Data {
		if x > v.Data[best] {
			best = i
		}
	}
	nx, ny := v.Size[0], v.Size[1]
	return v.ToWorld(volume.Vec3{float64(best % nx), float64(best / nx % ny), float64(best / nx / ny)})
}
