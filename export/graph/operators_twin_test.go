package graph_test

import (
	"fmt"
	"testing"

	. "columna/export/graph"
	"columna/internal/twin"
)

// operatorTwin builds the operator of one case of scripts/twins/operators_cases.py
// on its inputs x0, x1, ..
type operatorTwin struct {
	name  string
	build func(x []*Value) *Value
}

func checkOperators(t *testing.T, list []operatorTwin) {
	t.Helper()
	for _, o := range list {
		t.Run(o.name, func(t *testing.T) {
			c := readCase(t, o.name)
			g := New(o.name)
			twin.Check(t, c, g, map[string]*Value{"y": o.build(inputs(g, c))}, twin.Strict())
		})
	}
}

func readCase(t *testing.T, name string) *twin.Case {
	t.Helper()
	c, err := twin.Read("testdata/twins/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inputs declares x0, x1, .. with the shapes of a case.
func inputs(g *Graph, c *twin.Case) []*Value {
	var x []*Value
	for i := range len(c.Inputs) {
		name := fmt.Sprint("x", i)
		x = append(x, g.Input(name, c.Inputs[name].Shape...))
	}
	return x
}

// one is an operator of one value.
func one(name string, f func(*Value) *Value) operatorTwin {
	return operatorTwin{name, func(x []*Value) *Value { return f(x[0]) }}
}

func conv(name string, o ConvOpts) operatorTwin {
	return operatorTwin{name, func(x []*Value) *Value { return Conv(x[0], x[1], x[2], o) }}
}

func dynamicConv(name string) operatorTwin {
	return operatorTwin{name, func(x []*Value) *Value { return DynamicConv(x[0], x[1]) }}
}

func TestTwin_Conv(t *testing.T) {
	checkOperators(t, []operatorTwin{
		conv("conv_1d", ConvOpts{}),
		conv("conv_2d", ConvOpts{}),
		conv("conv_3d", ConvOpts{}),
		conv("conv_3d_wide", ConvOpts{}),
		conv("conv_3d_one_channel", ConvOpts{}),
		conv("conv_pointwise", ConvOpts{}),
		conv("conv_within_slices", ConvOpts{}),
		conv("conv_unpadded", ConvOpts{Pad: []int{0}}),
		conv("conv_strided_2d", ConvOpts{Stride: []int{2}}),
		conv("conv_strided_3d", ConvOpts{Stride: []int{2}}),
		conv("conv_strided_axes", ConvOpts{Stride: []int{1, 2, 2}}),
		conv("conv_patches", ConvOpts{Stride: []int{1, 2, 4}}),
		conv("conv_dilated_2d", ConvOpts{Dilation: []int{2}}),
		conv("conv_dilated_3d_2", ConvOpts{Dilation: []int{2}}),
		conv("conv_dilated_3d_3", ConvOpts{Dilation: []int{3}}),
		conv("conv_depthwise_2d", ConvOpts{Groups: 4}),
		conv("conv_depthwise_3d", ConvOpts{Groups: 4}),
		conv("conv_depthwise_large", ConvOpts{Groups: 3}),
		conv("conv_depthwise_line", ConvOpts{Groups: 3}),
		conv("conv_depthwise_strided", ConvOpts{Groups: 3, Stride: []int{1, 2, 2}}),
		conv("conv_grouped", ConvOpts{Groups: 2}),
		conv("conv_grouped_strided", ConvOpts{Groups: 2, Stride: []int{2}}),
		dynamicConv("dynamic_conv_1"), dynamicConv("dynamic_conv_2"),
	})
}

func TestTwin_Norms(t *testing.T) {
	instance := func(x []*Value) *Value { return InstanceNorm(x[0], x[1], x[2], 1e-5) }
	layer := func(x []*Value) *Value { return LayerNorm(x[0], x[1], x[2], 1e-5) }
	checkOperators(t, []operatorTwin{
		{"instance_norm_2d", instance}, {"instance_norm_3d", instance},
		{"layer_norm_rows", layer}, {"layer_norm_one", layer},
	})
}

// Batch normalisation with its parameters, and the running statistics that a
// training step leaves.
func TestTwin_BatchNorm(t *testing.T) {
	for _, name := range []string{"batch_norm_training", "batch_norm_inference"} {
		c, g := readCase(t, name), New(name)
		g.Training = name == "batch_norm_training"
		x := inputs(g, c)
		size := []int{x[0].Dim(1)}
		gamma, beta := g.Param("gamma", size, ZeroInit()), g.Param("beta", size, ZeroInit())
		mean, variance := g.State("mean", size, ZeroInit()), g.State("var", size, ZeroInit())
		out := map[string]*Value{"y": BatchNorm(g, x[0], gamma, beta, mean, variance, 1e-5, 0.1)}
		if g.Training {
			out["next"] = Concat(0, g.Next(mean), g.Next(variance))
		}
		twin.Check(t, c, g, out, twin.Strict())
	}
}

func TestTwin_Grids(t *testing.T) {
	checkOperators(t, []operatorTwin{
		one("max_pool_2d", func(x *Value) *Value { return MaxPool(x, 2, 2) }),
		one("max_pool_3d", func(x *Value) *Value { return MaxPool(x, 1, 2, 2) }),
		one("avg_pool_2d", func(x *Value) *Value { return AvgPool(x, 2, 2) }),
		one("avg_pool_3d", func(x *Value) *Value { return AvgPool(x, 2, 2, 3) }),
		one("global_avg_pool", GlobalAvgPool),
		one("upsample_linear_2d", func(x *Value) *Value { return UpsampleLinear(x, 2, 3) }),
		one("upsample_linear_3d", func(x *Value) *Value { return UpsampleLinear(x, 1, 2, 4) }),
		one("resize_linear", func(x *Value) *Value { return ResizeLinear(x, 4, 3, 10) }),
		one("upsample_nearest", func(x *Value) *Value { return UpsampleNearest(x, 2, 1, 3) }),
	})
}

func TestTwin_Pointwise(t *testing.T) {
	along := func(f func(*Value, int) *Value, axis int) func(*Value) *Value {
		return func(x *Value) *Value { return f(x, axis) }
	}
	checkOperators(t, []operatorTwin{
		one("gelu", Gelu), one("silu", Silu), one("softplus", Softplus), one("sigmoid", Sigmoid),
		one("tanh", Tanh), one("erf", Erf), one("relu", Relu),
		one("leaky_relu", func(x *Value) *Value { return LeakyRelu(x, 0.01) }),
		one("softmax_1", along(Softmax, 1)), one("softmax_2", along(Softmax, 2)),
		one("log_softmax_1", along(LogSoftmax, 1)), one("log_softmax_2", along(LogSoftmax, 2)),
		{"matmul", func(x []*Value) *Value { return MatMul(x[0], x[1]) }},
		{"linear", func(x []*Value) *Value { return Linear(x[0], x[1], x[2]) }},
	})
}

func TestTwin_SelectiveScan(t *testing.T) {
	scan := func(f func(u, delta, a, b, c, d *Value) *Value) func(x []*Value) *Value {
		return func(x []*Value) *Value { return f(x[0], Softplus(x[1]), Neg(Exp(x[2])), x[3], x[4], x[5]) }
	}
	checkOperators(t, []operatorTwin{
		{"selective_scan", scan(SelectiveScan)}, {"selective_scan_reverse", scan(SelectiveScanReverse)},
	})
}
