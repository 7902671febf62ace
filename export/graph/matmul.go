package graph

import (
	"slices"
)

// MatMul multiplies the last two axes (..,M,K) x (..,K,N); leading axes
// broadcast as in numpy. Both values need at least two axes.
func MatMul(a, b *Value) *Value {
	ra, rb := len(a.shape), len(b.shape)
	if ra < 2 || rb < 2 || a.shape[ra-1] != b.shape[rb-2] {
		fail("MatMul", "wants (..,M,K) and (..,K,N)", a.shape, b.shape)
	}
	batch, ok := broadcast(a.shape[:ra-2], b.shape[:rb-2])
	if !ok {
		fail("MatMul", "the leading axes do not broadcast", a.shape, b.shape)
	}
	if len(batch) == 0 {
		return gemm(a, b, false, false)
	}
	m, k, n := a.shape[ra-2], a.shape[ra-1], b.shape[rb-1]
	o := &op{kind: "MatMul", macs: float64(size(batch) * m * k * n)}
	o.grad = func(_ *node, dy []*Value) []*Value {
		return []*Value{
			unbroadcast(MatMul(dy[0], swapLast(b)), a.shape),
			matMulRight(a, dy[0], b.shape),
		}
	}
	o.eval = evalMatMul
	return apply1(o, join(batch, []int{m, n}), a, b)
}

// matMulRight is the gradient of b in a x b. Where b has no leading axes, all
// rows of a are folded into one product.
func matMulRight(a, dy *Value, b []int) *Value {
	if len(b) > 2 {
		return unbroadcast(MatMul(swapLast(a), dy), b)
	}
	dy = full(dy, join(dy.shape[:len(dy.shape)-2], []int{a.shape[len(a.shape)-2], b[1]}))
	a = full(a, join(dy.shape[:len(dy.shape)-2], a.shape[len(a.shape)-2:]))
	return gemm(Reshape(a, -1, b[0]), Reshape(dy, -1, b[1]), true, false)
}

// swapLast transposes the last two axes.
func swapLast(a *Value) *Value {
	r := len(a.shape)
	return Transpose(a, append(sequence(0, r-2), r-1, r-2)...)
}

func evalMatMul(n *node, in []array) []array {
	r := len(n.out[0].shape)
	k, columns := in[0].shape[len(in[0].shape)-1], n.out[0].shape[r-1]
	pa, pb := make([]int, r), make([]int, r)
	return []array{gather(n.out[0].shape, func(pos []int) float64 {
		copy(pa, pos)
		copy(pb, pos)
		pa[r-1], pb[r-2] = 0, 0
		a, b := in[0].data[in[0].flat(pa):], in[1].data[in[1].flat(pb):]
		sum := 0.0
		for i := range k {
			sum += a[i] * b[i*columns]
		}
		return sum
	})}
}

// gemm multiplies two matrices, each transposed first if asked.
func gemm(a, b *Value, transA, transB bool) *Value {
	m, k := a.shape[0], a.shape[1]
	if transA {
		m, k = k, m
	}
	k2, n := b.shape[0], b.shape[1]
	if transB {
		k2, n = n, k2
	}
	if len(a.shape) != 2 || len(b.shape) != 2 || k != k2 {
		fail("gemm", "inner sizes differ", a.shape, b.shape)
	}
	o := &op{kind: "Gemm", macs: float64(m * k * n)}
	o.attrs = []attr{intAttr("transA", toInt(transA)), intAttr("transB", toInt(transB))}
	o.grad = func(_ *node, dy []*Value) []*Value {
		da, db := gemm(dy[0], b, false, !transB), gemm(a, dy[0], !transA, false)
		if transA {
			da = gemm(b, dy[0], transB, true)
		}
		if transB {
			db = gemm(dy[0], a, true, transA)
		}
		return []*Value{da, db}
	}
	o.eval = func(_ *node, in []array) []array {
		return []array{gather([]int{m, n}, func(pos []int) float64 {
			sum := 0.0
			for i := range k {
				sum += float64(in[0].pick(pos[0], i, transA) * in[1].pick(i, pos[1], transB))
			}
			return sum
		})}
	}
	return apply1(o, []int{m, n}, a, b)
}

// pick is an element of a matrix or of its transpose.
func (a array) pick(i, j int, transposed bool) float64 {
	if transposed {
		i, j = j, i
	}
	return a.data[i*a.shape[1]+j]
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Linear maps the last axis: x (..,In) by w (In,Out), plus b (Out) or nil.
func Linear(x, w, b *Value) *Value {
	r := len(x.shape)
	if r < 1 || len(w.shape) != 2 || x.shape[r-1] != w.shape[0] {
		fail("Linear", "wants x (..,In) and w (In,Out)", x.shape, w.shape)
	}
	if b != nil && !slices.Equal(b.shape, w.shape[1:]) {
		fail("Linear", "wants a bias (Out)", x.shape, w.shape, b.shape)
	}
	y := gemm(Reshape(x, -1, w.shape[0]), w, false, false)
	if b != nil {
		y = Add(y, b)
	}
	return Reshape(y, join(x.shape[:r-1], w.shape[1:])...)
}
