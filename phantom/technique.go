package phantom

import (
	"math"

	"columna/spine"
)

// Technique is a way of making an image.
type Technique string

// The techniques. Space is a 3D spin echo with T2 weighting, T2Star and T1Grad are
// spoiled gradient echoes, Balanced is the steady state one.
const (
	T1       Technique = "t1"
	T2       Technique = "t2"
	STIR     Technique = "stir"
	T2FS     Technique = "t2fs"
	PD       Technique = "pd"
	Space    Technique = "space"
	T2Star   Technique = "t2star"
	T1Grad   Technique = "t1grad"
	Balanced Technique = "balanced"
)

// Techniques lists all of them.
func Techniques() []Technique {
	return []Technique{T1, T2, STIR, T2FS, PD, Space, T2Star, T1Grad, Balanced}
}

// Sequence is the weighting that readers call it.
func (t Technique) Sequence() spine.Sequence {
	switch t {
	case T1:
		return spine.T1
	case T2, Space:
		return spine.T2
	case STIR:
		return spine.STIR
	case T2FS:
		return spine.T2FS
	case PD:
		return spine.PD
	}
	return spine.OtherSequence
}

// gradient reports whether no pulse refocuses the spins.
func (t Technique) gradient() bool { return t == T2Star || t == T1Grad || t == Balanced }

// pulse is one technique's timing in milliseconds (TI 0 means no inversion) and
// flip angle in degrees. fat is how much of fat's signal comes through, negative
// where it is acquired against water's phase.
type pulse struct {
	Technique
	TR, TE, TI, flip float64
	fat              float64
}

// signal is the magnitude of one water or fat pool. star is the additional decay
// time of a gradient echo, T2' in milliseconds.
func (p pulse) signal(pd, t1, t2, star float64) float64 {
	e1 := math.Exp(-p.TR / t1)
	sin, cos := math.Sincos(p.flip * math.Pi / 180)
	switch p.Technique {
	case Balanced:
		e2 := math.Exp(-p.TR / t2)
		return pd * sin * (1 - e1) / (1 - (e1-e2)*cos - e1*e2) * math.Exp(-p.TE/t2)
	case T2Star, T1Grad:
		return pd * sin * (1 - e1) / (1 - cos*e1) * math.Exp(-p.TE*(1/t2+1/star))
	}
	if p.Technique == Space { // a restoring pulse after the echo train keeps fluid bright
		e1 = math.Exp(-2.2 * p.TR / t1)
	}
	long := 1 - e1
	if p.TI > 0 {
		long = math.Abs(1 - 2*math.Exp(-p.TI/t1) + e1)
	}
	return pd * long * math.Exp(-p.TE/t2)
}

// of is the signal of a tissue's water and fat pools.
func (p pulse) of(m, fat matter) (water, lipid float64) {
	if m.pd == 0 {
		return 0, 0
	}
	star := m.star
	if star == 0 {
		star = 60
	}
	t2 := fat.t2
	if star < 20 { // trabeculae shorten the T2 of marrow's fat too
		t2 *= 0.68
	}
	return (1 - m.fat) * p.signal(m.pd, m.t1, m.t2, star), m.fat * p.fat * p.signal(fat.pd, fat.t1, t2, star)
}

// drawPulse chooses timings as protocols do. STIR's inversion time is null times
// fat's zero; in gradient echoes the echo time decides how fat and water meet.
func drawPulse(d dice, t Technique, field, null float64) pulse {
	whole := func(lo, hi float64) float64 { return math.Round(d.between(lo, hi)) }
	p := pulse{Technique: t, flip: 90, fat: 1}
	switch t {
	case T1:
		p.TR, p.TE = whole(450, 720), whole(8, 14)
	case T2:
		p.TR, p.TE = whole(2800, 4800), whole(88, 122)
	case STIR:
		p.TR, p.TE = whole(3500, 5200), whole(38, 72)
		p.TI = math.Round(fatT1(field) * math.Ln2 * null)
	case T2FS:
		p.TR, p.TE, p.fat = whole(2800, 4800), whole(60, 95), d.between(0.02, 0.22)
	case PD:
		p.TR, p.TE = whole(1800, 3200), whole(14, 38)
	case Space:
		p.TR, p.TE = whole(1000, 1700), whole(100, 150)
	case T2Star:
		p.TR, p.TE, p.flip = whole(350, 700), whole(10, 24), whole(18, 35)
		p.fat = d.between(0.3, 1) * d.sign()
	case T1Grad:
		p.TR, p.TE, p.flip = whole(5, 150), whole(2, 7), whole(10, 70)
		p.fat = d.between(0.5, 1) * d.sign()
	case Balanced:
		p.TR = whole(4, 8)
		p.TE, p.flip, p.fat = p.TR/2, whole(35, 65), d.between(0.4, 1)*d.sign()
	}
	return p
}

// fatT1 in milliseconds; relaxation is slower the stronger the field.
func fatT1(field float64) float64 { return fatMatter.t1 * slowness(field, 0.2) }

// slowness is how much longer relaxation is than at 1.5 T, (B0/1.5)^power
// (Bottomley 1984 finds powers of about 0.2 to 0.4).
func slowness(field, power float64) float64 { return math.Pow(field/1.5, power) }
