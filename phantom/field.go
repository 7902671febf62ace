package phantom

import (
	"math"

	"columna/volume"
)

// sagittalGrid is the stack of sagittal slices: i to posterior, j to inferior, k to
// either side, turned by a few degrees as technicians do. share is how much of the
// distance between slices they are thick.
func (a *acquisition) sagittalGrid() (g volume.Grid, share float64) {
	d, vary, v := a.dice, a.vary, a.opts.Variety
	pixel, high, slices := d.between(0.66, 0.78), 384, 15+d.IntN(3)
	wide := high
	apart := a.apart(d)
	slab := a.opts.SlabMM
	switch {
	case slab > 0:
	case vary.chance(v):
		slab = math.Max(math.Exp(vary.between(math.Log(16), math.Log(120))), 9*apart)
	default:
		slab = apart * float64(slices)
	}
	centre := a.p.fieldCentre(d, v, d.between(-25, 12), d.between(-22, 14))
	if vary.chance(v) { // from T10-S3 to L2-S2
		long := vary.between(220, 370)
		pixel = vary.between(0.45, 1.1)
		high = min(max(int(long/pixel/2)*2, 192), 512)
		wide = max(int(float64(high)*vary.between(0.55, 1)/2)*2, 160)
		centre[2] += vary.between(-35, 35)
	}
	if apart < 1.5 { // isotropic volumes have isotropic matrices
		pixel, slab = math.Max(pixel, 0.8), math.Min(slab, 70)
		high, wide = min(high, 352), min(wide, 288)
	}
	if a.opts.Small {
		pixel, high, wide = pixel*2, high/2, wide/2
	}
	size := [3]int{wide, high, max(int(slab/apart+0.5), 5)}
	turn := 0.02 + 0.03*v
	g = sagittal(size, volume.Vec3{pixel, pixel, apart * d.sign()}, centre, d.about(0, turn), d.about(0, turn))
	return g, vary.between(0.8, 1)
}

// apart draws the distance of sagittal slices.
func (a *acquisition) apart(d dice) float64 {
	if a.opts.ThicknessMM > 0 {
		return a.opts.ThicknessMM
	}
	ordinary := math.Round(d.between(3.6, 4.6)*10) / 10
	thin, other := a.vary.chance(0.15*a.opts.Variety), a.vary.chance(a.opts.Variety)
	switch {
	case a.opts.External:
		return 5.5
	case thin:
		return math.Round(a.vary.between(0.9, 1.2)*100) / 100
	case other:
		return math.Round(a.vary.between(2.2, 5)*10) / 10
	}
	return ordinary
}

// fieldCentre puts the field of view where technicians do: on L3/L4, the spine in
// its rear part; back and lower (mm) stray from that.
func (p *patient) fieldCentre(d dice, variety, back, lower float64) volume.Vec3 {
	at := p.spot(p.vertebrae[firstLumbar+2].top, 10, 0)
	return volume.Vec3{0.7*at[0] + d.about(0, 1.5+2.5*variety), at[1] + back, at[2] + lower}
}

// sagittal builds a grid around a centre. yaw turns it about z, roll about y
// (radians); a negative slice step runs to the patient's right.
func sagittal(size [3]int, spacing volume.Vec3, centre volume.Vec3, yaw, roll float64) volume.Grid {
	sy, cy := math.Sincos(yaw)
	sr, cr := math.Sincos(roll)
	i := volume.Vec3{sy, cy, 0}
	j := volume.Vec3{cy * sr, -sy * sr, -cr}
	k := volume.Vec3{cy * cr, -sy * cr, sr}
	steps := [3]volume.Vec3{i.Scale(spacing[0]), j.Scale(spacing[1]), k.Scale(spacing[2])}
	origin := centre
	for n := range 3 {
		origin = origin.Sub(steps[n].Scale(float64(size[n]-1) / 2))
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}
