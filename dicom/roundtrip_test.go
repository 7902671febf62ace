package dicom

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/spine"
	"columna/volume"
)

func TestImport_PlacesShuffledFlippedAndObliqueSeriesInThePatient(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	direction := func() volume.Vec3 { return volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
	for n := range 24 {
		size := [3]int{5 + r.IntN(9), 5 + r.IntN(9), 2 + r.IntN(12)}
		spacing := volume.Vec3{0.4 + r.Float64(), 0.4 + r.Float64(), 3 + 2*r.Float64()}
		origin := direction().Scale(80)
		g := grid(size, spacing, direction(), direction(), n%2 == 1, origin)
		want := pattern(g, uint64(n))
		if n%3 == 0 {
			for i := range want.Data {
				want.Data[i] -= 2000 // signed samples
			}
		}
		dir := t.TempDir()
		writeShuffled(t, dir, testStudy(), testSeries("oblique", spine.T2, want))
		res, s, got := importOne(t, dir)
		sameInPatient(t, want, got)
		if !volume.SameGrid(res.Grids[Key(s)], got.Grid) {
			t.Fatal("the grid told by Import is not that of the loaded volume")
		}
		if info, err := os.Stat(res.Files[Key(s)][0].Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("a written slice is not its owner's alone: %v, %v", info.Mode(), err)
		}
		if len(s.SOPUIDs) != size[2] || s.Gaps != nil {
			t.Fatalf("%d image UIDs for %d slices, gaps %v", len(s.SOPUIDs), size[2], s.Gaps)
		}
	}
}

func TestImport_GivesBackTheVeryGridOfARightHandedSeries(t *testing.T) {
	want := pattern(sagittalGrid([3]int{24, 20, 9}), 3)
	dir := t.TempDir()
	series := testSeries("t2_tse_sag", spine.T2, want)
	writeShuffled(t, dir, testStudy(), series)
	res, s, got := importOne(t, dir)
	if !volume.SameGrid(want.Grid, got.Grid) {
		t.Fatalf("grid %v, want %v", got.Grid, want.Grid)
	}
	if s.Sequence != spine.T2 || s.Plane != spine.Sagittal || s.Confidence < 0.9 {
		t.Errorf("recognised as %s %s, %.2f", s.Sequence, s.Plane, s.Confidence)
	}
	for k, u := range s.SOPUIDs {
		if u != sopUID(series, k) {
			t.Fatalf("slice %d has the UID of another", k)
		}
	}
	if st := res.Studies[0]; st.PatientName != "Müller^Jürgen" || st.PatientID != "P1" || st.Age != "054Y" || st.FieldT != 1.5 {
		t.Errorf("study words changed: %+v", st)
	}
}

func TestImport_RecognisesTheSequencesItWrites(t *testing.T) {
	for _, seq := range []spine.Sequence{spine.T1, spine.T2, spine.STIR, spine.T2FS, spine.PD, spine.OtherSequence} {
		dir := t.TempDir()
		writeShuffled(t, dir, testStudy(), testSeries("series", seq, pattern(sagittalGrid([3]int{6, 6, 5}), 1)))
		if _, s, _ := importOne(t, dir); s.Sequence != seq || s.Confidence < 0.75 {
			t.Errorf("%s came back as %s (%.2f)", seq, s.Sequence, s.Confidence)
		}
	}
}

// angledBlock is an axial block tilted about the left-right axis.
func angledBlock(block int, tilt, z float64) volume.Grid {
	s, c := math.Sincos(tilt * math.Pi / 180)
	return grid([3]int{8, 8, 4}, volume.Vec3{0.6, 0.6, 4}, volume.Vec3{1, 0, 0}, volume.Vec3{0, c, s}, false,
		volume.Vec3{-2, float64(block) * 3, z})
}

func TestImport_SplitsAngledAxialBlocksFromHeadToFoot(t *testing.T) {
	dir := t.TempDir()
	tilts := []float64{-10, 0, 0, 8, 28}
	var want []*volume.Volume
	for b, tilt := range tilts {
		v := pattern(angledBlock(b, tilt, 100-35*float64(b)), uint64(b))
		s := testSeries("t2_ax", spine.T2, v)
		s.Block = b
		if err := WriteSeries(dir, testStudy(), s); err != nil {
			t.Fatal(err)
		}
		want = append(want, v)
	}
	r, err := Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 1 || len(r.Studies[0].Series) != len(tilts) {
		t.Fatalf("%v: want 5 blocks, got %+v", err, r)
	}
	for b := range tilts {
		s := &r.Studies[0].Series[b]
		if s.Block != b || s.Plane != spine.Axial || s.Sequence != spine.T2 {
			t.Errorf("block %d: %+v", b, s)
		}
		v, err := LoadSeries(t.Context(), r.Files[Key(s)])
		if err != nil {
			t.Fatal(err)
		}
		sameInPatient(t, want[b], v)
	}
}

func TestLoadSeries_FillsAMissingSliceAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	v := pattern(sagittalGrid([3]int{6, 5, 7}), 5)
	s := testSeries("t2", spine.T2, v)
	if err := WriteSeries(dir, testStudy(), s); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(dir, "IM00004.dcm"))
	_, got, loaded := importOne(t, dir)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "missing") {
		t.Errorf("warnings %q", got.Warnings)
	}
	if !volume.SameGrid(v.Grid, loaded.Grid) {
		t.Fatal("the grid lost its missing slice")
	}
	if !slices.Equal(got.Gaps, []bool{false, false, false, true, false, false, false}) {
		t.Errorf("gaps %v", got.Gaps)
	}
	want := (v.At(2, 2, 2) + v.At(2, 2, 4)) / 2
	if d := loaded.At(2, 2, 3) - want; math.Abs(float64(d)) > 0.01 {
		t.Errorf("the filled slice is %g, want the mean of its neighbours %g", loaded.At(2, 2, 3), want)
	}
}

