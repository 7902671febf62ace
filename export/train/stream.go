package train

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// pace says how many sources of samples, such as phantoms, a stream has at a time
// and how soon fresh ones come. It counts draws, not seconds: a run that was resumed,
// or is slow, draws the same.
type pace struct {
	few   int // sources of the first round
	keep  int // sources at a time
	uses  int // draws of a round for each of its sources
	total int // sources there are, 0 for any number
}

// round is a part of the sequence that is drawn from the same sources, lo to hi-1.
type round struct {
	number, lo, hi int
}

func (p pace) first() round { return round{hi: max(1, min(p.few, p.keep, p.most()))} }

// most is the number of sources there are.
func (p pace) most() int {
	if p.total > 0 {
		return p.total
	}
	return int(^uint(0) >> 1)
}

// next has half as many sources again until there are keep of them; then one in
// eight is replaced. Where all sources there are can be kept, they are.
func (p pace) next(r round) round {
	n := r.hi - r.lo
	fresh := max(1, n/2)
	if n >= p.keep {
		fresh = max(1, p.keep/8)
	}
	if n == p.most() {
		fresh = 0
	}
	hi := r.hi + fresh
	if p.keep >= p.most() {
		hi = min(hi, p.total)
	}
	return round{r.number + 1, max(r.lo, hi-max(p.keep, 1)), hi}
}

// at is the round of a place of the sequence, and the place in it.
func (p pace) at(place int) (round, int) {
	r := p.first()
	for {
		draws := (r.hi - r.lo) * p.uses
		if place < draws {
			return r, place
		}
		place -= draws
		r = p.next(r)
	}
}

// stream gives samples in the order of learning while it makes those to come: the
// first round begins as soon as its few sources are there. Source n is made of n
// alone, and what is drawn at a place depends on the place and the seed alone.
type stream[T any] struct {
	pace
	seed   uint64
	make   func(n int) ([]T, error)                           // the samples of a source
	order  func(seed uint64, samples []T) func(place int) int // in which a round's samples are drawn
	forget func(n int)                                        // called for sources that are needed no more, may be nil

	ctx    context.Context
	stop   context.CancelCauseFunc // ends the run
	begun  chan struct{}           // closed with the first round
	begins sync.Once

	mu     sync.Mutex
	turn   *sync.Cond
	made   map[int][]T
	making map[int]bool
	asked  []round        // that somebody waits for
	last   round          // that was learned last; the next one is made ahead
	lately [2]*learned[T] // this round and the one before
}

// learned is a round with its samples.
type learned[T any] struct {
	number  int
	samples []T
	order   func(place int) int
}

// start lets workers make sources until ctx ends or stop is called, as it is when a
// source cannot be made.
func (s *stream[T]) start(ctx context.Context, stop context.CancelCauseFunc, workers int) {
	s.ctx, s.stop, s.begun = ctx, stop, make(chan struct{})
	s.turn, s.made, s.making = sync.NewCond(&s.mu), map[int][]T{}, map[int]bool{}
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn.Broadcast()
	})
	for w := range max(workers, 1) {
		go s.work(w == 0)
	}
}

// work makes what is asked for; one worker also makes what comes next.
func (s *stream[T]) work(ahead bool) {
	for {
		n, ok := s.missing(ahead)
		if !ok {
			return
		}
		samples, err := s.make(n)
		if err != nil {
			s.stop(err)
			return
		}
		s.mu.Lock()
		s.made[n] = samples
		delete(s.making, n)
		s.turn.Broadcast()
		s.mu.Unlock()
	}
}

// missing waits for a source that is to be made; not ok when the run is over.
func (s *stream[T]) missing(ahead bool) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ctx.Err() == nil {
		rounds := s.asked
		if ahead && s.lately[0] != nil {
			rounds = append(slices.Clone(rounds), s.next(s.last))
		}
		for _, r := range rounds {
			if n, ok := s.missingIn(r); ok {
				s.making[n] = true
				return n, true
			}
		}
		s.turn.Wait()
	}
	return 0, false
}

func (s *stream[T]) missingIn(r round) (n int, ok bool) {
	for n := r.lo; n < r.hi; n++ {
		if _, made := s.made[n]; !made && !s.making[n] {
			return n, true
		}
	}
	return 0, false
}

// at is the sample at a place of the sequence; not ok when the run is over.
func (s *stream[T]) at(place int) (sample T, ok bool) {
	r, within := s.pace.at(place)
	l := s.learn(r)
	if l == nil {
		return sample, false
	}
	return l.samples[l.order(within)], true
}

// learn waits for the sources of a round and puts their samples in order; nil when
// the run is over.
func (s *stream[T]) learn(r round) *learned[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lately {
		if l != nil && l.number == r.number {
			return l
		}
	}
	for s.ctx.Err() == nil && !s.complete(r) {
		if !slices.Contains(s.asked, r) {
			s.asked = append(s.asked, r)
			s.turn.Broadcast()
		}
		s.turn.Wait()
	}
	s.asked = slices.DeleteFunc(s.asked, func(o round) bool { return o == r })
	if s.ctx.Err() != nil {
		return nil
	}
	l := &learned[T]{number: r.number}
	for n := r.lo; n < r.hi; n++ {
		l.samples = append(l.samples, s.made[n]...)
	}
	if len(l.samples) == 0 {
		s.stop(errors.New("the first cases to learn from hold nothing that can be learned: look at the data set's labels or grades"))
		return nil
	}
	l.order = s.order(s.seed+uint64(r.number)*0x9E3779B97F4A7C15, l.samples)
	s.lately = [2]*learned[T]{l, s.lately[0]}
	s.begins.Do(func() { close(s.begun) })
	s.release(r)
	return l
}

// complete says whether all sources of a round are there.
func (s *stream[T]) complete(r round) bool {
	for n := r.lo; n < r.hi; n++ {
		if _, made := s.made[n]; !made {
			return false
		}
	}
	return true
}

// release lets go of the sources before a round, and asks for the next.
func (s *stream[T]) release(r round) {
	for n := range s.made {
		if n < r.lo {
			delete(s.made, n)
			if s.forget != nil {
				s.forget(n)
			}
		}
	}
	s.last = r
	s.turn.Broadcast()
}

// later is something that is made in the background.
type later[T any] struct {
	done   chan struct{}
	wanted chan struct{} // closed when somebody waits for it
	wants  sync.Once
	value  T
	err    error
}

// begin makes something once after is closed, or as soon as it is waited for.
func begin[T any](ctx context.Context, after <-chan struct{}, f func() (T, error)) *later[T] {
	l := &later[T]{done: make(chan struct{}), wanted: make(chan struct{})}
	go func() {
		defer close(l.done)
		select {
		case <-after:
			l.value, l.err = f()
		case <-l.wanted:
			l.value, l.err = f()
		case <-ctx.Done():
			l.err = ctx.Err()
		}
	}()
	return l
}

func (l *later[T]) wait(ctx context.Context) (T, error) {
	l.wants.Do(func() { close(l.wanted) })
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
