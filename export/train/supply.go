package train

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"columna/export/dataset"
)

// supply is what a task makes its samples with.
type supply struct {
	ctx  context.Context
	stop context.CancelCauseFunc
	o    Options
	r    recipe
	data *runData
}

// fewPhantoms are those that a run begins with.
const fewPhantoms = 8

// phantomStream makes phantoms while the run learns: phantom n is of seed trainSeeds+n.
// Those in use lie in the run folder too, so that a resumed run does not wait for them.
func phantomStream[T any](s supply, kind string, make_ func(seed uint64) ([]T, error), order func(uint64, []T) func(int) int) *stream[T] {
	file := func(n int) string { return s.o.phantomPath(kind, trainSeeds+uint64(n)) }
	st := &stream[T]{seed: s.o.Seed, order: order, pace: pace{few: fewPhantoms, keep: s.r.samples, uses: s.r.uses},
		make: func(n int) ([]T, error) {
			return remembered(file(n), func() ([]T, error) { return make_(trainSeeds + uint64(n)) })
		},
		forget: func(n int) { os.Remove(file(n)) }}
	st.start(s.ctx, s.stop, runtime.GOMAXPROCS(0))
	return st
}

// phantomsOf are the phantoms to learn from: a stream, or, where several runs share a
// pool, all of them at once. begun is closed when the run can begin.
func phantomsOf[T any](s supply, kind string, make_ func(seed uint64) ([]T, error), order func(uint64, []T) func(int) int) (drawn[T], <-chan struct{}, error) {
	if s.o.Pool == "" {
		st := phantomStream(s, kind, make_, order)
		return st, st.begun, nil
	}
	p, err := fillPool(s.ctx, s.o.cache(kind, trainSeeds, s.r.samples), trainSeeds, s.r.samples, func(seed uint64) ([]T, error) {
		return remembered(s.o.phantomPath(kind, seed), func() ([]T, error) { return make_(seed) })
	})
	if err == nil && len(p.samples) == 0 {
		err = errors.New("the phantoms hold nothing to learn from: ask for more of them")
	}
	if err != nil {
		return nil, nil, err
	}
	os.RemoveAll(filepath.Join(s.o.Pool, "phantoms")) // now in the pool's file
	begun := make(chan struct{})
	close(begun)
	return fixed[T]{p.samples, order(s.o.Seed, p.samples)}, begun, nil
}

// phantomPath is the file of one phantom that is kept until it is needed no more.
func (o Options) phantomPath(kind string, seed uint64) string {
	return filepath.Join(cmp.Or(o.Pool, o.Dir), "phantoms", fmt.Sprintf("%s-%x-3.samples", kind, seed))
}

// count says how many phantoms are learned from.
func (s supply) count() string {
	plain := ""
	if s.o.Plain {
		plain = " without variety"
	}
	if s.o.Pool != "" {
		return fmt.Sprintf("%d in all%s", s.r.samples, plain)
	}
	return fmt.Sprintf("%d at a time%s", s.r.samples, plain)
}

// remembered reads samples from a file, or makes them and writes it. A file that
// cannot be read or written costs time only.
func remembered[T any](path string, make_ func() ([]T, error)) ([]T, error) {
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		var samples []T
		if gob.NewDecoder(f).Decode(&samples) == nil {
			return samples, nil
		}
	}
	samples, err := make_()
	if err == nil {
		(&pool[T]{samples}).save(path)
	}
	return samples, err
}

// caseStream reads the training cases of the data sets while the run learns, in an
// order of the run's seed, from the first again after the last. Of more cases than
// are kept at a time some are replaced in every round.
func caseStream[T any](s supply, p pace, read func(*dataset.Case, dataset.Entry) ([]T, error), order func(uint64, []T) func(int) int) *stream[T] {
	cases := s.data.part(dataset.PartTrain)
	turn := rand.New(rand.NewPCG(s.o.Seed, 0x5DEECE66D)).Perm(len(cases))
	p.total = len(cases)
	if p.total > p.keep {
		p.total = 0 // they come round
	}
	st := &stream[T]{seed: s.o.Seed + 1, order: order, pace: p,
		make: func(n int) ([]T, error) { return readCase(s.ctx, cases[turn[n%len(turn)]], read) }}
	st.start(s.ctx, s.stop, 1)
	return st
}

func readCase[T any](ctx context.Context, e dataset.Entry, read func(*dataset.Case, dataset.Entry) ([]T, error)) ([]T, error) {
	c, err := e.Load(ctx)
	if err != nil {
		return nil, err
	}
	samples, err := read(c, e)
	if err != nil {
		return nil, fmt.Errorf("%s case %s: %w", e.Set, e.ID, err)
	}
	return samples, nil
}

