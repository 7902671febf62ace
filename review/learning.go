package review

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/export/dataset"
	"columna/export/finetune"
	"columna/export/nets"
	"columna/inference"
	"columna/models"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// Words of the fine-tuning that the window and the commands use too.
type (
	LearningReport   = finetune.Report
	LearningProgress = finetune.Progress
	LearningCheck    = finetune.Check
)

// LearningAccepted is the decision of a report that lets the candidate into use.
const LearningAccepted = finetune.Accepted

// FineTuneSteps is how many steps a fine-tuning takes where nobody chooses.
const FineTuneSteps = finetune.DefaultSteps

// FineTuneOptions are what a person chooses of a fine-tuning; zero values leave the
// choice to it.
type FineTuneOptions struct {
	Net      string // inference.SegmentationNet if ""
	SPIDER   string // folder of SPIDER studies to replay
	Steps    int    // 0: FineTuneSteps
	Dir      string // run folder; "" for one beside the database
	Threads  int
	Progress func(LearningProgress)

	definition nets.Net // of a network that has no preset, for tests
	rate       float64
	replay     int
}

// FineTuneResult is what became of the candidate.
type FineTuneResult struct {
	Report    *LearningReport
	Dir       string // run folder with the report for people, report.html
	Installed bool
}

// Learning is what there is to learn from.
type Learning struct {
	Corrections int // accepted cases with a corrected mask
	Patients    int
	HeldOut     int    // of the patients
	Unchanged   int    // accepted cases whose mask nobody corrected
	Missing     string // in a sentence, what must be there before a fine-tuning; "" if nothing
	InUse       models.Spec
	History     []ModelChange
}

// Learning counts what could be learned from.
func (d *Desk) Learning(ctx context.Context) (*Learning, error) {
	accepted, err := d.db.AcceptedCases(ctx)
	if err != nil {
		return nil, err
	}
	m, err := d.library.Load(inference.SegmentationNet)
	if err != nil {
		return nil, err
	}
	l := &Learning{InUse: m.Spec}
	patients := map[string]bool{}
	for _, a := range accepted {
		if a.Version == 0 {
			l.Unchanged++
			continue
		}
		l.Corrections++
		patients[Pseudonym(a.PatientID)] = true
	}
	l.Patients = len(patients)
	if err := d.readiness(ctx, l); err != nil {
		return nil, err
	}
	l.History, err = d.ModelHistory(ctx)
	return l, err
}

// readiness says what is missing. It freezes nothing.
func (d *Desk) readiness(ctx context.Context, l *Learning) error {
	cases, err := d.corrections(ctx)
	if err != nil {
		return err
	}
	document, err := d.db.Holdout(ctx)
	var h *finetune.Holdout
	switch {
	case errors.Is(err, store.ErrNotFound):
		h, err = finetune.FreezeHoldout(patientsOf(cases), "") // only to count
	case err == nil:
		h, err = finetune.ParseHoldout([]byte(document))
	}
	if err == nil {
		_, _, err = finetune.Split(cases, h)
		for _, p := range patientsOf(cases) {
			if h.Held(p) {
				l.HeldOut++
			}
		}
	}
	if err != nil {
		l.Missing = err.Error()
	}
	return nil
}

// Pseudonym stands for a patient (Patient ID) in run folders and in the hold-out.
// Identities that differ only in case or spaces are one patient; those who have none are
// one patient together, as nobody knows whether they are not.
func Pseudonym(patientID string) string {
	sum := sha256.Sum256([]byte("columna patient " + strings.ToLower(strings.TrimSpace(patientID))))
	return hex.EncodeToString(sum[:12])
}

