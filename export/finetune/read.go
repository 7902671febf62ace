package finetune

import (
	"context"
	"fmt"
	"time"

	"columna/export/dataset"
	"columna/export/eval"
	"columna/inference"
	"columna/models"
	"columna/phantom"
	"columna/spine"
)

// replaySeed is where the phantoms of the replay set begin. Trainings and tests use
// other seeds.
const replaySeed = 1 << 34

// replayCase is a study of the replay set.
type replayCase = eval.Case

// scannedPhantom is the n-th phantom of the replay set, as a scanner would give it.
func scannedPhantom(n int) *replayCase {
	o := phantom.DefaultOptions()
	o.RandomContrast, o.Variety, o.NoLesions, o.WithSTIR = 0, 0.5, true, false
	c := phantom.Generate(replaySeed+uint64(n), o)
	return &eval.Case{Set: "phantoms", ID: fmt.Sprint(n), Patient: fmt.Sprint(n), Study: c.Study, Truth: eval.Truth{Mask: c.Truth, Grades: c.Grades}}
}

// twoReaders are the reading road with the model in use and with the candidate.
type twoReaders struct{ before, after *inference.Pipeline }

func (o *Options) readers(candidate *models.Model) (r twoReaders, err error) {
	open := func(m *models.Model) (*inference.Pipeline, error) {
		return inference.New(inference.Config{Models: map[string]*models.Model{inference.SegmentationNet: m}, Library: o.Library,
			Threads: o.Threads, Provider: o.Provider, Notice: o.Notice})
	}
	if r.before, err = open(o.Parent); err != nil {
		return r, err
	}
	if r.after, err = open(candidate); err != nil {
		r.before.Close()
	}
	return r, err
}

func (r twoReaders) close() {
	r.before.Close()
	r.after.Close()
}

// add lets both read a study.
func (r twoReaders) add(ctx context.Context, to *readings, c *eval.Case) error {
	before, err := eval.Read(ctx, r.before, c)
	if err != nil {
		return err
	}
	after, err := eval.Read(ctx, r.after, c)
	if err != nil {
		return err
	}
	to.set, to.Before, to.After = c.Set, append(to.Before, before), append(to.After, after)
	return nil
}

// read lets both models read the held-out patients and the replay sets, one study
// after the other: memory holds one.
func (o *Options) read(ctx context.Context, candidate *models.Model, held []dataset.Entry) (heldRead readings, replay []readings, err error) {
	r, err := o.readers(candidate)
	if err != nil {
		return heldRead, nil, err
	}
	defer r.close()
	spider, err := o.spiderCases()
	if err != nil {
		return heldRead, nil, err
	}
	say := o.judging(len(held) + o.Replay + len(spider))
	for _, e := range held {
		say("held-out patients")
		c, err := heldCase(ctx, e)
		if err == nil {
			err = r.add(ctx, &heldRead, c)
		}
		if err != nil {
			return heldRead, nil, err
		}
	}
	phantoms, real := readings{}, readings{}
	for n := range o.Replay {
		say("the replay set")
		if err := r.add(ctx, &phantoms, o.replay(n)); err != nil {
			return heldRead, nil, err
		}
	}
	for _, c := range spider {
		say("the replay set")
		if err := r.add(ctx, &real, c); err != nil {
			return heldRead, nil, err
		}
	}
	if replay = []readings{phantoms}; len(spider) > 0 {
		replay = append(replay, real)
	}
	return heldRead, replay, ctx.Err()
}

// judging tells how far the reading has come, once before each of count studies.
func (o *Options) judging(count int) func(what string) {
	began, done := time.Now(), 0
	return func(what string) {
		p := Progress{Stage: fmt.Sprintf("judging on %s, study %d of %d", what, done+1, count), Fraction: 0.02 + learnShare}
		if done > 0 {
			p.Left = time.Since(began) / time.Duration(done) * time.Duration(count-done)
			p.Fraction += (1 - p.Fraction) * float64(done) / float64(count)
		}
		done++
		o.Progress(p)
	}
}

// heldCase is a held-out case with what its reader accepted.
func heldCase(ctx context.Context, e dataset.Entry) (*eval.Case, error) {
	c, err := e.Load(ctx)
	if err != nil {
		return nil, err
	}
	var grades []spine.GradeFinding
	for _, g := range c.Grades {
		if g.Grade >= spine.NormalMild {
			grades = append(grades, g)
		}
	}
	return &eval.Case{Set: "held-out patients", ID: e.ID, Patient: e.Patient, Study: c.Study,
		Truth: eval.Truth{Mask: c.Labels, NoSacrum: c.NoSacrum, Grades: grades}}, nil
}

// spiderCases are the patients of SPIDER that nothing learns from.
func (o *Options) spiderCases() (out []*eval.Case, err error) {
	if o.SPIDER == "" {
		return nil, nil
	}
	all, err := dataset.SPIDER(o.SPIDER)
	for _, c := range all {
		if dataset.HeldOut(c.ID) {
			s := spine.Series{UID: "2.25." + c.ID, Sequence: spine.T2, Plane: spine.Sagittal, Confidence: 1, Volume: c.Image}
			out = append(out, &eval.Case{Set: "SPIDER", ID: c.ID, Patient: c.ID, Study: spine.Study{Series: []spine.Series{s}},
				Truth: eval.Truth{Mask: c.Labels, NoSacrum: true}})
		}
	}
	return out, err
}
