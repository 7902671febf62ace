package phantom

import (
	"math"

	"columna/spine"
)

// classify says what tissue lies at a point of the patient and which structure
// it is labelled as.
func (p *patient) classify(x, y, z float64) (tissue, uint8) {
	skin := p.trunk.skin(x, z)
	if y > skin || p.trunk.outside(x, y) {
		return tAir, 0
	}
	s, u, rx, sl := p.locate(x, y, z)
	if u > -34 && u < 88 && rx > -58 && rx < 58 && s < p.vertebrae[vertebraSum-1].bottom {
		if t, label, ok := p.spineAt(sl, s, u, rx); ok {
			if len(p.metal) > 0 && p.metalAt(s, u, rx) {
				t = tMetal
			}
			return t, label
		}
	}
	if len(p.metal) > 0 && p.metalAt(s, u, rx) {
		return tMetal, 0
	}
	if t, ok := p.abscessAt(s, u, rx); ok {
		return t, 0
	}
	return p.surround(x, y, z, s, u, rx, sl, skin), 0
}

// spineAt covers the column, the canal with all in it, the foramina and the
// posterior elements; not ok means soft tissue around.
func (p *patient) spineAt(sl *slice, s, u, x float64) (tissue, uint8, bool) {
	q := outlineOf(sl, 0, 0, u, x)
	if q < 1.7 {
		if t, l, ok := p.columnAt(sl, s, u, x, q); ok {
			return t, l, true
		}
	}
	if u > float64(sl.wall)-1.5 {
		if t, l, ok := p.canalAt(sl, s, u, x); ok {
			return t, l, true
		}
	}
	if t, l, ok := p.boneAt(sl, s, u, x); ok {
		return t, l, true
	}
	if int(sl.vert) >= firstSacral {
		if t, l, ok := p.alaAt(sl, s, u, x); ok {
			return t, l, true
		}
	}
	if u > float64(sl.wall)-2 && u < float64(sl.roof)+5 {
		return p.foramenAt(sl, s, u, x)
	}
	return 0, 0, false
}

// outlineOf is below 1 inside the column's outline: an ellipse in front, flat with
// rounded corners and a shallow hollow behind. wider and deeper are mm added.
func outlineOf(sl *slice, wider, deeper, u, x float64) float64 {
	w := x / (float64(sl.halfW) + wider)
	w2 := w * w
	if u < 0 {
		v := u / (float64(sl.front) + wider)
		return w2 + v*v
	}
	hollow := 1.1 * (1 - min(w2*2.2, 1))
	v := u / (float64(sl.back) + deeper - hollow)
	v2 := v * v
	return w2*w2*(0.5+0.5*w2) + v2*v2*v2
}

// columnAt covers vertebral bodies, sacral bodies and discs.
func (p *patient) columnAt(sl *slice, s, u, x, q float64) (tissue, uint8, bool) {
	d := &p.discs[sl.disc]
	t := s - d.mid
	conc := d.concDown
	if t < 0 {
		conc = d.concUp
	}
	half := d.half + conc*(1-min(q, 1)) + (0.25+0.5*d.degeneration)*p.noise.smooth(x*0.4, u*0.4, d.mid)
	if len(d.nodes) > 0 && q < 1 {
		half += d.dent(t < 0, u, x)
	}
	if t < half && t > -half {
		is, label, ok := p.discAt(sl, d, s, u, x, t/half)
		if half-math.Abs(t) < min(unlabelledDisc, half/4) {
			label = 0
		}
		return is, label, ok
	}
	if u > float64(sl.wall)-0.5 && x < canalReach && x > -canalReach {
		if t > -half-3.5 && t < half+3.5 && u < p.canalFloor(d, sl, x) {
			return tAnnulus, uint8(d.label), true // disc material behind the bodies' edges
		}
		if d.hernia.kind != noHernia {
			if t, l, ok := p.herniaAt(sl, d, s, u, x); ok {
				return t, l, true
			}
		}
	}
	if q >= 1 {
		return 0, 0, false
	}
	v := &p.vertebrae[sl.vert]
	label, beyond := uint8(v.label), math.Abs(t)-half
	if beyond < unlabelledBody {
		label = 0
	}
	return p.bodyTissue(sl, v, d, s, u, x, q, t, beyond), label, true
}

// How much of the dark line between a disc and a body, mm, is labelled as neither, as
// SPIDER's readers do: cartilage and the outermost fibres of the disc, and bone. The
// background between disc and body is 1.2 mm in the mean there.
const (
	unlabelledDisc = 0.7
	unlabelledBody = 0.3
)

