package phantom

import (
	"fmt"
	"math"

	"columna/spine"
	"columna/volume"
)

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

// sagittal acquires the sagittal series on one grid and returns the truth's picture.
func (a *acquisition) sagittal(c *Case) *picture {
	g, share := a.sagittalGrid()
	at := thick(share)
	if g.SpacingMM()[2] < 1.5 {
		at = fine()
	}
	pic := a.p.see(g, a.pal, at, true)
	for q := range a.pal.pulses {
		s := a.series(c, q, spine.Sagittal, 0, g.Size[2])
		s.Volume = a.develop(pic, q, a.sagittalCoil(g))
		c.Study.Series = append(c.Study.Series, s)
	}
	return pic
}

// sagittalCoil draws the coil and the band of one sagittal series.
func (a *acquisition) sagittalCoil(g volume.Grid) *coil {
	if a.opts.External {
		return flatCoil(a.style)
	}
	half := g.SpacingMM()[1] * float64(g.Size[1]) / 2
	return drawCoil(a.style, g.CenterMM(), half, a.style.chance(0.7), a.opts.Variety)
}

// develop makes the image of one channel, using up its signals.
func (a *acquisition) develop(pic *picture, q int, c *coil) *volume.Volume {
	v := a.receiver(q, c, pic.grid).develop(pic.grid, pic.water[q], pic.fat[q], a.rnd)
	pic.water[q], pic.fat[q] = nil, nil
	return v
}

// series is the header of one series or block.
func (a *acquisition) series(c *Case, q int, plane spine.Plane, block, slices int) spine.Series {
	t := a.pal.pulses[q].Technique
	kind := string(t) + string(plane)
	number, word := 2+q, "SAG"
	if plane == spine.Axial {
		number, word = 5+maxChannels, "AX"
	}
	s := spine.Series{UID: uid(a.seed, kind), Block: block, Number: number,
		Description: fmt.Sprintf("%s %s", t.title(), word), Sequence: t.Sequence(), Plane: plane, Confidence: 1,
		FrameOfReferenceUID: uid(a.seed, "frame"), SOPClassUID: "1.2.840.10008.5.1.4.1.1.4"}
	for k := range slices {
		s.SOPUIDs = append(s.SOPUIDs, uid(a.seed, kind, block, k))
	}
	return s
}

// title is the technique in a series description.
func (t Technique) title() string {
	switch t {
	case Space:
		return "T2 SPACE"
	case T2FS:
		return "T2 FS"
	case T2Star:
		return "T2* GRE"
	case T1Grad:
		return "T1 GRE"
	case Balanced:
		return "TrueFISP"
	}
	return string(t.Sequence())
}

// axial acquires one block of T2 slices through each disc, angled to it: i to the
// patient's left, j to posterior, k to superior.
func (a *acquisition) axial(c *Case) {
	d := a.dice
	pixel, side, count, gap := d.between(0.55, 0.66), 320, 3+d.IntN(3), d.between(3.6, 4.4)
	if a.opts.Small {
		pixel, side = pixel*2, side/2
	}
	only := *a
	only.pal = a.pal.only(1) // T2
	receive := drawCoil(a.style, volume.Vec3{}, 400, false, a.opts.Variety)
	if a.opts.External {
		receive = flatCoil(a.style)
	}
	r := only.receiver(0, receive, volume.Grid{Affine: volume.NewAffine(volume.Vec3{pixel}, volume.Vec3{}, volume.Vec3{}, volume.Vec3{})})
	r.blur, r.ghosts.wrap = 0.1, 0
	for l := range spine.LevelCount {
		x := &a.p.discs[firstLumbar+l]
		g := a.axialGrid(x, pixel, side, count, gap, d.about(0, 0.03))
		pic := a.p.see(g, only.pal, thick(0.9), false)
		s := only.series(c, 0, spine.Axial, l, count)
		s.Volume = r.develop(g, pic.water[0], pic.fat[0], a.rnd)
		c.Study.Series = append(c.Study.Series, s)
	}
}

func (a *acquisition) axialGrid(x *disc, pixel float64, side, count int, gap, tilt float64) volume.Grid {
	p := a.p
	sin, cos := math.Sincos(math.Asin(p.curve.sin[p.curve.index(x.mid)]) + tilt)
	steps := [3]volume.Vec3{{pixel, 0, 0}, {0, pixel * cos, pixel * sin}, {0, -gap * sin, gap * cos}}
	size := [3]int{side, side, count}
	origin := p.spot(x.mid, 0, 0).Add(volume.Vec3{0, 20 * cos, 20 * sin})
	for n := range 3 {
		origin = origin.Sub(steps[n].Scale(float64(size[n]-1) / 2))
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}
