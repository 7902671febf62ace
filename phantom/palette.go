package phantom

import "math"

// maxChannels is how many images are made in one pass.
const maxChannels = 4

// palette is the brightness of every tissue in every channel, water and fat apart,
// and its texture.
type palette struct {
	pulses  []pulse
	water   [tissueCount][maxChannels]float32
	fat     [tissueCount][maxChannels]float32
	texture [tissueCount]float32
	cloud   [tissueCount]float32 // variation over centimetres
	scale   [tissueCount]float64 // noise cells per millimetre
}

// newPalette computes the signals of one patient on one scanner. jitter is the
// relative variation of each tissue's parameters; with random contrast each
// tissue gets an intensity of its own choice instead of the physics'.
func newPalette(m [tissueCount]matter, fat matter, pulses []pulse, d dice, jitter float64, random bool) *palette {
	p := &palette{pulses: pulses}
	for t, tm := range m {
		tm.pd *= 1 + d.about(0, jitter*0.4)
		tm.t1 *= 1 + d.about(0, jitter)
		tm.t2 *= 1 + d.about(0, jitter)
		tm.fat = min(max(tm.fat*(1+d.about(0, jitter)), 0), 1)
		p.texture[t] = float32(tm.texture * d.between(0.6, 1.5))
		p.cloud[t] = float32(tm.cloud)
		p.scale[t] = 4 / max(4*tm.grain*d.between(0.7, 1.4), 0.5)
		for q, seq := range pulses {
			w, f := seq.of(tm, fat)
			p.water[t][q], p.fat[t][q] = float32(w), float32(f)
		}
	}
	if random {
		p.randomise(d)
	}
	return p
}

// randomise gives every tissue a brightness and a texture of its own choice in
// every channel. Some spread over all greys, some are crowded in a part of them.
func (p *palette) randomise(d dice) {
	for q := range p.pulses {
		lo, hi, power := d.between(0, 0.3), d.between(0.6, 1), math.Exp(d.about(0, 0.5))
		for t := range p.water {
			if t == int(tAir) {
				continue
			}
			v := lo + (hi-lo)*math.Pow(d.Float64(), power) + 0.02
			f := d.between(0, 1) * b2f(d.chance(0.3))
			p.water[t][q], p.fat[t][q] = float32(v*(1-f)), float32(v*f)
			if q == 0 {
				p.texture[t] = float32(math.Exp(d.about(-2.2, 0.8)))
				p.cloud[t] = float32(d.between(0, 0.25))
			}
		}
	}
	p.similar(d)
}

// similar gives tissues that no sequence tells apart the same random brightness,
// so that randomised contrast does not draw borders that anatomy has not.
func (p *palette) similar(d dice) {
	same := func(to tissue, from ...tissue) {
		for _, f := range from {
			p.water[f], p.fat[f], p.texture[f] = p.water[to], p.fat[to], p.texture[to]
		}
	}
	same(tFat, tEpiduralFat, tForamenFat, tPelvicFat)
	same(tRoot, tForamenRoot, tCord)
	same(tMarrow, tMarrowAbove, tMarrowSacrum)
	same(tPelvicFat, tMesentery)
	if d.chance(0.5) {
		same(tMarrow, tIliac, tRib)
	}
	same(tAnnulus, tLigament, tFlavum, tFascia, tForamenScar)
	mix := func(to, a, b tissue, share float32) {
		for q := range maxChannels {
			p.water[to][q] = p.water[a][q]*(1-share) + p.water[b][q]*share
			p.fat[to][q] = p.fat[a][q]*(1-share) + p.fat[b][q]*share
		}
	}
	for n := range tissue(maxDiscs) {
		mix(tInner+n, tNucleus+n, tAnnulus, 0.5)
	}
	mix(tCrowded, tRoot, tCSF, 0.33)
	mix(tMuscleFat, tFat, tMuscle, 0.5)
	mix(tInterspinous, tFat, tLigament, 0.5)
	shell := float32(d.between(0.05, 1))
	for q := range maxChannels {
		p.water[tCortical][q] *= shell
		p.fat[tCortical][q] *= shell
	}
}

// only is the palette with one channel.
func (p *palette) only(q int) *palette {
	out := &palette{pulses: p.pulses[q : q+1], texture: p.texture, cloud: p.cloud, scale: p.scale}
	for t := range p.water {
		out.water[t][0], out.fat[t][0] = p.water[t][q], p.fat[t][q]
	}
	return out
}
