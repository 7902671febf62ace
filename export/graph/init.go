package graph

import (
	"fmt"
	"hash/fnv"
	"math"
)

// Init fills a fresh parameter. It draws from r only, so the same seed and
// parameter name give the same numbers on every machine.
type Init func(data []float32, r *Random)

// Weights holds parameters and states by full name.
type Weights map[string][]float32

// ZeroInit fills with zeros.
func ZeroInit() Init { return ConstInit(0) }

// ConstInit fills with x.
func ConstInit(x float64) Init {
	return func(data []float32, _ *Random) {
		for i := range data {
			data[i] = float32(x)
		}
	}
}

// NormalInit draws from a normal distribution around zero.
func NormalInit(std float64) Init {
	return func(data []float32, r *Random) {
		for i := range data {
			data[i] = float32(std * r.Normal())
		}
	}
}

// HeInit suits layers followed by a rectifier (He et al. 2015, eq. 10).
func HeInit(fanIn int) Init { return NormalInit(math.Sqrt(2 / float64(fanIn))) }

// XavierInit draws uniformly in +-sqrt(6/(fanIn+fanOut)) (Glorot and Bengio 2010, eq. 16).
func XavierInit(fanIn, fanOut int) Init {
	limit := math.Sqrt(6 / float64(fanIn+fanOut))
	return func(data []float32, r *Random) {
		for i := range data {
			data[i] = float32(limit * (2*r.Uniform() - 1))
		}
	}
}

// ValuesInit copies the given numbers.
func ValuesInit(values []float32) Init {
	return func(data []float32, _ *Random) {
		if len(values) != len(data) {
			panic(fmt.Errorf("graph.ValuesInit: %d numbers for a parameter of %d", len(values), len(data)))
		}
		copy(data, values)
	}
}

// InitParams draws fresh parameters and states.
func (g *Graph) InitParams(seed uint64) Weights {
	w := Weights{}
	for _, list := range [][]*Param{g.params, g.states} {
		for _, p := range list {
			h := fnv.New64a()
			h.Write([]byte(p.Name))
			data := make([]float32, size(p.Shape))
			p.Init(data, NewRandom(seed^h.Sum64()))
			w[p.Name] = data
		}
	}
	return w
}

// Random is SplitMix64 (Steele et al. 2014): small, and the same for ever.
type Random struct{ state uint64 }

// NewRandom starts a sequence.
func NewRandom(seed uint64) *Random { return &Random{state: seed} }

// Uint64 is the next number of the sequence.
func (r *Random) Uint64() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uniform is in [0,1).
func (r *Random) Uniform() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Normal has mean 0 and standard deviation 1 (Box-Muller).
func (r *Random) Normal() float64 {
	u := 1 - r.Uniform()
	return math.Sqrt(-2*PortableLog(u)) * PortableCos(r.Uniform())
}
