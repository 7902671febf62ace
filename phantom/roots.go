package phantom

import "math"

// root is one pair of rootlets of the cauda equina. It leaves the sac at the
// disc of its level and lies, until then, at the back of the sac, the deeper in it
// the lower it leaves (the patient lies on his back).
type root struct {
	leaves  float64 // s
	w, v    float64 // place in the sac's section, shares of its half axes; w to either side
	radius  float64 // mm
	wave    float64 // mm
	long    float64 // mm of a wave
	phase   float64
	exiting float64 // mm over which it moves to the sac's corner
}

// drawRoots bundles rootlets; coiled above a narrow place (redundant roots).
func (p *patient) drawRoots(d dice) []root {
	var out []root
	coil := 0.0
	for n := firstLumbar; n < firstSacral; n++ {
		if p.discs[n].narrow.canal < 0.45 && d.chance(0.3) {
			coil = d.between(1, 2.2)
		}
	}
	for n := firstLumbar; n < firstSacral+2; n++ {
		for range 2 + b2i(n >= firstSacral-1) {
			at := p.discs[n].mid - 4
			lift := 0.2
			if coil > 0 { // roots above a narrow place do not sink
				lift = -0.5
			}
			rank := float64(firstSacral+2-n) / 8 // outer ones leave first
			out = append(out, root{leaves: at, w: math.Min(0.12+0.75*rank+d.about(0, 0.1), 0.86), v: d.between(lift+0.1, 0.8),
				radius: d.between(0.4, 0.8), wave: d.between(0.1, 0.6) + coil, long: d.between(16, 40), phase: d.between(0, 6), exiting: d.between(25, 45)})
		}
	}
	return out
}

// rootAt reports whether a point of the sac (mm from its middle) lies in a root.
func (p *patient) rootAt(sl *slice, s, v, x, crowd float64) bool {
	if s < p.conus-30 {
		return false
	}
	a, b := float64(sl.sacA), float64(sl.sacB)
	ax, side := x, 0.0
	if x < 0 {
		ax, side = -x, 1.7
	}
	for n := range p.roots {
		r := &p.roots[n]
		if s > r.leaves {
			continue
		}
		t := math.Max(1-(r.leaves-s)/r.exiting, 0)
		wave := r.wave * math.Sin(s/r.long*2*math.Pi+r.phase+side)
		cw := (r.w+(0.86-r.w)*t)*b + wave*0.6
		cv := (r.v*(1-t)+0.05*t)*a*(1-0.35*crowd) + wave
		dw, dv := ax-cw, v-cv
		// Each is a sheet of rootlets, longer across than along.
		if dw*dw*0.45+dv*dv < r.radius*r.radius {
			return true
		}
	}
	return x*x+(v-0.55*a)*(v-0.55*a) < 0.35 // filum
}
