package phantom

import "math"

// dorsalEdge is u of the border between the back muscles and what lies before
// them: behind the transverse processes.
func (p *patient) dorsalEdge(sl *slice, ax float64) float64 {
	w := float64(sl.wall)
	switch {
	case ax < 20:
		return w - 3
	case ax < 36:
		return w - 3 + (ax-20)*1.05
	}
	return w + 14 + (ax-36)*0.16
}

// dorsal is the back: muscle with streaks of fat along its fibres, more of them near
// the midline and further down, ligament and fat between the spinous processes.
func (p *patient) dorsal(sl *slice, x, rx, y, z, s, u float64) tissue {
	ax := math.Abs(rx)
	roof := float64(sl.roof)
	if v := &p.vertebrae[sl.vert]; v.laminectomy && p.gone(sl, s, u, ax) {
		return p.scar(s, u, rx, roof)
	}
	if ax < 3 && u > roof && sl.vert < firstCoccygeal {
		return p.interspinous(rx, s, u, roof)
	}
	low := min(max((s+160)/200, 0), 1.2)
	deep := 1 - min(ax/40, 1)
	// Fibres of multifidus run down and outwards from the spinous processes.
	f := 0.6 * p.noise.smooth(x*0.4, y*0.35+z*0.08, z*0.09-y*0.04)
	f += 0.55 * p.noise.smooth(x*1.1+z*0.12, y*1.1+z*0.28, z*0.14)
	f += 0.22 * p.noise.at(x*2.6, y*2.6+z*0.5, z*0.4)
	f += p.trunk.fatStreaks*0.8 + 0.28*low*deep - 0.3
	if ax < 11 {
		f += 0.26 // between the laminae and the deepest muscles
	}
	if u < float64(sl.wall)+22 {
		f += 0.18 // fat before the muscles and around the facets
	}
	if s > -5 && u < 40 {
		f += 0.2
	}
	// Planes of fat between multifidus, longissimus and iliocostalis.
	for _, plane := range [2]float64{24, 47} {
		if d := math.Abs(ax - plane - 0.15*(u-40) - 4*p.noise.smooth(y*0.1, z*0.1, plane)); d < 1.1 {
			f += 0.5 - 0.3*d
		}
	}
	switch {
	case f > 0.52:
		return tFat
	case f > 0.2:
		return tMuscleFat
	case f < -0.35:
		return tMuscleDark
	}
	return tMuscle
}

// interspinous is ligament and fat in the midline, in bands that slant backwards.
func (p *patient) interspinous(rx, s, u, roof float64) tissue {
	n := p.noise.smooth(rx*0.4, (u-s*0.6)*0.45, (s+u*0.4)*0.16)
	switch {
	case u < roof+5 && n > -0.3:
		return tEpiduralFat
	case n > 0.3+0.3*p.trunk.fatStreaks*-1:
		return tFat
	case u > 58 && n < 0.1 || n < -0.5:
		return tLigament
	}
	return tInterspinous
}

// scar fills the place of a lamina: fibrous tissue, at times with fluid.
func (p *patient) scar(s, u, x, roof float64) tissue {
	n := p.noise.smooth(s*0.1, u*0.15, x*0.15)
	switch {
	case n > 0.42 && p.rootSeed > 20:
		return tFacetFluid
	case n < -0.35:
		return tFat
	}
	return tScar
}

// psoasAt is the psoas muscle, growing downwards beside the column, and the
// quadratus lumborum behind it.
func (p *patient) psoasAt(s, u, rx, x, z float64) (tissue, bool) {
	down := min(max((s+190)/190, 0), 1.15)
	if s < -195 || s > 90 {
		return 0, false
	}
	big := p.trunk.psoas * (6 + 15*down) * min(max((s+196)/25, 0.1), 1)
	ax := math.Abs(rx)
	forward := 0.5 * math.Max(s, 0)
	a, b := (ax-24*p.size-0.75*big-4*down-0.2*forward)/big, (u+1-3*(1-down)+forward)/(big*1.05)
	e := a*a + b*b + 0.15*p.noise.smooth(x*0.1, u*0.1, z*0.05)
	if e > 1 {
		a, b := (ax-56-6*down)/22, (u-22-2*down)/9
		if a*a+b*b < 1 && s > -175 && s < -15 {
			return tMuscle, true
		}
		if s < 5 && (e < 1.22 || a*a+b*b < 1.25) {
			return tPelvicFat, true
		}
		return 0, false
	}
	if e > 0.25 && p.noise.smooth(x*0.9, u*0.9, z*0.12) > 0.7-0.5*p.trunk.fatStreaks {
		return tMuscleFat, true
	}
	return tMuscle, true
}