func TestImport_RefusesAShearedStack(t *testing.T) {
	dir := t.TempDir()
	v := pattern(sagittalGrid([3]int{6, 5, 7}), 5)
	v.Affine[1][2] = 1.5 // each slice shifted towards posterior
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
		t.Fatal(err)
	}
	r, err := Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "shear") {
		t.Fatalf("%v %+v", err, r)
	}
}

func TestImport_DropsCopiesAndKeepsTurnsApart(t *testing.T) {
	dir := t.TempDir()
	v := pattern(sagittalGrid([3]int{6, 5, 4}), 5)
	s := testSeries("t2", spine.T2, v)
	for _, sub := range []string{"a", "copy"} {
		if err := WriteSeries(filepath.Join(dir, sub), testStudy(), s); err != nil {
			t.Fatal(err)
		}
	}
	_, got, loaded := importOne(t, dir)
	sameInPatient(t, v, loaded)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "4 copies") {
		t.Errorf("warnings %q", got.Warnings)
	}
	other := *s
	other.SOPUIDs = []string{"1.2.1", "1.2.2", "1.2.3", "1.2.4"} // a second image at each position
	if err := WriteSeries(filepath.Join(dir, "b"), testStudy(), &other); err != nil {
		t.Fatal(err)
	}
	r, err := Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies[0].Series) != 2 {
		t.Fatalf("%v: want two stacks, got %+v", err, r.Studies)
	}
}

func TestWriteSeries_SatisfiesAnIndependentValidator(t *testing.T) {
	tool, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy is not installed")
	}
	dir := t.TempDir()
	for _, seq := range []spine.Sequence{spine.T1, spine.T2, spine.STIR, spine.T2FS} {
		g := grid([3]int{8, 8, 3}, volume.Vec3{1.0 / 3, 0.6, 4.1}, volume.Vec3{0.1, 1, 0.03}, volume.Vec3{0, 0, -1}, false, volume.Vec3{1e-7, 100.0 / 3, -50})
		if err := WriteSeries(filepath.Join(dir, string(seq)), testStudy(), testSeries("s", seq, pattern(g, 1))); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(tool, filepath.Join(dir, string(seq), "IM00002.dcm")).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "Error") || strings.Contains(line, "Warning") {
				t.Errorf("%s: %s", seq, line)
			}
		}
	}
}

func TestWriteSeries_RefusesValuesThatDoNotFit(t *testing.T) {
	v := pattern(sagittalGrid([3]int{4, 4, 2}), 5)
	v.Data[3] = 1e6
	if err := WriteSeries(t.TempDir(), testStudy(), testSeries("t2", spine.T2, v)); err == nil {
		t.Fatal("a value beyond 16 bits was written")
	}
	v.Data[3] = float32(math.NaN())
	if err := WriteSeries(t.TempDir(), testStudy(), testSeries("t2", spine.T2, v)); err == nil {
		t.Fatal("a value that is no number was written")
	}
}
