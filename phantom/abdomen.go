package phantom

import "math"

// organs are the places of what lies before the spine, world millimetres.
type organs struct {
	kidney     [2]ellipsoid // left, right
	bladder    ellipsoid
	womb       ellipsoid // uterus or prostate
	rectum     float64   // half thickness
	rectumFull tissue
	lungZ      float64 // lower end of the lungs behind
	liver      ellipsoid
	spleen     ellipsoid
	cell       float64 // size of bowel loops, mm
	salt       uint32
	empty      uint32 // of 16 cells, how many hold fat alone
	colon      [3]tube
}

type ellipsoid struct{ c, r [3]float64 }

// at is below 1 inside.
func (e *ellipsoid) at(x, y, z float64) float64 {
	a, b, c := (x-e.c[0])/e.r[0], (y-e.c[1])/e.r[1], (z-e.c[2])/e.r[2]
	return a*a + b*b + c*c
}

func (p *patient) drawOrgans(d dice) organs {
	k := p.size
	o := organs{cell: d.between(24, 42) * k, salt: uint32(d.Uint64()), empty: uint32(2 + d.IntN(8)), rectum: d.between(7, 16) * k}
	for side := range 2 {
		o.kidney[side] = ellipsoid{[3]float64{sideSign(side) * d.between(58, 72) * k, d.between(2, 14), d.between(50, 90) - 10*float64(side)},
			[3]float64{27 * k * d.between(0.85, 1.1), 24 * k * d.between(0.8, 1.1), 54 * k * d.between(0.85, 1.1)}}
	}
	y, z := p.curve.place(p.vertebrae[firstSacral].top, -20)
	full := d.between(0.5, 1.2)
	o.bladder = ellipsoid{[3]float64{d.about(0, 4), y - d.between(50, 70)*k, z - d.between(75, 105)*k}, [3]float64{38 * k * full, 28 * k * full, 30 * k * full}}
	o.womb = ellipsoid{[3]float64{d.about(0, 5), y - d.between(20, 42)*k, z - d.between(60, 90)*k}, [3]float64{26 * k, 22 * k * d.between(0.8, 1.4), 30 * k * d.between(0.8, 1.3)}}
	if !p.female {
		o.womb = ellipsoid{[3]float64{0, y - 35*k, z - 125*k}, [3]float64{24 * k, 18 * k, 20 * k}}
	}
	o.rectumFull = [3]tissue{tBowelGas, tBowelPaste, tBowelWall}[d.IntN(3)]
	o.lungZ = p.placeZ(p.vertebrae[firstLumbar-2].bottom) + d.between(-25, 25)
	o.liver = ellipsoid{[3]float64{-85 * k, -35, p.placeZ(p.vertebrae[firstLumbar-2].top) + d.between(0, 40)}, [3]float64{80 * k, 58 * k, d.between(75, 105) * k}}
	o.spleen = ellipsoid{[3]float64{95 * k, 5, p.placeZ(p.vertebrae[firstLumbar-1].top) + d.between(-10, 20)}, [3]float64{28 * k, 38 * k, 45 * k}}
	for n := range o.colon {
		o.colon[n] = drawTube(d, n, p.trunk.visceral, k)
	}
	return o
}

// ventral is what lies before and beside the column: vessels, kidneys, lung, liver,
// fat, pelvic organs, bowel.
func (p *patient) ventral(sl *slice, x, y, z, s, u float64) tissue {
	t := &p.trunk
	if v, ok := p.vesselAt(sl, x, s, u); ok {
		return v
	}
	if v, ok := p.upperOrgan(x, y, z, u); ok {
		return v
	}
	if s > 5 {
		if v, ok := p.pelvicOrgan(x, y, z, s, u); ok {
			return v
		}
	}
	q := outlineOf(sl, 0, 0, u, x-float64(sl.sway))
	if q < 1.25 {
		if x < 12 && x > -12 && q < 1.2 {
			return tLigament // anterior longitudinal ligament
		}
		if v := &p.vertebrae[sl.vert]; math.Abs(s-(v.top+v.bottom)/2) < 1.5 && sl.vert < firstSacral {
			return tVein // segmental vessels around the waist
		}
	}
	wob := 9 * p.noise.smooth(x*0.05, z*0.06, 3)
	low := min(max(s/45+0.6, 0), 1)
	edge := t.visceral*(1-low) - 24*low + wob + min(x*x*0.007, 70)
	if u > edge {
		if p.noise.smooth(x*0.5, y*0.5, z*0.5) > 0.7 {
			return tVein
		}
		return tPelvicFat
	}
	return p.bowel(x, y, z)
}

