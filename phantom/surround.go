package phantom

import "math"

// trunk is the body around the spine, in world coordinates; tables over z in
// millimetres from -reach.
type trunk struct {
	back, fascia  [2 * trunkReach]float32 // y of the skin and of the muscles' back at the midline
	front         float64                 // y of the belly's skin
	flank         float64                 // half width of the body
	psoas         float64
	fatStreaks    float64 // how fatty the back muscles are, -0.5 lean .. 0.5
	aortaX, cavaX float64
	bowelScale    float64
	visceral      float64 // y in front of which the bowel lies, relative to the column
	kidneyZ       [2]float64
}

const trunkReach = 260

func (p *patient) drawTrunk(d dice) trunk {
	t := trunk{flank: d.between(140, 185), psoas: d.about(1, 0.13),
		fatStreaks: d.about(-0.2+0.4*float64(p.age-30)/60, 0.15),
		aortaX:     d.between(6, 16), cavaX: d.between(-22, -12), bowelScale: d.between(0.7, 1.4),
		visceral: d.between(-62, -46), kidneyZ: [2]float64{d.between(40, 70), d.between(30, 60)}}
	fat := math.Exp(d.about(2.6, 0.6)) // subcutaneous fat, mm
	t.front = -d.between(85, 125) - fat
	depth := d.between(58, 68) * p.size
	wave := d.between(0, 6)
	raw := make([]float64, 2*trunkReach)
	for i := range raw {
		z := float64(i - trunkReach)
		raw[i] = p.backLine(z, depth)
	}
	for range 3 {
		raw = boxFilter(raw, 22)
	}
	sacral := p.placeZ(p.discs[firstSacral-1].mid)
	for i := range raw {
		z := float64(i - trunkReach)
		thick := fat * (1 + 0.25*math.Sin(z/60+wave) + 0.9*logistic((sacral+10-z)/18))
		t.fascia[i] = float32(raw[i])
		t.back[i] = float32(raw[i] + 3 + thick)
	}
	return t
}

func (p *patient) placeZ(s float64) float64 {
	_, z := p.curve.place(s, 0)
	return z
}

// backLine is y of the muscles' back at height z: well behind the lumbar column,
// close to the sacrum further down.
func (p *patient) backLine(z, depth float64) float64 {
	best, y := math.Inf(1), 0.0
	s := 0.0
	for i := 0; i < len(p.curve.z); i += 4 {
		if dz := math.Abs(p.curve.z[i] - z); dz < best {
			best, y, s = dz, p.curve.y[i], p.curve.from+float64(i)*p.curve.step
		}
	}
	near := logistic((s - 8) / 14)
	return y + depth*(1-near) + 34*near
}

func (t *trunk) line(table *[2 * trunkReach]float32, z float64) float64 {
	return float64(table[min(max(int(z+trunkReach), 0), 2*trunkReach-1)])
}

// backCurve is how far the back recedes at x from the midline's skin, with the
// furrow of the back.
func backCurve(x float64) float64 {
	if x < 12 && x > -12 {
		return x*x/420 + 3 - math.Abs(x)/4
	}
	return x * x / 420
}

// skin is y of the back at x and z.
func (t *trunk) skin(x, z float64) float64 { return t.line(&t.back, z) - backCurve(x) }

// surround is everything that is not spine.
func (p *patient) surround(x, y, z, s, u, rx float64, sl *slice, back float64) (tissue, uint8) {
	t := &p.trunk
	ax := math.Abs(x)
	curve := backCurve(x)
	if y > back-1.6 || y < t.front+1.6 {
		return tSkin, 0
	}
	fascia := t.line(&t.fascia, z) - curve*0.9 - 2*b2f(ax < 8)
	if y > fascia {
		return p.subcutaneous(x, y, z), 0
	}
	if y > fascia-1.2 && ax < 75 {
		return tFascia, 0
	}
	if u > p.dorsalEdge(sl, math.Abs(rx)) && s < p.vertebrae[vertebraSum-1].bottom {
		return p.dorsal(sl, x, rx, y, z, s, u), 0
	}
	if u > -28 && u < 34 {
		if t, ok := p.psoasAt(s, u, rx, x, z); ok {
			return t, 0
		}
	}
	if y < t.front+14 {
		return p.subcutaneous(x, y, z), 0
	}
	return p.ventral(sl, x, y, z, s, u), 0
}

// dorsalEdge is u of the border between the back muscles and what lies before
// them: behind the transverse processes.
func (p *patient) dorsalEdge(sl *slice, ax float64) float64 {
	w := float64(sl.wall)
	switch {
	case ax < 20:
		return w - 3
	case ax < 36:
		return w - 3 + (ax-20)*1.05
	}
	return w + 14 + (ax-36)*0.16
}

// subcutaneous fat with thin septa.
func (p *patient) subcutaneous(x, y, z float64) tissue {
	if math.Abs(p.noise.smooth(x*0.22, y*0.5, z*0.22)) < 0.02 {
		return tSepta
	}
	return tFat
}

