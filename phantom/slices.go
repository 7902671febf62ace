package phantom

import "math"

const sliceStepMM = 0.25

// slice is everything that depends on s alone.
type slice struct {
	s                  float32
	vert, disc         int16   // the vertebra at s, and the nearest disc
	push               float32 // how far a crushed body's rear wall stands out, mm
	shift, sway        float32 // listhesis along u and scoliosis along x, mm
	halfW, front, back float32 // outline of the column
	wall               float32 // u of the posterior wall of the column
	roof               float32 // u of the front of the laminae at the midline
	sacC, sacA, sacB   float32 // thecal sac: middle (u), half depth, half width
	near               float32 // 1 at the disc, falling to 0 towards mid-body
	bones              []int16 // candidates among patient.bones
}

// cell is the index of the slice at s.
func (p *patient) cell(s float64) int {
	return min(max(int((s-p.curve.from)*(1/sliceStepMM)), 0), len(p.slices)-1)
}

// at gives the slice at s.
func (p *patient) at(s float64) *slice {
	return &p.slices[p.cell(s)]
}

// tabulate fills the table of slices.
func (p *patient) tabulate() {
	n := int((p.vertebrae[vertebraSum-1].bottom + 40 - p.curve.from) / sliceStepMM)
	p.slices, p.stances = make([]slice, n), make([]stance, n)
	for i := range p.slices {
		s := p.curve.from + float64(i)*sliceStepMM
		sl := &p.slices[i]
		sl.s = float32(s)
		p.stances[i] = p.scoliosis.stance(s)
		sl.sway = p.stances[i].sway
		p.nearest(sl, s)
		p.outline(sl, s)
		p.sac(sl, s)
	}
}

// nearest finds the disc nearest to s and the vertebra at s.
func (p *patient) nearest(sl *slice, s float64) {
	best := math.Inf(1)
	shift := 0.0
	for n := range p.discs {
		x := &p.discs[n]
		if dist := math.Abs(s - x.mid); dist < best {
			best, sl.disc = dist, int16(n)
		}
		// Listhesis: everything above a slipped disc lies further forward.
		shift -= x.narrow.slip * logistic((x.mid-s)/(x.half*0.6+0.5))
	}
	sl.vert = sl.disc
	if s > p.discs[sl.disc].mid {
		sl.vert++
	}
	sl.shift = float32(shift)
	x := &p.discs[sl.disc]
	beyond := math.Max(math.Abs(s-x.mid)-x.half-1, 0)
	sl.near = float32(math.Exp(-beyond * beyond / (2 * 4.5 * 4.5)))
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// outline sets the column's outline: bodies are slimmer at the waist and rounded
// at the rims, discs lie between their neighbours' endplates.
func (p *patient) outline(sl *slice, s float64) {
	v := &p.vertebrae[sl.vert]
	f := (2*s - v.top - v.bottom) / v.height // -1 upper rim .. 1 lower rim
	w, front, back := v.halfW, v.front, v.back
	if g := math.Min(math.Max((1+f)/2, 0), 1); int(sl.vert) >= firstSacral && int(sl.vert) < vertebraSum-1 {
		next := &p.vertebrae[sl.vert+1]
		w, front, back = w+(next.halfW-w)*g, front+(next.front-front)*g, back+(next.back-back)*g
	}
	in := math.Min(math.Abs(f), 1)
	slim := 1 - v.waist*(1-in*in)
	rim := (1 - in) * v.height / 2 // mm from the endplate
	round := math.Max(1.6-rim, 0)
	corner := 1.1 * round * round / (1.6 * 1.6)
	x := &p.discs[sl.disc]
	lip := x.osteophyte * math.Exp(-rim*rim/(2*3*3))
	if math.Abs(f) > 1 { // inside the disc space
		corner, lip = 0, lip*0.4
	}
	sl.halfW = float32(w*slim - corner + lip*0.8)
	sl.front = float32(front*slim - corner + lip)
	sl.back = float32(back*(1-0.35*v.waist*(1-in*in)) - corner*0.5)
	sl.push = float32(v.fracture.push * (1 - in*in))
	sl.back += sl.push
	sl.wall = sl.back
}

// sac sets the canal between two vertebrae's values.
func (p *patient) sac(sl *slice, s float64) {
	v := int(sl.vert)
	mid := (p.vertebrae[v].top + p.vertebrae[v].bottom) / 2
	other := v + 1
	if s < mid {
		other = v - 1
	}
	other = min(max(other, 0), vertebraSum-1)
	t := 0.0
	if other != v {
		o := (p.vertebrae[other].top + p.vertebrae[other].bottom) / 2
		t = math.Min(math.Abs(s-mid)/math.Abs(o-mid), 1)
	}
	var k [4]float64
	for i := range k {
		k[i] = (sacKnots[v][i]*(1-t) + sacKnots[other][i]*t)
	}
	a, b := k[0]*p.canalWide, k[1]*p.canalWide
	if s > p.vertebrae[firstSacral+1].bottom {
		a, b = 0, 0
	}
	near := float64(sl.near)
	gap := k[2]*(1-0.55*near) + 0.8*(1-near)
	behind := k[3] * (0.45 + 1.15*near)
	wall := float64(sl.wall - sl.push)
	sl.roof = float32(wall + gap + 2*a + behind)
	if fat := p.lipomatosis * logistic((s-p.vertebrae[firstLumbar+3].top)/15); fat > 0 { // squeezes the sac evenly
		gap += 0.5 * fat * a
		a, b = a*(1-fat), b*(1-0.7*fat)
	}
	sl.sacA, sl.sacB = float32(a), float32(b)
	sl.sacC = float32(wall + gap + a)
}
