package phantom

import "math"

// rib starts beside the disc above its vertebra and runs to behind, to the side
// and down, then forward around the trunk.
type rib struct {
	s, u, x  float64 // head, on the left
	s1, u1   float64 // at the angle, 38 mm further out
	tall, th float64 // half height and half thickness, mm
}

// addRibs gives every thoracic vertebra its pair.
func (p *patient) addRibs() {
	for n := 1; n < firstSacral-p.lumbar; n++ {
		v := &p.vertebrae[n]
		sl := p.at(v.top + 0.2*v.height)
		r := rib{s: v.top + 0.12*v.height, u: float64(sl.wall) - 1, x: float64(sl.halfW) - 1, tall: 5.5 * p.size, th: 3.4 * p.size}
		r.s1, r.u1 = r.s+12, r.u+30
		p.ribs = append(p.ribs, r)
		p.ribsEnd = r.s + 95
	}
}

// ribAt finds the rib at a point.
func (p *patient) ribAt(s, u, ax float64) (tissue, bool) {
	for n := range p.ribs {
		r := &p.ribs[n]
		if s < r.s-12 || s > r.s+95 {
			continue
		}
		out := ax - r.x
		if out < -2 || out > 110 {
			continue
		}
		t := out / 38
		cs := r.s + (r.s1-r.s)*t
		if s-cs > r.tall || cs-s > r.tall {
			continue
		}
		cu := r.u + (r.u1-r.u)*math.Sin(math.Min(t, 3)*math.Pi/2.6)
		// The rib's own slant stretches its section along u where it runs to behind.
		slant := 1 + 0.6*math.Abs(math.Cos(math.Min(t, 3)*math.Pi/2.6))
		a, b := (s-cs)/r.tall, (u-cu)/(r.th*slant)
		if e := a*a + b*b; e < 0.5 {
			return tRib, true
		} else if e < 1 {
			return tCortical, true
		}
	}
	return 0, false
}
