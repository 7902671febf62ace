package phantom

import "math"

// screw is a pedicle screw or rod: metal in spine coordinates, with the void that
// its susceptibility leaves around it.
type screw struct {
	a, b [3]float64 // s, u, x
	void float64    // mm
}

// drawSurgery takes laminae away and, now and then, fixes two vertebrae.
func (p *patient) drawSurgery(d dice) {
	if !d.chance(0.1 * p.variety) {
		return
	}
	n := firstSacral - 1 - d.IntN(3)
	p.vertebrae[n].laminectomy = true
	if d.chance(0.3) {
		p.vertebrae[n-1].laminectomy = true
	}
	p.fixed = 0
	if d.chance(0.45) {
		p.fixed = n
		p.voidMM = d.between(3.5, 8)
	}
}

// addMetal places the screws once the column is laid.
func (p *patient) addMetal() {
	if p.fixed == 0 {
		return
	}
	for _, side := range [2]float64{1, -1} {
		var heads [2][3]float64
		for k := range 2 {
			v := &p.vertebrae[p.fixed+k]
			s := v.top + 0.31*v.height
			wall := float64(p.at(s).wall)
			heads[k] = [3]float64{s, wall + 24, side * (v.pedX + 3)}
			p.metal = append(p.metal, screw{[3]float64{s, -5, side * (v.pedX - 7)}, heads[k], p.voidMM})
		}
		p.metal = append(p.metal, screw{heads[0], heads[1], p.voidMM + 1})
	}
}

// metalAt reports whether a point lies in a void.
func (p *patient) metalAt(s, u, x float64) bool {
	for n := range p.metal {
		m := &p.metal[n]
		d := [3]float64{m.b[0] - m.a[0], m.b[1] - m.a[1], m.b[2] - m.a[2]}
		q := [3]float64{s - m.a[0], u - m.a[1], x - m.a[2]}
		t := min(max((q[0]*d[0]+q[1]*d[1]+q[2]*d[2])/(d[0]*d[0]+d[1]*d[1]+d[2]*d[2]+1e-9), 0), 1)
		for k := range 3 {
			q[k] -= t * d[k]
		}
		r := m.void * (1 + 0.5*p.noise.smooth(s*0.2, u*0.2, x*0.2))
		if q[0]*q[0]+q[1]*q[1]+q[2]*q[2] < r*r {
			return true
		}
	}
	return false
}

// gone reports whether a point lies where surgery took bone away.
func (p *patient) gone(sl *slice, s, u, ax float64) bool {
	v := &p.vertebrae[sl.vert]
	if !v.laminectomy || s < v.top+0.35*v.height {
		return false
	}
	return ax < 12+2*math.Sin(s) && u > float64(sl.roof) && u < float64(sl.roof)+32
}
