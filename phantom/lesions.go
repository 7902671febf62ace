package phantom

import (
	"math"

	"columna/spine"
)

// The six primary sites differ as the literature says they tend to (Guillevin
// 2007; DeSamba section 2 on spectra), and overlap as in life:
//
//	lung        lytic: T1 dark, T2 and STIR fairly bright, small, ragged edge, fine texture
//	breast      mixed: bright lytic and dark sclerotic patches side by side, often several
//	prostate    sclerotic: dark in all sequences, round, even, thin bright halo on STIR
//	kidney      large, expansile, very bright on T2 and STIR, dark flow voids, leaves the bone
//	GI          T1 dark, moderately bright with a very bright (mucin, necrosis) core and a darker rim
//	other       soft-edged infiltration of much of the body, a little dark on T1, a little bright on T2

// lesionShape is one lesion in spine coordinates.
type lesionShape struct {
	class               spine.LesionClass
	spondylitis, tb     bool
	vertebra            int
	s, u, x             float64   // middle
	rs, ru, rx          float64   // half axes, mm
	ragged, raggedGrain float64   // how irregular the edge is and at what size
	soft                float64   // width of a faded edge, as a share of the radius
	rim                 float64   // share of the radius that is rim
	patch               float64   // noise threshold above which the patches' tissue shows; 2 = never
	patchGrain          float64   // mm
	core                float64   // share of the radius that is the patches' tissue
	spreads             bool      // leaves the bone
	matter              [3]matter // body, patches, rim
}

// drawLesions puts metastases, or now and then a spondylitis, into the lumbar
// vertebrae and S1.
func (p *patient) drawLesions(seed uint64, o Options) {
	d := newDice(seed, streamLesions)
	if o.Pathology <= 0 && !o.AlwaysLesion && o.Spondylitis <= 0 {
		return
	}
	if newDice(seed, streamInfection).chance(o.Spondylitis) {
		p.addSpondylitis(d).resemble(d)
		return
	}
	if d.chance(0.08) && !o.AlwaysLesion {
		p.addSpondylitis(d)
		return
	}
	count := [4]int{0, 1, 2, 3}[d.IntN(4)]
	if o.AlwaysLesion {
		count = max(count, 1)
	}
	class := spine.LesionClass(d.IntN(spine.LesionClassCount))
	if class == spine.Breast && count > 0 {
		count = min(count+1, 3)
	}
	used := map[int]bool{}
	for range count {
		n := firstLumbar + d.IntN(6)
		if used[n] {
			continue
		}
		used[n] = true
		p.lesions = append(p.lesions, p.drawLesion(d, class, n))
	}
}

func (p *patient) drawLesion(d dice, class spine.LesionClass, n int) lesionShape {
	l := lesionShape{class: class, vertebra: n, patch: 2, patchGrain: 2, raggedGrain: 3}
	r := d.between(6, 11)
	lesionStyle[class](d, &l, &r)
	v := &p.vertebrae[n]
	l.rs, l.ru, l.rx = math.Min(r*d.between(0.85, 1.1), v.height*0.62), r*d.between(0.9, 1.2), r*d.between(0.9, 1.3)
	free := func(half, r float64) float64 { return math.Max(half-0.7*r, 0) * d.between(-1, 1) }
	l.s = (v.top+v.bottom)/2 + free(v.height/2, l.rs)
	l.u = free(v.front, l.ru)
	l.x = free(v.halfW, l.rx)
	return l
}