// heldOut makes the samples to validate on, by set, once the run has begun.
func heldOut[T any](s supply, begun <-chan struct{}, kind string, make_ func(seed uint64) ([]T, error),
	read func(*dataset.Case, dataset.Entry) ([]T, error)) *later[map[string][]T] {
	return begin(s.ctx, begun, func() (map[string][]T, error) {
		p, err := fillPool(s.ctx, s.o.cache(kind, heldSeeds, s.r.held), heldSeeds, s.r.held, make_)
		if err != nil {
			return nil, err
		}
		out := map[string][]T{"phantom": p.samples}
		for _, e := range s.data.part(dataset.PartValidation) {
			samples, err := readCase(s.ctx, e, read)
			if err != nil {
				return nil, err
			}
			out[e.Set] = append(out[e.Set], samples...)
		}
		return out, nil
	})
}

// runData are the cases of a run's data sets.
type runData struct {
	entries  []dataset.Entry
	split    *dataset.Split
	contents []dataset.Content
}

// openData lists the data sets, hashes them, and divides their patients.
func openData(ctx context.Context, o Options) (*runData, error) {
	d := &runData{}
	add := func(entries []dataset.Entry) error {
		content, err := dataset.ContentOf(ctx, entries)
		d.entries, d.contents = append(d.entries, entries...), append(d.contents, content)
		return err
	}
	for _, name := range o.Data {
		entries, err := dataset.Open(name)
		if err != nil {
			return nil, err
		}
		if err := add(entries); err != nil {
			return nil, err
		}
	}
	if len(o.Cases) > 0 {
		if err := add(o.Cases); err != nil {
			return nil, err
		}
	}
	if len(d.entries) == 0 {
		return d, nil
	}
	var err error
	if d.split, err = dataset.Freeze(o.splitPath(), d.entries); err != nil {
		return nil, err
	}
	if len(d.part(dataset.PartTrain)) == 0 {
		return nil, errors.New("all patients of the data sets are held out: it takes more patients to learn from them")
	}
	if len(d.part(dataset.PartValidation)) == 0 {
		o.say("no patient of the data sets is in the validation part: the best weights are chosen by phantoms alone")
	}
	return d, o.review(ctx)
}

func (o Options) splitPath() string {
	if o.Split != "" {
		return o.Split
	}
	return filepath.Join(o.Dir, "split.json")
}

func (d *runData) any() bool { return len(d.entries) > 0 }

// part are the cases of a part of the split.
func (d *runData) part(part string) (out []dataset.Entry) {
	for _, e := range d.entries {
		if d.split.Part(e) == part {
			out = append(out, e)
		}
	}
	return out
}

// words say in the card what was learned from.
func (d *runData) words() string {
	return fmt.Sprintf("%d cases of %s (%d more to validate, %d to test)", len(d.part(dataset.PartTrain)), strings.Join(d.sets(), ", "),
		len(d.part(dataset.PartValidation)), len(d.part(dataset.PartTest)))
}

// sets are the kinds of the data sets.
func (d *runData) sets() (out []string) {
	for _, c := range d.contents {
		if !slices.Contains(out, c.Set) {
			out = append(out, c.Set)
		}
	}
	return out
}

// attribution names the sources of public data sets, as their licences ask.
func attribution(sets []string) string {
	var out []string
	for _, s := range sets {
		switch s {
		case "spider":
			out = append(out, spiderAttribution)
		case "rsna":
			out = append(out, "RSNA 2024 Lumbar Spine Degenerative Classification; the challenge's rules say what its data may be used for.")
		}
	}
	return strings.Join(out, " ")
}

func (o Options) say(format string, args ...any) {
	if o.Notice != nil {
		o.Notice(fmt.Sprintf(format, args...))
	}
}

// review lists in the run folder what contradicts itself in the RSNA sets, once.
func (o Options) review(ctx context.Context) error {
	path := filepath.Join(o.Dir, "violations.csv")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	var all []dataset.Violation
	asked := false
	for _, name := range o.Data {
		if dir, ok := strings.CutPrefix(name, "rsna:"); ok {
			asked = true
			found, err := dataset.CheckRSNA(ctx, dir, nil)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
	}
	if !asked {
		return nil
	}
	if len(all) > 0 {
		o.say("%d places or studies contradict themselves and wait for review in %s; the places are not learned from", len(all), path)
	}
	return dataset.WriteViolations(path, all)
}