// bodyTissue is cortex, marrow, basivertebral vein, endplate change, fracture, spot
// or lesion; t is the distance from the disc's middle, beyond that from the
// endplate, mm.
func (p *patient) bodyTissue(sl *slice, v *vertebra, d *disc, s, u, x, q, t, beyond float64) tissue {
	if len(p.lesions) > 0 {
		if t, ok := p.lesionAt(s, u, x, true); ok {
			return t
		}
	}
	shell := (1 - math.Sqrt(q)) * float64(sl.front)
	if u > 0 {
		shell *= 0.6
	}
	if beyond < p.endplate || shell < 0.7 && !v.inPedicle(s, u, x) {
		return tCortical
	}
	if d.modic > 0 && beyond < d.modicDepth*(1+0.7*p.noise.smooth(s*0.4, u*0.4, x*0.4)) {
		return [4]tissue{tMarrow, tModic1, tModic2, tModic3}[d.modic]
	}
	if v.fracture.fresh {
		if t, ok := v.broken(beyond, t, p.noise.smooth(u*0.15, x*0.15, v.top)); ok {
			return t
		}
	}
	if len(v.spots) > 0 {
		if t, ok := v.spotAt(p.noise, s, u, x); ok {
			return t
		}
	}
	if v.basi > 0.15 {
		mid := (v.top + v.bottom) / 2
		deep := u - 0.15*v.back
		if deep > 0 && math.Abs(s-mid) < v.basi*(0.3+deep*0.14) && math.Abs(x) < 2+v.basi*4-deep*0.2 {
			return tBasivertebral
		}
	}
	return p.marrowAt(int(sl.vert), beyond, s, u, x)
}

// marrowAt is marrow, in part fatty: in patches, and beside the endplates of the
// old. Growing bodies have a plate of cartilage at the rim.
func (p *patient) marrowAt(n int, beyond, s, u, x float64) tissue {
	if p.age < 16 && beyond < 2 && n < firstSacral {
		return tGrowth
	}
	if p.patchy > 0.12 {
		f := p.noise.smooth(s*0.3+90, u*0.3, x*0.3)
		if f > 0.75-p.patchy-0.15*b2f(beyond < 4) {
			return tMarrowPatch
		}
	}
	switch {
	case n < firstLumbar:
		return tMarrowAbove
	case n >= firstSacral:
		return tMarrowSacrum
	}
	return tMarrow
}

// inPedicle reports whether a point of the body's rear lies before a pedicle, where
// the wall has no cortex.
func (v *vertebra) inPedicle(s, u, x float64) bool {
	a, b := (s-v.top-0.31*v.height)/(v.pedH-1), (math.Abs(x)-v.pedX)/(v.pedW-1)
	return u > 0 && a*a+b*b < 1
}

// canalAt covers the thecal sac, the epidural fat and the flavum.
func (p *patient) canalAt(sl *slice, s, u, x float64) (tissue, uint8, bool) {
	ax := math.Abs(x)
	if ax > canalReach || u > float64(sl.roof)+0.5 {
		return 0, 0, false
	}
	d := &p.discs[sl.disc]
	if p.inSac(d, sl, x, u) {
		return p.sacTissue(d, sl, s, u, x), uint8(spine.Canal), true
	}
	if e := d.cyst.at(s-d.mid, u-float64(sl.roof), x); e < 1 {
		if e > 0.6 {
			return tCystWall, 0, true
		}
		return tFacetFluid, 0, true
	}
	v := &p.vertebrae[sl.vert]
	if ax > v.pedX-v.pedW && sl.near < 0.3 {
		return 0, 0, false // the pedicle's medial side
	}
	near := float64(sl.near)
	plain := float64(sl.roof) - 0.078*min(x*x, 14*14)
	ceiling := plain - d.canal.rear[canalCell(x)]*near
	floor := p.canalFloor(d, sl, x)
	lateral := float64(sl.sacB) + 1.8
	if ax > lateral+2.5 {
		return 0, 0, false
	}
	switch {
	case u < floor:
		if u > float64(sl.wall)-0.3 {
			return tLigament, 0, true
		}
		return 0, 0, false
	case u < floor+0.45 && near < 0.9:
		return tLigament, 0, true
	case u > ceiling && u < plain+0.5 && near > 0.1:
		return tFlavum, 0, true
	case u < ceiling:
		return p.epidural(d, sl, s, u, x), 0, true
	}
	return 0, 0, false
}

