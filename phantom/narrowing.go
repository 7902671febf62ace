package phantom

import (
	"math"

	"columna/spine"
)

// Thresholds of the truth. Each grade is measured on the anatomy that the images
// are made of, never on what was asked for:
//   - spinal canal: cross-section of the thecal sac in the middle of the disc over
//     that of the same sac without disc bulge and flavum;
//   - foramen: area of fat in the sagittal plane 8 mm lateral of the sac over that
//     of the same foramen without narrowing;
//   - subarticular zone: free distance in millimetres between the disc and the
//     flavum or facet, 1.5 mm inside the sac's lateral edge, at the disc.
const (
	CanalSevereBelow     = 0.42
	CanalModerateBelow   = 0.68
	ForamenSevereBelow   = 0.27
	ForamenModerateBelow = 0.58
	RecessSevereBelowMM  = 2.8
	RecessModerateBelow  = 5.0
)

// narrowing is what pathology asks for at one disc. Sides: 0 left, 1 right.
type narrowing struct {
	canal   float64    // area of the sac that remains, 1 = all
	recess  [2]float64 // free distance, mm
	foramen [2]float64 // fat that remains, 1 = all
	share   float64    // of the narrowing that comes from the disc, the rest from behind
	slip    float64    // listhesis of the upper vertebra to anterior, mm
}

// canalShape is how far disc and flavum stand into the canal at a disc: tables
// over x in half millimetres, -16..16 mm, and per side what is left of the foramen.
type canalShape struct {
	front, rear [canalCells]float64
	foramen     [2]float64 // linear scale of the fatty window, 1 = untouched
	central     float64    // solved amount of central narrowing
	corner      [2]float64 // solved amount of lateral narrowing
}

const (
	canalCells  = 65
	canalReach  = 16.0
	canalCellMM = 0.5
)

func canalCell(x float64) int {
	return min(max(int((x+canalReach)/canalCellMM+0.5), 0), canalCells-1)
}

// healthyNarrowing asks for nothing.
func healthyNarrowing() narrowing {
	return narrowing{canal: 1, recess: [2]float64{20, 20}, foramen: [2]float64{1, 1}, share: 0.5}
}

// drawNarrowings decides how narrow every graded place is. Each of the 25 cells
// is not normal with about the probability pathology, half of those severe; the
// conditions of one level go together in part.
func (p *patient) drawNarrowings(seed uint64, pathology float64, only int) {
	d := newDice(seed, streamPathology)
	for n := range p.discs {
		p.discs[n].narrow = healthyNarrowing()
	}
	weight := [spine.LevelCount]float64{0.85, 0.95, 1.05, 1.15, 1}
	for l := range spine.LevelCount {
		x := &p.discs[firstLumbar+l]
		if only > 0 && only != l+1 {
			continue
		}
		trouble := d.Float64() // shared by the level's conditions
		grade := func() spine.Grade {
			v := d.Float64()
			if d.chance(0.4) {
				v = trouble
			}
			odds := math.Min(pathology*weight[l], 1)
			switch {
			case v < odds*0.5:
				return spine.Severe
			case v < odds:
				return spine.Moderate
			}
			return spine.NormalMild
		}
		x.narrow = drawNarrowing(d, grade)
		p.degenerate(d, x, pathology)
		x.drawHernia(d, p.variety)
	}
}

func drawNarrowing(d dice, grade func() spine.Grade) narrowing {
	n := narrowing{share: d.between(0.3, 0.75)}
	n.canal = [3]float64{d.between(0.75, 1), d.between(0.46, 0.64), d.between(0.12, 0.37)}[grade()]
	for side := range 2 {
		n.recess[side] = [3]float64{d.between(5.8, 10), d.between(3.3, 4.7), d.between(0.6, 2.3)}[grade()]
		n.foramen[side] = [3]float64{d.between(0.68, 1), d.between(0.33, 0.52), d.between(0, 0.2)}[grade()]
	}
	return n
}

// degenerate gives a narrowed level the looks that go with it: a dark, low disc,
// osteophytes, endplate changes, now and then a slip.
func (p *patient) degenerate(d dice, x *disc, pathology float64) {
	n := x.narrow
	worst := (1-n.canal)*0.8 + (2-n.foramen[0]-n.foramen[1])*0.2 + d.between(-0.1, 0.25)
	x.degeneration = min(max(math.Max(x.degeneration, worst), 0), 1)
	if d.chance(0.25) { // a soft herniation of a disc that still looks fair
		x.degeneration *= d.between(0.4, 0.9)
	}
	x.half *= 1 - 0.42*x.degeneration*d.between(0.2, 1)
	x.bulge = d.between(0.2, 2.2) * x.degeneration
	if d.chance(0.6 * x.degeneration) {
		x.osteophyte = d.between(0.5, 5) * x.degeneration
	}
	if d.chance(0.4 * x.degeneration) {
		x.modic, x.modicDepth = 1+d.IntN(2), d.between(3, 9)
		if d.chance(0.2 * p.variety) {
			x.modic = 3
		}
	}
	if d.chance(0.18 * pathology) {
		x.narrow.slip = d.between(1.5, 6) * d.about(0.9, 0.2)
		if d.chance(0.35 * p.variety) {
			x.narrow.slip *= d.between(-0.7, 2)
		}
	}
	if x.degeneration > 0.8 && d.chance(0.4*p.variety) { // bone on bone
		x.half *= d.between(0.35, 0.7)
		x.degeneration = 1
		x.gas = d.chance(0.3)
	}
}

