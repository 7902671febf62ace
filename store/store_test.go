package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"columna/spine"
	"columna/volume"
)

var ctx = context.Background()

// opened is a fresh database with a clock that ticks a second a reading.
func opened(t testing.TB) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "deep", "columna.db"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 3, 12, 14, 2, 0, 0, time.UTC)
	db.now = func() time.Time { at = at.Add(time.Second); return at }
	t.Cleanup(func() { db.Close() })
	return db
}

func grid() volume.Grid {
	return volume.Grid{Size: [3]int{20, 30, 6}, Affine: volume.NewAffine(volume.Vec3{0, 0.7, 0.1}, volume.Vec3{0, 0.1, -0.7}, volume.Vec3{4.4}, volume.Vec3{-11, -30, 20})}
}

func mask(seed int) *volume.LabelMap {
	m := volume.NewLabelMap(grid())
	for n := range m.Data {
		if (n/7+seed)%3 == 0 {
			m.Data[n] = uint8((n/50 + seed) % 18)
		}
	}
	return m
}

func study(n int) *spine.Study {
	return &spine.Study{
		UID: fmt.Sprintf("1.2.826.%d", n), PatientID: fmt.Sprintf("P%03d", n), PatientName: fmt.Sprintf("Muster^Ärztin %d", n),
		Sex: "F", Age: "054Y", Date: fmt.Sprintf("202403%02d", n%28+1), Description: "LWS", FieldT: 1.5,
		Series: []spine.Series{
			{UID: "1.2.1", Number: 2, Description: "t1_tse", Sequence: spine.T1, Plane: spine.Sagittal, Confidence: 0.9, FrameOfReferenceUID: "1.2.9",
				SOPClassUID: "1.2.840.10008.5.1.4.1.1.4", SOPUIDs: []string{"a", "b"}, Warnings: []string{"gap"}, Volume: volume.New(grid())},
			{UID: "1.2.2", Block: 1, Sequence: spine.T2, Plane: spine.Axial, SOPUIDs: []string{"c"}},
		},
	}
}

func files(n int) [][]FileRef {
	return [][]FileRef{
		{{Path: fmt.Sprintf("/in/%d/1.dcm", n), SOPUID: "a", PositionMM: -4.4}, {Path: "/in/x.zip", ZipEntry: "2.dcm", SOPUID: "b"}},
		{{Path: "/in/3.dcm", SOPUID: "c", Frame: 2}},
	}
}

func added(t testing.TB, db *DB, n int) int64 {
	t.Helper()
	id, err := db.AddCase(ctx, study(n), files(n), "reader")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func analysis() *spine.Analysis {
	a := &spine.Analysis{
		Models:     []spine.ModelRef{{Name: "gfssnet", SHA256: "3fa9"}, {Name: "stenosisnet", SHA256: "77aa"}},
		Mask:       mask(1),
		MaskUID:    "1.2.1",
		Flags:      []spine.Flag{{Kind: "levels", Text: "six lumbar vertebrae", LPS: &volume.Vec3{1, 2, 3}}},
		Seconds:    map[string]float64{"total": 12.5},
		Confidence: map[spine.Structure]float64{spine.L3: 0.93, spine.Canal: 0.71},
		Lesions:    []spine.LesionFinding{{Box: spine.Box{Min: volume.Vec3{1}, Max: volume.Vec3{2, 3, 4}}, Probabilities: [6]float64{0.5, 0.1, 0.1, 0.1, 0.1, 0.1}, Level: spine.L4, Infection: [2]float64{0.7, 0.3}}},
	}
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			a.Grades = append(a.Grades, spine.GradeFinding{Condition: c, Level: l, Grade: spine.NormalMild, Probabilities: [3]float64{0.7, 0.2, 0.1},
				Point: &spine.Point{SeriesUID: "1.2.1", SOPUID: "a", XPx: 10, YPx: 11, LPS: volume.Vec3{1, 2, 3}}})
		}
	}
	a.Grades[3] = spine.GradeFinding{Condition: spine.SpinalCanalStenosis, Level: spine.L4L5, Grade: spine.Moderate, Probabilities: [3]float64{0.1, 0.6, 0.3}}
	a.Grades[24] = spine.GradeFinding{Condition: spine.RightSubarticularStenosis, Level: spine.L5S1, Grade: spine.NotGradable, Reason: "no axial series"}
	return a
}

func clean(t testing.TB, db *DB) {
	t.Helper()
	problems, err := db.Check(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) > 0 {
		t.Errorf("the database is not clean: %s", strings.Join(problems, "; "))
	}
}

