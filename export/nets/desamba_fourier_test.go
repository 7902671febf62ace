package nets

import (
	"math"
	"math/cmplx"
	"testing"

	"columna/export/graph"
)

func TestFourier_EqualsTheDefinition(t *testing.T) {
	for _, grid := range [][3]int{{3, 4, 6}, {1, 2, 5}, {4, 1, 1}, {2, 3, 1}} {
		g, x := graph.New("fourier"), wave(grid)
		f := (&desamba{classLayers: classLayers{g: g}, dft: map[[3]int]*fourier{}}).fourier(grid)
		re, im := f.forward(graph.Const(g, []int{1, 1, grid[0], grid[1], grid[2]}, x))
		got := graph.Eval([]*graph.Value{re, im, f.inverse(re, im)}, nil, nil)
		for i := range f.count() {
			at := [3]int{i / (grid[1] * f.half), i / f.half % grid[1], i % f.half}
			want := naiveDFT(x, grid, at)
			if d := cmplx.Abs(complex(float64(got[0][i]), float64(got[1][i])) - want); d > 1e-5 {
				t.Fatalf("%v: frequency %v differs by %g", grid, at, d)
			}
		}
		if d := farthest(got[2], x); d > 1e-5 {
			t.Errorf("%v: there and back differs by %g", grid, d)
		}
	}
}

// The block's inverse must treat any half spectrum as the full mirrored one.
func TestFourier_InverseMirrorsTheHalfSpectrum(t *testing.T) {
	grid := [3]int{2, 3, 4}
	g := graph.New("inverse")
	f := (&desamba{classLayers: classLayers{g: g}, dft: map[[3]int]*fourier{}}).fourier(grid)
	count := f.count()
	half := make([]complex128, count)
	re, im, r := make([]float32, count), make([]float32, count), graph.NewRandom(3)
	for i := range half {
		re[i], im[i] = float32(r.Normal()), float32(r.Normal())
		half[i] = complex(float64(re[i]), float64(im[i]))
	}
	y := f.inverse(graph.Const(g, []int{1, 1, count}, re), graph.Const(g, []int{1, 1, count}, im))
	got := graph.Eval([]*graph.Value{y}, nil, nil)[0]
	for p := range got {
		if d := math.Abs(float64(got[p]) - naiveInverse(half, grid, f.half, p)); d > 1e-5 {
			t.Fatalf("position %d differs by %g", p, d)
		}
	}
}

func TestFourier_BandsSumToOne(t *testing.T) {
	for _, grid := range [][3]int{{4, 6, 8}, {1, 2, 3}, {1, 1, 1}} {
		g := graph.New("bands")
		f := (&desamba{classLayers: classLayers{g: g}, dft: map[[3]int]*fourier{}}).fourier(grid)
		m := f.bands(4)
		got := graph.Eval([]*graph.Value{graph.ReduceSum(m, false, 0), m}, nil, nil)
		for i, x := range got[0] {
			if math.Abs(float64(x)-1) > 1e-6 {
				t.Fatalf("%v: the bands sum to %g at frequency %d", grid, x, i)
			}
		}
		if got[1][0] != 1 {
			t.Errorf("%v: the zero frequency is not the first band's", grid)
		}
	}
}

func wave(grid [3]int) []float32 {
	x, r := make([]float32, grid[0]*grid[1]*grid[2]), graph.NewRandom(5)
	for i := range x {
		x[i] = float32(r.Normal())
	}
	return x
}

// naiveDFT is one frequency of the orthonormal transform, by its definition.
func naiveDFT(x []float32, n, u [3]int) complex128 {
	sum := complex(0, 0)
	for i, v := range x {
		at := [3]int{i / (n[1] * n[2]), i / n[2] % n[1], i % n[2]}
		turn := 0.0
		for a := range at {
			turn += float64(at[a]*u[a]) / float64(n[a])
		}
		sum += complex(float64(v), 0) * cmplx.Exp(complex(0, -2*math.Pi*turn))
	}
	return sum / complex(math.Sqrt(float64(len(x))), 0)
}

// naiveInverse is one position of the real part of the inverse transform of the
// half spectrum, every column that is not its own mirror counted twice.
func naiveInverse(half []complex128, n [3]int, k, p int) float64 {
	at, sum := [3]int{p / (n[1] * n[2]), p / n[2] % n[1], p % n[2]}, 0.0
	for i, v := range half {
		u := [3]int{i / (n[1] * k), i / k % n[1], i % k}
		turn := 0.0
		for a := range at {
			turn += float64(at[a]*u[a]) / float64(n[a])
		}
		part := real(v * cmplx.Exp(complex(0, 2*math.Pi*turn)))
		if u[2] != 0 && 2*u[2] != n[2] {
			part *= 2
		}
		sum += part
	}
	return sum / math.Sqrt(float64(n[0]*n[1]*n[2]))
}
