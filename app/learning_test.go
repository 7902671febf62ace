package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"columna/export/eval"
	"columna/export/finetune"
	"columna/models"
	"columna/review"
)

// atLearning is the window on its learning screen.
func atLearning(t *testing.T) (*reader, *learningScreen) {
	t.Helper()
	r, s, _ := atLearningOf(t)
	return r, s
}

// atLearningOf names the database too.
func atLearningOf(t *testing.T) (*reader, *learningScreen, string) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "c.db")
	r := doorTo(t, db)
	r.app.win.Resize(fyne.NewSize(1280, 800))
	r.app.showLearning()
	r.wait("the counts", func() bool { return r.app.learning.now != nil })
	return r, r.app.learning, db
}

// ready is what could be learned from, as if eleven cases had been accepted.
func (s *learningScreen) ready() {
	s.now.Corrections, s.now.Patients, s.now.HeldOut, s.now.Unchanged, s.now.Missing = 14, 11, 4, 3, ""
	s.tell()
}

// judged is a report of a candidate.
func judged(decision string) *review.LearningReport {
	check := func(set, name string, before, after, spread float64, rule string, passed bool) finetune.Check {
		d := after - before
		return finetune.Check{Set: set, Name: name, Before: eval.Number(before), After: eval.Number(after), Rule: rule, Passed: passed,
			Change: eval.Figure{Value: eval.Number(d), Low: eval.Number(d - spread), High: eval.Number(d + spread), N: 4}}
	}
	good := decision == finetune.Accepted
	after := map[bool]float64{true: 0.874, false: 0.702}[good]
	r := &review.LearningReport{Decision: decision, Net: "gfssnet", Candidate: strings.Repeat("ab12", 16), Parent: strings.Repeat("cf95", 16), Corrections: 10, Patients: 7, HeldOut: 4,
		HeldOutCases: 4, At: "2026-01-02T03:04:05Z", Plan: &finetune.Plan{Steps: 100}}
	for _, name := range []string{"mean of the classes", "body", "disc", "canal", "sacrum", "posterior", "L5", "disc L5/S1"} {
		r.Checks = append(r.Checks, check("held-out patients", name, 0.812, after, 0.02, "no loss over 0.02", good))
	}
	r.Checks = append(r.Checks, check("held-out patients", "severe left_neural_foraminal_narrowing, sensitivity", 0.75, 0.75, 0.1, "no loss", true),
		check("phantoms", "mean of the classes", 0.861, 0.858, 0.004, "no loss over 0.01", true))
	r.Reasons = []string{r.Checks[0].String()}
	return r
}

func TestLearning_SaysWhatIsMissingWhileThereIsNothing(t *testing.T) {
	r, s := atLearning(t)
	if !s.start.Off || !strings.Contains(s.missing.Text, "at least 8 patients") || s.nothing.Hidden || !s.back.Off {
		t.Errorf("start off %v, %q, empty hidden %v, back off %v", s.start.Off, s.missing.Text, s.nothing.Hidden, s.back.Off)
	}
	if !strings.HasPrefix(s.model.Text, "gfssnet") || !strings.Contains(s.hash.Text, s.now.InUse.SHA256[:12]) {
		t.Errorf("the model in use is %q %q", s.model.Text, s.hash.Text)
	}
	r.look("learning-empty")
	r.app.typedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if r.app.inLearning {
		t.Error("Esc does not go back")
	}
	r.look("learning-worklist")
}

func TestLearning_RunsBesideOtherWorkAndShowsWhatTheGateSaid(t *testing.T) {
	r, s := atLearning(t)
	for _, decision := range []string{finetune.Accepted, finetune.Refused} {
		s.ready()
		go_ := make(chan bool)
		s.run = func(_ context.Context, o review.FineTuneOptions) (*review.FineTuneResult, error) {
			o.Progress(review.LearningProgress{Stage: "learning, step 40 of 100", Fraction: 0.32, Left: 4 * time.Minute})
			<-go_
			return &review.FineTuneResult{Report: judged(decision), Installed: decision == finetune.Accepted}, nil
		}
		s.toggle()
		r.wait("the progress", func() bool { return strings.Contains(s.stage.Text, "step 40") })
		if s.left.Text != "about 4 minutes left" || s.start.Text != "Cancel" || r.app.jobs.busy() {
			t.Errorf("%q, button %q, other work blocked %v", s.left.Text, s.start.Text, r.app.jobs.busy())
		}
		r.look("learning-running")
		r.app.showWorklist()
		if r.app.worklist.learning.Text != "Learning 32 %" {
			t.Errorf("the worklist says %q", r.app.worklist.learning.Text)
		}
		r.app.showLearning()
		close(go_)
		r.wait("the verdict", func() bool { return !s.busy() && s.shown != nil && s.shown.Decision == decision })
		if !strings.Contains(s.headline.Text, decision) || r.app.worklist.learning.Text != "Learning…" {
			t.Errorf("%q, worklist %q", s.headline.Text, r.app.worklist.learning.Text)
		}
		s.ready()
		r.look("learning-" + decision)
	}
}

func TestLearning_CancelsAtOnce(t *testing.T) {
	r, s := atLearning(t)
	s.ready()
	ended := make(chan bool, 1)
	s.run = func(ctx context.Context, _ review.FineTuneOptions) (*review.FineTuneResult, error) {
		<-ctx.Done()
		ended <- true
		return nil, ctx.Err()
	}
	s.toggle()
	s.toggle()
	if s.busy() || !strings.Contains(s.stage.Text, "goes on where it was") {
		t.Errorf("busy %v, %q", s.busy(), s.stage.Text)
	}
	r.wait("the end of the work", func() bool { return len(ended) == 1 })
}

func TestLearning_RollsBackAndNamesTheModelByItsHash(t *testing.T) {
	r, s, db := atLearningOf(t)
	shipped, err := models.Load("gfssnet")
	if err != nil {
		t.Fatal(err)
	}
	m := *shipped
	m.Parent, m.Learned = shipped.SHA256, &models.Learned{Corrections: 10, Patients: 7, Date: "2026-01-02T03:04:05Z"}
	m.ONNX = append(append([]byte{}, m.ONNX...), 0xa2, 0x06, 0)
	if err := review.ModelLibrary(db).Install(&m); err != nil {
		t.Fatal(err)
	}
	s.reload()
	r.wait("the installed model", func() bool { return s.now.InUse.SHA256 == m.SHA256 })
	if s.back.Off || !strings.Contains(s.hash.Text, m.SHA256[:12]) || !strings.Contains(s.about.Text, "10 corrections of 7 patients") {
		t.Errorf("back off %v, %q, %q", s.back.Off, s.hash.Text, s.about.Text)
	}
	s.askRollback()
	r.look("learning-rollback")
	s.rollback()
	r.wait("the former model", func() bool { return s.now.InUse.SHA256 == shipped.SHA256 })
	if !s.back.Off || len(s.now.History) != 1 || len(s.history.Objects) != 1 {
		t.Errorf("back off %v, history %v", s.back.Off, s.now.History)
	}
}
