package graph

import (
	"fmt"
	"testing"
)

// winogradCases have axes that do and do not fill tiles, dilation, padding,
// groups, batches and each axis that can be transformed.
func winogradCases() []struct {
	x, w []int
	ax   int
	o    ConvOpts
} {
	return []struct {
		x, w []int
		ax   int
		o    ConvOpts
	}{
		{[]int{1, 3, 4, 3, 2}, []int{2, 3, 3, 3, 3}, 0, ConvOpts{}},
		{[]int{2, 2, 7, 3, 4}, []int{3, 2, 3, 1, 3}, 0, ConvOpts{}},
		{[]int{1, 4, 6, 3, 3}, []int{4, 2, 3, 3, 3}, 0, ConvOpts{Groups: 2}},
		{[]int{1, 2, 9, 4, 4}, []int{2, 2, 3, 3, 3}, 0, ConvOpts{Dilation: []int{2}}},
		{[]int{1, 2, 5, 4, 4}, []int{2, 2, 3, 3, 3}, 0, ConvOpts{Dilation: []int{3}}},
		{[]int{1, 2, 6, 4, 4}, []int{2, 2, 3, 3, 3}, 0, ConvOpts{Pad: []int{0}}},
		{[]int{1, 2, 5, 3, 3}, []int{2, 2, 3, 3, 3}, 0, ConvOpts{Pad: []int{3, 1, 0}}},
		{[]int{1, 3, 3, 5, 4}, []int{2, 3, 1, 3, 3}, 1, ConvOpts{}},
		{[]int{2, 3, 3, 8, 4}, []int{2, 3, 3, 3, 3}, 1, ConvOpts{}},
		{[]int{2, 3, 6, 5}, []int{2, 3, 3, 3}, 0, ConvOpts{}},
		{[]int{1, 3, 6, 6}, []int{2, 3, 3, 3}, 0, ConvOpts{Stride: []int{1, 2}}},
	}
}

func TestWinograd_EqualsTheConvolution(t *testing.T) {
	for _, tc := range winogradCases() {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			g := New("winograd")
			x, w, b := g.Input("x", tc.x...), g.Input("w", tc.w...), g.Input("b", tc.w[0])
			c := newConv(x, w, tc.o)
			o := c.op()
			o.encode = c.tiled(tc.ax).encode
			y := g.apply(o, []*Value{x, w, b}, c.outShape)[0]
			feed := map[string][]float32{"x": random(1, size(tc.x), -2, 2), "w": random(2, size(tc.w), -2, 2), "b": random(3, tc.w[0], -2, 2)}
			want := Eval([]*Value{y}, feed, nil)[0] // the definition
			got := onRuntime(t, g, []*Value{y}, feed, nil)[0]
			if d := worst(got, want); !(d < 2e-5) {
				t.Errorf("differs by %.2g:\n got %v\nwant %v", d, got, want)
			}
		})
	}
}

func TestWinograd_KernelGradientEqualsTheConvolutions(t *testing.T) {
	for _, tc := range winogradCases() {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			g := New("winograd")
			x, w := g.Input("x", tc.x...), g.Input("w", tc.w...)
			c := newConv(x, w, tc.o)
			if c.strided() {
				t.Skip("strided convolutions learn through their phases")
			}
			dy := g.Input("dy", c.outShape...)
			feed := map[string][]float32{"x": random(1, size(tc.x), -2, 2), "w": random(2, size(tc.w), -2, 2), "dy": random(3, size(c.outShape), -2, 2)}
			got := []*Value{c.tiled(tc.ax).gradKernel(x, dy)}
			want := Eval([]*Value{c.gradFlat(x, dy)}, feed, nil)[0]
			if d := worst(Eval(got, feed, nil)[0], want); !(d < 1e-6) {
				t.Errorf("the reference differs by %.2g", d)
			}
			if d := worst(onRuntime(t, g, got, feed, nil)[0], want); !(d < 2e-5) {
				t.Errorf("ONNX Runtime differs by %.2g", d)
			}
		})
	}
}

func TestWinograd_IsChosenWhereItPays(t *testing.T) {
	for _, tc := range []struct {
		x, w []int
		o    ConvOpts
		want bool
	}{
		{[]int{1, 32, 16, 96, 96}, []int{32, 32, 3, 3, 3}, ConvOpts{}, true},
		{[]int{1, 8, 16, 96, 64}, []int{8, 8, 3, 3, 3}, ConvOpts{}, true},
		{[]int{1, 1, 16, 96, 96}, []int{8, 1, 3, 3, 3}, ConvOpts{}, false},
		{[]int{1, 16, 2, 96, 96}, []int{16, 16, 3, 3, 3}, ConvOpts{}, false},
		{[]int{1, 16, 16, 96, 96}, []int{16, 16, 3, 3, 3}, ConvOpts{Stride: []int{2}}, false},
		{[]int{1, 16, 16, 96, 96}, []int{16, 1, 3, 3, 3}, ConvOpts{Groups: 16}, false},
		{[]int{1, 16, 200, 96, 96}, []int{16, 16, 3, 1, 1}, ConvOpts{}, false},
	} {
		g := New("choice")
		c := newConv(g.Input("x", tc.x...), g.Input("w", tc.w...), tc.o)
		if _, got := c.winograd(); got != tc.want {
			t.Errorf("x %v, kernel %v, %+v: chosen %v, want %v", tc.x, tc.w, tc.o, got, tc.want)
		}
	}
}
