package phantom

import "math"

// discAt is a point between two endplates; f is -1 at the upper, 1 at the lower.
func (p *patient) discAt(sl *slice, d *disc, s, u, x, f float64) (tissue, uint8, bool) {
	round := d.bulge*(1-f*f) - 0.8*f*f*f*f
	behind := round
	if u > 0 && x < canalReach && x > -canalReach {
		behind = max(p.canalFloor(d, sl, x)-float64(sl.wall), round*0.3)
	}
	q := outlineOf(sl, round, behind, u, x)
	if q >= 1 && (u < float64(sl.wall)-0.5 || u > float64(sl.wall)+behind || x > canalReach-1 || x < 1-canalReach) {
		return 0, 0, false
	}
	label := uint8(d.label)
	if d.index >= firstSacral && !(d.index == firstSacral && p.lumbarised) {
		return tAnnulus, label, true
	}
	if p.infection != nil && p.infection.disc == d.index && p.infection.takes {
		if t, ok := p.lesionAt(s, u, x, true); ok {
			return t, label, true
		}
	}
	return p.discTissue(sl, d, s, u, x, f), label, true
}

// discTissue is nucleus, the inner or the outer annulus, with borders that fade. The
// nucleus shrinks and gains a cleft as the disc degenerates (Pfirrmann 2001).
func (p *patient) discTissue(sl *slice, d *disc, s, u, x, f float64) tissue {
	w, v := x/float64(sl.halfW), (u-0.06*float64(sl.front))/float64(sl.front)
	g := d.degeneration
	flat := f * f
	rough := p.noise.smooth(x*0.35, u*0.35, d.mid)
	r := w*w*1.25 + v*v*1.3 + (0.08+0.14*g)*rough
	n := tissue(d.index)
	if d.gas && math.Abs(f) < 0.45 && r < 0.45+0.3*rough {
		return tBowelGas
	}
	fade := p.noise.at(x*2.9+7, u*2.9, s*2.9)
	in := (0.68-0.1*g-r-0.45*flat*flat)/0.4 + 0.3*fade
	if g > 0.12 && r < 0.36 { // the cleft between the nucleus's halves
		in -= 0.75 * (1 - 0.7*g) * math.Exp(-flat/0.02) * (0.6 + rough)
	}
	switch {
	case in > 0.62:
		return tNucleus + n
	case in > 0.22:
		return tInner + n
	case d.fissure && u > 0 && math.Abs(f) < 0.3 && v > 0.72 && v < 0.9 && math.Abs(x) < 5:
		return tBasivertebral // high-intensity zone
	}
	return tAnnulus
}

// herniaAt is disc material in the canal behind the bodies.
func (p *patient) herniaAt(sl *slice, d *disc, s, u, x float64) (tissue, uint8, bool) {
	h := &d.hernia
	out := h.reach(s-d.mid, x)
	if out == 0 || u > float64(sl.wall)+out {
		return 0, 0, false
	}
	label := uint8(d.label)
	if h.kind == sequestration {
		label = 0
	}
	if u > float64(sl.wall)+out-0.8 {
		return tAnnulus, label, true
	}
	return tInner + tissue(d.index), label, true
}
