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
	s.divide(v, power)
	return true
}

// divide divides what a volume shows by a power of its shading, bilinear between the
// middles of the blocks.
func (s shading) divide(v *volume.Volume, power float64) {
	floor := shadeFloor * float64(s.top)
	w, h := v.Size[0], v.Size[1]
	across := make([]float32, s.size[1]*w) // of a slice: rows of blocks, columns of voxels
	for k := range v.Size[2] {
		for i := range w {
			x, f := blockOf(i, s.block[0], s.size[0])
			next := min(x+1, s.size[0]-1)
			for y := range s.size[1] {
				across[y*w+i] = s.mean[s.index(x, y, k)]*(1-f) + s.mean[s.index(next, y, k)]*f
			}
		}
		for j := range h {
			y, f := blockOf(j, s.block[1], s.size[1])
			a, b := across[y*w:][:w], across[min(y+1, s.size[1]-1)*w:][:w]
			row := v.Data[(k*h+j)*w:][:w]
			for i, x := range row {
				if x == 0 {
					continue
				}
				by := float64(a[i]*(1-f)+b[i]*f) + floor
				if power < 1 {
					by = math.Pow(by, power)
				}
				row[i] = float32(float64(x) / by)
			}
		}
	}
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
	w, h := v.Size[0], v.Size[1]
	for line := range h * v.Size[2] {
		first := s.index(0, line%h/s.block[1], line/h)
		for i, x := range v.Data[line*w:][:w] {
			if x > 0 && x <= math.MaxFloat32 {
				b := first + i/s.block[0]
				s.mean[b] += x
				count[b]++
			}
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
