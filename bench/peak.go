package bench

import (
	"context"
	"fmt"

	"columna/export/graph"
)

// The machine's peaks, as ONNX Runtime reaches them. Everything else is measured
// as a fraction of these.

const (
	productName = "matrix product 512x512x512"
	streamName  = "sum of two arrays of 16 MB"
	giga        = 1e9
)

// peakProduct is the reference of arithmetic, in GFLOP/s.
func (l *lab) peakProduct() (*reference, error) {
	if l.product == nil {
		m, err := l.squareProduct(512)
		if err != nil {
			return nil, err
		}
		l.product = &reference{productName, "GFLOP/s", productWork(512), m}
	}
	return l.product, nil
}

// peakStream is the reference of memory, in GB/s: two arrays read, one written.
func (l *lab) peakStream() (*reference, error) {
	if l.stream == nil {
		const n = 4 << 20
		g := graph.New("stream")
		m, err := l.newModel(g, graph.Add(g.Input("x", n), g.Input("y", n)))
		if err != nil {
			return nil, err
		}
		l.stream = &reference{streamName, "GB/s", 3 * 4 * n / giga, m}
	}
	return l.stream, nil
}

func (l *lab) squareProduct(n int) (*model, error) {
	g := graph.New("product")
	return l.newModel(g, graph.MatMul(g.Input("x", n, n), g.Input("y", n, n)))
}

// productWork is the GFLOP of a square product.
func productWork(n float64) float64 { return 2 * n * n * n / giga }

func peaks() []benchmark {
	return []benchmark{
		{name: "peak/product-256", run: productRun(256)},
		{name: "peak/product-1024", run: productRun(1024)},
		{name: "peak/product-2048", run: productRun(2048)},
		{name: "peak/stream", run: runStream},
	}
}

// productRun holds a product of another size against the reference's.
func productRun(n int) func(context.Context, *lab) ([]Result, error) {
	return func(ctx context.Context, l *lab) ([]Result, error) {
		ref, err := l.peakProduct()
		if err != nil {
			return nil, err
		}
		m, err := l.squareProduct(n)
		if err != nil {
			return nil, err
		}
		defer m.close()
		r, err := l.rate(ctx, fmt.Sprintf("peak/product-%d", n), productWork(float64(n)), ref, m.run)
		return []Result{r}, err
	}
}

// runStream holds the sum in ONNX Runtime against a copy by one thread of Go.
func runStream(ctx context.Context, l *lab) ([]Result, error) {
	ref, err := l.peakStream()
	if err != nil {
		return nil, err
	}
	from, to := make([]float32, 8<<20), make([]float32, 8<<20)
	sum, plain, err := paired(ctx, l.rounds, ref.model.run, func(context.Context) error {
		copy(to, from)
		return nil
	})
	work := 2 * 4 * float64(len(from)) / giga
	return []Result{against("peak/stream", ref.work/sum, ref.unit, "copy of 32 MB by one thread", work/plain)}, err
}
