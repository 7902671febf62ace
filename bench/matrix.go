package bench

import "columna/export/graph"

// matrices are products of matrices and what is made of them.
func matrices() []operator {
	return []operator{
		binary("matmul/rows-18432x64x128", products, []int{18432, 64}, []int{64, 128}, graph.MatMul),
		binary("matmul/batch-8x512x64x512", products, []int{8, 512, 64}, []int{8, 64, 512}, graph.MatMul),
		unary("dft/pair-96x8x16x16", chains, []int{96, 8, 256}, dftPair),
		{"scan/selective-1024x96x8", selectiveScan, chains},
	}
}

// dftPair transforms real slices of 16x16 and transforms them back, by products
// with a cosine and a sine matrix as DeSamba's frequency branch does. The matrices'
// numbers do not change the time.
func dftPair(x *graph.Value) *graph.Value {
	const n, half = 16 * 16, 16 * (16/2 + 1)
	cos := graph.Const(x.Graph(), []int{n, half}, random([]int{n, half}).Data)
	sin := graph.Const(x.Graph(), []int{half, n}, random([]int{half, n}).Data)
	re, im := graph.MatMul(x, cos), graph.MatMul(x, graph.Transpose(sin, 1, 0))
	return graph.Add(graph.MatMul(re, graph.Transpose(cos, 1, 0)), graph.MatMul(im, sin))
}

// selectiveScan is a scan of 1024 lines of 96 positions, 8 channels, 4 states.
func selectiveScan(g *graph.Graph) (*graph.Value, []*graph.Value) {
	const lines, length, channels, states = 1024, 96, 8, 4
	u, delta := g.Input("u", lines, length, channels), g.Input("delta", lines, length, channels)
	root, d := g.Input("a", channels, states), g.Input("d", channels)
	b, c := g.Input("b", lines, length, states), g.Input("c", lines, length, states)
	a := graph.Neg(graph.Square(root)) // negative, so that the states stay small
	return graph.SelectiveScan(u, delta, a, b, c, d), []*graph.Value{u, delta, root, b, c, d}
}
