package phantom

import (
	"math"

	"columna/volume"
)

// Want says what one training sample shall be: voxels and spacing (mm) along i to
// posterior, j to inferior and k to the patient's left.
type Want struct {
	SizeVox    [3]int
	SpacingMM  [3]float64
	Techniques []Technique // at most four; nil means T1 and T2
}

// Sample is a few images of one patient with the truth, all on one grid.
type Sample struct {
	Images     []*volume.Volume // as asked
	Truth      *volume.LabelMap
	LesionMask *volume.LabelMap // nil without lesions
	Lesions    []Lesion
	Scanner    Scanner
}

// MakeSample makes images directly on a network's grid. It is the fast way to
// training samples; the anatomy of a seed is that of Generate, the field of view
// is not. Slices thicker than the grid's are acquired and read between, as at
// serving, and the truth is that of the grid; where variety leaves a field of view
// smaller than the grid, images are zero and nothing is labelled.
func MakeSample(seed uint64, o Options, w Want) *Sample {
	if w.Techniques == nil {
		w.Techniques = []Technique{T1, T2}
	}
	p := build(seed, o)
	a := newAcquisition(seed, o, p, w.Techniques)
	g := a.sampleGrid(w)
	acquired, share := a.acquiredGrid(g)
	at := coarse(share)
	if math.Abs(g.SpacingMM()[0]) < 1.2 {
		at = thick(share)
	}
	same := acquired.Size == g.Size
	pic := p.see(acquired, a.pal, at, same)
	out := &Sample{Scanner: a.scanner}
	for q := range w.Techniques {
		r := a.receiver(q, a.sagittalCoil(g), acquired)
		// Averaging over larger voxels lowers the noise.
		r.noise *= float32(math.Min(1, 0.8/g.SpacingMM()[0]))
		v := r.develop(acquired, pic.water[q], pic.fat[q], a.rnd)
		if !same {
			v = alongSlices(v, g)
		}
		out.Images = append(out.Images, v)
	}
	if !same {
		pic = p.see(g, nil, sampling{{0, 0, 0}}, true)
	}
	a.crop(out.Images, pic)
	out.Truth = &volume.LabelMap{Grid: g, Data: pic.labels}
	out.LesionMask, out.Lesions = p.lesionsIn(pic)
	return out
}

// sampleGrid places the network's grid on the patient.
func (a *acquisition) sampleGrid(w Want) volume.Grid {
	d, v := a.dice, a.opts.Variety
	at := a.p.fieldCentre(d, v, d.between(-25, 15), d.between(-25-15*v, 20+15*v))
	at[0] += d.about(0, 2)
	zoom := d.between(0.92, 1.08)
	sp := volume.Vec3{w.SpacingMM[0] * zoom, w.SpacingMM[1] * zoom, w.SpacingMM[2] * d.between(0.85, 1.12)}
	turn := 0.04 + 0.02*v
	return sagittal(w.SizeVox, sp, at, d.about(0, turn), d.about(0, turn))
}

// acquiredGrid is the grid with slices as far apart as a protocol's, where those
// are thicker than the network's.
func (a *acquisition) acquiredGrid(g volume.Grid) (volume.Grid, float64) {
	share := a.vary.between(0.8, 1)
	sp := g.SpacingMM()[2]
	apart := a.apart(a.dice)
	if apart < 1.3*sp {
		return g, share
	}
	n := int(math.Ceil(float64(g.Size[2]-1)*sp/apart)) + 1
	step := g.Affine.Column(2).Scale(apart / sp)
	first := g.CenterMM().Sub(g.Affine.Column(0).Scale(float64(g.Size[0]-1) / 2)).Sub(g.Affine.Column(1).Scale(float64(g.Size[1]-1) / 2))
	first = first.Sub(step.Scale(float64(n-1)/2 + a.dice.between(-0.4, 0.4)))
	return volume.Grid{Size: [3]int{g.Size[0], g.Size[1], n},
		Affine: volume.NewAffine(g.Affine.Column(0), g.Affine.Column(1), step, first)}, share
}

// alongSlices reads a volume between its slices at those of a finer grid.
func alongSlices(v *volume.Volume, g volume.Grid) *volume.Volume {
	out := volume.New(g)
	plane := g.Size[0] * g.Size[1]
	for k := range g.Size[2] {
		at := v.ToVoxel(g.ToWorld(volume.Vec3{0, 0, float64(k)}))[2]
		at = min(max(at, 0), float64(v.Size[2]-1))
		lo := min(int(at), max(v.Size[2]-2, 0))
		f := float32(at - float64(lo))
		a, b := v.Data[lo*plane:][:plane], v.Data[min(lo+1, v.Size[2]-1)*plane:][:plane]
		row := out.Data[k*plane:][:plane]
		for i := range row {
			row[i] = a[i] + (b[i]-a[i])*f
		}
	}
	return out
}

// crop empties what a smaller field of view would not have covered: slices beside
// a slab, rows above and below.
func (a *acquisition) crop(images []*volume.Volume, pic *picture) {
	d, g := a.style, pic.grid
	lo, hi := [3]int{}, g.Size
	if slab := a.opts.SlabMM; slab > 0 || d.chance(0.3*a.opts.Variety) {
		if slab == 0 {
			slab = d.between(14, 60)
		}
		n := max(int(slab/g.SpacingMM()[2]+0.5), 3)
		if n < g.Size[2] {
			lo[2] = min(max((g.Size[2]-n)/2+int(d.about(0, 1.2)), 0), g.Size[2]-n)
			hi[2] = lo[2] + n
		}
	}
	if d.chance(0.25 * a.opts.Variety) {
		lo[1], hi[1] = int(float64(g.Size[1])*d.between(0, 0.18)), int(float64(g.Size[1])*d.between(0.82, 1))
		lo[0], hi[0] = int(float64(g.Size[0])*d.between(0, 0.25)), int(float64(g.Size[0])*d.between(0.88, 1))
	}
	if lo == [3]int{} && hi == g.Size {
		return
	}
	for i := range pic.labels {
		at := [3]int{i % g.Size[0], i / g.Size[0] % g.Size[1], i / (g.Size[0] * g.Size[1])}
		for n := range 3 {
			if at[n] < lo[n] || at[n] >= hi[n] {
				pic.labels[i], pic.lesion[i] = 0, 0
				for _, v := range images {
					v.Data[i] = 0
				}
				break
			}
		}
	}
}

// Slab is a sagittal T1 and T2 with the truth, on one grid.
type Slab struct {
	T1, T2 *volume.Volume
	Truth  *volume.LabelMap
}

// GenerateSagittal is MakeSample of T1 and T2.
func GenerateSagittal(seed uint64, o Options, size [3]int, spacing [3]float64) *Slab {
	s := MakeSample(seed, o, Want{SizeVox: size, SpacingMM: spacing})
	return &Slab{T1: s.Images[0], T2: s.Images[1], Truth: s.Truth}
}
