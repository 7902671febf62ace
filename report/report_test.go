package report

import (
	"bytes"
	"encoding/csv"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"columna/spine"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

func grid() volume.Grid {
	return volume.Grid{Size: [3]int{20, 30, 6}, Affine: volume.NewAffine(volume.Vec3{0, 0.7, 0}, volume.Vec3{0, 0, -0.7}, volume.Vec3{4.4}, volume.Vec3{-11, -30, 20})}
}

func mask() *volume.LabelMap {
	m := volume.NewLabelMap(grid())
	for n := range m.Data {
		m.Data[n] = uint8(n / 9 % 18)
	}
	return m
}

func study() *spine.Study {
	return &spine.Study{UID: "1.2.826.1", PatientID: "P001", PatientName: "Иванова^Мария Müller", Sex: "F", Age: "054Y", Date: "20240312", Description: "LWS", FieldT: 1.5}
}

// analysis has a grade for every cell but one, which could not be read.
func analysis() *spine.Analysis {
	a := &spine.Analysis{
		Models:  []spine.ModelRef{{Name: "gfssnet", SHA256: "3fa9"}},
		Mask:    mask(),
		Flags:   []spine.Flag{{Kind: "levels", Text: "six lumbar vertebrae"}},
		Lesions: []spine.LesionFinding{{Probabilities: [6]float64{0.5, 0.1, 0.3, 0.05, 0.03, 0.02}, Level: spine.L4, Infection: [2]float64{0.7, 0.3}}},
	}
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			a.Grades = append(a.Grades, spine.GradeFinding{Condition: c, Level: l, Grade: spine.Grade(int(c+spine.Condition(l)) % 3), Probabilities: [3]float64{0.2, 0.3, 0.5},
				Point: &spine.Point{SeriesUID: "@s", SOPUID: "o", XPx: 1, YPx: 2, LPS: volume.Vec3{3, 4, 5}}})
		}
	}
	a.Grades[24] = spine.GradeFinding{Condition: spine.RightSubarticularStenosis, Level: spine.L5S1, Grade: spine.NotGradable, Reason: "no axial series"}
	return a
}

func reader() []spine.GradeFinding {
	return []spine.GradeFinding{
		{Condition: spine.SpinalCanalStenosis, Level: spine.L4L5, Grade: spine.Moderate, Reason: "=HYPERLINK(\"x\")"},
		{Condition: spine.SpinalCanalStenosis, Level: spine.L5S1, Grade: spine.Ungraded},
		{Condition: spine.LeftSubarticularStenosis, Level: spine.L1L2, Grade: spine.NotGradable},
	}
}

func table(t *testing.T, write func(*bytes.Buffer) error) [][]string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestWriteCSV_HasEveryCellOnce(t *testing.T) {
	rows := table(t, func(b *bytes.Buffer) error { return WriteCSV(b, analysis(), reader()) })
	if len(rows) != 26 {
		t.Fatalf("%d lines", len(rows))
	}
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		seen[r[0]+r[1]] = true
	}
	if len(seen) != 25 {
		t.Errorf("%d different cells", len(seen))
	}
	if got := strings.Join(rows[4], ","); got != `spinal_canal_stenosis,l4_l5,normal_mild,0.2000,0.3000,0.5000,,moderate,'=HYPERLINK("x"),'@s,o,1.00,2.00,3.00,4.00,5.00` {
		t.Errorf("canal at L4/L5: %s", got)
	}
	if got := strings.Join(rows[25], ","); got != "right_subarticular_stenosis,l5_s1,not_gradable,,,,no axial series,,,,,,,,," {
		t.Errorf("a cell that cannot be read: %s", got)
	}
}

func TestMakePDF_SameInputSameBytes(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 30, 40))
	img.Set(3, 4, color.White)
	at := time.Date(2024, 3, 12, 14, 2, 0, 0, time.UTC)
	make := func() []byte {
		b, err := makePDF(study(), analysis(), reader(), []image.Image{img, img, img, img, img}, at)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := make()
	if !bytes.HasPrefix(b, []byte("%PDF-")) || !bytes.Contains(b, []byte("%%EOF")) {
		t.Error("this is no PDF")
	}
	if !bytes.Equal(b, make()) {
		t.Error("the same report has other bytes")
	}
}

func TestWritePDF_WorksWithoutAnAnalysis(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.pdf")
	if err := WritePDF(path, study(), nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("a report with patient data has mode %o", info.Mode().Perm())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".columna-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteMask_ByTheEndingOfTheName(t *testing.T) {
	dir := t.TempDir()
	for name, read := range map[string]func(string) (*volume.LabelMap, error){
		"m.nii": nifti.ReadLabels, "m.nii.gz": nifti.ReadLabels, "m.mha": metaimage.ReadLabels,
	} {
		path := filepath.Join(dir, name)
		if err := WriteMask(path, mask()); err != nil {
			t.Fatal(err)
		}
		back, err := read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Data, mask().Data) || !volume.SameGrid(back.Grid, grid()) {
			t.Errorf("%s: another mask came back", name)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is not its owner's alone: %v, %v", name, info.Mode(), err)
		}
	}
	if err := WriteMask(filepath.Join(dir, "m.png"), mask()); err == nil {
		t.Error("a mask was written as PNG")
	}
}
