package review

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/annotate"
	"columna/spine"
	"columna/volume"
)

// Three points of background, well apart.
var (
	spotA = volume.Vec3{0, -40, 40}
	spotB = volume.Vec3{0, -40, 0}
	spotC = volume.Vec3{0, -40, -40}
)

func TestSession_PaintUndoSaveReopen(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	paint(t, s, spotA)
	paint(t, s, spotB)
	undo(t, s)
	if !s.Dirty() || labelAt(s, spotA) != spine.S1 || labelAt(s, spotB) != spine.Background {
		t.Fatal("the mask does not show one stroke of two, one undone")
	}
	if v := save(t, s, "S1 was too small"); v != 1 || s.Dirty() {
		t.Fatalf("version %d, dirty %v", v, s.Dirty())
	}
	want := s.Mask().Clone()
	s.Close(ctx)

	again := openCase(t, d, s.CaseID())
	if !slices.Equal(again.Mask().Data, want.Data) || again.Dirty() || again.Recovered() != 0 {
		t.Fatal("the saved mask did not come back clean")
	}
	versions, err := again.Versions(ctx)
	if err != nil || len(versions) != 1 || versions[0].Reason != "S1 was too small" || versions[0].Author != "tester" || versions[0].AnalysisID == 0 {
		t.Fatalf("versions %+v, %v", versions, err)
	}
	if slices.Equal(again.AIMask().Data, want.Data) {
		t.Fatal("the AI's mask took the reader's stroke")
	}
	paint(t, again, spotC)
	if v := save(t, again, "more"); v != 2 {
		t.Fatalf("second version is %d", v)
	}
	if versions, _ = again.Versions(ctx); versions[1].Parent != 1 {
		t.Fatalf("the second version's parent is %d", versions[1].Parent)
	}
	mustBeSound(t, d)
}

func TestSession_StrokesSurviveACrash(t *testing.T) {
	d, s := analysed(t)
	paint(t, s, spotA)
	paint(t, s, spotB)
	undo(t, s)
	redo(t, s)
	paint(t, s, spotC)
	undo(t, s)
	want := s.Mask().Clone()
	if err := s.BeginStroke(annotate.Stroke{Label: spine.L1, RadiusMM: 5, Sphere: true}); err != nil {
		t.Fatal(err)
	}
	s.StrokeTo(spotC) // killed in the middle of this one: neither Close nor EndStroke

	back := openCase(t, openDesk(t, d.db.Path()), s.CaseID())
	if !slices.Equal(back.Mask().Data, want.Data) || !back.Dirty() || back.Recovered() != 6 || len(back.Warnings()) != 0 {
		t.Fatalf("dirty %v, recovered %d, warnings %v", back.Dirty(), back.Recovered(), back.Warnings())
	}
	redo(t, back)
	if labelAt(back, spotC) != spine.S1 {
		t.Fatal("the history did not come back with the strokes")
	}
	undo(t, back)
	undo(t, back)
	undo(t, back)
	if back.Dirty() || back.CanUndo() {
		t.Fatal("undoing everything does not lead to the AI's mask")
	}
}

func TestSession_StrokesOnAnEmptyMaskSurvive(t *testing.T) {
	d, s := ready(t)
	if s.Mask() != nil {
		t.Fatal("there is a mask before the first stroke")
	}
	paint(t, s, spotA)
	back := openCase(t, d, s.CaseID())
	if back.Mask() == nil || labelAt(back, spotA) != spine.S1 || back.MaskSeries().Sequence != spine.T2 {
		t.Fatal("the stroke did not come back on the sagittal T2")
	}
}

func TestSession_UndoReachesBeyondASave(t *testing.T) {
	d, s := analysed(t)
	paint(t, s, spotA)
	paint(t, s, spotB)
	undo(t, s)
	save(t, s, "first")
	redo(t, s) // undone before the save
	paint(t, s, spotC)
	undo(t, s)
	undo(t, s)
	undo(t, s) // beyond the save
	if labelAt(s, spotA) != spine.Background || !s.Dirty() {
		t.Fatal("undo does not reach beyond the save")
	}
	redo(t, s)
	if s.Dirty() {
		t.Fatal("back at the saved mask, yet dirty")
	}
	undo(t, s)
	want := s.Mask().Clone()
	back := openCase(t, d, s.CaseID())
	if !slices.Equal(back.Mask().Data, want.Data) || len(back.Warnings()) > 0 {
		t.Fatalf("after a crash the mask is another one; warnings %v", back.Warnings())
	}
}

