package review

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/export/dataset"
	"columna/export/finetune"
	"columna/spine"
)

// correctedCases imports count patients, corrects each and leaves them in a state.
func correctedCases(t *testing.T, d *Desk, first, count int, state spine.ReaderState) {
	t.Helper()
	ctx := context.Background()
	for n := range count {
		s := openCase(t, d, importStudy(t, d, testStudy(fmt.Sprintf("1.2.%d", first+n), false)))
		if err := s.SetAnalysis(ctx, testAnalysis(s.Study())); err != nil {
			t.Fatal(err)
		}
		paint(t, s, ballMM)
		save(t, s, "a test")
		if err := s.SetState(ctx, state); err != nil {
			t.Fatal(err)
		}
		s.Close(ctx)
	}
}

func learningOf(t *testing.T, d *Desk) *Learning {
	t.Helper()
	l, err := d.Learning(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func correctionsOf(t *testing.T, d *Desk) []dataset.Entry {
	t.Helper()
	list, err := d.corrections(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLearning_SaysWhatIsMissing(t *testing.T) {
	d := newDesk(t)
	if l := learningOf(t, d); l.Corrections != 0 || !strings.Contains(l.Missing, "at least 8 patients") || l.InUse.SHA256 == "" {
		t.Errorf("%+v", l)
	}
	correctedCases(t, d, 0, 3, spine.Accepted)
	if l := learningOf(t, d); l.Corrections != 3 || l.Patients != 3 || !strings.Contains(l.Missing, "there are 3") {
		t.Errorf("%+v", l)
	}
	correctedCases(t, d, 3, 5, spine.Accepted)
	if l := learningOf(t, d); l.Missing != "" || l.HeldOut < finetune.MinHeldOut {
		t.Errorf("%+v", l)
	}
}

// MONAI Label learns from every label with the final tag, whatever a reviewer said.
func TestLearning_TakesWhatAReaderAcceptedAndNothingElse(t *testing.T) {
	d, ctx := newDesk(t), context.Background()
	for n, state := range []spine.ReaderState{spine.InReview, spine.NeedsSecondReader, spine.Unread, spine.Accepted, spine.Adjudicated} {
		correctedCases(t, d, 10*n, 1, state)
	}
	s := openCase(t, d, importStudy(t, d, testStudy("1.2.99", false))) // accepted as the networks left it
	if err := s.SetAnalysis(ctx, testAnalysis(s.Study())); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(ctx, spine.Accepted); err != nil {
		t.Fatal(err)
	}
	l := learningOf(t, d)
	if list := correctionsOf(t, d); len(list) != 2 || list[0].ID != "4.1" || list[1].ID != "5.1" || l.Corrections != 2 || l.Unchanged != 1 {
		t.Errorf("%v, %+v", list, l)
	}
}

func TestLearning_LoadsTheAcceptedVersionAndNotALaterOne(t *testing.T) {
	d, ctx := newDesk(t), context.Background()
	correctedCases(t, d, 0, 1, spine.Accepted)
	s := openCase(t, d, 1)
	was := labelAt(s, ballMM)
	if err := s.BeginStroke(strokeOf(spine.L1)); err != nil {
		t.Fatal(err)
	}
	s.StrokeTo(ballMM)
	if err := s.EndStroke(ctx); err != nil {
		t.Fatal(err)
	}
	save(t, s, "nobody has accepted this")
	s.Close(ctx)
	c, err := correctionsOf(t, d)[0].Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v := c.Labels.ToVoxel(ballMM)
	if got := spine.Structure(c.Labels.At(int(v[0]+0.5), int(v[1]+0.5), int(v[2]+0.5))); got != was || was != spine.S1 {
		t.Errorf("the mask shows %v, %v was accepted", got, was)
	}
}

func TestLearning_KeepsPatientsNamesOutOfRunFolders(t *testing.T) {
	d := newDesk(t)
	correctedCases(t, d, 0, 1, spine.Accepted)
	if e := correctionsOf(t, d)[0]; strings.Contains(e.Patient, "P-") || e.Patient != Pseudonym(" p-1.2.0 ") {
		t.Errorf("patient %q", e.Patient)
	}
}

func TestHoldout_IsFrozenOnceAndRefusedWhereItWasEdited(t *testing.T) {
	d, ctx := newDesk(t), context.Background()
	correctedCases(t, d, 0, 8, spine.Accepted)
	first, err := d.holdout(ctx, correctionsOf(t, d))
	if err != nil {
		t.Fatal(err)
	}
	correctedCases(t, d, 8, 3, spine.Accepted)
	again, err := d.holdout(ctx, correctionsOf(t, d))
	if err != nil || again.SHA256 != first.SHA256 {
		t.Fatalf("the hold-out moved: %v", err)
	}
	path := filepath.Join(d.learningDir(), "holdout.json")
	other, err := finetune.FreezeHoldout(patientsOf(correctionsOf(t, d)), "another salt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, other.Document(), 0o600); err != nil { // whole, with a hash of its own
		t.Fatal(err)
	}
	if _, err := d.holdout(ctx, correctionsOf(t, d)); err == nil || !strings.Contains(err.Error(), "was changed: remove the file") {
		t.Errorf("an edited hold-out was taken: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if back, err := d.holdout(ctx, correctionsOf(t, d)); err != nil || back.SHA256 != first.SHA256 {
		t.Errorf("the frozen hold-out did not come back: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	mustBeSound(t, d)
}

func TestFineTune_RefusesWhatItCannotTeach(t *testing.T) {
	d, ctx := newDesk(t), context.Background()
	for want, o := range map[string]FineTuneOptions{"does not learn from corrected masks": {Net: "stenosisnet"}, "negative": {Steps: -1}, "at least 8 patients": {}} {
		if _, err := d.FineTune(ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
