package phantom

import (
	"fmt"
	"math"

	"columna/spine"
	"columna/volume"
)

// acquisition is one visit to the scanner.
type acquisition struct {
	seed    uint64
	opts    Options
	p       *patient
	dice    dice
	pal     *palette
	scanner Scanner
	pulses  [seqCount]pulse
	noise   float64
	rnd     *normals
}

var sequences = [seqCount]spine.Sequence{seqT1: spine.T1, seqT2: spine.T2, seqSTIR: spine.STIR}

func newAcquisition(seed uint64, o Options, p *patient) *acquisition {
	a := &acquisition{seed: seed, opts: o, p: p, dice: newDice(seed, streamScanner)}
	d := a.dice
	field := o.FieldT
	if field == 0 {
		field = [2]float64{1.5, 3}[b2i(d.chance(0.35))]
	}
	contrast := newDice(seed, streamContrast)
	random := contrast.chance(o.RandomContrast)
	a.pulses = drawPulses(d, field)
	fat := fatMatter
	fat.t1 = fatT1(field)
	fat.t2 *= contrast.between(0.85, 1.2)
	a.pal = newPalette(p.matters(contrast, field), fat, a.pulses, contrast, 0.09, random)
	a.noise = math.Exp(d.about(-4.35, 0.45))
	if o.Noise > 0 {
		a.noise *= o.Noise
	}
	a.scanner = Scanner{FieldT: field, RandomContrast: random, NoiseSigma: a.noise, Timing: map[spine.Sequence]Timing{}}
	for q, s := range sequences {
		if q != seqSTIR || o.WithSTIR {
			a.scanner.Timing[s] = Timing{a.pulses[q].TR, a.pulses[q].TE, a.pulses[q].TI}
		}
	}
	a.rnd = newNormals(newDice(seed, streamNoise))
	return a
}

// drawPulses chooses timings as protocols do; STIR's inversion time nulls fat.
func drawPulses(d dice, field float64) [seqCount]pulse {
	whole := func(lo, hi float64) float64 { return math.Round(d.between(lo, hi)) }
	null := fatT1(field) * math.Ln2 * d.between(0.95, 1.06)
	return [seqCount]pulse{
		seqT1:   {TR: whole(450, 720), TE: whole(8, 14)},
		seqT2:   {TR: whole(2800, 4800), TE: whole(88, 122)},
		seqSTIR: {TR: whole(3500, 5200), TE: whole(38, 72), TI: math.Round(null)},
	}
}

// fatT1 in milliseconds; at 3 T relaxation is slower.
func fatT1(field float64) float64 {
	if field > 2 {
		return fatMatter.t1 * 1.15
	}
	return fatMatter.t1
}

// matters are the tissues of this patient: discs as bright as they are healthy,
// lesions as drawn, marrow fattier with age.
func (p *patient) matters(d dice, field float64) [tissueCount]matter {
	m := baseMatter()
	age := float64(p.age)
	fat := min(max(d.about(0.26+0.0035*age, 0.07), 0.12), 0.75)
	m[tMarrow].fat = fat
	m[tMarrowAbove].fat = fat * d.between(0.85, 1)
	m[tMarrowSacrum].fat = min(fat*d.between(1, 1.3), 0.85)
	for n := range p.discs {
		g := p.discs[n].degeneration
		water := 165*(1-g)*(1-g) + 34
		m[tNucleus+tissue(n)] = matter{pd: 0.85 - 0.25*g, t1: 1250 - 350*g, t2: water * d.about(1, 0.06), texture: 0.08 + 0.1*g, grain: 1.2}
	}
	for n, l := range p.lesions {
		for i := range 3 {
			m[int(tLesion)+3*n+i] = l.matter[i]
		}
	}
	if field > 2 {
		for i := range m {
			m[i].t1 *= 1.18
			m[i].t2 *= 0.92
		}
	}
	return m
}

// header is the study without its series.
func (p *patient) header(seed uint64, a *acquisition) spine.Study {
	sex := "M"
	if p.female {
		sex = "F"
	}
	return spine.Study{UID: uid(seed, "study"), PatientID: fmt.Sprintf("PHANTOM-%06d", seed%1000000),
		PatientName: fmt.Sprintf("Phantom^Seed %d", seed), Sex: sex, Age: fmt.Sprintf("%03dY", p.age),
		Date: "20250101", Description: "Lumbar spine (synthetic phantom)", FieldT: a.scanner.FieldT}
}

// sagittalGrid is the stack of sagittal slices: i to posterior, j to inferior, k to
// either side, turned by a few degrees as technicians do.
func (a *acquisition) sagittalGrid() volume.Grid {
	d, p := a.dice, a.p
	pixel, side, slices := d.between(0.66, 0.78), 384, 15+d.IntN(3)
	if a.opts.Small {
		pixel, side = pixel*2, side/2
	}
	thick := a.opts.ThicknessMM
	if thick == 0 {
		thick = math.Round(d.between(3.6, 4.6)*10) / 10
	}
	size := [3]int{side, side, slices}
	l4 := p.vertebrae[firstLumbar+3]
	cy, _ := p.curve.place(l4.top, 10)
	_, z := p.curve.place(p.vertebrae[firstLumbar+2].top, 0)
	centre := volume.Vec3{d.about(0, 1.5), cy + d.between(-25, 12), z + d.between(-22, 14)}
	g := sagittal(size, volume.Vec3{pixel, pixel, thick * d.sign()}, centre, d.about(0, 0.02), d.about(0, 0.02))
	return g
}