func TestSession_DamagedJournalKeepsTheGoodStrokes(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	paint(t, s, spotA)
	if _, err := d.db.AppendJournal(ctx, s.CaseID(), s.journal.last, s.journal.base, annotate.KindEdit, []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	back := openCase(t, d, s.CaseID())
	if labelAt(back, spotA) != spine.S1 || len(back.Warnings()) != 1 {
		t.Fatalf("warnings %v", back.Warnings())
	}
	paint(t, back, spotB)
	third := openCase(t, d, s.CaseID())
	if labelAt(third, spotA) != spine.S1 || labelAt(third, spotB) != spine.S1 || len(third.Warnings()) != 0 {
		t.Fatalf("the journal was not repaired: %v", third.Warnings())
	}
	mustBeSound(t, d)
}

func TestSession_StrokesOutliveAMissingSeries(t *testing.T) {
	ctx := context.Background()
	d := newDesk(t)
	dir := writeStudy(t, testStudy("1.2.3", false))
	r, err := d.Import(ctx, []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := openCase(t, d, r.Cases[0].ID)
	paint(t, s, spotA) // on an empty mask of the sagittal T2
	t2 := filepath.Join(dir, "sagittal", "T2")
	if err := os.Rename(t2, t2+" away"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenCase(ctx, s.CaseID(), nil); err == nil || !strings.Contains(err.Error(), "1 unsaved edits") {
		t.Fatalf("a case whose strokes cannot be shown was opened: %v", err)
	}
	if err := os.Rename(t2+" away", t2); err != nil {
		t.Fatal(err)
	}
	if back := openCase(t, d, s.CaseID()); back.Recovered() != 1 || labelAt(back, spotA) != spine.S1 {
		t.Fatalf("the stroke is lost: %v", back.Warnings())
	}
}

func TestSession_DiscardStrokesGoesBack(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	paint(t, s, spotA)
	if err := s.DiscardStrokes(ctx, "wrong patient"); err != nil {
		t.Fatal(err)
	}
	if s.Dirty() || labelAt(s, spotA) != spine.Background || labelAt(openCase(t, d, s.CaseID()), spotA) != spine.Background {
		t.Fatal("the stroke is still there")
	}
}

func TestSession_NewAnalysisNeverPassesOverAReader(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	paint(t, s, spotA)
	if err := s.SetAnalysis(ctx, testAnalysis(s.Study())); err != nil {
		t.Fatal(err)
	}
	if labelAt(s, spotA) != spine.S1 {
		t.Fatal("an analysis wiped out a stroke")
	}
	back := openCase(t, d, s.CaseID()) // the strokes lie on the analysis before
	if labelAt(back, spotA) != spine.S1 || len(back.Warnings()) > 0 {
		t.Fatalf("the stroke is lost: %v", back.Warnings())
	}
	if err := back.TakeAIMask(ctx); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Mask().Data, back.AIMask().Data) {
		t.Fatal("the AI's mask was not taken")
	}
	undo(t, back)
	if labelAt(back, spotA) != spine.S1 {
		t.Fatal("taking the AI's mask cannot be undone")
	}
}

func TestSession_SecondWriterIsToldOfTheFirst(t *testing.T) {
	d, one := analysed(t)
	two := openCase(t, d, one.CaseID())
	paint(t, one, spotA)
	save(t, one, "one")
	_, err := two.SaveCorrection(context.Background(), "two")
	if !errors.Is(err, ErrConflict) {
		t.Fatalf("the second save says %v", err)
	}
}

func TestSession_EditThatCannotBeKeptIsTakenBack(t *testing.T) {
	_, s := analysed(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.BeginStroke(annotate.Stroke{Label: spine.S1, RadiusMM: 6, Sphere: true}); err != nil {
		t.Fatal(err)
	}
	s.StrokeTo(spotA)
	if err := s.EndStroke(ended); err == nil || labelAt(s, spotA) != spine.Background {
		t.Fatalf("error %v, yet the stroke shows", err)
	}
	redo(t, s)
	if back := openCase(t, s.desk, s.CaseID()); labelAt(back, spotA) != spine.S1 {
		t.Fatal("the stroke made again was not kept")
	}
}

func TestSession_GradesHaveHistory(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	c, l := spine.SpinalCanalStenosis, spine.L4L5
	for _, g := range []spine.Grade{spine.Severe, spine.NormalMild} {
		if err := s.SetGrade(ctx, c, l, g, "seen on axial"); err != nil {
			t.Fatal(err)
		}
	}
	cell := openCase(t, d, s.CaseID()).Grades()[c][l]
	if cell.AI.Grade != spine.Moderate || cell.AI.Probabilities[1] != 0.7 || cell.Reader != spine.NormalMild || cell.Reason != "seen on axial" {
		t.Fatalf("cell %+v", cell)
	}
	history, err := s.GradeHistory(ctx)
	if err != nil || len(history) != 2 || history[0].Grade != spine.Severe || history[0].Author != "tester" {
		t.Fatalf("history %+v, %v", history, err)
	}
	if err := s.SetGrade(ctx, c, l, spine.Ungraded, ""); err != nil {
		t.Fatal(err)
	}
	if got := openCase(t, d, s.CaseID()).Grades()[c][l].Reader; got != spine.Ungraded {
		t.Fatalf("taken back, yet %v", got)
	}
	if err := s.SetGrade(ctx, c, l, 7, ""); err == nil {
		t.Fatal("7 passed as a grade")
	}
}

func TestSession_WorksheetIsUngradedBeforeAnAnalysis(t *testing.T) {
	_, s := ready(t)
	for _, row := range s.Grades() {
		for _, cell := range row {
			if cell.AI.Grade != spine.Ungraded || cell.Reader != spine.Ungraded {
				t.Fatalf("cell %+v", cell)
			}
		}
	}
	if _, ok := s.LevelPoint(spine.L4L5); ok {
		t.Fatal("a level was found without a mask")
	}
}

func TestSession_OnChangeTellsWhatChanged(t *testing.T) {
	ctx := context.Background()
	_, s := ready(t)
	var heard []Change
	s.OnChange = func(c Change) { heard = append(heard, c) }
	if err := s.SetAnalysis(ctx, testAnalysis(s.Study())); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(ctx, spine.Accepted); err != nil {
		t.Fatal(err)
	}
	if err := s.SetGrade(ctx, spine.SpinalCanalStenosis, spine.L1L2, spine.Severe, ""); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 3 || !heard[0].Analysis || !heard[0].Grades || heard[0].Mask.Empty() || !heard[1].State || !heard[2].Grades {
		t.Fatalf("heard %+v", heard)
	}
	heard = nil
	paint(t, s, spotA)
	if len(heard) == 0 || heard[0].Mask.Empty() || heard[0].Mask == s.Mask().Bounds() {
		t.Fatalf("a stroke is heard as %+v", heard)
	}
}

func TestSession_LevelPointFollowsTheMask(t *testing.T) {
	_, s := analysed(t)
	for l := range spine.Level(spine.LevelCount) {
		mm, ok := s.LevelPoint(l)
		if !ok || mm.Sub(discMM(l)).Norm() > 2.5 {
			t.Fatalf("%s is at %v, want %v", l.Title(), mm, discMM(l))
		}
	}
}

func TestSession_LesionIsStoredBesideItsWeights(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	paint(t, s, spotA)
	f := spine.LesionFinding{Box: spine.Box{Max: volume.Vec3{9, 9, 9}}, Level: spine.L3, Probabilities: [6]float64{0.5, 0.5}}
	if err := s.AddLesion(ctx, Lesion{Finding: f, Model: spine.ModelRef{Name: "desamba", SHA256: "def"}}); err != nil {
		t.Fatal(err)
	}
	back := openCase(t, d, s.CaseID())
	if a := back.Analysis(); len(a.Lesions) != 1 || a.Lesions[0] != f || len(a.Models) != 2 || len(a.Grades) != 25 {
		t.Fatalf("analysis %+v", a)
	}
	if labelAt(back, spotA) != spine.S1 || len(back.Warnings()) > 0 {
		t.Fatalf("a lesion lost a stroke: %v", back.Warnings())
	}
}

func TestSession_AnotherStrokeInsteadOfTheSavedOneIsDirty(t *testing.T) {
	_, s := analysed(t)
	paint(t, s, spotA)
	save(t, s, "first")
	undo(t, s)
	paint(t, s, spotB) // as many edits as were saved, but other ones
	if !s.Dirty() {
		t.Fatal("another mask than the saved one counts as saved")
	}
	undo(t, s)
	if !s.Dirty() {
		t.Fatal("the mask before the saved one counts as saved")
	}
}

func TestSession_UndoneStrokesLeaveNothingToRecover(t *testing.T) {
	d, s := analysed(t)
	paint(t, s, spotA)
	undo(t, s)
	back := openCase(t, d, s.CaseID())
	if back.Dirty() || back.Recovered() != 0 || !slices.Equal(back.Mask().Data, back.AIMask().Data) {
		t.Fatal("an undone stroke came back")
	}
	entries, err := d.db.Journal(context.Background(), s.CaseID())
	if err != nil || len(entries) != 0 {
		t.Fatalf("journal %v, %v", entries, err)
	}
}

func TestSession_TakesAnOlderVersionAsAnEdit(t *testing.T) {
	_, s := analysed(t)
	paint(t, s, spotA)
	save(t, s, "first")
	paint(t, s, spotB)
	save(t, s, "second")
	if err := s.TakeVersion(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	if labelAt(s, spotA) != spine.S1 || labelAt(s, spotB) != spine.Background || !s.Dirty() {
		t.Fatal("the mask is not that of version 1")
	}
	if v := save(t, s, "back to the first"); v != 3 {
		t.Fatalf("version %d", v)
	}
}
