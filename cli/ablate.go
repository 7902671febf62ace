package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"columna/export/ablate"
)

// ablateNet trains the variants of a paper's ablation and prints the table.
func ablateNet(e *env, args []string) error {
	o := ablate.Options{}
	e.flags.StringVar(&o.Preset, "preset", "", "sizes of the network, compact if not given")
	e.flags.StringVar(&o.Dir, "dir", "", "folder of the runs and the tables, runs/ablate-NET if not given")
	e.flags.IntVar(&o.Seeds, "seeds", 3, "runs of each variant")
	e.flags.IntVar(&o.Steps, "steps", 0, "optimiser steps of each run, 0 = the recipe's")
	e.flags.IntVar(&o.Samples, "samples", 0, "phantoms that all runs learn from, 0 = the recipe's")
	e.flags.IntVar(&o.Held, "held", 0, "phantoms to measure on, 0 = the recipe's, at least 24")
	e.flags.BoolVar(&o.Plain, "plain", false, "phantoms without the variety of training: sooner learned, for short runs")
	e.flags.StringVar(&o.SPIDER, "spider", "", "segmentation: folder of SPIDER studies to learn from, and to measure on those held out")
	e.flags.DurationVar(&o.Limit, "limit", 0, "wall-clock bound of this call such as 90m; the phantoms are made first, whatever it takes")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	o.Net, o.Threads, o.Provider, o.Notice, o.Progress = words[0], e.threads, e.provider, e.notice, e.ablating()
	if o.Dir == "" {
		o.Dir = filepath.Join("runs", "ablate-"+o.Net)
	}
	if err := o.Check(); err != nil {
		return badUsage("%v", err)
	}
	r, err := ablate.Run(e.ctx, o)
	if errors.Is(err, context.Canceled) {
		return errors.New("ablation stopped; the same command goes on where it was")
	}
	if r == nil {
		return err
	}
	if r.Runs < r.Wanted && err == nil {
		fmt.Fprintf(e.err, "%d of %d runs are finished; the same command goes on\n", r.Runs, r.Wanted)
	}
	if e.json {
		return errors.Join(e.print(r), err)
	}
	_, printed := fmt.Fprint(e.out, r.Markdown())
	return errors.Join(printed, err)
}

// ablating prints a line for every run, and within a run one in half a minute.
func (e *env) ablating() func(ablate.Progress) {
	last, run := time.Time{}, 0
	return func(p ablate.Progress) {
		if p.Run == run && time.Since(last) < 30*time.Second {
			return
		}
		last, run = time.Now(), p.Run
		left := ""
		if p.Left > 0 {
			all := p.Left + p.Left/time.Duration(max(p.Steps-p.Step, 1))*time.Duration(p.Steps*(p.Runs-p.Run))
			left = fmt.Sprintf(", %v left of this run, about %v of all", p.Left.Round(time.Second), all.Round(time.Minute))
		}
		fmt.Fprintf(e.err, "run %d of %d: %s, seed %d, step %d of %d%s\n", p.Run, p.Runs, p.Variant, p.Seed, p.Step, p.Steps, left)
	}
}

// ablatable lists the networks that have an ablation.
func ablatable() string { return strings.Join(ablate.Networks(), ", ") }
