package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"columna/export/dataset"
	"columna/export/train"
)

// without is the flag that leaves modules out; "" for a whole network.
func without(modules []string) string {
	if len(modules) == 0 {
		return ""
	}
	return " --without " + strings.Join(modules, ",")
}

// names reads names between commas.
func names(into *[]string) func(string) error {
	return func(text string) error {
		for _, name := range strings.Split(text, ",") {
			if name = strings.TrimSpace(name); name != "" {
				*into = append(*into, name)
			}
		}
		return nil
	}
}

// trainNet trains or goes on training. Its standard output is one JSON line an
// epoch, with --json or without.
func trainNet(e *env, args []string) error {
	o := train.Options{Log: e.out}
	e.flags.StringVar(&o.Preset, "preset", "compact", "sizes of the network")
	e.flags.Func("without", "modules of the network to leave out, such as fdconv,gcn; an unknown name lists them", names(&o.Without))
	e.flags.StringVar(&o.Dir, "dir", "", "run folder, runs/NET if not given")
	e.flags.StringVar(&o.From, "from", "", "ONNX model of the same network whose weights a new run begins with")
	e.flags.StringVar(&o.SPIDER, "spider", "", "folder of SPIDER studies, validated on all that are held out")
	e.flags.Func("data", "data set to learn from, KIND:PATH with a kind of "+strings.Join(dataset.Kinds(), ", ")+"; may be given several times", func(name string) error {
		o.Data = append(o.Data, name)
		return nil
	})
	e.flags.StringVar(&o.Split, "split", "", "file that keeps which patients of the data sets are held out; split.json in the run folder if not given")
	e.flags.IntVar(&o.Samples, "samples", 0, "phantoms at a time, 0 = the recipe's")
	e.flags.IntVar(&o.Steps, "steps", 0, "optimiser steps, 0 = the recipe's")
	e.flags.BoolVar(&o.Whole, "whole", false, "segmentation: steps on the whole grid instead of crops, for the end of a training")
	e.flags.BoolVar(&o.Plain, "plain", false, "phantoms without the variety of training: sooner learned, for short comparisons")
	e.flags.Float64Var(&o.Mix, "mix", 0, "segmentation: share of the batches that are whole grids between crops, 0 to 1")
	e.flags.StringVar(&o.Loss, "loss", "", "segmentation: dice, cross-entropy, focal, tversky, fd-tversky or hfd-tversky; the recipe's if not given")
	e.flags.Float64Var(&o.Spectral, "spectral", 0, "segmentation: weight of the spectral correlation term")
	e.flags.IntVar(&o.Batch, "batch", 0, "samples in a batch, 0 = the recipe's")
	e.flags.IntVar(&o.Accumulate, "accumulate", 1, "batches of one optimiser step, in the memory of one")
	e.flags.Float64Var(&o.LR, "lr", 0, "peak learning rate, 0 = the recipe's")
	e.flags.StringVar(&o.Schedule, "schedule", train.Schedules()[0], "of the learning rate: "+strings.Join(train.Schedules(), ", ")+"; steps is the papers' times 0.8 every 30 epochs")
	e.flags.Float64Var(&o.EMA, "ema", 0, "decay of a running mean of the weights, such as 0.999, which is then validated and kept; 0 = none")
	e.flags.IntVar(&o.Patience, "patience", 0, "stop after so many epochs without a better score, 0 = never")
	e.flags.DurationVar(&o.Limit, "limit", 0, "wall-clock bound such as 90m")
	e.flags.Uint64Var(&o.Seed, "seed", 1, "seed of weights and noise")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	o.Net, o.Threads, o.Provider, o.Notice = words[0], e.threads, e.provider, e.notice
	if o.Dir == "" {
		o.Dir = filepath.Join("runs", o.Net)
	}
	if err := o.Check(); err != nil {
		return badUsage("%v", err)
	}
	started := time.Now()
	if err := train.Start(e.ctx, o); err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("training stopped; columna train %s%s --dir %s goes on from its checkpoint", o.Net, without(o.Without), o.Dir)
		}
		return err
	}
	fmt.Fprintf(e.err, "trained %s in %s; the best model is in %s\n", o.Net, time.Since(started).Round(time.Second), filepath.Join(o.Dir, "best"))
	return nil
}