func patientsOf(cases []dataset.Entry) (out []string) {
	for _, c := range cases {
		out = append(out, c.Patient)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// corrections lists the accepted corrections as a data set.
func (d *Desk) corrections(ctx context.Context) ([]dataset.Entry, error) {
	return dataset.OpenCorrections(ctx, acceptedCorrections{d})
}

// acceptedCorrections are the cases that a reader has accepted with a mask that a
// reader has corrected: never a mask that nobody looked at, never what was painted
// after the acceptance.
type acceptedCorrections struct{ d *Desk }

// Accepted implements dataset.Corrections.
func (a acceptedCorrections) Accepted(ctx context.Context) (out []dataset.Correction, err error) {
	cases, err := a.d.db.AcceptedCases(ctx)
	for _, c := range cases {
		if c.Version == 0 {
			continue
		}
		id := fmt.Sprintf("%d.%d", c.CaseID, c.Version)
		out = append(out, dataset.Correction{ID: id, Patient: Pseudonym(c.PatientID), SHA256: c.MaskSHA})
	}
	return out, err
}

// Load implements dataset.Corrections: the images of a case with the version of its
// mask that was accepted, and the reader's grades.
func (a acceptedCorrections) Load(ctx context.Context, id string) (*dataset.Case, error) {
	number, version, _ := strings.Cut(id, ".")
	caseID, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, err
	}
	v, err := strconv.Atoi(version)
	if err != nil {
		return nil, err
	}
	mask, err := a.d.db.FindCorrection(ctx, caseID, v)
	if err != nil {
		return nil, err
	}
	s, err := a.d.OpenCase(ctx, caseID, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close(ctx)
	c := &dataset.Case{Study: *s.Study(), Labels: mask.Mask, Grades: s.readerGrades()}
	c.NoSacrum = !shows(mask.Mask, spine.S1)
	return c, nil
}

func shows(m *volume.LabelMap, s spine.Structure) bool { return slices.Contains(m.Data, uint8(s)) }

// learningDir holds the hold-out and the run folders, beside the database.
func (d *Desk) learningDir() string { return beside(d.db.Path(), "learning") }

// holdout is the rule by which patients are held out. The first call freezes it, in
// the database and in a file; a file that was changed since is refused.
func (d *Desk) holdout(ctx context.Context, cases []dataset.Entry) (*finetune.Holdout, error) {
	path := filepath.Join(d.learningDir(), "holdout.json")
	document, err := d.db.Holdout(ctx)
	if errors.Is(err, store.ErrNotFound) {
		document, err = d.freeze(ctx, cases)
	}
	if err != nil {
		return nil, err
	}
	there, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		there, err = []byte(document), writeOwn(path, []byte(document))
	}
	if err != nil {
		return nil, fmt.Errorf("the hold-out cannot be kept: %w", err)
	}
	if string(there) != document {
		return nil, fmt.Errorf("the hold-out in %s was changed: remove the file, and it is written again as it was frozen", path)
	}
	return finetune.ParseHoldout([]byte(document))
}

// freeze makes the rule of the patients that there are now.
func (d *Desk) freeze(ctx context.Context, cases []dataset.Entry) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	h, err := finetune.FreezeHoldout(patientsOf(cases), hex.EncodeToString(salt))
	if err != nil {
		return "", err
	}
	return d.db.FreezeHoldout(ctx, string(h.Document()), h.SHA256, d.author)
}

// writeOwn writes a file that its owner alone reads.
func writeOwn(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// FineTune teaches the segmentation network in use from the accepted corrections,
// judges what came of it on held-out patients, and puts it into use if it is better
// there and loses nothing else. A run that was cancelled is gone on with. It may run in
// the background and ends within a second of ctx.
func (d *Desk) FineTune(ctx context.Context, o FineTuneOptions) (*FineTuneResult, error) {
	if o.Net == "" {
		o.Net = inference.SegmentationNet
	}
	if o.Net != inference.SegmentationNet {
		return nil, fmt.Errorf("%s does not learn from corrected masks: only %s does", o.Net, inference.SegmentationNet)
	}
	if o.Steps < 0 {
		return nil, errors.New("the number of steps cannot be negative")
	}
	run, err := d.tuning(ctx, o)
	if err != nil {
		return nil, err
	}
	out, err := finetune.Run(ctx, *run)
	if err != nil {
		return nil, err
	}
	return d.conclude(ctx, out, run.Dir)
}

// tuning prepares a run.
func (d *Desk) tuning(ctx context.Context, o FineTuneOptions) (*finetune.Options, error) {
	parent, err := d.library.Load(o.Net)
	if err != nil {
		return nil, err
	}
	cases, err := d.corrections(ctx)
	if err != nil {
		return nil, err
	}
	h, err := d.holdout(ctx, cases)
	if err != nil {
		return nil, err
	}
	c := d.reader.config
	run := &finetune.Options{Parent: parent, Library: d.library, Cases: cases, Holdout: h, SPIDER: o.SPIDER, Dir: o.Dir, Steps: o.Steps,
		LR: o.rate, Replay: o.replay, Seed: 1, Threads: max(o.Threads, c.Threads), Provider: c.Provider, Notice: c.Notice, Progress: o.Progress, Net: o.definition}
	if run.Dir != "" {
		return run, nil
	}
	name, err := finetune.RunName(*run)
	run.Dir = filepath.Join(d.learningDir(), name)
	return run, err
}

// conclude installs an accepted candidate, and records what became of it either way.
func (d *Desk) conclude(ctx context.Context, out *finetune.Outcome, dir string) (*FineTuneResult, error) {
	document, err := json.Marshal(out.Report)
	if err != nil {
		return nil, err
	}
	change := ModelChange{Action: ModelRefused, Net: out.Report.Net, SHA256: out.Report.Candidate, Parent: out.Report.Parent,
		Reason: out.Report.Sentence(), Document: string(document), Author: d.author}
	result := &FineTuneResult{Report: out.Report, Dir: dir}
	if out.Report.Decision == finetune.Accepted {
		if err := d.library.Install(out.Candidate); err != nil {
			return nil, err
		}
		change.Action, result.Installed = ModelInstalled, true
		d.reader.reload()
	}
	return result, d.db.RecordModel(ctx, change)
}

// LearningReportOf reads the gate's report of a line of the history; nil where it has
// none.
func LearningReportOf(c ModelChange) *LearningReport {
	r, err := finetune.LoadReport([]byte(c.Document))
	if err != nil {
		return nil
	}
	return r
}
