package cli

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// converted is the part of convert's JSON that the tests look at.
type converted struct {
	Written []struct {
		SeriesUID string `json:"series_uid"`
		Block     int
		Out       string
		Size      [3]int
		SpacingMM volume.Vec3 `json:"spacing_mm"`
		Affine    volume.Affine
		Sequence  spine.Sequence
		Scale     *struct{ Slope, Intercept float64 }
		Warnings  []string
	}
	Refused []struct{ Path, Reason string }
}

// speckled is a volume of whole numbers, tilted as patients lie, slices along axis k.
func speckled(k int) *volume.Volume {
	r := rand.New(rand.NewPCG(5, 6))
	u := volume.Vec3{0.05, 0.98, 0.17}.Unit()
	w := u.Cross(volume.Vec3{0.02, -0.2, -0.97}).Unit()
	steps := [3]volume.Vec3{u.Scale(0.8), w.Cross(u).Scale(0.9), w.Scale(4.4)}
	size := [3]int{12, 10, 6}
	order := map[int][3]int{2: {0, 1, 2}, 1: {0, 2, 1}, 0: {2, 0, 1}}[k]
	v := volume.New(volume.Grid{Size: [3]int{size[order[0]], size[order[1]], size[order[2]]},
		Affine: volume.NewAffine(steps[order[0]], steps[order[1]], steps[order[2]], volume.Vec3{31, -120, 410})})
	for n := range v.Data {
		v.Data[n] = float32(r.IntN(4000))
	}
	return v
}

// samePlaces holds every voxel of want to the value at its place in got.
func samePlaces(t *testing.T, what string, want, got *volume.Volume, tolerance float64) {
	t.Helper()
	if want.Len() != got.Len() {
		t.Fatalf("%s: %v voxels, want %v", what, got.Size, want.Size)
	}
	for n, x := range want.Data {
		i, j, k := want.Coords(n)
		mm := want.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
		at := got.ToVoxel(mm)
		var near [3]int
		for a := range 3 {
			near[a] = int(math.Round(at[a]))
			if math.Abs(at[a]-math.Round(at[a])) > 1e-3 {
				t.Fatalf("%s: %v mm lies between voxels, at %v", what, mm, at)
			}
		}
		if y := got.At(near[0], near[1], near[2]); math.Abs(float64(x-y)) > tolerance {
			t.Fatalf("%s: %g at %v mm, want %g", what, y, mm, x)
		}
	}
}

func TestConvert_EveryFormatIntoEveryOther(t *testing.T) {
	for k := range 3 {
		dir := t.TempDir()
		want := speckled(k)
		start := filepath.Join(dir, "start.nii")
		if err := nifti.Write(start, want); err != nil {
			t.Fatal(err)
		}
		from := start
		for _, to := range []string{"a.mha", "b.nii.gz", "c.mhd", "d/", "e.mha", "f.nii", "g", "h.mhd", "i.nii.gz"} {
			to = filepath.Join(dir, to) + map[bool]string{true: "/"}[strings.HasSuffix(to, "/")]
			succeed(t, nil, "convert", from, to)
			from = to
			if formatOf(to) == "" {
				if slices, err := os.ReadDir(to); err != nil || len(slices) != want.Size[k] {
					t.Errorf("%d slices of a volume with %d, %v", len(slices), want.Size[k], err)
				}
				continue
			}
			got, _, err := readVolume(to)
			if err != nil {
				t.Fatal(err)
			}
			samePlaces(t, to, want, got, 0)
		}
	}
}

func TestConvert_KeepsLabels(t *testing.T) {
	dir := t.TempDir()
	m := volume.NewLabelMap(speckled(2).Grid)
	for n := range m.Data {
		m.Data[n] = uint8(n % 18)
	}
	from := filepath.Join(dir, "m.nii.gz")
	if err := nifti.WriteLabels(from, m); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"m.mha", "m.mhd", "m.nii"} {
		succeed(t, nil, "convert", "--labels", from, filepath.Join(dir, to))
		got, err := readLabels(filepath.Join(dir, to))
		if err != nil {
			t.Fatal(err)
		}
		samePlaces(t, to, m.Grey(), got.Grey(), 0)
	}
}

