package phantom

import "math"

// spot is a harmless focus in a body that a lesion must not be mistaken for.
type spot struct {
	of      tissue
	s, u, x float64
	r       float64
}

// drawSpots strews haemangiomas, bone islands and islands of fat over the bodies.
func (p *patient) drawSpots(d dice) {
	for n := range firstSacral + 1 {
		v := &p.vertebrae[n]
		for range 2 {
			if !d.chance(0.14 * p.variety) {
				continue
			}
			c := spot{of: [4]tissue{tHaemangioma, tIsland, tMarrowPatch, tMarrowPatch}[d.IntN(4)], r: d.between(2, 9)}
			if c.of == tIsland {
				c.r = d.between(1.5, 4)
			}
			c.s = v.top + v.height*d.between(0.25, 0.75)
			c.u, c.x = v.front*d.between(-0.6, 0.6), v.halfW*d.between(-0.6, 0.6)
			v.spots = append(v.spots, c)
		}
	}
}

// spotAt is the tissue of a spot at a point of the body. Haemangiomas keep coarse
// vertical trabeculae.
func (v *vertebra) spotAt(f *noiseField, s, u, x float64) (tissue, bool) {
	for n := range v.spots {
		c := &v.spots[n]
		a, b, e := s-c.s, u-c.u, x-c.x
		r := math.Sqrt(a*a+b*b+e*e) + 1.2*f.smooth(s*0.4, u*0.4, x*0.4)
		if r > c.r {
			continue
		}
		if c.of == tHaemangioma && f.at(s*0.15, u*1.4, x*1.4) > 0.5 {
			return tCortical, true
		}
		return c.of, true
	}
	return 0, false
}
