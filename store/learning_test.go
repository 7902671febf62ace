package store

import (
	"errors"
	"testing"

	"columna/spine"
)

func correct(t *testing.T, db *DB, id int64, parent, seed int) {
	t.Helper()
	if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Parent: parent, Mask: mask(seed), MaskUID: "1.2.1", Author: "reader"}); err != nil {
		t.Fatal(err)
	}
}

func setState(t *testing.T, db *DB, id int64, s spine.ReaderState) {
	t.Helper()
	if err := db.SetState(ctx, id, StateChange{State: s, Author: "reader"}); err != nil {
		t.Fatal(err)
	}
}

func accepted(t *testing.T, db *DB) []Accepted {
	t.Helper()
	out, err := db.AcceptedCases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAcceptedCases_ListsNothingThatNobodyAccepted(t *testing.T) {
	db := opened(t)
	for n, s := range []spine.ReaderState{spine.Unread, spine.InReview, spine.NeedsSecondReader, spine.Accepted, spine.Adjudicated} {
		id := added(t, db, n)
		correct(t, db, id, 0, n)
		setState(t, db, id, s)
	}
	withdrawn, deleted := added(t, db, 10), added(t, db, 11)
	for _, id := range []int64{withdrawn, deleted} {
		correct(t, db, id, 0, 1)
		setState(t, db, id, spine.Accepted)
	}
	setState(t, db, withdrawn, spine.InReview)
	if err := db.DeleteCase(ctx, deleted, "reader", "test"); err != nil {
		t.Fatal(err)
	}
	got := accepted(t, db)
	if len(got) != 2 || got[0].PatientID != "P003" || got[1].PatientID != "P004" || got[0].Version != 1 || got[0].MaskSHA == "" {
		t.Errorf("accepted: %+v", got)
	}
}

func TestAcceptedCases_TakeTheVersionThatWasAccepted(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	setState(t, db, id, spine.Accepted)
	if got := accepted(t, db); len(got) != 1 || got[0].Version != 0 {
		t.Errorf("a mask that nobody corrected: %+v", got)
	}
	correct(t, db, id, 0, 1)
	if got := accepted(t, db); got[0].Version != 0 {
		t.Errorf("a version saved after the acceptance counts: %+v", got)
	}
	correct(t, db, id, 1, 2)
	setState(t, db, id, spine.Accepted)
	correct(t, db, id, 2, 3)
	if got := accepted(t, db); got[0].Version != 2 {
		t.Errorf("version %d is taken, 2 was accepted", got[0].Version)
	}
}

func TestRecordModel_KeepsWhatBecameOfEveryModel(t *testing.T) {
	db := opened(t)
	for _, action := range []string{ModelInstalled, ModelRefused, ModelRolledBack} {
		if err := db.RecordModel(ctx, ModelChange{Action: action, Net: "gfssnet", SHA256: "ab" + action, Parent: "cd", Reason: "why", Author: "reader"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RecordModel(ctx, ModelChange{Action: "forget"}); err == nil {
		t.Error("an unknown action was recorded")
	}
	got, err := db.ModelChanges(ctx)
	if err != nil || len(got) != 3 || got[0].Action != ModelRolledBack || got[2].SHA256 != "abinstall" || got[2].At.IsZero() {
		t.Fatalf("%+v %v", got, err)
	}
	lines, err := db.Audit(ctx, 0, 10)
	if err != nil || len(lines) != 3 || lines[0].Action != "model rollback" {
		t.Errorf("audit: %+v %v", lines, err)
	}
	for _, q := range []string{"UPDATE model_changes SET sha256 = 'x'", "DELETE FROM model_changes"} {
		if _, err := db.write.Exec(q); err == nil {
			t.Errorf("%s was let through", q)
		}
	}
	mustCheck(t, db)
}

func TestFreezeHoldout_IsFrozenOnce(t *testing.T) {
	db := opened(t)
	if _, err := db.Holdout(ctx); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a hold-out before the first: %v", err)
	}
	first, err := db.FreezeHoldout(ctx, "one", "1", "reader")
	if err != nil || first != "one" {
		t.Fatal(first, err)
	}
	if again, err := db.FreezeHoldout(ctx, "two", "2", "reader"); err != nil || again != "one" {
		t.Errorf("the hold-out moved: %q %v", again, err)
	}
	if kept, err := db.Holdout(ctx); err != nil || kept != "one" {
		t.Errorf("%q %v", kept, err)
	}
	if _, err := db.write.Exec("UPDATE holdouts SET document = 'two'"); err == nil {
		t.Error("the hold-out was changed")
	}
	mustCheck(t, db)
}

func mustCheck(t *testing.T, db *DB) {
	t.Helper()
	if problems, err := db.Check(ctx); err != nil || len(problems) > 0 {
		t.Errorf("check: %v %v", problems, err)
	}
}
