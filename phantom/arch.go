package phantom

import "math"

// arch helps to build the posterior elements of one vertebra.
type arch struct {
	p          *patient
	n          int
	v          *vertebra
	wall, roof float64
}

func (a arch) at(f float64) float64 { return a.v.top + f*a.v.height }

// rod adds a rod; its radius grows with the skeleton.
func (a arch) rod(from, to [3]float64, r, tall, wide float64) *bone {
	p := a.p
	p.bones = append(p.bones, bone{vertebra: int16(a.n), a: from, b: to, radius: r * p.size, tall: tall, wide: wide})
	return &p.bones[len(p.bones)-1]
}

// addArch builds pedicles, laminae, articular, transverse and spinous processes.
func (p *patient) addArch(n int) {
	v := &p.vertebrae[n]
	sl := p.at((v.top + v.bottom) / 2)
	a := arch{p, n, v, float64(sl.wall) - float64(sl.push), float64(sl.roof)}
	x, wall, roof := v.pedX, a.wall, a.roof
	a.rod([3]float64{a.at(0.31), wall - 4, x}, [3]float64{a.at(0.30), wall + 12, x}, v.pedW/p.size, v.pedH/v.pedW, 1)
	if !v.lysis {
		a.rod([3]float64{a.at(0.38), wall + 13, x - 0.5}, [3]float64{a.at(0.85), roof - 0.5, x - 3}, 4.2, 1.15, 1.2)
	}
	a.transverse()
	below := &p.discs[n]
	if !v.laminectomy {
		a.rod([3]float64{a.at(0.68), roof - 0.5, x - 4}, [3]float64{a.at(0.82), roof + 3.8, 1}, 2.9, 3, 1.1)
		a.rod([3]float64{a.at(0.9), roof + 0.5, x - 3.5}, [3]float64{below.mid + 6.5, roof + 2.8, x - 3.5}, 5.6, 1.25, 1.15).facet = 2
		a.spinous()
	}
	if n > 0 {
		a.superior(a.at(0.3))
	}
}

// transverse processes are long and slim in the loin, stout towards the sacrum;
// a sacralised L5 joins its wing.
func (a arch) transverse() {
	x, wall := a.v.pedX, a.wall
	reach := [5]float64{25, 29, 32, 29, 23}[min(max(a.n-(firstSacral-5), 0), 4)] * a.p.size
	switch {
	case a.p.thoracic(a.n):
		a.rod([3]float64{a.at(0.34), wall + 12, x + 1}, [3]float64{a.at(0.22), wall + 21, x + 17*a.p.size}, 3.8, 1.2, 1)
	case a.n == firstSacral-1 && a.p.sacralised:
		a.rod([3]float64{a.at(0.45), wall + 4, x + 1}, [3]float64{a.at(0.95), wall + 4, x + reach}, 6.5, 1.6, 1)
	default:
		stout := 2.6 + 1.6*b2f(a.n == firstSacral-1)
		a.rod([3]float64{a.at(0.36), wall + 10, x + 2}, [3]float64{a.at(0.36), wall + 11 + reach*0.22, x + reach*0.85}, stout, 1.7, 1)
	}
}

// spinous is the spinous process: a hatchet in the loin, a drooping spine above.
func (a arch) spinous() {
	k, roof := a.p.size, a.roof+3
	s, h := a.at(0.56), a.v.height
	long, droop, tall := 28*k, 0.12, 0.86*h
	switch {
	case a.p.thoracic(a.n):
		long, droop, tall = 25*k, 0.75, 0.42*h
	case a.n == firstSacral-1:
		long, droop, tall = 19*k, 0.35, 0.5*h
	case a.n == firstSacral-2:
		long = 25 * k
	}
	end := roof + long
	corners := [4][2]float64{{s, roof}, {s + tall*0.75, roof}, {s + tall + droop*long, end}, {s + 0.2*tall + droop*long, end - 2}}
	pl, lo, hi := newPlate(corners, 2.6*k, 0.07)
	a.p.bones = append(a.p.bones, bone{vertebra: int16(a.n), plate: pl, lo: lo, hi: hi})
}

// superior builds the superior articular process, which reaches up behind the
// foramen and grows where facets are worn.
func (a arch) superior(pedicle float64) {
	above := &a.p.discs[a.n-1]
	x, wall := a.v.pedX, a.wall
	b := a.rod([3]float64{pedicle, wall + 12, x + 1}, [3]float64{above.mid - 4.5, wall + 14.5, x + 2.5}, 5.2, 1.25, 1.25)
	b.facet = 1
	for side := range 2 {
		b.grow[side] = 1.8*math.Max(0, 0.75-above.narrow.foramen[side]) + 1.2*math.Max(above.degeneration-0.6, 0)
	}
}

// addCrest closes the sacral canal behind.
func (p *patient) addCrest(n int) {
	v := &p.vertebrae[n]
	mid := (v.top + v.bottom) / 2
	sl, low := p.at(mid-v.height*0.2), p.at(v.bottom)
	w := float64(sl.halfW)
	up, down := float64(sl.roof)+2.5, float64(low.roof)+2
	a := arch{p: p, n: n}
	k := 1 / p.size
	a.rod([3]float64{v.top + 0.35*v.height, up - 1, w * 0.7}, [3]float64{v.top + 0.45*v.height, up + 2, 0}, 2.8*k, 2.2, 1)
	a.rod([3]float64{v.bottom - 2, down - 2, w * 0.65}, [3]float64{v.bottom - 1, down + 0.5, 0}, 2.3*k, 2.5, 1)
	a.rod([3]float64{mid, up + 5, 0}, [3]float64{mid + 6, up + 9, 0}, 3.2*k, 2, 1)
	a.rod([3]float64{v.top + 3, up - 6, w * 0.85}, [3]float64{v.bottom - 3, down - 4, w * 0.75}, 5*k, 1.2, 1)
}
