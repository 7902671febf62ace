package phantom

import "math"

// tissue is an index into a palette.
type tissue uint8

// The fixed tissues. Discs and lesions have further ones of their own.
const (
	tAir tissue = iota
	tSkin
	tFat
	tSepta
	tMuscle
	tMuscleFat
	tFascia
	tCortical
	tMarrow
	tMarrowSacrum
	tMarrowAbove
	tBasivertebral
	tAnnulus
	tFlavum
	tLigament
	tInterspinous
	tCSF
	tRoot
	tCord
	tCrowded
	tEpiduralFat
	tForamenFat
	tForamenRoot
	tForamenScar
	tVein
	tArtery
	tArteryWall
	tBowelWall
	tBowelFluid
	tBowelGas
	tBowelPaste
	tKidney
	tLiver
	tFacetFluid
	tModic1
	tModic2
	tPelvicFat
	tNucleus    // + number of the disc, up to maxDiscs
	maxDiscs    = 16
	tLesion     = tNucleus + maxDiscs // + 3*number of the lesion: body, patches, rim
	maxLesions  = 6
	tissueCount = int(tLesion) + 3*maxLesions
)

// matter is what the scanner sees of a tissue: a water part with relaxation times
// in milliseconds and proton density, and the share of fat mixed with it. Texture
// is the relative variation inside the tissue, Grain its size in millimetres.
type matter struct {
	pd, t1, t2 float64
	fat        float64
	texture    float64
	grain      float64
}

// fatMatter: T2 is the long apparent one that fat has in fast spin echo (J coupling).
var fatMatter = matter{pd: 0.95, t1: 240, t2: 120}

// baseMatter lists the fixed tissues. Relaxation times are for 1.5 T, from the
// usual reviews (Stanisz 2005, de Bazelaire 2004, Gold 2004), bone marrow's fat
// share from spectroscopy (Kugel 2001). Values are round on purpose: every
// patient gets his own variation of them.
func baseMatter() [tissueCount]matter {
	var m [tissueCount]matter
	m[tSkin] = matter{0.6, 900, 40, 0.1, 0.1, 1}
	m[tFat] = matter{0.3, 800, 40, 0.95, 0.07, 2}
	m[tSepta] = matter{0.5, 800, 35, 0.45, 0.1, 1}
	m[tMuscle] = matter{0.8, 900, 38, 0.06, 0.22, 1.1}
	m[tMuscleFat] = matter{0.7, 850, 40, 0.7, 0.25, 1}
	m[tFascia] = matter{0.25, 700, 18, 0.05, 0.2, 1}
	m[tCortical] = matter{0.12, 500, 12, 0.05, 0.1, 1}
	m[tMarrow] = matter{0.75, 850, 52, 0.42, 0.13, 1.3}
	m[tMarrowSacrum] = matter{0.72, 850, 52, 0.52, 0.16, 1.4}
	m[tMarrowAbove] = matter{0.75, 850, 52, 0.38, 0.12, 1.3}
	m[tBasivertebral] = matter{0.9, 1300, 130, 0.25, 0.15, 1}
	m[tAnnulus] = matter{0.5, 700, 26, 0, 0.14, 1}
	m[tFlavum] = matter{0.5, 750, 26, 0.06, 0.1, 1}
	m[tLigament] = matter{0.3, 700, 20, 0.05, 0.1, 1}
	m[tInterspinous] = matter{0.6, 800, 32, 0.35, 0.4, 0.7}
	m[tCSF] = matter{1, 3600, 900, 0, 0.06, 2}
	m[tRoot] = matter{0.85, 850, 75, 0, 0.05, 1}
	m[tCord] = matter{0.85, 850, 78, 0, 0.05, 1}
	m[tCrowded] = matter{0.85, 950, 85, 0, 0.15, 0.6}
	m[tEpiduralFat] = matter{0.4, 800, 50, 0.9, 0.1, 1}
	m[tForamenFat] = matter{0.4, 800, 50, 0.92, 0.1, 1}
	m[tForamenRoot] = matter{0.85, 900, 70, 0, 0.08, 1}
	m[tForamenScar] = matter{0.55, 800, 32, 0.05, 0.15, 1}
	m[tVein] = matter{0.8, 1300, 110, 0.1, 0.2, 1}
	m[tArtery] = matter{0.06, 1200, 60, 0, 0.3, 1}
	m[tArteryWall] = matter{0.5, 900, 40, 0, 0.1, 1}
	m[tBowelWall] = matter{0.75, 900, 48, 0.05, 0.15, 1}
	m[tBowelFluid] = matter{0.95, 2200, 300, 0, 0.2, 2}
	m[tBowelGas] = matter{0.02, 900, 40, 0, 0.3, 1}
	m[tBowelPaste] = matter{0.75, 700, 60, 0.1, 0.35, 1.5}
	m[tKidney] = matter{0.85, 1000, 88, 0, 0.12, 2}
	m[tLiver] = matter{0.75, 580, 45, 0.04, 0.08, 2}
	m[tFacetFluid] = matter{0.8, 1800, 130, 0, 0.1, 1}
	m[tModic1] = matter{0.85, 1300, 95, 0.12, 0.15, 1.3}
	m[tModic2] = matter{0.5, 850, 50, 0.82, 0.12, 1.3}
	m[tPelvicFat] = matter{0.4, 800, 45, 0.88, 0.2, 1.5}
	return m
}

