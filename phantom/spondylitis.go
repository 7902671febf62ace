package phantom

import "math"

// infection is a lesion, the first of the patient, that is centred on a disc.
type infection struct {
	disc    int
	takes   bool // the disc is infected too
	abscess bool // it leaves the bone
	lesion  *lesionShape
	halfW   float64 // of the body beside it
}

// addSpondylitis infects a disc and both bodies: pyogenic is an even oedema with
// faded edges and a bright disc, tuberculous spares the disc for long and has
// cavities and sharp borders.
func (p *patient) addSpondylitis(d dice) *infection {
	n := firstLumbar + d.IntN(5)
	x := &p.discs[n]
	v := &p.vertebrae[n]
	l := lesionShape{spondylitis: true, tb: d.chance(0.5), vertebra: n, patch: 2, patchGrain: 3, raggedGrain: 4,
		s: x.mid, rs: x.half + d.between(12, 22), ru: v.front * 1.25, rx: v.halfW * 1.2,
		soft: d.between(0.3, 0.5), ragged: 0.15, spreads: false}
	oedema := vary(d, stuff(0.88, 1350, 95, 0.05, 0.08, 3))
	l.matter = [3]matter{oedema, oedema, oedema}
	if l.tb {
		l.soft, l.ragged, l.raggedGrain = 0.05, 0.3, 2.5
		l.patch, l.patchGrain, l.rim, l.spreads = d.between(0.15, 0.35), 2, 0.12, true
		l.x, l.rx = d.sign()*d.between(5, 10), v.halfW*1.25
		l.matter[1] = vary(d, stuff(0.95, 2000, 230, 0, 0.1, 2))
		l.matter[2] = vary(d, stuff(0.5, 900, 38, 0.05, 0.1, 1))
	}
	p.lesions = append(p.lesions, l)
	p.infection = &infection{disc: n, takes: !l.tb, lesion: &p.lesions[0], halfW: v.halfW}
	return p.infection
}

// How far along from the typical pyogenic (0) to the typical tuberculous (1) picture
// an infection is: normal with these means and this deviation, so that one who saw it
// exactly would tell the kinds apart with an AUC of 0.92, and one who reads single
// signs, which stray besides, with less. The numbers are ours.
const (
	pyogenicDegree    = 0.25
	tuberculousDegree = 0.75
	degreeDeviation   = 0.25
	signDeviation     = 0.1
)

// resemble draws how typical an infection is. Borders, texture, cavities (caseous
// necrosis, or a small abscess in the bone), their rim, the spared disc and the
// abscess beside the spine follow the degree, each with a variation of its own (the
// DeSamba paper: even oedema, blurred, of low frequencies; necrosis and abscess, sharper,
// of mid to high ones).
func (i *infection) resemble(d dice) {
	l := i.lesion
	degree := d.about(pyogenicDegree, degreeDeviation)
	if l.tb {
		degree = d.about(tuberculousDegree, degreeDeviation)
	}
	sign := func(pyogenic, tuberculous float64) float64 {
		g := min(max(d.about(degree, signDeviation), 0), 1)
		return pyogenic + (tuberculous-pyogenic)*g
	}
	l.soft, l.ragged, l.raggedGrain = sign(0.5, 0.05), sign(0.15, 0.3), sign(4, 2.5)
	l.patch, l.patchGrain = sign(0.85, 0.15), sign(3, 2)
	l.rim = math.Max(sign(-0.1, 0.15), 0)
	l.matter[0].texture = sign(0.06, 0.16)
	l.matter[1] = vary(d, stuff(0.95, sign(1500, 2000), sign(120, 230), 0, 0.1, 2))
	l.matter[2] = vary(d, stuff(0.5, 900, sign(60, 38), 0.05, 0.1, 1))
	i.takes, i.abscess = !d.chance(degree), d.chance(degree)
	l.x, l.rx, l.spreads = 0, i.halfW*1.2, i.abscess
	if i.abscess {
		l.x, l.rx = d.sign()*d.between(5, 10), i.halfW*1.25
	}
}

// abscessAt is the part of an infection that lies outside the bones.
func (p *patient) abscessAt(s, u, x float64) (tissue, bool) {
	if p.infection == nil || !p.infection.abscess {
		return 0, false
	}
	return p.lesionAt(s, u, x, false)
}
