package graph

// array is a tensor of the reference evaluator.
type array struct {
	shape []int
	data  []float64
}

func newArray(shape []int) array {
	return array{shape: shape, data: make([]float64, size(shape))}
}

func fromFloat32(shape []int, data []float32) array {
	out := newArray(shape)
	for i, x := range data {
		out.data[i] = float64(x)
	}
	return out
}

func (a array) float32() []float32 {
	out := make([]float32, len(a.data))
	for i, x := range a.data {
		out[i] = float32(x)
	}
	return out
}

// each visits all positions of a shape in row-major order. The position is
// reused between calls.
func each(shape []int, visit func(flat int, pos []int)) {
	pos := make([]int, len(shape))
	for flat := range size(shape) {
		visit(flat, pos)
		for i := len(pos) - 1; i >= 0; i-- {
			if pos[i]++; pos[i] < shape[i] {
				break
			}
			pos[i] = 0
		}
	}
}

// at is the element of a at pos, aligned at the end and stretched from size 1.
func (a array) at(pos []int) float64 { return a.data[a.flat(pos)] }

// flat is the index in data of the element at pos.
func (a array) flat(pos []int) int {
	flat, step := 0, 1
	for i := len(a.shape) - 1; i >= 0; i-- {
		if p := pos[len(pos)-len(a.shape)+i]; a.shape[i] > 1 {
			flat += p * step
		}
		step *= a.shape[i]
	}
	return flat
}

// gather fills a shape from a function of the position.
func gather(shape []int, f func(pos []int) float64) array {
	out := newArray(shape)
	each(shape, func(flat int, pos []int) { out.data[flat] = f(pos) })
	return out
}
