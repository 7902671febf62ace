package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"columna/inference"
	"columna/models"
	"columna/review"
)

// fineTuneJSON is what became of a fine-tuning.
type fineTuneJSON struct {
	*review.LearningReport
	Installed bool   `json:"installed"`
	Dir       string `json:"dir"`
}

// fineTune teaches the network in use from accepted corrections. A candidate that the
// gate refuses is a success of the command: it says so and changes nothing.
func fineTune(e *env, args []string) error {
	o := review.FineTuneOptions{}
	e.flags.StringVar(&o.Net, "net", inference.SegmentationNet, "network to teach")
	e.flags.StringVar(&o.SPIDER, "spider", "", "folder of SPIDER studies, replayed against forgetting and in the gate")
	e.flags.StringVar(&o.Dir, "dir", "", "run folder; one beside the database if not given")
	e.flags.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("optimiser steps, 0 = %d", review.FineTuneSteps))
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	if o.Steps < 0 {
		return badUsage("--steps cannot be negative")
	}
	o.Threads, o.Progress = e.threads, e.learning()
	return e.withDesk(func(d *review.Desk) error {
		r, err := d.FineTune(e.ctx, o)
		if errors.Is(err, context.Canceled) {
			return errors.New("fine-tuning stopped; the same command goes on where it was")
		}
		if err != nil {
			return err
		}
		if e.json {
			return e.print(fineTuneJSON{r.Report, r.Installed, r.Dir})
		}
		return e.printLearning(r)
	})
}

// learning prints a line for every stage, and within a stage one in ten seconds.
func (e *env) learning() func(review.LearningProgress) {
	last, began := time.Time{}, false
	return func(p review.LearningProgress) {
		if began && time.Since(last) < 10*time.Second && p.Fraction < 1 {
			return
		}
		last, began = time.Now(), true
		left := ""
		if p.Left > 0 {
			left = fmt.Sprintf(", %v left", p.Left.Round(time.Second))
		}
		fmt.Fprintf(e.err, "%3.0f %% %s%s\n", 100*p.Fraction, p.Stage, left)
	}
}

func (e *env) printLearning(r *review.FineTuneResult) error {
	rows := [][]string{{"SET", "DICE OR RATE OF", "IN USE", "CANDIDATE", "CHANGE", "95 % INTERVAL", "ASKED FOR", ""}}
	for _, c := range r.Report.Checks {
		columns := c.Columns()
		rows = append(rows, columns[:])
	}
	if err := e.table(rows); err != nil {
		return err
	}
	words := "refused: " + models.Short(r.Report.Parent) + " stays in use"
	if r.Installed {
		words = "accepted and in use; columna models --rollback " + r.Report.Net + " returns to " + models.Short(r.Report.Parent)
	}
	fmt.Fprintf(e.out, "\nThe candidate %s, learned from %d corrections of %d patients, is %s.\nThe whole report: %s\n",
		models.Short(r.Report.Candidate), r.Report.Corrections, r.Report.Patients, words, filepath.Join(r.Dir, "report.html"))
	return nil
}
