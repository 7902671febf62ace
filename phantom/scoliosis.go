package phantom

import (
	"math"

	"columna/volume"
)

// scoliosis bends the spine out of the sagittal plane and turns the vertebrae
// about the curve, towards its convex side. s runs along the sagittal curve; the
// bend is small enough for lengths along it to stay.
type scoliosis struct {
	bends [2]bend
	turn  float64 // radians per millimetre of sway
}

// bend is one arc: a smooth bump of sway, mm, around s.
type bend struct{ sway, at, long float64 }

// drawScoliosis is a slight bend in half of all patients; with variety one in four
// has a true scoliosis, of up to about 45 degrees Cobb.
func (p *patient) drawScoliosis(d dice) scoliosis {
	sc := scoliosis{turn: d.between(0.008, 0.022)}
	mild := b2f(d.chance(0.5))
	top := p.vertebrae[firstLumbar+1].top
	sc.bends[0] = bend{mild * d.about(0, 3.5), top + d.between(-20, 60), d.between(45, 75)}
	sc.bends[1] = bend{mild * d.about(0, 2), top - d.between(60, 120), d.between(45, 70)}
	if d.chance(0.28 * p.variety) {
		side := d.sign()
		sc.bends[0].sway = side * d.between(6, 26)
		sc.bends[1].sway = -side * d.between(0, 16)
	}
	return sc
}

// at is sway and its slope at s; the sacrum stays in the midline.
func (sc *scoliosis) at(s float64) (sway, slope float64) {
	for _, b := range sc.bends {
		q := (s - b.at) / b.long
		v := b.sway * math.Exp(-q*q/2)
		sway += v
		slope -= v * q / b.long
	}
	return sway, slope
}

// stance is how the spine stands at one s: its sway (mm), its lean dx/ds, and sine
// and cosine of its turn. A table of its own keeps locate in the cache.
type stance struct{ sway, lean, sin, cos float32 }

func (sc *scoliosis) stance(s float64) stance {
	sway, slope := sc.at(s)
	sin, cos := math.Sincos(sway * sc.turn)
	return stance{float32(sway), float32(slope), float32(sin), float32(cos)}
}

// farMM is how far beside the spine its lean is still followed.
const farMM = 70.0

// locate finds the spine coordinates of a world point, and the slice there.
func (p *patient) locate(x, y, z float64) (s, u, rx float64, sl *slice) {
	s0, u := p.frame.at(y, z)
	st := &p.stances[p.cell(s0)]
	s = s0
	for range 2 { // the foot of the perpendicular on the leaning curve
		move := min(max(x-float64(st.sway), -farMM), farMM) * float64(st.lean)
		if s = s0 + move; move < 0.1 && move > -0.1 {
			break
		}
		st = &p.stances[p.cell(s)]
	}
	lean := float64(st.lean)
	sl = &p.slices[p.cell(s)]
	a, b := (x-float64(st.sway))*(1+lean*lean/2), u
	sin, cos := float64(st.sin), float64(st.cos)
	return s, b*cos - a*sin - float64(sl.shift), a*cos + b*sin, sl
}

// spot maps spine coordinates to the patient's millimetres; locate undoes it.
func (p *patient) spot(s, u, x float64) volume.Vec3 {
	st := &p.stances[p.cell(s)]
	sin, cos := float64(st.sin), float64(st.cos)
	u += float64(p.at(s).shift)
	a, b := x*cos-u*sin, u*cos+x*sin
	lean := float64(st.lean)
	a /= 1 + lean*lean/2
	y, z := p.curve.place(s-a*lean, b)
	return volume.Vec3{a + float64(st.sway), y, z}
}
