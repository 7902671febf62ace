package phantom

import (
	"math"

	"columna/spine"
)

// pelvis is the iliac bones on either side of the sacrum, in spine coordinates.
type pelvis struct {
	joint            float64 // |x| of the sacroiliac joint at S1
	crest            float64 // s of the top of the crest
	high, deep       float64 // half axes of the wing along s and u
	flare, thickness float64
}

func (p *patient) drawPelvis(d dice) pelvis {
	k := p.size
	return pelvis{joint: 45 * k * d.about(1, 0.03), crest: d.about(-32, 7), high: 48 * k, deep: d.between(40, 52) * k,
		flare: d.between(0.5, 0.8), thickness: d.between(6, 9) * k}
}

// wide is how far the wing of the sacrum reaches at s.
func (p *patient) wingReach(n int, f float64) float64 {
	reach := [4]float64{44, 46, 34, 16}
	return (reach[n]*(1-f) + reach[n+1]*f) * p.size
}

// alaAt covers the wings of the sacrum with its foramina.
func (p *patient) alaAt(sl *slice, s, u, x float64) (tissue, uint8, bool) {
	v := &p.vertebrae[sl.vert]
	n := int(sl.vert) - firstSacral
	if n > 2 {
		return 0, 0, false
	}
	f := min(max((s-v.top)/v.height, 0), 1)
	wide := p.wingReach(n, f)
	ax := math.Abs(x)
	if n == 0 {
		wide -= 18 * math.Max(0, 0.45-f)
	}
	thick := ([4]float64{15, 12, 8, 5}[n]*(1-f) + [4]float64{12, 8, 5, 4}[n]*f) * p.size
	mid := float64(sl.wall) - thick*0.55 + 0.1*ax - 1
	if n == 0 && s < v.top+0.22*max(ax-15, 0)-2*p.noise.smooth(ax*0.08, u*0.1, 3) {
		return 0, 0, false
	}
	e := (u - mid) / thick
	in := ax / wide
	depth := (1 - e*e - in*in*in*in) * thick * 0.5
	if depth < 0 || ax < float64(sl.halfW)*0.5 {
		return 0, 0, false
	}
	if t, ok := p.sacralForamen(sl, s, u-mid, ax); ok {
		return t, 0, true
	}
	if t, ok := p.lesionAt(s, u, x, true); ok {
		return t, uint8(spine.S1), true
	}
	if depth < 1 {
		return tCortical, uint8(spine.S1), true
	}
	return tMarrowSacrum, uint8(spine.S1), true
}

// sacralForamen is a canal of fat with a root between two sacral segments.
func (p *patient) sacralForamen(sl *slice, s, v, ax float64) (tissue, bool) {
	d := &p.discs[sl.disc]
	if d.index < firstSacral || ax > float64(sl.halfW)+9 || ax < 9 {
		return 0, false
	}
	a, b := (s-d.mid-0.25*v)/6.5, (ax-float64(sl.halfW)*0.85)/5.5
	if e := a*a + b*b; e < 0.14 {
		return tForamenRoot, true
	} else if e < 1 {
		return tEpiduralFat, true
	}
	return 0, false
}

// iliumAt covers the iliac bone, the muscles on both of its faces and the joint
// with the sacrum.
func (p *patient) iliumAt(s, u, ax float64) (tissue, bool) {
	q := &p.pelvis
	if s < q.crest-2 || s > q.crest+2.2*q.high || ax < 30 {
		return 0, false
	}
	up := math.Max(12-s, 0)
	down := math.Max(s-12, 0)
	// The wing leans out upwards and forward, and in behind the sacrum.
	v := u - 8
	plane := q.joint + 6 + q.flare*up*0.6 - 0.32*down - 0.4*v + 0.006*v*v + 3*p.noise.smooth(s*0.06, u*0.06, 7)
	a, b := (s-q.crest-q.high)/q.high, (u-4)/q.deep
	rim := 1 - a*a - b*b
	if rim < 0 {
		return 0, false
	}
	thick := q.thickness * (0.7 + 0.5*math.Exp(-rim*6) + 0.2*p.noise.smooth(s*0.1, u*0.1, ax*0.05)) // stout at the crest
	off := math.Abs(ax - plane)
	depth := math.Min(thick-off, rim*q.deep*0.4)
	switch {
	case depth < 0 && off < thick+18*rim:
		return tMuscle, s < 40 || ax > plane
	case depth < 0:
		return 0, false
	case depth < p.endplate*1.3:
		return tCortical, true
	}
	return tIliac, true
}