// fillCanals solves, for every disc, for the bulges and the flavum that give the
// asked narrowing.
func (p *patient) fillCanals() {
	for n := range p.discs {
		x := &p.discs[n]
		if n >= firstSacral {
			x.canal = canalShape{foramen: [2]float64{1, 1}}
			continue
		}
		p.solveCanal(x)
	}
}

func (p *patient) solveCanal(x *disc) {
	c := &x.canal
	sl := p.at(x.mid)
	c.foramen = [2]float64{1, 1}
	x.shape(sl)
	full := p.healthySac(x, sl)
	for range 3 {
		c.central = solve(0, 1, func(t float64) bool {
			c.central = t
			x.shape(sl)
			return p.sacArea(x, sl) > x.narrow.canal*full
		})
		for side := range 2 {
			c.corner[side] = solve(0, 12, func(t float64) bool {
				c.corner[side] = t
				x.shape(sl)
				return p.recessWidth(x, sl, side) > x.narrow.recess[side]
			})
		}
	}
	x.shape(sl)
	for side := range 2 {
		p.solveForamen(x, side)
	}
}

// solve finds the amount at which wide turns false, by halving.
func solve(lo, hi float64, wide func(float64) bool) float64 {
	if !wide(lo) {
		return lo
	}
	for range 14 {
		if mid := (lo + hi) / 2; wide(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// shape fills the tables from the solved amounts.
func (x *disc) shape(sl *slice) {
	c := &x.canal
	a := float64(sl.sacA)
	gapFront := float64(sl.sacC-sl.sacA) - float64(sl.wall)
	gapBack := float64(sl.roof) - float64(sl.sacC+sl.sacA)
	t := c.central
	front := 0.35*x.bulge + gapFront*math.Min(t*3, 1) + 2*a*t*x.narrow.share
	rear := gapBack*math.Min(t*3, 1) + 2*a*t*(1-x.narrow.share)
	for i := range c.front {
		px := float64(i)*canalCellMM - canalReach
		left, right := gauss(px-10, 3.4), gauss(px+10, 3.4)
		f := math.Exp(-math.Pow(px/8, 4))
		c.front[i] = front*f + c.corner[0]*left*(0.3+0.5*x.narrow.share) + c.corner[1]*right*(0.3+0.5*x.narrow.share)
		c.rear[i] = 2.6*gauss(math.Abs(px)-7.5, 3.8) + rear*gauss(px, 6) +
			c.corner[0]*left*(0.7-0.5*x.narrow.share) + c.corner[1]*right*(0.7-0.5*x.narrow.share)
	}
}

func gauss(x, sd float64) float64 { return math.Exp(-x * x / (2 * sd * sd)) }

// canalFloor and canalCeiling are the front and back of the free canal at x (u, mm).
func (p *patient) canalFloor(x *disc, sl *slice, px float64) float64 {
	out := x.canal.front[canalCell(px)] * float64(sl.near)
	if x.hernia.kind != noHernia {
		out = math.Max(out, x.hernia.reach(float64(sl.s)-x.mid, px))
	}
	return float64(sl.wall) + out
}

func (p *patient) canalCeiling(x *disc, sl *slice, px float64) float64 {
	return float64(sl.roof) - 0.078*min(px*px, 14*14) - x.canal.rear[canalCell(px)]*float64(sl.near)
}

// inSac reports whether a point of the canal lies in the thecal sac.
func (p *patient) inSac(x *disc, sl *slice, px, u float64) bool {
	a, b := float64(sl.sacA), float64(sl.sacB)
	if a < 0.5 || b < 0.5 {
		return false
	}
	v := (u - float64(sl.sacC)) / a
	w := px / b * (1 + 0.1*v)
	if v*v+w*w > 1 {
		return false
	}
	if x.cyst.r > 0 && x.cyst.at(float64(sl.s)-x.mid, u-float64(sl.roof), px) < 1 {
		return false
	}
	return u > p.canalFloor(x, sl, px)+0.4 && u < p.canalCeiling(x, sl, px)-0.4
}

// sacArea is the cross-section of the sac at s in mm^2, in the plane of x and u.
func (p *patient) sacArea(x *disc, sl *slice) float64 {
	const step = 0.5
	n := 0
	for px := -15.0; px <= 15; px += step {
		for u := float64(sl.sacC - sl.sacA); u <= float64(sl.sacC+sl.sacA); u += step {
			if p.inSac(x, sl, px, u) {
				n++
			}
		}
	}
	return float64(n) * step * step
}

// healthySac is the area with nothing but an ordinary flavum.
func (p *patient) healthySac(x *disc, sl *slice) float64 {
	plain := disc{narrow: healthyNarrowing()}
	plain.shape(sl)
	return p.sacArea(&plain, sl)
}

// recessX is where the subarticular zone is measured, from the midline.
func recessX(sl *slice, side int) float64 {
	return sideSign(side) * (float64(sl.sacB) - 1.5)
}

// sideSign is +1 for side 0, the patient's left, -1 for the right.
func sideSign(side int) float64 { return 1 - 2*float64(side) }

func (p *patient) recessWidth(x *disc, sl *slice, side int) float64 {
	px := recessX(sl, side)
	return math.Max(p.canalCeiling(x, sl, px)-p.canalFloor(x, sl, px), 0)
}
