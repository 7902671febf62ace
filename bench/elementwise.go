package bench

import "columna/export/graph"

// norms are the normalisations at their networks' sizes.
func norms() []operator {
	return []operator{
		{"norm/instance-16ch", instanceNorm, passes},
		{"norm/layer-18432x64", layerNorm, passes},
		{"norm/batch-16x32x48x48", batchNorm, passes},
	}
}

func instanceNorm(g *graph.Graph) (*graph.Value, []*graph.Value) {
	x, gamma, beta := g.Input("x", volumeOf(16)...), g.Input("gamma", 16), g.Input("beta", 16)
	return graph.InstanceNorm(x, gamma, beta, 1e-5), []*graph.Value{x, gamma, beta}
}

func layerNorm(g *graph.Graph) (*graph.Value, []*graph.Value) {
	x, gamma, beta := g.Input("x", 18432, 64), g.Input("gamma", 64), g.Input("beta", 64)
	return graph.LayerNorm(x, gamma, beta, 1e-6), []*graph.Value{x, gamma, beta}
}

func batchNorm(g *graph.Graph) (*graph.Value, []*graph.Value) {
	x, gamma, beta := g.Input("x", 16, 32, 48, 48), g.Input("gamma", 32), g.Input("beta", 32)
	mean, variance := g.State("mean", []int{32}, graph.ZeroInit()), g.State("variance", []int{32}, graph.ConstInit(1))
	return graph.BatchNorm(g, x, gamma, beta, mean, variance, 1e-5, 0.1), []*graph.Value{x, gamma, beta}
}

// elementwise are the activations, the softmaxes and a gate, the usual chain of
// plain operators.
func elementwise() []operator {
	x := volumeOf(16)
	return []operator{
		unary("activation/relu", passes, x, graph.Relu),
		unary("activation/leaky-relu", passes, x, func(x *graph.Value) *graph.Value { return graph.LeakyRelu(x, 0.01) }),
		unary("activation/sigmoid", passes, x, graph.Sigmoid),
		unary("activation/silu", passes, x, graph.Silu),
		unary("activation/gelu", passes, x, graph.Gelu),
		unary("activation/softplus", passes, x, graph.Softplus),
		binary("elementwise/multiply", passes, x, x, graph.Mul),
		binary("elementwise/gate", passes, x, x, func(x, w *graph.Value) *graph.Value {
			return graph.Add(graph.Mul(x, graph.Sigmoid(w)), x)
		}),
		unary("softmax/channels-6ch", passes, volumeOf(6), func(x *graph.Value) *graph.Value { return graph.Softmax(x, 1) }),
		unary("softmax/rows-4096x512", passes, []int{4096, 512}, func(x *graph.Value) *graph.Value { return graph.Softmax(x, 1) }),
	}
}
