package phantom

import (
	"math/big"
	"math/rand/v2"
)

// dice draws the patient and the scanner. Every purpose gets its own stream, so
// that adding a draw in one place does not change all the others.
type dice struct{ *rand.Rand }

// Streams of one seed.
const (
	streamAnatomy = iota + 1
	streamPathology
	streamLesions
	streamContrast
	streamScanner
	streamNoise
	streamTexture
	streamStyle
	streamTiming
	streamVariety
	streamBuild
	streamDisease
	streamInfection
)

func newDice(seed, stream uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, stream*0x9E3779B97F4A7C15))}
}

// between draws uniformly from lo..hi.
func (d dice) between(lo, hi float64) float64 { return lo + (hi-lo)*d.Float64() }

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// about draws a normal number of the given mean and deviation, cut at 2.5
// deviations.
func (d dice) about(mean, sd float64) float64 {
	return mean + sd*min(max(d.NormFloat64(), -2.5), 2.5)
}

// sign is -1 or 1.
func (d dice) sign() float64 {
	if d.chance(0.5) {
		return -1
	}
	return 1
}

// uid makes a DICOM UID of the form 2.25.<128 bits> (PS3.5 B.2), the same for the
// same seed, kind and numbers.
func uid(seed uint64, kind string, numbers ...int) string {
	h := uint64(14695981039346656037) ^ seed
	mix := func(v uint64) {
		h ^= v
		h *= 0xBF58476D1CE4E5B9
		h ^= h >> 29
	}
	for _, c := range []byte(kind) {
		mix(uint64(c))
	}
	for _, n := range numbers {
		mix(uint64(n) + 0x9E3779B97F4A7C15)
	}
	mix(1)
	high := h
	mix(2)
	n := new(big.Int).Lsh(new(big.Int).SetUint64(high), 64)
	return "2.25." + n.Or(n, new(big.Int).SetUint64(h)).String()
}

// noiseField is a smooth periodic random field, values about -1..1, made once for
// a patient. Neighbouring cells differ little, so reading the nearest is enough.
type noiseField struct{ data []float32 }

const noiseSize = 64 // cells a side, a power of two; features are about 4 cells wide

func newNoiseField(d dice) *noiseField {
	n := noiseSize * noiseSize * noiseSize
	a, b := make([]float32, n), make([]float32, n)
	for i := range a {
		a[i] = d.Float32()*2 - 1
	}
	for _, stride := range []int{1, noiseSize, noiseSize * noiseSize} {
		for range 2 {
			smoothPeriodic(a, b, stride)
			a, b = b, a
		}
	}
	var sum float64
	for _, v := range a {
		sum += float64(v) * float64(v)
	}
	scale := float32(0.45 / sqrt(sum/float64(n)))
	for i := range a {
		a[i] *= scale
	}
	return &noiseField{a}
}

// smoothPeriodic averages three neighbours along one axis, around the ends.
func smoothPeriodic(src, dst []float32, stride int) {
	for i := range src {
		c := i / stride % noiseSize
		base := i - c*stride
		l := base + (c+noiseSize-1)%noiseSize*stride
		r := base + (c+1)%noiseSize*stride
		dst[i] = (src[l] + src[i] + src[r]) / 3
	}
}

// at reads the field at a point given in cells.
func (f *noiseField) at(x, y, z float64) float64 {
	i, j, k := int(x+1<<20)&(noiseSize-1), int(y+1<<20)&(noiseSize-1), int(z+1<<20)&(noiseSize-1)
	return float64(f.data[i+noiseSize*(j+noiseSize*k)])
}

// smooth interpolates the field, for features much larger than a voxel.
func (f *noiseField) smooth(x, y, z float64) float64 {
	x, y, z = x+1<<20, y+1<<20, z+1<<20
	i, j, k := int(x), int(y), int(z)
	fx, fy, fz := float32(x-float64(i)), float32(y-float64(j)), float32(z-float64(k))
	const m = noiseSize - 1
	i0, i1 := i&m, (i+1)&m
	j0, j1 := (j&m)*noiseSize, ((j+1)&m)*noiseSize
	k0, k1 := (k&m)*noiseSize*noiseSize, ((k+1)&m)*noiseSize*noiseSize
	line := func(row int) float32 {
		a := f.data[row+i0]
		return a + (f.data[row+i1]-a)*fx
	}
	a, b := line(j0+k0), line(j0+k1)
	a += (line(j1+k0) - a) * fy
	b += (line(j1+k1) - b) * fy
	return float64(a + (b-a)*fz)
}