// sagittal builds a grid around a centre. yaw turns it about z, roll about y
// (radians); a negative slice step runs to the patient's right.
func sagittal(size [3]int, spacing volume.Vec3, centre volume.Vec3, yaw, roll float64) volume.Grid {
	sy, cy := math.Sincos(yaw)
	sr, cr := math.Sincos(roll)
	i := volume.Vec3{sy, cy, 0}
	j := volume.Vec3{cy * sr, -sy * sr, -cr}
	k := volume.Vec3{cy * cr, -sy * cr, sr}
	steps := [3]volume.Vec3{i.Scale(spacing[0]), j.Scale(spacing[1]), k.Scale(spacing[2])}
	origin := centre
	for n := range 3 {
		origin = origin.Sub(steps[n].Scale(float64(size[n]-1) / 2))
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}

// sagittal acquires T1, T2 and STIR on one grid and returns the truth's picture.
func (a *acquisition) sagittal(c *Case) *picture {
	g := a.sagittalGrid()
	want := [seqCount]bool{true, true, a.opts.WithSTIR}
	pic := a.p.see(g, a.pal, thickSampling, want, true)
	half := g.SpacingMM()[1] * float64(g.Size[1]) / 2
	band := a.dice.chance(0.75)
	for q := range seqCount {
		receive := drawCoil(a.dice, a.p, g.CenterMM(), half, band)
		if !want[q] {
			continue
		}
		s := a.series(c, q, spine.Sagittal, 0, g.Size[2])
		s.Volume = a.develop(g, pic.values[q], q, receive, 1)
		c.Study.Series = append(c.Study.Series, s)
	}
	return pic
}

// develop scales a sequence to grey levels. Long inversion and echo times leave
// little signal, so the noise is the same and the gain larger.
func (a *acquisition) develop(g volume.Grid, signal []float32, q int, receive *coil, noisier float64) *volume.Volume {
	gain := [seqCount]float64{900, 1300, 1800}[q] * a.dice.between(0.6, 1.2)
	noise := [seqCount]float64{1, 1, 0.8}[q] * a.noise * noisier
	blur := a.dice.between(0.06, 0.2)
	return develop(g, signal, receive, float32(blur), float32(noise), float32(gain), a.rnd)
}

// series is the header of one series or block.
func (a *acquisition) series(c *Case, q int, plane spine.Plane, block, slices int) spine.Series {
	kind := string(sequences[q]) + string(plane)
	number := 2 + q
	word := "SAG"
	if plane == spine.Axial {
		number, word = 5, "AX"
	}
	s := spine.Series{UID: uid(a.seed, kind), Block: block, Number: number,
		Description: fmt.Sprintf("%s %s", sequences[q], word), Sequence: sequences[q], Plane: plane, Confidence: 1,
		FrameOfReferenceUID: uid(a.seed, "frame"), SOPClassUID: "1.2.840.10008.5.1.4.1.1.4"}
	for k := range slices {
		s.SOPUIDs = append(s.SOPUIDs, uid(a.seed, kind, block, k))
	}
	return s
}

// axial acquires one block of T2 slices through each disc, angled to it: i to the
// patient's left, j to posterior, k to superior.
func (a *acquisition) axial(c *Case) {
	d := a.dice
	pixel, side, count, gap := d.between(0.55, 0.66), 320, 3+d.IntN(3), d.between(3.6, 4.4)
	if a.opts.Small {
		pixel, side = pixel*2, side/2
	}
	receive := drawCoil(d, a.p, volume.Vec3{}, 400, false)
	for l := range spine.LevelCount {
		x := &a.p.discs[firstLumbar+l]
		tilt := d.about(0, 0.03)
		g := a.axialGrid(x, pixel, side, count, gap, tilt)
		pic := a.p.see(g, a.pal, thickSampling, [seqCount]bool{seqT2: true}, false)
		s := a.series(c, seqT2, spine.Axial, l, count)
		s.Volume = a.develop2(g, pic.values[seqT2], receive)
		c.Study.Series = append(c.Study.Series, s)
	}
}

// develop2 uses the same gain for every block of the axial series.
func (a *acquisition) develop2(g volume.Grid, signal []float32, receive *coil) *volume.Volume {
	return develop(g, signal, receive, 0.1, float32(a.noise*1.1), 1000, a.rnd)
}

func (a *acquisition) axialGrid(x *disc, pixel float64, side, count int, gap, tilt float64) volume.Grid {
	p := a.p
	i := p.curve.index(x.mid)
	angle := math.Asin(p.curve.sin[i]) + tilt
	sin, cos := math.Sincos(angle)
	y, z := p.curve.place(x.mid, 20)
	steps := [3]volume.Vec3{{pixel, 0, 0}, {0, pixel * cos, pixel * sin}, {0, -gap * sin, gap * cos}}
	size := [3]int{side, side, count}
	origin := volume.Vec3{float64(p.at(x.mid).sway), y, z}
	for n := range 3 {
		origin = origin.Sub(steps[n].Scale(float64(size[n]-1) / 2))
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}
