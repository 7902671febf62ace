package graph

import (
	"context"
	"testing"

	"columna/internal/ort"
)

// benchStep measures a training step on a graph.
func benchStep(b *testing.B, build func(g *Graph) (loss *Value)) {
	g := New("bench")
	g.Training = true
	model, err := TrainingStep(g, build(g), nil, AdamOptions{})
	if err != nil {
		b.Fatal(err)
	}
	s := newStepper(b, g, model, 2)
	defer s.Close()
	feed := feedFor(g, 1, 1e-4)
	for b.Loop() {
		if _, err := s.Step(context.Background(), feed); err != nil {
			b.Fatal(err)
		}
	}
}

// benchConv is a convolution alone, its input differentiated as well.
func benchConv(b *testing.B, shape, kernel []int, o ConvOpts) {
	benchStep(b, func(g *Graph) *Value {
		x := Mul(g.Input("x", shape...), g.Param("scale", []int{1}, ConstInit(1)))
		return ReduceMean(Square(Conv(x, g.Param("w", kernel, HeInit(27)), nil, o)), false)
	})
}

func BenchmarkConv3D_16ch_16x96x64(b *testing.B) {
	benchConv(b, []int{1, 16, 16, 96, 64}, []int{16, 16, 3, 3, 3}, ConvOpts{})
}

func BenchmarkConv3D_16ch_1x3x3(b *testing.B) {
	benchConv(b, []int{1, 16, 16, 96, 64}, []int{16, 16, 1, 3, 3}, ConvOpts{})
}

func BenchmarkConv3D_Depthwise16_16x96x64(b *testing.B) {
	benchConv(b, []int{1, 16, 16, 96, 64}, []int{16, 1, 3, 3, 3}, ConvOpts{Groups: 16})
}

func BenchmarkConv3D_Depthwise36_5x5x5(b *testing.B) {
	benchConv(b, []int{8, 36, 8, 16, 16}, []int{36, 1, 5, 5, 5}, ConvOpts{Groups: 36})
}

func BenchmarkConv2D_Batch16_32ch_48x48(b *testing.B) {
	benchConv(b, []int{16, 32, 48, 48}, []int{32, 32, 3, 3}, ConvOpts{})
}

func BenchmarkConv2D_Batch16_7x7s2_96x96(b *testing.B) {
	benchConv(b, []int{16, 16, 96, 96}, []int{16, 16, 7, 7}, ConvOpts{Stride: []int{2}})
}

func BenchmarkConv3D_Patch122_16x192x128(b *testing.B) {
	benchConv(b, []int{1, 2, 16, 192, 128}, []int{8, 2, 1, 2, 2}, ConvOpts{Stride: []int{1, 2, 2}})
}

func benchScan(b *testing.B, n, l, e, s int, gradient bool) {
	g := New("scan")
	u, delta := g.Input("u", n, l, e), g.Input("delta", n, l, e)
	A, B, C, D := g.Input("a", e, s), g.Input("b", n, l, s), g.Input("c", n, l, s), g.Input("d", e)
	y := SelectiveScan(u, delta, Neg(A), B, C, D)
	outs := []Output{{"y", y}}
	if gradient {
		for i, d := range Grad(ReduceMean(Square(y), false), u, delta, A, B, C, D) {
			outs = append(outs, Output{string(rune('a'+i)) + "_grad", d})
		}
	}
	model, err := Encode(g, outs, EncodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	session, err := ort.NewSession(model, ort.Options{Threads: 2})
	if err != nil {
		b.Skip(err)
	}
	defer session.Close()
	feed := feedFor(g, 1, 0)
	delete(feed, "lr")
	delete(feed, "step")
	for b.Loop() {
		if _, err := session.Run(context.Background(), feed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan_L96_1024lines_8ch_8states_Forward(b *testing.B) {
	benchScan(b, 1024, 96, 8, 8, false)
}

func BenchmarkScan_L96_1024lines_8ch_8states_Gradient(b *testing.B) {
	benchScan(b, 1024, 96, 8, 8, true)
}

func BenchmarkInstanceNorm_16x16x96x64(b *testing.B) {
	benchStep(b, func(g *Graph) *Value {
		x := Mul(g.Input("x", 1, 16, 16, 96, 64), g.Param("scale", []int{1}, ConstInit(1)))
		y := InstanceNorm(x, g.Param("gamma", []int{16}, ConstInit(1)), g.Param("beta", []int{16}, ZeroInit()), 1e-5)
		return ReduceMean(Square(y), false)
	})
}