// upperOrgan is lung, kidney, liver or spleen.
func (p *patient) upperOrgan(x, y, z, u float64) (tissue, bool) {
	o := &p.trunk.organs
	ax := math.Abs(x)
	if z > o.lungZ && ax > 22 && u < 26 {
		if dome := o.lungZ + 45*(1-math.Exp(-math.Max(14-y, 0)/45)) - 8*p.noise.smooth(x*0.03, y*0.03, 4); z > dome+3 {
			return tLung, true
		} else if z > dome {
			return tMuscle, true // diaphragm
		}
	}
	for side := range o.kidney {
		if e := o.kidney[side].at(x, y, z); e < 1 {
			if e < 0.2+0.15*p.noise.smooth(x*0.15, y*0.15, z*0.15) {
				return tKidneySinus, true
			}
			return tKidney, true
		} else if e < 1.35 {
			return tPelvicFat, true
		}
	}
	if o.spleen.at(x, y, z) < 1 {
		return tSpleen, true
	}
	if o.liver.at(x, y, z)+0.12*p.noise.smooth(x*0.03, y*0.03, z*0.03) < 1 && u < 10 {
		if p.noise.smooth(x*0.18, y*0.18, z*0.18) > 0.62 {
			return tVein, true
		}
		return tLiver, true
	}
	return 0, false
}

// pelvicOrgan is rectum, bladder, uterus or prostate.
func (p *patient) pelvicOrgan(x, y, z, s, u float64) (tissue, bool) {
	o := &p.trunk.organs
	if math.Abs(x) < 2.2*o.rectum && s > 38 {
		a, b := x/(1.4*o.rectum), (u+float64(p.at(s).front)+16+o.rectum+4*math.Sin(s/17))/o.rectum
		if e := a*a + b*b; e < 0.6 {
			return o.rectumFull, true
		} else if e < 1 {
			return tBowelWall, true
		}
	}
	if e := o.bladder.at(x, y, z); e < 0.8 {
		return tBladder, true
	} else if e < 1 {
		return tBowelWall, true
	}
	if e := o.womb.at(x, y, z); e < 1 {
		if p.female && e < 0.08 {
			return tBowelFluid, true
		}
		return [2]tissue{tProstate, tUterus}[b2i(p.female)], true
	}
	return 0, false
}

// vesselAt is the aorta (left) and the vena cava (right), which divide at L4.
func (p *patient) vesselAt(sl *slice, x, s, u float64) (tissue, bool) {
	t := &p.trunk
	split := p.vertebrae[firstLumbar+3].bottom - 8
	apart := math.Max(s-split, 0)
	if apart > 70 {
		return 0, false
	}
	front := -float64(sl.front)
	if x > 75 || x < -75 || u > 12 || u < -75 {
		return 0, false
	}
	wind := t.wind[0] * math.Sin(s/t.wind[1]*2*math.Pi)
	for n, base := range [2]float64{t.aortaX, t.cavaX} {
		r := [2]float64{9, 10}[n] * p.size
		wall := [2]float64{1.4, 0.7}[n]
		ux := front - r - 1.5 - math.Abs(wind)*b2f(n == 0)
		for _, way := range [2]float64{1, -1} {
			cx, cr := base+float64(sl.sway)*0.8+wind*b2f(n == 0), r
			if apart > 0 {
				cx, cr = cx+way*apart*0.55, r*0.68
			}
			a, b := (x-cx)/cr, (u-ux-0.15*apart)/(cr*[2]float64{1, 0.8}[n])
			if e := a*a + b*b; e < 1 {
				if e > 1-2*wall/cr {
					return tArteryWall, true
				}
				return t.flow[n], true
			}
			if apart == 0 {
				break
			}
		}
	}
	return 0, false
}
