package phantom

import "math"

// fractureKind follows Genant 1993.
type fractureKind int

const (
	noFracture fractureKind = iota
	wedge
	biconcave
	crush
)

func (k fractureKind) String() string { return [...]string{"", "wedge", "biconcave", "crush"}[k] }

// fracture of a body. Fresh ones are oedematous beside the broken endplate.
type fracture struct {
	kind  fractureKind
	loss  float64 // share of the height that is lost
	fresh bool
	below bool // at the lower endplate
	push  float64
}

// drawFractures breaks bodies of the old at the thoracolumbar junction, mostly.
func (p *patient) drawFractures(d dice, pathology float64) {
	odds := 0.3 * pathology * p.variety
	if p.age > 60 {
		odds *= 1.8
	}
	for range 3 {
		if !d.chance(odds) {
			continue
		}
		n := min(firstLumbar-2+int(math.Abs(d.about(0, 2.6))), firstSacral-1)
		f := fracture{kind: fractureKind(1 + d.IntN(3)), loss: d.between(0.15, 0.55), fresh: d.chance(0.45), below: d.chance(0.3)}
		p.breakBody(n, f, d)
	}
}

// breakBody changes the body and the discs beside it.
func (p *patient) breakBody(n int, f fracture, d dice) {
	v := &p.vertebrae[n]
	if v.fracture.kind != noFracture {
		return
	}
	up, down := &p.discs[n-1], &p.discs[n]
	switch f.kind {
	case wedge:
		v.height *= 1 - 0.45*f.loss
	case biconcave:
		up.concDown += f.loss * 9
		down.concUp += f.loss * 6
		v.height *= 1 - 0.1*f.loss
	case crush:
		v.height *= 1 - f.loss
		f.push = d.between(0, 4)
		v.front += d.between(0, 2)
	}
	v.fracture = f
}

// kyphosis is the angle in degrees that wedged bodies add to the curve above them.
func (p *patient) kyphosis(s float64) float64 {
	sum := 0.0
	for n := range p.vertebrae {
		if v := &p.vertebrae[n]; v.fracture.kind == wedge {
			full := v.fracture.loss * 34
			sum += full * logistic(((v.top+v.bottom)/2-s)/(v.height*0.2))
		}
	}
	return sum
}

// broken reports whether a point beyond mm from an endplate lies in the oedema or
// the dark line of a fresh fracture. t is negative above the disc.
func (v *vertebra) broken(beyond, t, wobble float64) (tissue, bool) {
	f := &v.fracture
	if f.kind == noFracture || !f.fresh || (t < 0) != f.below {
		return 0, false
	}
	line := 5 + 2.5*wobble
	switch {
	case math.Abs(beyond-line) < 0.7:
		return tIsland, true
	case beyond < v.height*(0.45+0.25*wobble):
		return tOedema, true
	}
	return 0, false
}