func TestConvert_WritesEachSeriesOfAStudyUnderItsOwnName(t *testing.T) {
	study, out := filepath.Join(smallPhantom(t, 9), "dicom"), filepath.Join(t.TempDir(), "out")
	for _, format := range []string{"nifti", "mha"} {
		var c converted
		succeed(t, &c, "convert", study, out+"/", "--format", format, "--json")
		r, err := dicom.Import(t.Context(), []string{study}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Written) != len(r.Files) || len(c.Written) < 8 || len(c.Refused) != 0 {
			t.Fatalf("%d series written of %d, refused %v", len(c.Written), len(r.Files), c.Refused)
		}
		seen := map[string]bool{}
		for _, w := range c.Written {
			want, err := dicom.LoadSeries(t.Context(), r.Files[dicom.SeriesKey{UID: w.SeriesUID, Block: w.Block}])
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := readVolume(w.Out)
			if err != nil {
				t.Fatal(err)
			}
			samePlaces(t, w.Out, want, got, 0)
			if seen[w.Out] || w.Size != got.Size || !volume.SameGrid(volume.Grid{Size: w.Size, Affine: w.Affine}, want.Grid) || w.SpacingMM != want.SpacingMM() {
				t.Errorf("%+v", w)
			}
			seen[w.Out] = true
		}
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestConvert_TellsWhatItDidNotTake(t *testing.T) {
	dir := t.TempDir()
	writeStudy(t, filepath.Join(dir, "d"))
	if err := os.WriteFile(filepath.Join(dir, "d", "notes.dcm"), []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := columna(t, "convert", filepath.Join(dir, "d"), filepath.Join(dir, "out"))
	if code != exitOK || !strings.Contains(errs, "1 files were not taken, such as notes.dcm") {
		t.Errorf("exit %d: %q", code, errs)
	}
}

func TestConvert_NamesNoPatient(t *testing.T) {
	s := &spine.Series{Number: 4, Sequence: spine.T2, Plane: spine.Axial, Block: 1, Description: "DOE^JANE"}
	if got := seriesName(s); got != "004_T2_axial_2" {
		t.Errorf("named %s", got)
	}
	taken := map[string]int{}
	for _, want := range []string{"a", "a-2", "a-3"} {
		if got := unique(taken, "a"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestConvert_SaysHowValuesWereScaledForDICOM(t *testing.T) {
	dir := t.TempDir()
	want := speckled(2)
	for n := range want.Data {
		want.Data[n] = want.Data[n]/4000 - 0.25
	}
	in := filepath.Join(dir, "a.nii")
	if err := nifti.Write(in, want); err != nil {
		t.Fatal(err)
	}
	var c converted
	succeed(t, &c, "convert", in, filepath.Join(dir, "d"), "--json", "--sequence", "t2")
	w := c.Written[0]
	if w.Scale == nil || len(w.Warnings) != 1 || w.Sequence != spine.T2 {
		t.Fatalf("%+v", w)
	}
	s, err := oneSeries(t.Context(), filepath.Join(dir, "d"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for n, x := range s.Volume.Data {
		s.Volume.Data[n] = float32(float64(x)*w.Scale.Slope + w.Scale.Intercept)
	}
	if s.Sequence != spine.T2 {
		t.Errorf("the DICOM series is recognised as %s", s.Sequence)
	}
	samePlaces(t, "scaled", want, s.Volume, 1.0/storedSteps)
}

func TestConvert_WarnsOfAnUnknownOrientation(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a.nii"), filepath.Join(dir, "b.mha")
	if err := nifti.Write(in, speckled(2)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b[252:], 0) // both codes
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := columna(t, "convert", in, out); code != exitOK || !strings.Contains(errs, "left and right") {
		t.Errorf("exit %d: %q", code, errs)
	}
}

func TestConvert_RefusesWhatItCannotDoInOneSentence(t *testing.T) {
	dir := t.TempDir()
	writeStudy(t, filepath.Join(dir, "d"))
	two := filepath.Join(smallPhantom(t, 3), "dicom")
	sheared := speckled(2)
	sheared.Affine[0][2] += 3
	if err := nifti.Write(filepath.Join(dir, "s.nii"), sheared); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "name one with --series", []string{two, filepath.Join(dir, "x.nii")}},
		{exitUsage, "there is no series 77", []string{two, filepath.Join(dir, "x.nii"), "--series", "77"}},
		{exitUsage, "or a folder", []string{two, filepath.Join(dir, "x.txt")}},
		{exitUsage, "--format", []string{two, dir, "--format", "png"}},
		{exitUsage, "--sequence", []string{filepath.Join(dir, "s.nii"), filepath.Join(dir, "n"), "--sequence", "T9"}},
		{exitUsage, "label map", []string{filepath.Join(dir, "s.nii"), filepath.Join(dir, "n"), "--labels"}},
		{exitFault, "right angles", []string{filepath.Join(dir, "s.nii"), filepath.Join(dir, "n")}},
		{exitFault, "must end in", []string{filepath.Join(dir, "d"), filepath.Join(dir, "x.hdr")}},
		{exitFault, "no such file", []string{filepath.Join(dir, "none.nii"), filepath.Join(dir, "x.mha")}},
	} {
		code, out, errs := columna(t, append([]string{"convert"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, errs, out)
		}
	}
}

func TestConvert_WritesTheSeriesThatCanBeAndNamesTheOthers(t *testing.T) {
	study, out := filepath.Join(smallPhantom(t, 4), "dicom"), filepath.Join(t.TempDir(), "out")
	var all converted
	succeed(t, &all, "convert", study, out, "--json")
	if err := os.Remove(all.Written[0].Out); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(all.Written[0].Out, 0o700); err != nil { // in the way of the first
		t.Fatal(err)
	}
	code, text, errs := columna(t, "convert", study, out, "--json")
	var c converted
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if code != exitFault || len(c.Written) != len(all.Written)-1 || len(c.Refused) != 1 || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit %d, %d written, refused %v: %q", code, len(c.Written), c.Refused, errs)
	}
}
