package phantom

import (
	"math"

	"columna/volume"
)

// acquisition is one visit to the scanner.
type acquisition struct {
	seed    uint64
	opts    Options
	p       *patient
	dice    dice // the ordinary protocol
	vary    dice // how it strays
	style   dice // artefacts
	pal     *palette
	scanner Scanner
	noise   float64
	rnd     *normals
}

// newAcquisition chooses field, timings and contrast of the asked techniques.
func newAcquisition(seed uint64, o Options, p *patient, want []Technique) *acquisition {
	a := &acquisition{seed: seed, opts: o, p: p, dice: newDice(seed, streamScanner),
		vary: newDice(seed, streamVariety), style: newDice(seed, streamStyle)}
	field := o.field(a.dice, a.style)
	contrast := newDice(seed, streamContrast)
	random := contrast.chance(o.RandomContrast)
	pulses := a.protocol(field, want)
	fat := fatMatter
	fat.t1 = fatT1(field)
	fat.t2 *= contrast.between(0.85, 1.2)
	a.pal = newPalette(p.matters(contrast, field), fat, pulses, contrast, 0.09+0.05*o.Variety, random)
	a.noise = math.Exp(a.dice.about(-4.35, 0.45+0.25*o.Variety))
	if o.Noise > 0 {
		a.noise *= o.Noise
	}
	a.scanner = newScanner(field, random, a.noise, pulses)
	a.rnd = newNormals(newDice(seed, streamNoise))
	return a
}

// protocol draws the timings of every technique, so that a seed's T2 is the same
// whatever else is asked.
func (a *acquisition) protocol(field float64, want []Technique) []pulse {
	null := a.dice.between(0.95, 1.06)
	all := map[Technique]pulse{}
	for n, t := range Techniques() {
		d := a.dice
		if n > 2 {
			d = a.style
		}
		all[t] = drawPulse(d, t, field, null)
	}
	pulses := make([]pulse, len(want))
	for q, t := range want {
		pulses[q] = all[t]
		if a.opts.External {
			pulses[q].TE *= 1.25
		}
	}
	return pulses
}

// matters are the tissues of this patient: discs as bright as they are healthy,
// lesions as drawn, marrow fattier with age.
func (p *patient) matters(d dice, field float64) [tissueCount]matter {
	m := baseMatter()
	age := float64(p.age)
	fat := min(max(d.about(0.26+0.0035*age, 0.07), 0.12), 0.75)
	if p.age < 18 {
		fat *= 0.45 + 0.5*age/18 // red marrow
	}
	m[tMarrow].fat = fat
	m[tMarrowAbove].fat = fat * d.between(0.85, 1)
	m[tMarrowSacrum].fat = min(fat*d.between(1, 1.3), 0.85)
	for n := range p.discs {
		g := p.discs[n].degeneration
		water := 165*(1-g)*(1-g) + 34
		nucleus := matter{pd: 0.85 - 0.25*g, t1: 1250 - 350*g, t2: water * d.about(1, 0.06), texture: 0.08 + 0.1*g, grain: 1.2, star: 150 - 100*g}
		inner := nucleus
		inner.pd, inner.t2 = (nucleus.pd+m[tAnnulus].pd)/2, (0.8*nucleus.t2+1.2*m[tAnnulus].t2)/2
		m[tNucleus+tissue(n)], m[tInner+tissue(n)] = nucleus, inner
	}
	for n, l := range p.lesions {
		for i := range 3 {
			m[int(tLesion)+3*n+i] = l.matter[i]
		}
	}
	m[tCSF].cloud = p.variety * d.between(0, 0.25) // pulsation
	for i := range m {
		m[i].t1 *= slowness(field, 0.24)
		m[i].t2 *= slowness(field, -0.12)
	}
	return m
}

// receiver draws how one channel is received. Long inversion and echo times
// leave little signal, so the noise is the same and the gain larger.
func (a *acquisition) receiver(q int, c *coil, g volume.Grid) *receiver {
	d, v := a.style, a.opts.Variety
	p := a.pal.pulses[q]
	gain := 1300.0
	noise := a.noise
	switch p.Technique {
	case T1:
		gain = 900
	case STIR, T2FS:
		gain, noise = 1800, 0.8*noise
	case T2Star, T1Grad, Balanced:
		gain, noise = 3500, 0.35*noise
	}
	if g.SpacingMM()[2] < 1.5 { // thin slices have little signal
		noise *= 1 + d.between(0.3, 1.8)*v
	}
	r := &receiver{coil: c, blur: float32(d.between(0.06, 0.2)), keep: 1, gamma: 1,
		noise: float32(noise), gain: float32(gain * d.between(0.6, 1.2)), alongJ: d.chance(0.5)}
	if d.chance(0.5 * v) {
		r.keep = d.between(0.5, 0.95)
	}
	if d.chance(0.6 * v) {
		r.shift = d.sign() * d.between(0.3, 2.2) / max(g.SpacingMM()[0], 0.7)
	}
	if p.Technique == T2FS {
		r.patchy = d.between(0, 3)
	}
	r.ghosts = drawGhosts(d, v)
	if d.chance(0.15 * v) {
		r.stripes = float32(d.between(0.03, 0.2))
	}
	if d.chance(0.3 * v) {
		r.gain *= float32(d.between(1.5, 4)) // clipped grey values
	}
	a.foreign(r)
	return r
}

// foreign gives the images of the held-out scanner family what no other has: edge
// enhancement and grey values that are not linear.
func (a *acquisition) foreign(r *receiver) {
	if !a.opts.External {
		return
	}
	r.sharpen, r.gamma = float32(a.style.between(0.15, 0.35)), a.style.between(0.6, 0.8)
}
