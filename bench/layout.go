package bench

import "columna/export/graph"

// layouts are the operators that move numbers: pooling, resampling, transposing.
func layouts() []operator {
	x, small := volumeOf(16), []int{1, 16, 8, 48, 48}
	return []operator{
		unary("pool/max-2x2x2", linear, x, func(x *graph.Value) *graph.Value { return graph.MaxPool(x, 2, 2, 2) }),
		unary("pool/average-2x2x2", linear, x, func(x *graph.Value) *graph.Value { return graph.AvgPool(x, 2, 2, 2) }),
		unary("pool/global", linear, x, graph.GlobalAvgPool),
		unary("upsample/linear-2x2x2", linear, small, func(x *graph.Value) *graph.Value { return graph.UpsampleLinear(x, 2, 2, 2) }),
		unary("upsample/nearest-2x2x2", linear, small, func(x *graph.Value) *graph.Value { return graph.UpsampleNearest(x, 2, 2, 2) }),
		unary("transpose/channels-last", linear, x, func(x *graph.Value) *graph.Value { return graph.Transpose(x, 0, 2, 3, 4, 1) }),
		unary("transpose/swap-slices", linear, x, func(x *graph.Value) *graph.Value { return graph.Transpose(x, 0, 2, 1, 3, 4) }),
		binary("concat/two-volumes", linear, x, x, func(x, w *graph.Value) *graph.Value { return graph.Concat(1, x, w) }),
	}
}