func TestAddCase_ReadsBackWhole(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	c, err := db.FindCase(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	want := *study(1)
	want.Series[0].Volume = nil
	if !reflect.DeepEqual(c.Study, want) {
		t.Errorf("study came back as %+v\nwant %+v", c.Study, want)
	}
	if !reflect.DeepEqual(c.Files, files(1)) {
		t.Errorf("files came back as %+v", c.Files)
	}
	if c.Grids[0] != grid() || c.Grids[1].Len() != 0 {
		t.Errorf("grids came back as %+v", c.Grids)
	}
	clean(t, db)
}

func TestAddCase_AgainKeepsTheCaseAndFollowsMovedFiles(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	before, _ := db.Audit(ctx, id, 100)
	if again := added(t, db, 1); again != id {
		t.Fatalf("the same study became case %d after %d", again, id)
	}
	if after, _ := db.Audit(ctx, id, 100); len(after) != len(before) {
		t.Errorf("importing the same files again wrote %d lines", len(after)-len(before))
	}
	if _, err := db.AddCase(ctx, study(1), files(2), "reader"); err != nil {
		t.Fatal(err)
	}
	c, err := db.FindCase(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Study.Series) != 2 || c.Files[0][0].Path != "/in/2/1.dcm" {
		t.Errorf("%d series, first file %s", len(c.Study.Series), c.Files[0][0].Path)
	}
	clean(t, db)
}

func TestAddCase_ASeriesRecognisedAnewReplacesTheOld(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	again := study(1)
	again.Series[0].Sequence, again.Series[0].Description = spine.STIR, "tirm"
	if _, err := db.AddCase(ctx, again, files(1), "reader"); err != nil {
		t.Fatal(err)
	}
	c, err := db.FindCase(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Study.Series; len(s) != 2 || s[0].Sequence != spine.STIR || s[0].Description != "tirm" || s[1].Sequence != spine.T2 {
		t.Errorf("series %+v", s)
	}
	if rows, _, _ := db.Worklist(ctx, Filter{}); strings.Join(rows[0].Sequences, " ") != "STIR ax-T2" {
		t.Errorf("the worklist shows %v", rows[0].Sequences)
	}
	clean(t, db)
}

func TestDeleteCase_IsAMarkThatCanBeTakenBack(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	if err := db.DeleteCase(ctx, id, "reader", "wrong patient"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.FindCase(ctx, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted case was found: %v", err)
	}
	if _, err := db.SaveAnalysis(ctx, id, analysis(), "reader"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted case took an analysis: %v", err)
	}
	if _, total, _ := db.Worklist(ctx, Filter{}); total != 0 {
		t.Errorf("the worklist shows %d deleted cases", total)
	}
	clean(t, db)
	if err := db.RestoreCase(ctx, id, "reader", "it was right"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.FindCase(ctx, id); err != nil {
		t.Error(err)
	}
	clean(t, db)
}

func TestSaveAnalysis_ReadsBackWholeAndKeepsTheOlder(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	if _, _, err := db.FindAnalysis(ctx, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("before any analysis: %v", err)
	}
	if _, err := db.SaveAnalysis(ctx, id, &spine.Analysis{Models: []spine.ModelRef{{Name: "old", SHA256: "0"}}}, "ai"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SaveAnalysis(ctx, id, analysis(), "ai"); err != nil {
		t.Fatal(err)
	}
	got, _, err := db.FindAnalysis(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, analysis()) {
		t.Errorf("came back as %+v", got)
	}
	all, err := db.Analyses(ctx, id)
	if err != nil || len(all) != 2 || all[0].Models[0].Name != "old" || all[1].Models[0].SHA256 != "3fa9" {
		t.Errorf("list %+v, %v", all, err)
	}
	clean(t, db)
}

func TestSaveCorrection_VersionsFollowTheirParents(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	analysisID, err := db.SaveAnalysis(ctx, id, analysis(), "ai")
	if err != nil {
		t.Fatal(err)
	}
	for v := range 3 {
		got, err := db.SaveCorrection(ctx, Correction{CaseID: id, Parent: v, AnalysisID: analysisID, MaskUID: "1.2.1", Mask: mask(v), Author: "A", Reason: fmt.Sprint("edge ", v)})
		if err != nil || got != v+1 {
			t.Fatalf("version %d, %v", got, err)
		}
	}
	_, err = db.SaveCorrection(ctx, Correction{CaseID: id, Parent: 1, Mask: mask(9), Author: "B"})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("a correction of an old version was taken: %v", err)
	}
	list, err := db.Corrections(ctx, id)
	if err != nil || len(list) != 3 || list[2].Parent != 2 || list[0].Parent != 0 || list[1].Reason != "edge 1" || list[1].At.IsZero() {
		t.Errorf("list %+v, %v", list, err)
	}
	for v := 1; v <= 3; v++ {
		c, err := db.FindCorrection(ctx, id, v)
		if err != nil || !reflect.DeepEqual(c.Mask, mask(v-1)) {
			t.Errorf("version %d did not come back (%v)", v, err)
		}
	}
	if c, err := db.FindCorrection(ctx, id, 0); err != nil || c.Version != 3 {
		t.Errorf("latest is %+v, %v", c, err)
	}
	clean(t, db)
}

func TestSetGrade_KeepsHistoryAndTheLastCounts(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	cell := spine.GradeFinding{Condition: spine.LeftNeuralForaminalNarrowing, Level: spine.L5S1}
	for _, g := range []spine.Grade{spine.Moderate, spine.Severe, spine.Ungraded, spine.NormalMild} {
		cell.Grade, cell.Reason = g, "because"
		if err := db.SetGrade(ctx, id, ReaderGrade{GradeFinding: cell, Author: "A"}); err != nil {
			t.Fatal(err)
		}
		now, err := db.Grades(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if g == spine.Ungraded && len(now) != 0 || g != spine.Ungraded && (len(now) != 1 || now[0].Grade != g) {
			t.Errorf("after %s the grades are %+v", g, now)
		}
	}
	history, err := db.GradeHistory(ctx, id)
	if err != nil || len(history) != 4 || history[1].Grade != spine.Severe || history[1].Author != "A" {
		t.Errorf("history %+v, %v", history, err)
	}
	if err := db.SetGrade(ctx, id, ReaderGrade{GradeFinding: spine.GradeFinding{Level: 7}}); err == nil {
		t.Error("level 7 was graded")
	}
	clean(t, db)
}

func TestSetState_RefusesWordsThatAreNoState(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	if s, err := db.State(ctx, id); err != nil || s != spine.Unread {
		t.Errorf("a new case is %s (%v)", s, err)
	}
	if err := db.SetState(ctx, id, StateChange{State: "done"}); err == nil {
		t.Error("the state \"done\" was taken")
	}
	for _, s := range []spine.ReaderState{spine.InReview, spine.Accepted} {
		if err := db.SetState(ctx, id, StateChange{State: s, Author: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	if history, err := db.StateHistory(ctx, id); err != nil || len(history) != 2 || history[1].State != spine.Accepted {
		t.Errorf("history %+v, %v", history, err)
	}
	clean(t, db)
}

func TestJournal_LivesUntilTheCorrection(t *testing.T) {
	db := opened(t)
	id, other := added(t, db, 1), added(t, db, 2)
	last := int64(0)
	for n := range 3 {
		var err error
		if last, err = db.AppendJournal(ctx, id, last, "analysis:1", "edit", []byte{byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
	undone, err := db.AppendJournal(ctx, other, 0, "none", "undo", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.Journal(ctx, id)
	if err != nil || len(got) != 3 || got[2].Data[0] != 2 || got[0].Base != "analysis:1" {
		t.Fatalf("journal %+v, %v", got, err)
	}
	if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Journal: last, Mask: mask(1), Author: "A"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Journal(ctx, id); len(got) != 0 {
		t.Errorf("%d entries are left after the correction", len(got))
	}
	if got, _ := db.Journal(ctx, other); len(got) != 1 {
		t.Errorf("the other case has %d entries", len(got))
	}
	seq, err := db.AppendJournal(ctx, other, undone, "none", "redo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.DiscardJournal(ctx, other, seq, "A", "damaged"); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Journal(ctx, other); len(got) != 1 || got[0].Kind != "undo" {
		t.Errorf("after the last entry was discarded there are %+v", got)
	}
	if err := db.DiscardJournal(ctx, other, 0, "A", "not wanted"); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Journal(ctx, other); len(got) != 0 {
		t.Errorf("%d entries are left after discarding", len(got))
	}
	clean(t, db)
}

func TestOpen_FilesAreTheOwnersAlone(t *testing.T) {
	db := opened(t)
	added(t, db, 1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(db.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("columna.db%s has mode %o", suffix, info.Mode().Perm())
		}
	}
	var mode string
	if err := db.read.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %q (%v)", mode, err)
	}
}
