package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"columna/export/graph"
	"columna/internal/ort"
)

// lab is what benchmarks measure with.
type lab struct {
	options Options
	rounds  int
	product *reference // large matrix products: the peak of arithmetic
	stream  *reference // large sums: the peak of memory
}

// reference is work that the machine does as fast as it can.
type reference struct {
	name, unit string
	work       float64 // of one run, in the unit times seconds
	model      *model
}

func newLab(o Options) *lab {
	l := &lab{options: o, rounds: o.Rounds}
	if l.rounds < 1 {
		l.rounds = 5
	}
	return l
}

func (l *lab) close() {
	for _, r := range []*reference{l.product, l.stream} {
		if r != nil {
			r.model.close()
		}
	}
}

// ortOptions are how the product opens sessions.
func (l *lab) ortOptions() ort.Options {
	return ort.Options{Threads: l.options.Threads, Provider: l.options.Provider}
}

// Calls are timed over windows of the same length, so that a busy machine slows a
// short reference as much as a long call. Windows are short and many, so that some
// fall where nothing else runs.
const (
	roundLength = 200 * time.Millisecond // at least, for both calls together
	shortWindow = 10 * time.Millisecond
	longWindow  = 2 * time.Second
)

// mean is the time of one call over a window, in seconds.
func mean(ctx context.Context, window time.Duration, call func(context.Context) error) (float64, error) {
	began := time.Now()
	for n := 1.0; ; n++ {
		if err := call(ctx); err != nil {
			return 0, err
		}
		if t := time.Since(began); t >= window {
			return t.Seconds() / n, nil
		}
	}
}

// paired times two calls in turn, after one warm-up each, and gives the best
// window of both, in seconds a call.
func paired(ctx context.Context, rounds int, a, b func(context.Context) error) (bestA, bestB float64, err error) {
	window := shortWindow
	for _, call := range []func(context.Context) error{a, b} {
		began := time.Now()
		if err := call(ctx); err != nil {
			return 0, 0, err
		}
		window = max(window, min(time.Since(began)/2, longWindow))
	}
	bestA, bestB = math.Inf(1), math.Inf(1)
	for range rounds {
		for began, first := time.Now(), true; first || time.Since(began) < roundLength; first = false {
			tA, errA := mean(ctx, window, a)
			tB, errB := mean(ctx, window, b)
			if err := errors.Join(errA, errB); err != nil {
				return 0, 0, err
			}
			bestA, bestB = min(bestA, tA), min(bestB, tB)
		}
	}
	return bestA, bestB, nil
}

// rate times a call that does some work and holds it against a reference.
func (l *lab) rate(ctx context.Context, name string, work float64, ref *reference, call func(context.Context) error) (Result, error) {
	t, r, err := paired(ctx, l.rounds, call, ref.model.run)
	return against(name, work/t, ref.unit, ref.name, ref.work/r), err
}

// model is a graph in ONNX Runtime with its data. Its outputs stay in place, so
// that only the graph is timed.
type model struct {
	session  *ort.Session
	in, into map[string]ort.Tensor
}

// newModel loads the outputs of a graph, with random numbers in -0.5..0.5 for its
// inputs.
func (l *lab) newModel(g *graph.Graph, outputs ...*graph.Value) (*model, error) {
	m := &model{in: map[string]ort.Tensor{}, into: map[string]ort.Tensor{}}
	for _, v := range g.Inputs() {
		m.in[v.Name()] = random(v.Shape())
	}
	var named []graph.Output
	for i, v := range outputs {
		name := fmt.Sprintf("out_%d", i)
		named = append(named, graph.Output{Name: name, Value: v})
		m.into[name] = ort.Tensor{Shape: v.Shape(), Data: make([]float32, size(v.Shape()))}
	}
	file, err := graph.Encode(g, named, graph.EncodeOptions{Weights: g.InitParams(1)})
	if err != nil {
		return nil, err
	}
	m.session, err = ort.NewSession(file, l.ortOptions())
	return m, err
}

func (m *model) run(ctx context.Context) error {
	_, err := m.session.RunInto(ctx, m.in, m.into)
	return err
}

func (m *model) close() { m.session.Close() }

// random is a tensor of numbers in -0.5..0.5, the same every time.
func random(shape []int) ort.Tensor {
	t := ort.Tensor{Shape: shape, Data: make([]float32, size(shape))}
	r := graph.NewRandom(1)
	for i := range t.Data {
		t.Data[i] = float32(r.Uniform() - 0.5)
	}
	return t
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