// pulse is a sequence's timing in milliseconds; TI 0 means no inversion.
type pulse struct{ TR, TE, TI float64 }

// signal is the spin-echo magnitude of one water or fat pool.
func (p pulse) signal(pd, t1, t2 float64) float64 {
	long := 1 - math.Exp(-p.TR/t1)
	if p.TI > 0 {
		long = math.Abs(1 - 2*math.Exp(-p.TI/t1) + math.Exp(-p.TR/t1))
	}
	return pd * long * math.Exp(-p.TE/t2)
}

// of is the signal of a tissue: its water and fat pools in proportion.
func (p pulse) of(m, fat matter) float64 {
	if m.pd == 0 {
		return 0
	}
	return (1-m.fat)*p.signal(m.pd, m.t1, m.t2) + m.fat*p.signal(fat.pd, fat.t1, fat.t2)
}

// The sequences in the order of every palette.
const (
	seqT1 = iota
	seqT2
	seqSTIR
	seqCount
)

// palette is the brightness of every tissue in every sequence, and its texture.
type palette struct {
	value   [tissueCount][seqCount]float32
	texture [tissueCount]float32
	scale   [tissueCount]float64 // noise cells per millimetre
}

// newPalette computes the signals of one patient on one scanner. jitter is the
// relative variation of each tissue's parameters; with random contrast each
// tissue gets an intensity of its own choice instead of the physics'.
func newPalette(m [tissueCount]matter, fat matter, pulses [seqCount]pulse, d dice, jitter float64, random bool) *palette {
	p := &palette{}
	for t, tm := range m {
		tm.pd *= 1 + d.about(0, jitter*0.4)
		tm.t1 *= 1 + d.about(0, jitter)
		tm.t2 *= 1 + d.about(0, jitter)
		tm.fat = min(max(tm.fat*(1+d.about(0, jitter)), 0), 1)
		p.texture[t] = float32(tm.texture * d.between(0.6, 1.5))
		p.scale[t] = 4 / max(4*tm.grain*d.between(0.7, 1.4), 0.5)
		for q, seq := range pulses {
			p.value[t][q] = float32(seq.of(tm, fat))
			if random && t != int(tAir) {
				p.value[t][q] = float32(d.between(0.02, 1))
			}
		}
	}
	if random {
		p.similar()
	}
	return p
}

// similar gives tissues that no sequence tells apart the same random brightness,
// so that randomised contrast does not draw borders that anatomy has not.
func (p *palette) similar() {
	same := func(to tissue, from ...tissue) {
		for _, f := range from {
			p.value[f] = p.value[to]
		}
	}
	same(tFat, tEpiduralFat, tForamenFat, tPelvicFat)
	same(tRoot, tForamenRoot, tCord)
	same(tMarrow, tMarrowAbove, tMarrowSacrum)
	same(tAnnulus, tLigament, tFlavum, tFascia, tForamenScar)
	for q := range seqCount {
		p.value[tCrowded][q] = (p.value[tRoot][q]*2 + p.value[tCSF][q]) / 3
		p.value[tMuscleFat][q] = (p.value[tFat][q] + p.value[tMuscle][q]) / 2
		p.value[tInterspinous][q] = (p.value[tFat][q] + p.value[tLigament][q]) / 2
		p.value[tCortical][q] *= 0.3
	}
}