// dorsal is the back: muscle with streaks of fat, more of them near the midline
// and further down, ligament and fat between the spinous processes.
func (p *patient) dorsal(sl *slice, x, rx, y, z, s, u float64) tissue {
	ax := math.Abs(rx)
	if ax < 2.6 && u > float64(sl.roof) {
		switch n := p.noise.at(rx*0.4, u*0.35, s*0.35); {
		case n > 0.22 || u < float64(sl.roof)+4:
			return tFat
		case u > 62 && n < 0.1:
			return tLigament // supraspinous
		}
		return tInterspinous
	}
	low := min(max((s+160)/200, 0), 1.2)
	deep := 1 - min(ax/40, 1)
	f := 0.6*p.noise.smooth(x*0.5, y*0.4+z*0.12, z*0.13-y*0.05) + 0.55*p.noise.at(x*1.6, y*1.4, z*0.4)
	f += p.trunk.fatStreaks*0.8 + 0.25*low*deep - 0.22
	if ax < 5 && s < 0 {
		f += 0.2
	}
	if s > -5 && u < 40 {
		f += 0.2
	}
	// Planes of fat between multifidus, longissimus and iliocostalis.
	for _, plane := range [2]float64{24, 47} {
		if d := math.Abs(ax - plane - 0.15*(u-40) - 4*p.noise.smooth(y*0.1, z*0.1, plane)); d < 1.1 {
			f += 0.5 - 0.3*d
		}
	}
	switch {
	case f > 0.42:
		return tFat
	case f > 0.2:
		return tMuscleFat
	}
	return tMuscle
}

// psoasAt is the psoas muscle, growing downwards beside the column.
func (p *patient) psoasAt(s, u, rx, x, z float64) (tissue, bool) {
	down := min(max((s+190)/190, 0), 1.15)
	if s < -195 || s > 70 {
		return 0, false
	}
	big := p.trunk.psoas * (6 + 15*down) * min(max((s+196)/25, 0.1), 1)
	ax := math.Abs(rx)
	a, b := (ax-24*p.size-0.75*big-4*down)/big, (u+1-3*(1-down))/(big*1.05)
	e := a*a + b*b + 0.15*p.noise.smooth(x*0.1, u*0.1, z*0.05)
	if e > 1 {
		a, b := (ax-56-6*down)/22, (u-22-2*down)/9
		if a*a+b*b < 1 && s > -175 && s < 5 {
			return tMuscle, true // quadratus lumborum
		}
		if e < 1.22 || a*a+b*b < 1.25 {
			return tPelvicFat, true
		}
		return 0, false
	}
	if e > 0.25 && p.noise.at(x*0.7, u*0.7, z*0.15) > 0.75-0.5*p.trunk.fatStreaks {
		return tMuscleFat, true
	}
	return tMuscle, true
}

// ventral is what lies before and beside the column: vessels, fat, kidneys, bowel.
func (p *patient) ventral(sl *slice, x, y, z, s, u float64) tissue {
	t := &p.trunk
	if v, ok := p.vesselAt(sl, x, s, u); ok {
		return v
	}
	for side, kz := range t.kidneyZ {
		a := (x - sideSign(side)*(66+0.1*(z-kz))) / 27
		b, c := (y-8)/24, (z-kz-20)/54
		if e := a*a + b*b + c*c; e < 1 {
			if e < 0.16 {
				return tFat
			}
			return tKidney
		}
	}
	if x < 12 && x > -12 && outlineOf(sl, 0, 0, u, x) < 1.2 {
		return tLigament // anterior longitudinal ligament
	}
	wob := 9 * p.noise.smooth(x*0.05, z*0.06, 3)
	low := min(max(s/45+0.6, 0), 1)
	edge := t.visceral*(1-low) - 24*low + wob + min(x*x*0.004, 60)
	if u > edge {
		if p.noise.smooth(x*0.5, y*0.5, z*0.5) > 0.7 {
			return tVein
		}
		return tPelvicFat
	}
	if x < -45 && z > 75 {
		return tLiver
	}
	return p.bowel(x, y, z)
}

// vesselAt is the aorta (left) and the vena cava (right), which divide at L4.
func (p *patient) vesselAt(sl *slice, x, s, u float64) (tissue, bool) {
	t := &p.trunk
	split := p.vertebrae[firstLumbar+3].bottom - 8
	apart := math.Max(s-split, 0)
	if apart > 70 {
		return 0, false
	}
	front := -float64(sl.front)
	for n, base := range [2]float64{t.aortaX, t.cavaX} {
		r := [2]float64{9, 10}[n] * p.size
		wall := [2]float64{1.4, 0.7}[n]
		ux := front - r - 1.5
		for _, way := range [2]float64{1, -1} {
			cx, cr := base, r
			if apart > 0 {
				cx, cr = base+way*apart*0.55, r*0.68
			}
			a, b := (x-cx)/cr, (u-ux-0.15*apart)/(cr*[2]float64{1, 0.8}[n])
			if e := a*a + b*b; e < 1 {
				if e > 1-2*wall/cr {
					return tArteryWall, true
				}
				return [2]tissue{tArtery, tArtery}[n], true
			}
			if apart == 0 {
				break
			}
		}
	}
	return 0, false
}

// bowel is loops of wall around fluid, gas and paste, in mesenteric fat.
func (p *patient) bowel(x, y, z float64) tissue {
	k := 0.16 * p.trunk.bowelScale
	f := p.noise.smooth(x*k, y*k, z*k)
	switch {
	case f > 0.2:
		switch kind := p.noise.smooth(x*0.05+9, y*0.05, z*0.05); {
		case kind > 0.3:
			return tBowelGas
		case kind > -0.05:
			return tBowelPaste
		case kind > -0.4:
			return tBowelFluid
		}
		return tBowelPaste
	case f > 0.08:
		return tBowelWall
	}
	return tPelvicFat
}
