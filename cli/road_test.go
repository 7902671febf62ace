package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"columna/internal/ort"
	"columna/phantom"
	"columna/spine"
)

// smallPhantom writes a coarse phantom with its truth and returns its folder.
func smallPhantom(t *testing.T, seed uint64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "phantom")
	c := phantom.Generate(seed, phantom.Options{Small: true, WithAxial: true, WithSTIR: true, Pathology: 0.5})
	if err := writePhantom(dir, c); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPhantom_WritesTheSameBytesForTheSameSeed(t *testing.T) {
	a, b := smallPhantom(t, 5), smallPhantom(t, 5)
	files := 0
	err := filepath.WalkDir(a, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		rel, _ := filepath.Rel(a, name)
		x, _ := os.ReadFile(name)
		y, _ := os.ReadFile(filepath.Join(b, rel))
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs", rel)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("%v: %d files", err, files)
	}
}

// imported is the part of import's JSON that the tests look at.
type imported struct {
	Cases []struct {
		ID     int64
		Series []struct {
			Sequence   spine.Sequence
			Plane      spine.Plane
			Block      int
			Size       [3]int
			Confidence float64
		}
	}
	Refused []struct{ Path, Reason string }
}

func TestRoad_AStudyGoesInAndComesBackFromTheWorklist(t *testing.T) {
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "c.db"))
	dir := smallPhantom(t, 7)
	var in imported
	succeed(t, &in, "import", filepath.Join(dir, "dicom"), "--json")
	if len(in.Cases) != 1 || len(in.Refused) != 0 {
		t.Fatalf("%+v", in)
	}
	count := map[string]int{}
	for _, s := range in.Cases[0].Series {
		count[fmt.Sprint(s.Sequence, " ", s.Plane)]++
		if s.Size[2] < 3 || s.Confidence < 0.5 {
			t.Errorf("%+v", s)
		}
	}
	for kind, n := range map[string]int{"T1 sagittal": 1, "T2 sagittal": 1, "STIR sagittal": 1, "T2 axial": 5} {
		if count[kind] != n {
			t.Errorf("%d series of %s, want %d", count[kind], kind, n)
		}
	}
	var rows struct{ Total int }
	succeed(t, &rows, "list", "--json")
	if rows.Total != 1 {
		t.Errorf("%d cases in the list", rows.Total)
	}
	id, picture := strconv.FormatInt(in.Cases[0].ID, 10), filepath.Join(t.TempDir(), "x.png")
	succeed(t, nil, "show", id, "--out", picture)
	if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
		t.Errorf("the picture: %v %v", info, err)
	}
	copyOf := filepath.Join(t.TempDir(), "copy.db")
	succeed(t, nil, "backup", copyOf)
	var sound struct{ OK bool }
	succeed(t, &sound, "check", "--db", copyOf, "--json")
	if !sound.OK {
		t.Error("the copy of the database is not sound")
	}
}

// needNetworks skips a test where ONNX Runtime is not there.
func needNetworks(t *testing.T) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
}

// analysed is the part of analyze's JSON that the tests look at.
type analysed struct {
	Models     []struct{ Name, SHA256 string }
	Structures []struct {
		Name       string
		Confidence float64
	}
	Grades []struct {
		Condition, Level, Grade string
		Reason                  string
		Probabilities           map[string]float64
	}
	Measures []struct {
		Level      string
		DiscHeight float64 `json:"disc_height_mm"`
	}
	Seconds map[string]float64
}

func TestRoad_AnalysisFillsTheWorksheetAndLeavesAsFiles(t *testing.T) {
	needNetworks(t)
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "c.db"))
	dir := smallPhantom(t, 9)
	var in imported
	succeed(t, &in, "import", filepath.Join(dir, "dicom"), "--json")
	id := strconv.FormatInt(in.Cases[0].ID, 10)
	var a analysed
	succeed(t, &a, "analyze", id, "--json")
	if len(a.Grades) != 25 || len(a.Models) < 2 || len(a.Seconds) < 5 {
		t.Fatalf("%d grades by %d models, seconds %v", len(a.Grades), len(a.Models), a.Seconds)
	}
	if len(a.Measures) == 0 || a.Measures[0].DiscHeight < 2 || a.Measures[0].DiscHeight > 30 {
		t.Errorf("measured: %+v", a.Measures)
	}
	for _, s := range a.Structures {
		if s.Confidence <= 0 || s.Confidence > 1 {
			t.Errorf("the network is %g sure of %s", s.Confidence, s.Name)
		}
	}
	for _, part := range []string{"load", "segment", "grade", "gradcam", "total"} {
		if s, ok := a.Seconds[part]; !ok || s < 0 || s > a.Seconds["total"] {
			t.Errorf("seconds %v: %s is missing or wrong", a.Seconds, part)
		}
	}
	for _, g := range a.Grades {
		if _, err := spine.ParseGrade(g.Grade); err != nil {
			t.Error(err)
		}
		if readable := g.Grade != "not_gradable"; readable != (g.Probabilities != nil) || readable == (g.Reason != "") {
			t.Errorf("%+v", g)
		}
	}
	succeed(t, nil, "key", id, "--add", "T2")
	var out struct{ Files []string }
	succeed(t, &out, "export", id, "--format", "seg,sr,key,nifti,mha,pdf,csv,rsna,png", "--out", t.TempDir(), "--json")
	if len(out.Files) < 13 {
		t.Errorf("%v", out.Files)
	}
	for _, name := range out.Files {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	expectNameless(t, id, filepath.Join(dir, "dicom"))
	heated, attended := filepath.Join(t.TempDir(), "heat.png"), filepath.Join(t.TempDir(), "attention.png")
	succeed(t, nil, "show", id, "--out", heated)
	succeed(t, nil, "show", id, "--attention", "--out", attended)
	a1, err1 := os.ReadFile(heated)
	a2, err2 := os.ReadFile(attended)
	if err1 != nil || err2 != nil || bytes.Equal(a1, a2) {
		t.Errorf("the attention is drawn as the Grad-CAM: %v %v", err1, err2)
	}
	mask := filepath.Join(t.TempDir(), "m.nii.gz")
	succeed(t, &a, "segment", filepath.Join(dir, "dicom"), "--out", mask, "--json")
	if _, err := readLabels(mask); err != nil {
		t.Error(err)
	}
	succeed(t, nil, "metrics", filepath.Join(dir, "truth.nii.gz"), mask, "--json")
}
