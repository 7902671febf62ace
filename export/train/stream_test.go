package train

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// numbered is a stream whose source n gives n*10 and n*10+1.
func numbered(t *testing.T, p pace, make_ func(n int) ([]int, error)) *stream[int] {
	t.Helper()
	if make_ == nil {
		make_ = func(n int) ([]int, error) { return []int{10 * n, 10*n + 1}, nil }
	}
	s := &stream[int]{pace: p, seed: 3, make: make_,
		order: func(seed uint64, samples []int) func(int) int {
			all := make([]int, len(samples))
			for i := range all {
				all[i] = i
			}
			return newOrder(seed, all, func(i int) string { return string(rune(samples[i] / 10)) }).at
		}}
	ctx, stop := context.WithCancelCause(t.Context())
	s.start(ctx, stop, 2)
	t.Cleanup(func() { stop(nil) })
	return s
}

func draw(t *testing.T, s *stream[int], from, to int) (out []int) {
	t.Helper()
	for place := from; place < to; place++ {
		n, ok := s.at(place)
		if !ok {
			t.Fatalf("the stream ended at %d: %v", place, context.Cause(s.ctx))
		}
		out = append(out, n)
	}
	return out
}

func TestStream_BeginsWithAFewSources(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	s := numbered(t, pace{few: 3, keep: 40, uses: 2}, func(n int) ([]int, error) {
		if n >= 3 {
			<-hold // the fourth is never done
		}
		return []int{10 * n}, nil
	})
	if got := slices.Compact(slices.Sorted(slices.Values(draw(t, s, 0, 6)))); !slices.Equal(got, []int{0, 10, 20}) {
		t.Errorf("the first round drew %v", got)
	}
	select {
	case <-s.begun:
	default:
		t.Error("nobody was told that the run has begun")
	}
}

// TestStream_DrawsTheSameHoweverItIsAsked holds a slow stream, one that is asked
// backwards and by many at once, and one that begins in the middle to a plain one.
func TestStream_DrawsTheSameHoweverItIsAsked(t *testing.T) {
	const n = 400
	p := pace{few: 2, keep: 9, uses: 3}
	want := draw(t, numbered(t, p, nil), 0, n)
	slow := numbered(t, p, func(n int) ([]int, error) {
		time.Sleep(time.Duration(n%3) * 100 * time.Microsecond)
		return []int{10 * n, 10*n + 1}, nil
	})
	if !slices.Equal(draw(t, slow, 0, n), want) {
		t.Error("a slow stream draws otherwise")
	}
	if !slices.Equal(draw(t, numbered(t, p, nil), n/2, n), want[n/2:]) {
		t.Error("a resumed stream draws otherwise")
	}
	s, got := numbered(t, p, nil), make([]int, n)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for place := n - 1 - part; place >= 0; place -= 4 {
				got[place], _ = s.at(place)
			}
		})
	}
	all.Wait()
	if !slices.Equal(got, want) {
		t.Error("a stream that is asked backwards draws otherwise")
	}
}

func TestStream_ReplacesItsSourcesAndKeepsNoMore(t *testing.T) {
	var most atomic.Int64
	forgotten := map[int]bool{}
	s := numbered(t, pace{few: 4, keep: 16, uses: 1}, nil)
	s.forget = func(n int) { forgotten[n] = true }
	seen := map[int]int{}
	for place := range 2000 {
		n, _ := s.at(place)
		seen[n/10]++
		s.mu.Lock()
		most.Store(max(most.Load(), int64(len(s.made))))
		s.mu.Unlock()
	}
	last, _ := s.pace.at(1999)
	room := 0
	for r := s.first(); r.number <= last.number; r = s.next(r) { // a round's, and those that come in the next
		room = max(room, s.next(r).hi-r.lo)
	}
	if most.Load() > int64(room) || room > 16+16/4 {
		t.Errorf("%d sources were kept, where there is room for %d", most.Load(), room)
	}
	for n := range last.lo {
		if seen[n] < 4 || !forgotten[n] {
			t.Errorf("source %d was drawn %d times before it was let go", n, seen[n])
		}
	}
	if last.lo < 200 {
		t.Errorf("only %d sources were replaced", last.lo)
	}
}

func TestPace_KeepsAllThereAre(t *testing.T) {
	p := pace{few: 4, keep: 100, uses: 1, total: 23}
	for place := range 500 {
		r, _ := p.at(place)
		if r.lo != 0 || r.hi > 23 || place > 100 && r.hi != 23 {
			t.Fatalf("place %d draws from %d to %d", place, r.lo, r.hi)
		}
	}
	if r := (pace{few: 8, keep: 100, uses: 1, total: 3}).first(); r.hi != 3 {
		t.Errorf("the first round of 3 has %d", r.hi)
	}
}

func TestStream_EndsTheRunWhenASourceFails(t *testing.T) {
	boom := errors.New("boom")
	for want, make_ := range map[string]func(n int) ([]int, error){
		"boom": func(n int) ([]int, error) {
			if n == 5 {
				return nil, boom
			}
			return []int{n}, nil
		},
		"nothing that can be learned": func(int) ([]int, error) { return nil, nil },
	} {
		s := numbered(t, pace{few: 2, keep: 50, uses: 1}, make_)
		for place := range 100 {
			if _, ok := s.at(place); !ok {
				break
			}
		}
		if err := context.Cause(s.ctx); err == nil || !contains(err, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestStream_LetsGoWhenTheRunIsCancelled(t *testing.T) {
	asked, hold := make(chan struct{}, 9), make(chan struct{})
	defer close(hold)
	s := numbered(t, pace{few: 1, keep: 1, uses: 1}, func(int) ([]int, error) {
		asked <- struct{}{}
		<-hold
		return []int{1}, nil
	})
	go func() {
		<-asked
		s.stop(context.Canceled)
	}()
	if _, ok := s.at(0); ok {
		t.Error("a sample came from nowhere")
	}
}

// A run that was stopped between the last step of an epoch and its validation
// validates before it draws anything.
func TestLater_IsMadeForWhoWaitsBeforeAnythingBegan(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if n, err := begin(ctx, make(chan struct{}), func() (int, error) { return 7, nil }).wait(ctx); n != 7 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
