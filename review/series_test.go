package review

import (
	"context"
	"testing"

	"columna/spine"
	"columna/volume"
)

func TestCorrectSeries_ShowsAtOnceAndAfterAnImport(t *testing.T) {
	ctx := context.Background()
	d := newDesk(t)
	dir := writeStudy(t, testStudy("1.2.3", false))
	r, err := d.Import(ctx, []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := openCase(t, d, r.Cases[0].ID)
	t1 := s.Study().Find(spine.T1, spine.Sagittal)
	id := SeriesID{t1.UID, t1.Block}
	heard := false
	s.OnChange = func(c Change) { heard = heard || c.Series }
	if err := s.CorrectSeries(ctx, id, spine.STIR, ""); err != nil {
		t.Fatal(err)
	}
	if !heard || t1.Sequence != spine.STIR || t1.Confidence != 1 || t1.CorrectedBy != "tester" || t1.Volume == nil {
		t.Fatalf("heard %v, the open series is %s, %g, by %q", heard, t1.Sequence, t1.Confidence, t1.CorrectedBy)
	}
	if r, err = d.Import(ctx, []string{dir}, nil); err != nil || r.Cases[0].Study.Series[0].Sequence != spine.STIR {
		t.Fatalf("after an import: %+v, %v", r.Cases, err)
	}
	again := openCase(t, d, s.CaseID())
	if again.Study().Find(spine.T1, spine.Sagittal) != nil {
		t.Fatal("the correction did not survive")
	}
	if err := again.CorrectSeries(ctx, id, "", ""); err != nil || again.Study().Find(spine.T1, spine.Sagittal) == nil {
		t.Fatalf("taking it back: %v", err)
	}
	if err := again.CorrectSeries(ctx, SeriesID{UID: "9.9"}, spine.T1, ""); err == nil {
		t.Fatal("an unknown series was corrected")
	}
	mustBeSound(t, d)
}

func TestFindSeries_TellsBlocksApartByTheMasksGrid(t *testing.T) {
	other := sagittalGrid(true)
	st := &spine.Study{Series: []spine.Series{
		{UID: "1.2", Volume: &volume.Volume{Grid: sagittalGrid(false)}}, {UID: "1.2", Block: 1, Volume: &volume.Volume{Grid: other}}}}
	if s := findSeries(st, "1.2", other); s == nil || s.Block != 1 {
		t.Errorf("found %+v", s)
	}
	if s := findBlock(st, "1.2", "1"); s == nil || s.Block != 1 || fromNothing(s).base != "empty:1.2/1" {
		t.Errorf("found %+v", s)
	}
	if s := findSeries(st, "1.2", volume.Grid{}); s == nil || s.Block != 0 {
		t.Errorf("on no known grid: %+v", s)
	}
	if findSeries(st, "1.3", other) != nil {
		t.Error("a series of another name was found")
	}
}

func TestSession_StrokesOfTwoWindowsDoNotMix(t *testing.T) {
	ctx := context.Background()
	d, one := analysed(t)
	two := openCase(t, openDesk(t, d.db.Path()), one.CaseID())
	paint(t, one, spotA)
	if err := tryPaint(two, spotB); err == nil {
		t.Fatal("two windows paint on one case")
	}
	if labelAt(two, spotB) != spine.Background {
		t.Fatal("a stroke that is not kept shows")
	}
	if _, err := two.SaveCorrection(ctx, "two"); err == nil {
		t.Fatal("a version passed over the other window's stroke")
	}
	paint(t, one, spotC)
	save(t, one, "one")
	back := openCase(t, d, one.CaseID())
	if labelAt(back, spotA) != spine.S1 || labelAt(back, spotC) != spine.S1 || labelAt(back, spotB) != spine.Background {
		t.Fatal("the first window's work is not what was stored")
	}
	mustBeSound(t, d)
}
