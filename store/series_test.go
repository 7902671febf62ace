package store

import (
	"errors"
	"slices"
	"testing"

	"columna/spine"
)

func TestCorrectSeries_OutlivesAnImportAndCanBeTakenBack(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	say := func(q spine.Sequence, p spine.Plane) {
		t.Helper()
		if err := db.CorrectSeries(ctx, id, SeriesCorrection{UID: "1.2.2", Block: 1, Sequence: q, Plane: p, Author: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(q spine.Sequence, p spine.Plane, by string, confidence float64, words ...string) {
		t.Helper()
		c, err := db.FindCase(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		s := c.Study.Series[1]
		if s.Sequence != q || s.Plane != p || s.CorrectedBy != by || s.Confidence != confidence {
			t.Errorf("the series is %+v", s)
		}
		rows, _, err := db.Worklist(ctx, Filter{})
		if err != nil || !slices.Equal(rows[0].Sequences, words) {
			t.Errorf("worklist %v, %v", rows[0].Sequences, err)
		}
		clean(t, db)
	}
	expect(spine.T2, spine.Axial, "", 0, "T1", "ax-T2")
	say(spine.STIR, spine.Sagittal)
	expect(spine.STIR, spine.Sagittal, "A", 1, "STIR", "T1")

	again := study(1)
	again.Series[1].Sequence, again.Series[1].Confidence = spine.PD, 0.4 // a newer Columna recognises something else
	if _, err := db.AddCase(ctx, again, files(1), "B"); err != nil {
		t.Fatal(err)
	}
	expect(spine.STIR, spine.Sagittal, "A", 1, "STIR", "T1")
	say("", spine.Coronal)
	expect(spine.PD, spine.Coronal, "A", 1, "T1", "PD")
	say("", "")
	expect(spine.PD, spine.Axial, "", 0.4, "T1", "ax-PD")
	if lines, _ := db.Audit(ctx, id, 1); lines[0].Action != "series" || lines[0].Author != "A" || lines[0].Detail != "1.2.2/1: as recognised" {
		t.Errorf("audit %+v", lines[0])
	}
}

func TestCorrectSeries_RefusesWhatIsNoneOfItsWords(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	for _, c := range []SeriesCorrection{{UID: "1.2.1", Sequence: "T3"}, {UID: "1.2.1", Plane: "oblique"}, {UID: "9.9", Sequence: spine.T1}, {UID: "1.2.1", Block: 4, Sequence: spine.T1}} {
		if err := db.CorrectSeries(ctx, id, c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := db.CorrectSeries(ctx, 99, SeriesCorrection{UID: "1.2.1", Sequence: spine.T1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown case: %v", err)
	}
}

func TestJournal_TwoWindowsNeverMixTheirStrokes(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	last, err := db.AppendJournal(ctx, id, 0, "none", "edit", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.AppendJournal(ctx, id, 0, "none", "edit", nil); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a stroke of a window that had not seen the first: %v", err)
	}
	if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Mask: mask(1), Author: "B"}); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a version without the other window's stroke: %v", err)
	}
	if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Journal: last, Mask: mask(1), Author: "A"}); err != nil {
		t.Error(err)
	}
	if _, err := db.AppendJournal(ctx, id, last, "none", "edit", nil); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a stroke on a journal that was saved meanwhile: %v", err)
	}
}
