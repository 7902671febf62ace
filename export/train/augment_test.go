package train

import (
	"math"
	"testing"
)

func ramp(d, h, w int) stack {
	s := newStack(d, h, w)
	for n := range s.Data {
		s.Data[n] = float32(n%w) + 10*float32(n/w%h) + 1
	}
	return s
}

func TestWarp_IdentityChangesNothing(t *testing.T) {
	s := ramp(2, 7, 9)
	got := warp{cos: 1, scale: 1}.apply(s)
	for n := range s.Data {
		if math.Abs(float64(got.Data[n]-s.Data[n])) > 1e-5 {
			t.Fatalf("voxel %d: %v became %v", n, s.Data[n], got.Data[n])
		}
	}
}

func TestIntensity_LeavesOutsideAtZero(t *testing.T) {
	s := ramp(1, 16, 16)
	for n := range 64 {
		s.Data[n] = 0
	}
	intensity(source(1, 1, 1), s, 1)
	for n := range 64 {
		if s.Data[n] != 0 {
			t.Fatalf("voxel %d outside the field of view became %v", n, s.Data[n])
		}
	}
}

func TestQuantise_RoundTripsWithinHalfAStep(t *testing.T) {
	in := []float32{0, -3, -0.5, 0.01, 1, 4.9}
	out := dequantise(quantise(in), 1, 1, len(in)).Data
	for i := range in {
		if math.Abs(float64(in[i]-out[i])) > 1.0/quantStep {
			t.Errorf("%v came back as %v", in[i], out[i])
		}
	}
	if out[0] != 0 {
		t.Error("zero must stay zero: it means outside the field of view")
	}
}

func TestRescale_GivesZeroMeanAndRange255(t *testing.T) {
	px := rescale([]float32{3, 5, 0, 9, 4})
	sum, lo, hi := float32(0), px[0], px[0]
	for _, v := range px {
		sum, lo, hi = sum+v, min(lo, v), max(hi, v)
	}
	if math.Abs(float64(sum)) > 1e-3 || math.Abs(float64(hi-lo-255)) > 1e-3 || px[2] != 0 {
		t.Fatalf("mean sum %v, range %v, outside %v", sum, hi-lo, px[2])
	}
}