// epidural is fat with the traversing root beside the sac and veins in front of it.
func (p *patient) epidural(d *disc, sl *slice, s, u, x float64) tissue {
	side := 0
	if x < 0 {
		side = 1
	}
	c := recessX(sl, side) + sideSign(side)*1.6
	mid := (p.canalFloor(d, sl, c) + p.canalCeiling(d, sl, c)) / 2
	a, b := (x-c)/2, (u-mid)/1.7
	if a*a+b*b < 1 && s > p.discs[firstLumbar-1].mid {
		return tRoot
	}
	if u < float64(sl.sacC) && sl.near < 0.25 && p.noise.at(s*0.5, u, x*0.6) > 0.1 {
		return tVein
	}
	return tEpiduralFat
}

// sacTissue is cord, roots of the cauda equina or fluid. The roots lie at the
// back of the sac (the patient lies on it) and fill it where it is narrow.
func (p *patient) sacTissue(d *disc, sl *slice, s, u, x float64) tissue {
	a := float64(sl.sacA)
	v := (u - float64(sl.sacC)) / a
	if s < p.conus+25 {
		thin := min(max((p.conus+25-s)/50, 0), 1)
		thin = math.Sqrt(thin)
		cv, cw := (v-0.15)*a/(3.6*thin+0.1), x/(4.6*thin+0.1)
		if cv*cv+cw*cw < 1 {
			return tCord
		}
	}
	crowd := 0.0
	if sl.near > 0.1 {
		crowd = (1 - d.narrow.canal) * float64(sl.near)
	}
	if crowd > 0.5 {
		return tCrowded
	}
	if p.rootAt(sl, s, v*a, x, crowd) {
		return tRoot
	}
	return tCSF
}

// boneAt covers the posterior elements.
func (p *patient) boneAt(sl *slice, s, u, x float64) (tissue, uint8, bool) {
	ax, side := x, 0
	if x < 0 {
		ax, side = -x, 1
	}
	if len(sl.bones) == 0 {
		return 0, 0, false
	}
	deepest, facets := p.depthIn(sl, s, u, ax, side)
	if deepest > -0.8 && deepest < 1.5 {
		deepest += 0.6 * p.noise.smooth(s*0.45, u*0.45, x*0.45)
	}
	if deepest <= 0 || p.gone(sl, s, u, ax) {
		return 0, 0, false
	}
	label := uint8(spine.Posterior)
	if len(p.lesions) > 0 {
		if t, ok := p.lesionAt(s, u, x, true); ok {
			return t, label, true
		}
	}
	if gap := facets[0] - facets[1]; facets[0] > -0.8 && facets[1] > -0.8 && gap < 1.6 && gap > -1.6 {
		if gap < 0.45 && gap > -0.45 {
			return tFacetFluid, label, true
		}
		return tCortical, label, true
	}
	if deepest < p.endplate*0.9 {
		return tCortical, label, true
	}
	return p.marrowAt(int(sl.vert), 9, s, u, x), label, true
}

// foramenAt covers the neural foramina: fat around the root and ganglion, bounded
// by what narrows it.
func (p *patient) foramenAt(sl *slice, s, u, x float64) (tissue, uint8, bool) {
	ax, side := x, 0
	if x < 0 {
		ax, side = -x, 1
	}
	n := int(sl.vert)
	d := &p.discs[sl.disc]
	if n >= firstSacral && d.index != firstSacral-1 || ax < float64(sl.sacB) {
		return 0, 0, false
	}
	v := &p.vertebrae[d.index]
	outer := v.pedX + v.pedW + 6
	wall := float64(sl.wall)
	if u > wall+15 || ax > outer-0.6*math.Max(u-wall, 0) {
		return 0, 0, false
	}
	// The ganglion lies under the pedicle and runs down and outwards.
	gs := v.top + 0.3*v.height + v.pedH + 4.2 + 0.3*(ax-float64(sl.sacB)-6)
	squeeze := 0.55 + 0.45*d.canal.foramen[side]
	a, b := (s-gs)/(3.1*squeeze), (u-wall-5.2)/2.7
	if a*a+b*b < 1 {
		return tForamenRoot, 0, true
	}
	if k := d.canal.foramen[side]; k < 1 {
		// What is left open is a window around the ganglion.
		a, b := (s-gs-3*k)/(15*k+1), (u-wall-5.4)/(11*k+1)
		edge := 1 + 0.25*p.noise.smooth(s*0.4, u*0.4, ax*0.3)
		side := math.Max(ax-v.pedX-v.pedW+1.5, 0) / 3
		if a*a+b*b > edge+side*side && u < wall+13 {
			return tForamenScar, 0, true
		}
	}
	if p.noise.smooth(s*0.7, u*0.7, x*0.4) > 0.62 {
		return tVein, 0, true
	}
	return tForamenFat, 0, true
}
