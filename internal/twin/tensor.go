package twin

import (
	"fmt"
	"hash/fnv"

	"columna/export/graph"
)

// Tensor is what goes into a network: written out, or drawn from a stream that
// Python draws alike.
type Tensor struct {
	Shape []int `json:"shape"`
	// Data are the numbers in row-major order; nil means that they are drawn.
	Data []float32 `json:"data"`
	// Scale and Offset place drawn numbers: float32(Scale u + Offset), u uniform in [-1,1).
	Scale  float64 `json:"scale"`
	Offset float64 `json:"offset"`
}

// numbers are the tensor's numbers; stream is the name of its stream.
func (t Tensor) numbers(stream string) ([]float32, error) {
	n := size(t.Shape)
	if t.Data != nil || n == 0 {
		if len(t.Data) != n {
			return nil, fmt.Errorf("%s holds %d numbers for shape %v", stream, len(t.Data), t.Shape)
		}
		return t.Data, nil
	}
	draw, out := uniform(stream), make([]float32, n)
	for i := range out {
		out[i] = float32(t.Scale*draw() + t.Offset)
	}
	return out, nil
}

// uniform starts a stream of numbers in [-1,1): SplitMix64, seeded with the
// FNV-1a hash of the stream's name. Each number has 24 bits, so a float32 holds it.
func uniform(stream string) func() float64 {
	r := random(stream)
	return func() float64 { return float64(r.Uint64()>>40)/(1<<23) - 1 }
}

func random(stream string) *graph.Random {
	h := fnv.New64a()
	h.Write([]byte(stream))
	return graph.NewRandom(h.Sum64())
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
