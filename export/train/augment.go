package train

import (
	"math"
	"math/rand/v2"
)

// stack is D slices of H rows and W columns, the layout of a network input.
type stack struct {
	D, H, W int
	Data    []float32
}

func newStack(d, h, w int) stack { return stack{d, h, w, make([]float32, d*h*w)} }

// source gives the random numbers of one sample of one step.
func source(seed uint64, step, n int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(step)<<20|uint64(n)))
}

// between draws uniformly from lo..hi.
func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// warp is one in-plane similarity with a slice shift, the same for every channel
// and the labels of a sample.
type warp struct {
	cos, sin, scale float64
	dx, dy          float64 // pixels
	dk              int     // slices
	mirror          bool    // swap the order of the slices
}

// randomWarp draws a rotation within deg degrees, a scale within 1 +- zoom and a
// shift within px pixels.
func randomWarp(r *rand.Rand, deg, zoom, px float64) warp {
	a := between(r, -deg, deg) * math.Pi / 180
	return warp{cos: math.Cos(a), sin: math.Sin(a), scale: between(r, 1-zoom, 1+zoom),
		dx: between(r, -px, px), dy: between(r, -px, px)}
}

// from gives the source position of target pixel (x, y) on an h x w slice.
func (a warp) from(x, y, w, h int) (float64, float64) {
	cx, cy := float64(w-1)/2, float64(h-1)/2
	u, v := (float64(x)-cx)/a.scale, (float64(y)-cy)/a.scale
	return cx + a.cos*u - a.sin*v + a.dx, cy + a.sin*u + a.cos*v + a.dy
}

// slice maps a target slice to its source slice; outside is -1.
func (a warp) slice(k, d int) int {
	if a.mirror {
		k = d - 1 - k
	}
	if k += a.dk; k < 0 || k >= d {
		return -1
	}
	return k
}

// apply warps a stack, bilinear, zero outside.
func (a warp) apply(s stack) stack {
	return a.applyTo(s, [3]int{}, newStack(s.D, s.H, s.W))
}

// applyTo fills out, the part of the warped stack that begins at a corner (slice,
// row, column).
func (a warp) applyTo(s stack, at [3]int, out stack) stack {
	for k := range out.D {
		src := a.slice(k+at[0], s.D)
		if src < 0 {
			continue
		}
		plane := s.Data[src*s.H*s.W:][:s.H*s.W]
		for y := range out.H {
			row := out.Data[(k*out.H+y)*out.W:][:out.W]
			for x := range row {
				row[x] = bilinear(plane, s.W, s.H, a, x+at[2], y+at[1])
			}
		}
	}
	return out
}

func bilinear(plane []float32, w, h int, a warp, x, y int) float32 {
	u, v := a.from(x, y, w, h)
	if u < 0 || v < 0 || u > float64(w-1) || v > float64(h-1) {
		return 0
	}
	i, j := min(int(u), w-2), min(int(v), h-2)
	fu, fv := float32(u-float64(i)), float32(v-float64(j))
	p := plane[j*w+i:]
	return (p[0]*(1-fu)+p[1]*fu)*(1-fv) + (p[w]*(1-fu)+p[w+1]*fu)*fv
}

// intensity changes the look of a stack in place as another scanner would: a
// smooth coil ramp, gain, offset, gamma, blur of contrast and noise. Zero voxels
// (outside the field of view) stay zero.
func intensity(r *rand.Rand, s stack, strength float64) {
	gain, offset := between(r, 1-0.3*strength, 1+0.3*strength), between(r, -0.3, 0.3)*strength
	gamma := math.Exp(between(r, -0.4, 0.4) * strength)
	rx, ry := between(r, -0.4, 0.4)*strength/float64(s.W), between(r, -0.4, 0.4)*strength/float64(s.H)
	noise := between(r, 0, 0.25*strength)
	curve := randomCurve(r, gamma, strength)
	for n, v := range s.Data {
		if v == 0 {
			continue
		}
		x, y := n%s.W, n/s.W%s.H
		bias := 1 + rx*float64(x-s.W/2) + ry*float64(y-s.H/2)
		s.Data[n] = float32(curve(float64(v))*gain*bias + offset + noise*triangular(r))
	}
}

// triangular is a cheap zero-mean noise of unit variance.
func triangular(r *rand.Rand) float64 { return (r.Float64() + r.Float64() - 1) * 2.449 }

// randomCurve maps a normalised grey value (about -3..5) through a gamma; for one
// sample in five at full strength through a random piecewise-linear curve, which
// gives tissues an order no scanner has.
func randomCurve(r *rand.Rand, gamma, strength float64) func(float64) float64 {
	if r.Float64() > 0.2*strength {
		return func(v float64) float64 {
			t := math.Min(math.Max((v+3)/8, 0), 1)
			return math.Pow(t, gamma)*8 - 3
		}
	}
	var knot [9]float64
	for i := range knot {
		knot[i] = between(r, -2, 3)
	}
	return func(v float64) float64 {
		t := math.Min(math.Max(v+3, 0), 7.999)
		i := int(t)
		return knot[i] + (t-float64(i))*(knot[i+1]-knot[i])
	}
}
