package phantom

import "columna/volume"

// Slab is a sagittal T1 and T2 with the truth, on one grid.
type Slab struct {
	T1, T2 *volume.Volume
	Truth  *volume.LabelMap
}

// GenerateSagittal makes T1, T2 and truth directly on a network's grid: size and
// spacing (mm) along i to posterior, j to inferior and k to the patient's left.
// It is the fast way to segmentation samples; the anatomy of a seed is that of
// Generate, the field of view is not.
func GenerateSagittal(seed uint64, o Options, size [3]int, spacing [3]float64) *Slab {
	p := build(seed, o)
	a := newAcquisition(seed, o, p)
	d := a.dice
	cy, _ := p.curve.place(p.vertebrae[firstLumbar+3].top, 10)
	_, z := p.curve.place(p.vertebrae[firstLumbar+2].top, 0)
	centre := volume.Vec3{d.about(0, 3), cy + d.between(-25, 15), z + d.between(-25, 20)}
	zoom := d.between(0.92, 1.08)
	sp := volume.Vec3{spacing[0] * zoom, spacing[1] * zoom, spacing[2] * d.between(0.85, 1.12)}
	g := sagittal(size, sp, centre, d.about(0, 0.04), d.about(0, 0.04))
	pic := p.see(g, a.pal, coarseSampling, [seqCount]bool{true, true, false}, true)
	half := sp[1] * float64(size[1]) / 2
	band := d.chance(0.75)
	out := &Slab{Truth: &volume.LabelMap{Grid: g, Data: pic.labels}}
	// Averaging over larger voxels lowers the noise.
	const quieter = 0.6
	out.T1 = a.develop(g, pic.values[seqT1], seqT1, drawCoil(d, p, centre, half, band), quieter)
	out.T2 = a.develop(g, pic.values[seqT2], seqT2, drawCoil(d, p, centre, half, band), quieter)
	return out
}
