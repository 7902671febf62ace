package phantom

import "math"

// trunk is the body around the spine, in world coordinates; tables over z in
// millimetres from -reach.
type trunk struct {
	back, fascia  [2 * trunkReach]float32 // y of the skin and of the muscles' back at the midline
	front         float64                 // y of the belly's skin
	belly         float64                 // thickness of its fat, mm
	flank         float64                 // half width of the body
	psoas         float64
	fatStreaks    float64 // how fatty the back muscles are, -0.5 lean .. 0.5
	aortaX, cavaX float64
	wind          [2]float64 // the aorta's winding: mm, mm
	flow          [2]tissue  // aorta and cava: void or bright
	visceral      float64    // y in front of which the bowel lies, relative to the column
	organs        organs
}

const trunkReach = 260

func (p *patient) drawTrunk(d dice) trunk {
	v := p.variety
	t := trunk{flank: d.between(140, 185) * p.size, psoas: d.about(1, 0.13) * p.size,
		fatStreaks: d.about(-0.2+0.4*float64(p.age-30)/60, 0.15+0.1*v),
		aortaX:     d.between(6, 16), cavaX: d.between(-22, -12),
		wind:     [2]float64{d.between(0, 2) + 6*v*math.Pow(d.Float64(), 3), d.between(40, 80)},
		visceral: d.between(-60, -36) * p.size}
	t.flow = [2]tissue{tArtery, tCava}
	if d.chance(0.3 * v) {
		t.flow[0] = tBrightArtery
	}
	if d.chance(0.4) {
		t.flow[1] = [2]tissue{tArtery, tBrightArtery}[d.IntN(2)]
	}
	fat := math.Exp(d.about(2.6, 0.6)) * p.size // subcutaneous fat, mm
	t.belly = fat * d.between(0.5, 1.6)
	t.front = -d.between(85, 125)*p.size - t.belly
	depth := d.between(63, 75) * p.size
	wave := d.between(0, 6)
	raw := make([]float64, 2*trunkReach)
	for i := range raw {
		raw[i] = p.backLine(float64(i-trunkReach), depth)
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
	t.organs = p.drawOrgans(d)
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
	return y + depth*(1-near) + 34*near*p.size
}

func (t *trunk) line(table *[2 * trunkReach]float32, z float64) float64 {
	return float64(table[min(max(int(z+trunkReach), 0), 2*trunkReach-1)])
}

// backCurve is how far the back recedes at x from the midline's skin: forward in
// the furrow between the muscles and towards the flanks.
func backCurve(x float64) float64 {
	ax := math.Abs(x)
	if ax < 36 {
		f := 1 - ax/36
		return 5*f*f*(3-2*f) - 5 + ax*ax/700
	}
	return -5 + 1.85 + (ax-36)*(ax-36)/520 + (ax-36)*0.1
}

// skin is y of the back at x and z.
func (t *trunk) skin(x, z float64) float64 { return t.line(&t.back, z) - backCurve(x) }

// outside reports whether a point lies beside or before the body.
func (t *trunk) outside(x, y float64) bool {
	w := x / t.flank
	if y > 0 {
		return w > 1 || w < -1
	}
	return y < t.frontAt(x)
}

// frontAt is y of the belly's skin at x.
func (t *trunk) frontAt(x float64) float64 {
	w := x / t.flank
	return t.front * math.Sqrt(math.Max(1-w*w*w*w, 0))
}

// surround is everything that is not spine, from the back to the front.
func (p *patient) surround(x, y, z, s, u, rx float64, sl *slice, back float64) tissue {
	t := &p.trunk
	ax := math.Abs(x)
	front := t.frontAt(x)
	if y > back-1.6 || y < front+1.6 {
		return tSkin
	}
	fascia := t.line(&t.fascia, z) - backCurve(x)
	if y > fascia {
		return p.subcutaneous(x, y, z)
	}
	if y > fascia-1.2 && ax < 75 {
		return tFascia
	}
	arx := math.Abs(rx)
	if arx > 14 && s < p.ribsEnd {
		if t, ok := p.ribAt(s, u, arx); ok {
			return t
		}
	}
	if t, ok := p.iliumAt(s, u, arx); ok {
		return t
	}
	if u > p.dorsalEdge(sl, arx) && s < p.vertebrae[vertebraSum-1].bottom {
		return p.dorsal(sl, x, rx, y, z, s, u)
	}
	if u > -28 && u < 34 {
		if t, ok := p.psoasAt(s, u, rx, x, z); ok {
			return t
		}
	}
	if off := y - front; off < t.belly+14 {
		return p.bellyWall(x, y, z, off)
	}
	return p.ventral(sl, x, y, z, s, u)
}

// bellyWall is fat over the straight and oblique muscles.
func (p *patient) bellyWall(x, y, z, off float64) tissue {
	off -= p.trunk.belly
	switch {
	case off < 0:
		return p.subcutaneous(x, y, z)
	case off < 9 && math.Abs(x) > 3:
		if p.noise.smooth(x*0.5, y*0.5, z*0.1) > 0.6 {
			return tMuscleFat
		}
		return tMuscle
	}
	return tMesentery
}

// subcutaneous fat with thin septa.
func (p *patient) subcutaneous(x, y, z float64) tissue {
	if math.Abs(p.noise.smooth(x*0.22, y*0.5, z*0.22)) < 0.02 {
		return tSepta
	}
	return tFat
}
