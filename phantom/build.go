package phantom

import "math"

// drawBuild makes a child, a very old or an unusually large patient, and chooses
// how many lumbar vertebrae there are (five in about nine of ten: Konin 2010).
func (p *patient) drawBuild(seed uint64, lumbar int) {
	d := newDice(seed, streamBuild)
	p.lumbar = 5
	if d.chance(0.2 * p.variety) {
		p.lumbar = 4 + 2*b2i(d.chance(0.6))
	}
	if lumbar > 0 {
		p.lumbar = min(max(lumbar, 4), 6)
	}
	switch v := d.Float64() / math.Max(p.variety, 1e-9); {
	case v < 0.1:
		p.age = 6 + d.IntN(12)
		p.size *= 0.62 + 0.35*float64(p.age-6)/11
	case v < 0.25:
		p.age = 70 + d.IntN(21)
		p.size -= 0.03
	case v < 0.4:
		p.age = 18 + d.IntN(20)
	}
	p.size *= 1 + 0.05*p.variety*d.about(0, 1)
	p.canalWide *= 1 + 0.1*p.variety*d.about(0, 1)
	if d.chance(0.06 * p.variety) {
		p.lipomatosis = d.between(0.15, 0.45)
	}
	p.patchy = d.between(0, 0.3) + p.variety*math.Max(float64(p.age-40)/60, 0)*d.between(0, 1)
}

// transition is a lumbosacral vertebra between kinds (Castellvi 1984).
type transition struct {
	sacralised bool // L5 half joined to the sacrum, with a remnant of a disc below
	lumbarised bool // S1 with a well-formed disc below
}

func (t transition) String() string {
	switch {
	case t.sacralised:
		return "sacralised_l5"
	case t.lumbarised:
		return "lumbarised_s1"
	}
	return ""
}

// drawTransition changes the discs and bodies at the sacrum.
func (p *patient) drawTransition(seed uint64) {
	d := newDice(seed, streamBuild+100)
	v := d.Float64() / math.Max(p.variety, 1e-9)
	low, below := &p.discs[firstSacral-1], &p.discs[firstSacral]
	switch {
	case v < 0.07:
		p.sacralised = true
		low.half *= d.between(0.35, 0.6)
		low.healthyHalf, low.degeneration = low.half, math.Max(low.degeneration, d.between(0.3, 0.7))
		low.concUp, low.concDown = 0.4, 0.3
		p.vertebrae[firstSacral-1].halfW *= 1.04
	case v < 0.16:
		p.lumbarised = true
		below.half = d.between(1.8, 3.6) * p.size
		below.concUp, below.concDown, below.degeneration = 0.8, 0.6, d.between(0.1, 0.7)
		p.vertebrae[firstSacral].waist = 0.09
		p.vertebrae[firstSacral+1].halfW *= 1.12
		p.vertebrae[firstSacral+1].front *= 1.12
	}
}

// drawDisease adds what is not graded: fractures, nodes, cysts, spots, surgery.
func (p *patient) drawDisease(seed uint64, pathology float64) {
	d := newDice(seed, streamDisease)
	p.drawFractures(d, pathology)
	for n := 1; n < firstSacral; n++ {
		x, v := &p.discs[n], &p.vertebrae[n]
		x.drawNodes(d, v.front, v.halfW, p.variety)
		x.drawCyst(d, p.variety*b2f(n >= firstLumbar))
	}
	p.drawSpots(d)
	p.drawSurgery(d)
	if low := &p.discs[firstSacral-1]; low.narrow.slip > 3 && d.chance(0.5) {
		p.vertebrae[firstSacral-1].lysis = true
	}
}
