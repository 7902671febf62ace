package train

import (
	"math"
	"testing"

	"columna/spine"
)

// blockStudy is a bright labelled block in a dark study.
func blockStudy(size [3]int, spacing [3]float64) Segment {
	n := size[0] * size[1] * size[2]
	s := Segment{T2: make([]uint8, n), Labels: make([]uint8, n), Size: size, SpacingMM: spacing}
	for i := range s.Labels {
		s.T2[i] = 100
		x, y, k := i%size[0], i/size[0]%size[1], i/(size[0]*size[1])
		if x > size[0]/3 && x < size[0]*2/3 && y > size[1]/3 && y < size[1]*2/3 && k > size[2]/4 && k < size[2]*3/4 {
			s.T2[i], s.Labels[i] = 200, uint8(spine.L3)
		}
	}
	return s
}

func TestView_MovesLabelsWithTheImage(t *testing.T) {
	for name, s := range map[string]Segment{
		"thick": blockStudy([3]int{48, 48, 8}, [3]float64{1.5, 1.5, 4}),
		"thin":  blockStudy([3]int{48, 48, 30}, [3]float64{1, 1, 1}),
	} {
		c := crop{d: 4, h: 32, w: 32}
		labelled := 0
		for n := range 30 {
			r := source(3, n, 0)
			v := newView(r, s, c, [3]float64{1.5, 1.5, 4}, [3]float64{24, 24, float64(s.Size[2]) / 2})
			v.slab = 0 // a slab is partly in the block, a label is not
			v.narrow(r)
			labels, image := v.labels(s), v.image(s.T2)
			wrong := 0
			for i, l := range labels {
				if l != 0 {
					labelled++
				}
				if bright := image.Data[i] > (150-128)/quantStep; bright != (l != 0) {
					wrong++
				}
			}
			if wrong > len(labels)/20 { // only where a border falls between two voxels
				t.Fatalf("%s: image and labels disagree at %d of %d voxels", name, wrong, len(labels))
			}
		}
		if labelled < 30*300 {
			t.Errorf("%s: views show only %d voxels of the block", name, labelled)
		}
	}
}

func TestView_OfAThickStudyKeepsToItsSlices(t *testing.T) {
	s := blockStudy([3]int{16, 16, 9}, [3]float64{1.5, 1.5, 4})
	for n := range 20 {
		for _, d := range []int{4, 5} {
			v := newView(source(1, n, 0), s, crop{d: d, h: 8, w: 8}, [3]float64{1.5, 1.5, 4}, [3]float64{8, 8, 4})
			v.places(func(_ int, _, _, z float64) {
				if math.Abs(z-math.Round(z)) > 1e-9 {
					t.Fatalf("a slice of the view lies at slice %g of the study", z)
				}
			})
		}
	}
}

func TestView_ShowsNothingOutsideTheStudy(t *testing.T) {
	s := blockStudy([3]int{16, 16, 5}, [3]float64{1.5, 1.5, 4})
	v := newView(source(1, 1, 0), s, crop{d: 16, h: 64, w: 64}, [3]float64{1.5, 1.5, 4}, [3]float64{8, 8, 2})
	image, labels, seen := v.image(s.T2), v.labels(s), 0
	v.places(func(n int, x, y, z float64) {
		inside := x >= 0 && y >= 0 && x <= 15 && y <= 15 && z > -0.5 && z < 4.5
		if seen += 1; inside != (image.Data[n] != 0) {
			t.Fatalf("(%g, %g, %g): grey %g", x, y, z, image.Data[n])
		}
		if !inside && labels[n] != 0 && (x < -0.5 || y < -0.5 || z < -0.5) {
			t.Fatalf("(%g, %g, %g) is labelled", x, y, z)
		}
	})
	if seen != 16*64*64 {
		t.Errorf("%d voxels", seen)
	}
}

func TestLook_LeavesOutsideAtZeroAndInsideNot(t *testing.T) {
	for n := range 60 {
		s := ramp(2, 16, 16)
		labels := make([]uint8, len(s.Data))
		for i := range s.Data {
			s.Data[i] = s.Data[i]/40 - 2.01
			labels[i] = uint8(i % 14)
			if i < 64 {
				s.Data[i] = 0
			}
		}
		look(source(1, n, 1), s, labels)
		for i, v := range s.Data {
			if (v == 0) != (i < 64) || math.IsNaN(float64(v)) || math.Abs(float64(v)) > 60 {
				t.Fatalf("look %d: voxel %d became %v", n, i, v)
			}
		}
	}
}

// What a scanner shows faintly beside something bright is still there in a correction that
// is learned from; other looks hide it more often than not.
func TestOwnLook_KeepsWhatIsFaint(t *testing.T) {
	seen := func(as appearance) (count int) {
		for n := range 60 {
			s := ramp(2, 32, 32)
			for i := range s.Data {
				s.Data[i] = []float32{-0.6, -0.5, -0.55, 3}[i%4]
			}
			labels := make([]uint8, len(s.Data))
			as(source(1, n, 2), s, labels)
			var sum, sq [2]float64
			for i, v := range s.Data {
				if g := i % 4; g < 2 {
					sum[g], sq[g] = sum[g]+float64(v), sq[g]+float64(v)*float64(v)
				}
			}
			each := float64(len(s.Data) / 4)
			spread := (sq[0]-sum[0]*sum[0]/each+sq[1]-sum[1]*sum[1]/each)/(2*each) + 1e-12
			if gap := (sum[1] - sum[0]) / each; gap*gap > 4*spread {
				count++
			}
		}
		return count
	}
	if own, other := seen(ownLook), seen(look); own < 54 || other > 30 {
		t.Errorf("seen in %d of 60 corrections and in %d of 60 other looks", own, other)
	}
}
