// Package bench measures Columna's speed and memory: operators as the training
// graphs use them, whole networks, and the promises made to readers. Every figure
// comes with a reference measured beside it, so that a busy machine slows both.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown says that no benchmark has the name asked for.
var ErrUnknown = errors.New("no such benchmark")

// Result is one figure with what it is held against. Ratio is Value over
// ReferenceValue, in the same unit: for GFLOP/s and GB/s it is the fraction of the
// machine's peak and larger is better, for ms, s and MB smaller is.
type Result struct {
	Name           string  `json:"name"`
	Value          float64 `json:"value"`
	Unit           string  `json:"unit"`
	Reference      string  `json:"reference"`
	ReferenceValue float64 `json:"reference_value"`
	Ratio          float64 `json:"ratio"`
}

// against makes a result with its ratio.
func against(name string, value float64, unit, reference string, referenceValue float64) Result {
	return Result{name, value, unit, reference, referenceValue, value / referenceValue}
}

// Options choose what is measured and how carefully.
type Options struct {
	Name     string // part of the benchmarks' names; "" for all
	Exact    bool   // Name is one benchmark's whole name
	Threads  int    // of ONNX Runtime, 0 leaves the choice to it
	Provider string // where networks run, as ort.Options has it; "" is the CPU
	Rounds   int    // of which the best counts; 0 for 5
	// Columna is the program that measures one benchmark alone, so that its peak
	// memory is its own: it is run as "Columna bench NAME --alone --json". Where it
	// is empty, those benchmarks run in this process and memory is that of all.
	Columna string
	// Progress hears what is measured now and the fraction done, 0..1; may be nil.
	Progress func(stage string, fraction float64)
}

// benchmark gives one or more results, whose names begin with its own.
type benchmark struct {
	name  string
	alone bool // wants a process of its own
	heavy bool // takes minutes or gigabytes: runs only if the name asked for says "paper"
	run   func(ctx context.Context, l *lab) ([]Result, error)
}

// benchmarks lists them all in the order in which they run.
func benchmarks() []benchmark {
	var all []benchmark
	for _, list := range [][]benchmark{peaks(), operators(), networks(), papers(), images(), reading()} {
		all = append(all, list...)
	}
	return all
}

// families are the first words of the benchmarks' names.
func families() []string {
	var out []string
	for _, b := range benchmarks() {
		family, _, _ := strings.Cut(b.name, "/")
		out = append(out, family)
	}
	return slices.Compact(out)
}

// Run measures the chosen benchmarks one after another. Cancelling ctx ends it.
func Run(ctx context.Context, o Options) ([]Result, error) {
	chosen := choose(o)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w: %q; the families are %s", ErrUnknown, o.Name, strings.Join(families(), ", "))
	}
	l := newLab(o)
	defer l.close()
	var out []Result
	for n, b := range chosen {
		if o.Progress != nil {
			o.Progress(b.name, float64(n)/float64(len(chosen)))
		}
		results, err := l.measure(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("bench %s: %w", b.name, err)
		}
		out = append(out, results...)
	}
	if o.Progress != nil {
		o.Progress("done", 1)
	}
	return out, nil
}

// choose picks by name: a part of a benchmark's, or the whole of a result's.
func choose(o Options) []benchmark {
	var out []benchmark
	for _, b := range benchmarks() {
		part := strings.Contains(b.name, o.Name) || strings.HasPrefix(o.Name, b.name+"/")
		if b.heavy && !strings.Contains(o.Name, "paper") {
			continue
		}
		if b.name == o.Name || part && !o.Exact {
			out = append(out, b)
		}
	}
	return out
}

// measure runs a benchmark here or, if it wants that, in a process of its own.
func (l *lab) measure(ctx context.Context, b benchmark) ([]Result, error) {
	if b.alone && l.options.Columna != "" {
		return elsewhere(ctx, l.options, b.name)
	}
	return b.run(ctx, l)
}
