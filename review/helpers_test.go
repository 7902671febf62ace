package review

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"columna/annotate"
	"columna/dicom"
	"columna/spine"
	"columna/volume"
)

// openDesk opens a desk on a database file.
func openDesk(t *testing.T, db string) *Desk {
	t.Helper()
	d, err := Open(context.Background(), Config{DBPath: db, Author: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// newDesk opens a desk on a new database.
func newDesk(t *testing.T) *Desk {
	t.Helper()
	return openDesk(t, filepath.Join(t.TempDir(), "columna.db"))
}

// sagittalGrid is 48 x 64 pixels of 2.5 mm and 7 slices of 8 mm around the origin.
// Slices run to the patient's left, or to the right where flipped.
func sagittalGrid(flipped bool) volume.Grid {
	step, x := 8.0, -24.0
	if flipped {
		step, x = -8.0, 24.0
	}
	return volume.Grid{Size: [3]int{48, 64, 7}, Affine: volume.NewAffine(
		volume.Vec3{0, 2.5, 0}, volume.Vec3{0, 0, -2.5}, volume.Vec3{step, 0, 0}, volume.Vec3{x, -60, 78.75})}
}

// image fills a grid with a smooth pattern and a bright ball on the patient's left.
func image(g volume.Grid) *volume.Volume {
	v := volume.New(g)
	for n := range v.Data {
		i, j, k := g.Coords(n)
		mm := g.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
		v.Data[n] = float32(300 + int(mm[1]+mm[2])%50)
		if mm.Sub(ballMM).Norm() < 9 {
			v.Data[n] = 2000
		}
	}
	return v
}

var ballMM = volume.Vec3{16, 20, 30} // LPS+: left, posterior, up

// testStudy has sagittal T1 and T2.
func testStudy(uid string, flipped bool) *spine.Study {
	s := &spine.Study{UID: uid, PatientID: "P-" + uid, PatientName: "Test^" + uid, Sex: "F", Age: "054Y", Date: "20240312"}
	for n, q := range []spine.Sequence{spine.T1, spine.T2} {
		s.Series = append(s.Series, spine.Series{UID: fmt.Sprintf("%s.%d", uid, n+1), Number: n + 1,
			Description: "SAG " + string(q), Sequence: q, Plane: spine.Sagittal, Volume: image(sagittalGrid(flipped))})
	}
	return s
}

// writeStudy writes a study as DICOM and returns the folder.
func writeStudy(t *testing.T, s *spine.Study) string {
	t.Helper()
	dir := t.TempDir()
	for n := range s.Series {
		if err := dicom.WriteSeries(filepath.Join(dir, string(s.Series[n].Plane), string(s.Series[n].Sequence)), s, &s.Series[n]); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// importStudy writes and imports a study, which must be one case.
func importStudy(t *testing.T, d *Desk, s *spine.Study) int64 {
	t.Helper()
	r, err := d.Import(context.Background(), []string{writeStudy(t, s)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 1 || len(r.Refused) != 0 {
		t.Fatalf("imported %d cases, refused %v", len(r.Cases), r.Refused)
	}
	return r.Cases[0].ID
}

func openCase(t *testing.T, d *Desk, id int64) *Session {
	t.Helper()
	s, err := d.OpenCase(context.Background(), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ready is a desk with one case, opened.
func ready(t *testing.T) (*Desk, *Session) {
	t.Helper()
	d := newDesk(t)
	return d, openCase(t, d, importStudy(t, d, testStudy("1.2.3", false)))
}

// discMM is where testAnalysis puts the middle of a level's disc.
func discMM(l spine.Level) volume.Vec3 { return volume.Vec3{0, 0, 50 - 25*float64(l)} }

// testAnalysis is an analysis with a mask of blocks and a grade in each cell.
func testAnalysis(study *spine.Study) *spine.Analysis {
	base := study.Find(spine.T2, spine.Sagittal)
	m := volume.NewLabelMap(base.Volume.Grid)
	for n := range m.Data {
		i, j, k := m.Coords(n)
		m.Data[n] = uint8(blockAt(m.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})))
	}
	a := &spine.Analysis{Models: []spine.ModelRef{{Name: "gfssnet", SHA256: "abc"}}, Mask: m, MaskUID: base.UID,
		Flags: []spine.Flag{{Kind: "levels", Text: "look at L5"}}, Seconds: map[string]float64{"total": 1}}
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			a.Grades = append(a.Grades, spine.GradeFinding{Condition: c, Level: l, Grade: spine.NormalMild, Probabilities: [3]float64{0.8, 0.1, 0.1}})
		}
	}
	a.Grades[3].Grade, a.Grades[3].Probabilities = spine.Moderate, [3]float64{0.2, 0.7, 0.1} // canal, L4/L5
	return a
}

// blockAt is the structure of testAnalysis at a point.
func blockAt(mm volume.Vec3) spine.Structure {
	if max(mm[0], -mm[0]) > 17 {
		return spine.Background
	}
	if mm[1] > 20 && mm[1] < 32 {
		return spine.Canal
	}
	if max(mm[1], -mm[1]) > 16 {
		return spine.Background
	}
	for l := range spine.Level(spine.LevelCount) {
		switch d := mm[2] - discMM(l)[2]; {
		case d >= -4 && d <= 4:
			return l.Disc()
		case d > 4 && d < 21:
			return l.Upper()
		case l == spine.L5S1 && d < -4 && d > -21:
			return spine.S1
		}
	}
	return spine.Background
}

// analysed is ready with an analysis.
func analysed(t *testing.T) (*Desk, *Session) {
	t.Helper()
	d, s := ready(t)
	if err := s.SetAnalysis(context.Background(), testAnalysis(s.Study())); err != nil {
		t.Fatal(err)
	}
	return d, s
}

// strokeOf is a ball of a structure.
func strokeOf(l spine.Structure) annotate.Stroke {
	return annotate.Stroke{Label: l, RadiusMM: 6, Sphere: true}
}

// paint draws one stroke of S1 at a point that is background.
func paint(t *testing.T, s *Session, mm volume.Vec3) {
	t.Helper()
	if err := tryPaint(s, mm); err != nil {
		t.Fatal(err)
	}
}

func tryPaint(s *Session, mm volume.Vec3) error {
	if err := s.BeginStroke(strokeOf(spine.S1)); err != nil {
		return err
	}
	s.StrokeTo(mm)
	return s.EndStroke(context.Background())
}

// labelAt reads the live mask at a point.
func labelAt(s *Session, mm volume.Vec3) spine.Structure {
	v := s.Mask().ToVoxel(mm)
	return spine.Structure(s.Mask().At(int(v[0]+0.5), int(v[1]+0.5), int(v[2]+0.5)))
}

func undo(t *testing.T, s *Session) {
	t.Helper()
	if ok, err := s.Undo(context.Background()); err != nil || !ok {
		t.Fatalf("undo: %v, %v", ok, err)
	}
}

func redo(t *testing.T, s *Session) {
	t.Helper()
	if ok, err := s.Redo(context.Background()); err != nil || !ok {
		t.Fatalf("redo: %v, %v", ok, err)
	}
}

func save(t *testing.T, s *Session, reason string) int {
	t.Helper()
	v, err := s.SaveCorrection(context.Background(), reason)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mustBeSound fails on anything that Check finds.
func mustBeSound(t *testing.T, d *Desk) {
	t.Helper()
	problems, err := d.Check(context.Background())
	if err != nil || len(problems) > 0 {
		t.Fatalf("check: %v %v", err, problems)
	}
}
