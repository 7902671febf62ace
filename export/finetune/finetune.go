// Package finetune teaches a segmentation network in use from accepted corrections
// and decides whether what came of it may be used.
//
// Some patients are held out for ever (Holdout); the others are learned from, half and
// half with phantoms and SPIDER so that what was known is not forgotten (train.Tune).
// The candidate and the model in use then read the held-out patients and a fixed
// replay set through the whole reading road, and the gate lets the candidate pass only
// if it is better on the former beyond chance and loses nothing that matters on
// either. Nothing is installed here: an Outcome says what was decided, and why.
package finetune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"columna/export/dataset"
	"columna/export/nets"
	"columna/export/train"
	"columna/models"
)

// Options are one fine-tuning.
type Options struct {
	Parent  *models.Model // the model in use
	Library models.Library
	Cases   []dataset.Entry // accepted corrections, of all patients
	Holdout *Holdout
	SPIDER  string  // folder of SPIDER studies to replay, "" for none
	Dir     string  // run folder; one of the same corrections and options is gone on with
	Steps   int     // 0: DefaultSteps
	LR      float64 // 0: DefaultLR
	Seed    uint64
	Replay  int // phantoms of the gate's replay set, 0: DefaultReplay
	Threads int
	// Provider is where the networks run, as inference.Config has it.
	Provider string
	Notice   func(sentence string)
	Progress func(Progress)
	Net      nets.Net // nil: by the parent's card

	replay func(n int) *replayCase // nil: phantoms as scanners give them
	known  []train.Correction      // replayed while learning; nil: phantoms
}

// Progress is how far a fine-tuning has come.
type Progress struct {
	Stage    string
	Fraction float64       // of the whole, 0 to 1
	Left     time.Duration // of the stage, 0 if unknown
}

// What is asked for by default: a short run at a seventh of the rate that networks
// are trained with, averaged over its last part. The replay set shows some twenty severe
// grades of every condition: of eight, as few phantoms have, one on the border of two
// grades would be more than the gate lets any candidate lose.
const (
	DefaultSteps  = 200
	DefaultLR     = 3e-4
	DefaultReplay = 20
	ema           = 0.97
	phantoms      = 48 // replayed while learning
)

// learnShare is the part of the whole work that learning counts for.
const learnShare = 0.7

func (o *Options) fill() {
	if o.Steps == 0 {
		o.Steps = DefaultSteps
	}
	if o.LR == 0 {
		o.LR = DefaultLR
	}
	if o.Replay == 0 {
		o.Replay = DefaultReplay
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.replay == nil {
		o.replay = scannedPhantom
	}
}

// Split divides cases into those to learn from and those held out, and refuses too few
// patients in one sentence.
func Split(cases []dataset.Entry, h *Holdout) (learn, held []dataset.Entry, err error) {
	learners, others := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		if h.Held(c.Patient) {
			held, others[c.Patient] = append(held, c), true
		} else {
			learn, learners[c.Patient] = append(learn, c), true
		}
	}
	if len(learners) < MinLearned || len(others) < MinHeldOut {
		err = fmt.Errorf("accepted corrections of %d patients to learn from and %d held-out ones are there, %d and %d are needed: correct and accept more cases; about one new patient in four is held out",
			len(learners), len(others), MinLearned, MinHeldOut)
	}
	return learn, held, err
}

// Outcome is what a fine-tuning came to.
type Outcome struct {
	Report    *Report
	Candidate *models.Model // to be installed if the report says so, kept in the run folder either way
}

// Run fine-tunes, or goes on with the run in o.Dir, and judges what came of it.
// Cancelling ctx ends it within the second; what was learned is kept in o.Dir.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	o.fill()
	learn, held, err := Split(o.Cases, o.Holdout)
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(&o, learn, held)
	if err != nil {
		return nil, err
	}
	if err := plan.open(o.Dir); err != nil {
		return nil, err
	}
	began := time.Now()
	candidate, err := o.learn(ctx, learn)
	if err != nil {
		return nil, err
	}
	learned := time.Since(began)
	heldRead, replay, err := o.read(ctx, candidate, held)
	if err != nil {
		return nil, err
	}
	checks, err := judge(heldRead, replay)
	if err != nil {
		return nil, err
	}
	r := newReport(&o, plan, candidate, checks)
	r.LearnSeconds, r.JudgeSeconds = learned.Seconds(), time.Since(began).Seconds()-learned.Seconds()
	r.fill(candidate)
	if err := errors.Join(models.Save(filepath.Join(o.Dir, "candidate"), candidate), r.save(o.Dir), saveRecords(o.Dir, heldRead, replay)); err != nil {
		return nil, fmt.Errorf("the report of the fine-tuning cannot be written: %w", err)
	}
	o.Progress(Progress{Stage: r.Decision, Fraction: 1})
	return &Outcome{r, candidate}, nil
}

// learn teaches the network and returns the candidate.
func (o *Options) learn(ctx context.Context, cases []dataset.Entry) (*models.Model, error) {
	o.Progress(Progress{Stage: "reading the corrections"})
	t := &train.Tuning{Net: o.Net, Parent: o.Parent, Phantoms: phantoms, Replay: o.known, SPIDER: o.SPIDER, Dir: o.Dir, Steps: o.Steps, LR: o.LR,
		EMA: ema, Seed: o.Seed, Threads: o.Threads, Provider: o.Provider, Notice: o.Notice}
	for _, c := range cases {
		t.Corrections = append(t.Corrections, train.Correction{ID: c.ID, Patient: c.Patient, Load: c.Load})
	}
	t.OnStep = func(step, steps int, left time.Duration) {
		part := float64(step) / float64(steps)
		o.Progress(Progress{Stage: fmt.Sprintf("learning, step %d of %d", step, steps), Fraction: 0.02 + learnShare*part, Left: left})
	}
	if err := train.Tune(ctx, t); err != nil {
		return nil, err
	}
	name := o.Parent.Name
	if o.Net != nil {
		name = o.Net.Name()
	}
	m, err := models.LoadDir(filepath.Join(o.Dir, "best"), name)
	if err != nil {
		return nil, err
	}
	m.Name = o.Parent.Name
	return m, errors.Join(os.RemoveAll(filepath.Join(o.Dir, "checkpoint.previous")), ctx.Err())
}
