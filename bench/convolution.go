package bench

import (
	"fmt"

	"columna/export/graph"
)

// convolutions are those of the networks: 3x3x3 at the widths of a U-Net's
// levels, and the special forms.
func convolutions() []operator {
	var out []operator
	for _, c := range []int{8, 16, 32} {
		out = append(out, conv(fmt.Sprintf("conv/3x3x3-%dch", c), volumeOf(c), []int{c, c, 3, 3, 3}, graph.ConvOpts{}))
	}
	half, thirtyTwo := []int{1, 64, 8, 48, 48}, []int{1, 32, 8, 48, 48}
	return append(out,
		conv("conv/3x3x3-64ch", half, []int{64, 64, 3, 3, 3}, graph.ConvOpts{}),
		conv("conv/1x3x3-16ch", volumeOf(16), []int{16, 16, 1, 3, 3}, graph.ConvOpts{}),
		conv("conv/1x1x1-64ch", half, []int{64, 64, 1, 1, 1}, graph.ConvOpts{}),
		conv("conv/strided-16to32ch", volumeOf(16), []int{32, 16, 3, 3, 3}, graph.ConvOpts{Stride: []int{2}}),
		conv("conv/dilated-16ch", volumeOf(16), []int{16, 16, 3, 3, 3}, graph.ConvOpts{Dilation: []int{3}}),
		conv("conv/depthwise-32ch", thirtyTwo, []int{32, 1, 3, 3, 3}, graph.ConvOpts{Groups: 32}),
		binary("conv/dynamic-16ch", products, volumeOf(16), []int{1, 16, 16, 3, 3, 3}, graph.DynamicConv),
	)
}

func conv(name string, x, w []int, o graph.ConvOpts) operator {
	return binary(name, products, x, w, func(x, w *graph.Value) *graph.Value { return graph.Conv(x, w, nil, o) })
}
