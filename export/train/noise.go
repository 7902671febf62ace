package train

import (
	"strings"

	"columna/export/graph"
	"columna/internal/ort"
)

// noisePort is a graph input that wants fresh uniform noise at every step.
type noisePort struct {
	name  string
	shape []int
}

// noisePorts finds the noise inputs of a training graph (dropout).
func noisePorts(g *graph.Graph) []noisePort {
	var out []noisePort
	for _, v := range g.Inputs() {
		if strings.HasPrefix(v.Name(), "noise_") {
			out = append(out, noisePort{v.Name(), v.Shape()})
		}
	}
	return out
}

// draw is the noise of one step: the same seed and step give the same noise.
func (p noisePort) draw(seed uint64, step, n int) ort.Tensor {
	r := source(seed^0x9E3779B97F4A7C15, step, n)
	size := 1
	for _, d := range p.shape {
		size *= d
	}
	t := ort.Tensor{Shape: p.shape, Data: make([]float32, size)}
	for i := range t.Data {
		t.Data[i] = r.Float32()
	}
	return t
}
