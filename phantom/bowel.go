package phantom

import "math"

// tube is a run of colon with haustra: a row of blocks that a careless network
// takes for vertebrae.
type tube struct {
	x, y, r     float64
	from, to    float64 // z
	pitch, wave float64
	shown       bool
}

// drawTube places the n-th tube: left, right, or before the spine.
func drawTube(d dice, n int, visceral, k float64) tube {
	t := tube{x: [3]float64{80, -80, 0}[n]*k + d.about(0, 10), y: visceral*0.7 - d.between(0, 25), r: d.between(14, 22) * k,
		from: d.between(-60, 0), pitch: d.between(20, 34) * k, wave: d.between(4, 14), shown: d.chance([3]float64{0.8, 0.8, 0.35}[n])}
	t.to = t.from + d.between(60, 170)
	if n == 2 {
		t.y = visceral - d.between(10, 30)
	}
	return t
}

// hash mixes cell numbers to a random number.
func (o *organs) hash(i, j, k int) uint32 {
	h := uint32(i)*0x8da6b343 ^ uint32(j)*0xd8163841 ^ uint32(k)*0xcb1ab31f ^ o.salt
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	return h ^ h>>15
}

// content is what a loop with hash h is filled with.
func content(h uint32) tissue {
	switch v := h >> 8 & 15; {
	case v < 3:
		return tBowelGas
	case v < 6:
		return tBowelFluid
	case v < 12:
		return tBowelPaste
	}
	return tBowelWall
}

// bowel is loops with walls, filled with fluid, gas or paste, in mesenteric fat.
func (p *patient) bowel(x, y, z float64) tissue {
	o := &p.trunk.organs
	for n := range o.colon {
		if t, ok := o.haustrum(n, x, y, z); ok {
			return t
		}
	}
	// Every cell of a lattice holds one loop; those of the eight nearest decide.
	bend := 0.25 * p.noise.smooth(x*0.07, y*0.07, z*0.07)
	gx, gy, gz := x/o.cell+bend, y/o.cell-bend, z/o.cell+0.7*bend
	i, j, k := int(math.Floor(gx-0.5)), int(math.Floor(gy-0.5)), int(math.Floor(gz-0.5))
	best, of := math.Inf(1), uint32(0)
	for c := range 8 {
		ci, cj, ck := i+c&1, j+c>>1&1, k+c>>2
		h := o.hash(ci, cj, ck)
		if h>>19&15 < o.empty {
			continue
		}
		r := 0.34 + 0.3*float64(h>>24)/255
		dx := gx - float64(ci) - 0.5 - 0.35*(float64(h&255)/255-0.5)
		dy := gy - float64(cj) - 0.5 - 0.35*(float64(h>>8&255)/255-0.5)
		dz := gz - float64(ck) - 0.5 - 0.35*(float64(h>>16&255)/255-0.5)
		if h&4 > 0 {
			dx *= 0.7 // loops are longer one way
		} else {
			dz *= 0.75
		}
		if e := (dx*dx + dy*dy + dz*dz) / (r * r); e < best {
			best, of = e, h
		}
	}
	switch {
	case best < 0.78:
		return content(of)
	case best < 1:
		return tBowelWall
	case p.noise.smooth(x*0.45, y*0.45, z*0.45) > 0.66:
		return tVein
	}
	return tMesentery
}

// haustrum is a point of a tube: content that changes from block to block, folds
// between them.
func (o *organs) haustrum(n int, x, y, z float64) (tissue, bool) {
	t := &o.colon[n]
	if !t.shown || z < t.from || z > t.to {
		return 0, false
	}
	f := z / t.pitch
	whole := math.Floor(f)
	in := f - whole - 0.5
	dx, dy := x-t.x-t.wave*math.Sin(z/40), y-t.y-t.wave*math.Cos(z/55)
	r := t.r * (1 - 0.5*math.Pow(2*math.Abs(in), 6))
	e := (dx*dx + dy*dy) / (r * r)
	switch {
	case e > 1:
		return 0, false
	case e > 0.8 || math.Abs(in) > 0.45:
		return tBowelWall, true
	}
	return content(o.hash(int(whole), n, 77)), true
}
