package inference

import (
	"math"
	"slices"

	"columna/volume"
)

// A surface coil shows what lies near it brighter than what lies far, and a scanner
// that does not correct that leaves the front of the vertebrae in the dark. What
// networks learned from was shaded less than evenFrom: such images they read as they
// are. The brightness of others is evened out, wholly from evenWholly on.
const (
	evenFrom   = 9.0
	evenWholly = 16.0

	shadeBlockMM = 6.0  // of the coarse image that the shading is measured on
	shadeReachMM = 20.0 // half the width of the window of its mean, taken three times
	shadeFloor   = 0.02 // of its largest: what is darker is air
)

// shading is the smooth brightness of an image, slice by slice, on blocks of pixels.
type shading struct {
	block, size [3]int
	mean        []float32 // 0 where the image shows nothing
	top         float32
}

// evenOut divides a volume whose slices lie along k by its shading, if that is strong,
// and reports whether it was. Voxels that are exactly 0 stay so. What has values below 0
// is no magnitude image: a coil's gain cannot be told from it.
func evenOut(v *volume.Volume) bool {
	if slices.ContainsFunc(v.Data, func(x float32) bool { return x < 0 }) {
		return false
	}
	s := shadingOf(v)
	power := math.Log(s.contrast()/evenFrom) / math.Log(evenWholly/evenFrom)
	if !(power > 0) {
		return false
	}
	power = math.Min(power, 1)
	floor := shadeFloor * float64(s.top)
	for n, x := range v.Data {
		if x != 0 {
			i, j, k := v.Coords(n)
			v.Data[n] = float32(float64(x) / math.Pow(float64(s.at(i, j, k))+floor, power))
		}
	}
	return true
}

// shadingOf measures the shading of what a volume shows.
func shadingOf(v *volume.Volume) shading {
	s := shading{block: [3]int{1, 1, 1}, size: v.Size}
	mm := v.SpacingMM()
	var reach [2]int
	for a := range 2 {
		s.block[a] = max(1, int(math.Round(shadeBlockMM/mm[a])))
		s.size[a] = (v.Size[a] + s.block[a] - 1) / s.block[a]
		reach[a] = max(1, int(math.Round(shadeReachMM/(mm[a]*float64(s.block[a])))))
	}
	s.mean = make([]float32, s.size[0]*s.size[1]*s.size[2])
	count := make([]float32, len(s.mean))
	for n, x := range v.Data {
		if x > 0 && !math.IsInf(float64(x), 0) {
			i, j, k := v.Coords(n)
			b := s.index(i/s.block[0], j/s.block[1], k)
			s.mean[b] += x
			count[b]++
		}
	}
	for range 3 {
		s.spread(s.mean, reach)
		s.spread(count, reach)
	}
	for b, n := range count {
		if n < 1e-3 {
			s.mean[b] = 0
			continue
		}
		s.mean[b] /= n
		s.top = max(s.top, s.mean[b])
	}
	return s
}

func (s shading) index(i, j, k int) int { return i + s.size[0]*(j+s.size[1]*k) }

// spread replaces each value by the mean of a window around it in its slice; beyond
// the edge there is nothing.
func (s shading) spread(values []float32, reach [2]int) {
	line := make([]float32, max(s.size[0], s.size[1]))
	for k := range s.size[2] {
		for j := range s.size[1] {
			meanOfWindows(values[s.index(0, j, k):], 1, line[:s.size[0]], reach[0])
		}
		for i := range s.size[0] {
			meanOfWindows(values[s.index(i, 0, k):], s.size[0], line[:s.size[1]], reach[1])
		}
	}
}

func meanOfWindows(values []float32, step int, line []float32, reach int) {
	for n := range line {
		line[n] = values[n*step]
	}
	for n := range line {
		sum := float32(0)
		for m := max(n-reach, 0); m <= min(n+reach, len(line)-1); m++ {
			sum += line[m]
		}
		values[n*step] = sum / float32(2*reach+1)
	}
}

// at is the shading of a voxel, bilinear between the middles of the blocks.
func (s shading) at(i, j, k int) float32 {
	x, fx := blockOf(i, s.block[0], s.size[0])
	y, fy := blockOf(j, s.block[1], s.size[1])
	row := func(j int) float32 {
		return s.mean[s.index(x, j, k)]*(1-fx) + s.mean[s.index(min(x+1, s.size[0]-1), j, k)]*fx
	}
	return row(y)*(1-fy) + row(min(y+1, s.size[1]-1))*fy
}

// blockOf is the block before a voxel, by their middles, and how far beyond it lies.
func blockOf(n, block, blocks int) (int, float32) {
	at := (float64(n)+0.5)/float64(block) - 0.5
	low := math.Min(math.Max(math.Floor(at), 0), float64(blocks-1))
	return int(low), float32(math.Min(math.Max(at-low, 0), 1))
}

// contrast is how many times brighter the bright parts are shaded than the dark ones,
// the tenth at either end apart: of the middle of the image, since air lies around.
func (s shading) contrast() float64 {
	var used []float32
	for k := s.size[2] / 4; k < s.size[2]-s.size[2]/4; k++ {
		for j := s.size[1] / 8; j < s.size[1]-s.size[1]/8; j++ {
			for i := s.size[0] / 4; i < s.size[0]-s.size[0]/4; i++ {
				if m := s.mean[s.index(i, j, k)]; m > 0 {
					used = append(used, m)
				}
			}
		}
	}
	if len(used) == 0 {
		return 1
	}
	slices.Sort(used)
	return float64(used[len(used)*9/10] / used[len(used)/10])
}
