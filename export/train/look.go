package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"columna/spine"
)

// A look is how a scanner would have shown the same anatomy. Three kinds are
// drawn, since each alone leaves a gap: the study as it is, with the differences of
// one protocol; strong changes of contrast, resolution, coil and noise; and every
// tissue in a brightness of its own, which no scanner gives, so that shape must do.
const (
	mildShare   = 0.40
	strongShare = 0.40
)

// look changes the grey values of a sample in place. labels may be nil.
func look(r *rand.Rand, s stack, labels []uint8) {
	switch p := r.Float64(); {
	case p < mildShare:
		intensity(r, s, 0.7)
	case p < mildShare+strongShare:
		strongLook(r, s)
	default:
		if labels != nil {
			repaint(r, s, labels)
		}
		strongLook(r, s)
	}
	if r.IntN(4) == 0 {
		clipTop(s, between(r, 0.93, 0.995))
	}
}

// ownStrength is how far ownLook goes, where intensity takes 1 for another scanner.
const ownStrength = 0.1

// ownLook is a study nearly as it is. What a certain scanner shows faintly, the noise or
// the contrast of another would hide, and what cannot be seen is learned as a guess.
func ownLook(r *rand.Rand, s stack, _ []uint8) { intensity(r, s, ownStrength) }

// strongLook draws a contrast curve, a coarser resolution, a surface coil and noise,
// and brings the sample back to the scale that inference gives networks.
func strongLook(r *rand.Rand, s stack) {
	curve := anyCurve(r)
	for n, v := range s.Data {
		if v != 0 {
			s.Data[n] = float32(curve(float64(v)))
		}
	}
	if r.IntN(3) == 0 {
		coarsen(s, between(r, 1.2, 2.4))
	}
	coil(r, s)
	standardise(s)
	noise := between(r, 0, 0.35)
	gain, offset := between(r, 0.75, 1.3), between(r, -0.3, 0.3)
	for n, v := range s.Data {
		if v != 0 {
			s.Data[n] = nonzero(float32(float64(v)*gain + offset + noise*triangular(r)))
		}
	}
}

func nonzero(v float32) float32 {
	if v == 0 {
		return 1e-3
	}
	return v
}

// anyCurve is a gamma, an inversion or a free curve through nine knots.
func anyCurve(r *rand.Rand) func(float64) float64 {
	p := r.Float64()
	if p < 0.35 {
		return randomCurve(r, 1, 5) // always free
	}
	gamma := math.Exp(between(r, -0.8, 0.8))
	inverted := p > 0.85
	return func(v float64) float64 {
		t := math.Min(math.Max((v+3)/8, 0), 1)
		if inverted {
			t = 1 - t
		}
		return math.Pow(t, gamma)*8 - 3
	}
}

// repaint moves the brightness of every structure and of the surroundings by an
// amount of its own, with what texture it has scaled.
func repaint(r *rand.Rand, s stack, labels []uint8) {
	var gain, offset [256]float32
	kinds := [semCount][2]float32{}
	for c := range kinds {
		kinds[c] = [2]float32{float32(between(r, 0.2, 1.2)), float32(between(r, -2, 2))}
	}
	for l := range gain {
		c := 0
		if l <= int(spine.MaxStructure) {
			c = semanticOf(spine.Structure(l))
		}
		gain[l], offset[l] = kinds[c][0], kinds[c][1]
	}
	if r.IntN(2) == 0 { // the surroundings as they are
		gain[0], offset[0] = 1, 0
	}
	for n, v := range s.Data {
		if v != 0 {
			s.Data[n] = nonzero(v*gain[labels[n]] + offset[labels[n]])
		}
	}
	coarsen(s, 1.3) // the seams
}

// coil is a smooth gain that falls off with depth and towards the ends of the field
// of view.
func coil(r *rand.Rand, s stack) {
	if r.IntN(3) == 0 {
		return
	}
	gx, gy := between(r, -0.9, 0.9), between(r, -0.5, 0.5)
	qx, qy := between(r, -0.6, 0.3), between(r, -1.2, 0.3)
	low := float32(math.Inf(1))
	for _, v := range s.Data {
		if v != 0 {
			low = min(low, v)
		}
	}
	for n, v := range s.Data {
		if v == 0 {
			continue
		}
		x, y := float64(n%s.W)/float64(s.W)*2-1, float64(n/s.W%s.H)/float64(s.H)*2-1
		s.Data[n] = nonzero(low + (v-low)*float32(math.Exp(gx*x+gy*y+qx*x*x+qy*y*y)))
	}
}

// coarsen blurs each slice by a triangle of a width in pixels.
func coarsen(s stack, width float64) {
	side := float32((width - 1) / (2*width + 2) * 1.5)
	if side <= 0 {
		return
	}
	row := make([]float32, max(s.W, s.H))
	for k := range s.D {
		plane := s.Data[k*s.H*s.W:][:s.H*s.W]
		for y := range s.H {
			smoothLine(plane[y*s.W:], 1, s.W, side, row)
		}
		for x := range s.W {
			smoothLine(plane[x:], s.W, s.H, side, row)
		}
	}
}

// smoothLine mixes each value with its two neighbours inside the field of view.
func smoothLine(line []float32, step, n int, side float32, old []float32) {
	for i := range n {
		old[i] = line[i*step]
	}
	for i := range n {
		if old[i] == 0 {
			continue
		}
		sum, weight := old[i], float32(1)
		for _, j := range [2]int{i - 1, i + 1} {
			if j >= 0 && j < n && old[j] != 0 {
				sum, weight = sum+side*old[j], weight+side
			}
		}
		line[i*step] = nonzero(sum / weight)
	}
}

// standardise gives what is in the field of view zero mean and unit deviation.
func standardise(s stack) {
	var sum, sq, n float64
	for _, v := range s.Data {
		if v != 0 {
			sum, sq, n = sum+float64(v), sq+float64(v)*float64(v), n+1
		}
	}
	if n == 0 {
		return
	}
	mean := sum / n
	scale := 1 / math.Sqrt(math.Max(sq/n-mean*mean, 1e-6))
	for i, v := range s.Data {
		if v != 0 {
			s.Data[i] = nonzero(float32((float64(v) - mean) * scale))
		}
	}
}

// clipTop saturates what is brighter than a quantile, as exported images often are.
func clipTop(s stack, q float64) {
	var sample []float32
	for n := 0; n < len(s.Data); n += 1 + len(s.Data)/4000 {
		if s.Data[n] != 0 {
			sample = append(sample, s.Data[n])
		}
	}
	if len(sample) == 0 {
		return
	}
	slices.Sort(sample)
	top := sample[int(q*float64(len(sample)-1))]
	for n, v := range s.Data {
		if v > top {
			s.Data[n] = nonzero(top)
		}
	}
}