// lesionStyle sets the looks of each class; r is the radius in mm.
var lesionStyle = [spine.LesionClassCount]func(d dice, l *lesionShape, r *float64){
	spine.Lung: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(5.5, 9)
		l.ragged, l.raggedGrain = d.between(0.4, 0.6), d.between(1.2, 2)
		l.patch, l.patchGrain = d.between(0.25, 0.45), 1
		l.matter = [3]matter{
			vary(d, stuff(0.8, 1150, 82, 0.05, 0.25, 0.8)), vary(d, stuff(0.85, 1500, 125, 0, 0.2, 0.8)), vary(d, stuff(0.8, 1150, 82, 0.05, 0.2, 1))}
	},
	spine.Breast: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(7, 11)
		l.ragged, l.raggedGrain = d.between(0.2, 0.35), 3
		l.patch, l.patchGrain = d.between(-0.15, 0.15), d.between(2.6, 3.6)
		l.matter = [3]matter{
			vary(d, stuff(0.82, 1200, 92, 0.04, 0.15, 1.5)), vary(d, stuff(0.3, 800, 26, 0.03, 0.15, 1.5)), vary(d, stuff(0.7, 1100, 75, 0.1, 0.15, 1))}
	},
	spine.Prostate: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(6, 11)
		l.ragged, l.rim = d.between(0, 0.1), d.between(0.1, 0.2)
		l.matter = [3]matter{
			vary(d, stuff(0.24, 750, 24, 0.02, 0.05, 2)), vary(d, stuff(0.24, 750, 24, 0.02, 0.05, 2)), vary(d, stuff(0.85, 1200, 100, 0.08, 0.1, 1))}
	},
	spine.Kidney: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(10, 14)
		l.ragged, l.spreads = d.between(0.05, 0.18), true
		l.patch, l.patchGrain = d.between(0.55, 0.75), d.between(1, 1.5)
		l.matter = [3]matter{
			vary(d, stuff(0.92, 1300, 135, 0.03, 0.12, 1.5)), vary(d, stuff(0.08, 900, 30, 0, 0.2, 1)), vary(d, stuff(0.92, 1300, 135, 0.03, 0.1, 1.5))}
	},
	spine.GastroIntestinal: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(7, 11)
		l.ragged, l.rim, l.core = d.between(0.1, 0.2), d.between(0.15, 0.25), d.between(0.4, 0.6)
		l.matter = [3]matter{
			vary(d, stuff(0.8, 1150, 70, 0.03, 0.12, 1.5)), vary(d, stuff(0.98, 2300, 320, 0, 0.1, 1.5)), vary(d, stuff(0.6, 950, 42, 0.05, 0.1, 1))}
	},
	spine.OtherPrimary: func(d dice, l *lesionShape, r *float64) {
		*r = d.between(11, 15)
		l.soft, l.ragged, l.raggedGrain = d.between(0.35, 0.6), 0.15, 4
		l.matter = [3]matter{
			vary(d, stuff(0.8, 1050, 66, 0.14, 0.08, 3)), vary(d, stuff(0.8, 1050, 66, 0.14, 0.08, 3)), vary(d, stuff(0.8, 1050, 66, 0.14, 0.08, 3))}
	},
}

// vary makes no two lesions of a class the same.
func vary(d dice, m matter) matter {
	m.pd *= d.about(1, 0.06)
	m.t1 *= d.about(1, 0.1)
	m.t2 *= d.about(1, 0.13)
	m.fat = math.Max(m.fat*d.about(1, 0.3), 0)
	return m
}

// lesionAt gives the lesion tissue at a point, if there is one.
func (p *patient) lesionAt(s, u, x float64, inBone bool) (tissue, bool) {
	for n := range p.lesions {
		l := &p.lesions[n]
		if !inBone && !l.spreads {
			continue
		}
		a, b, c := (s-l.s)/l.rs, (u-l.u)/l.ru, (x-l.x)/l.rx
		e := a*a + b*b + c*c
		if e > 3 {
			continue
		}
		if t, ok := l.part(p.noise, s, u, x, sqrt(e)); ok {
			return tLesion + tissue(3*n) + t, true
		}
	}
	return 0, false
}

// part chooses body, patches or rim at e radii from the middle.
func (l *lesionShape) part(f *noiseField, s, u, x, e float64) (tissue, bool) {
	if l.ragged > 0 {
		k := 4 / (4 * l.raggedGrain)
		e += l.ragged * f.at(s*k, u*k, x*k)
	}
	if l.soft > 0 {
		e += l.soft * 1.2 * f.at(s*5.3, u*5.3, x*5.3) * b2f(e > 0.5)
	}
	if e > 1 {
		return 0, false
	}
	if e > 1-l.rim {
		return 2, true
	}
	k := 1 / l.patchGrain
	if e < l.core || l.patch < 2 && f.at(s*k+17, u*k, x*k) > l.patch {
		return 1, true
	}
	return 0, true
}

func b2f(b bool) float64 { return float64(b2i(b)) }
