package phantom

import "math"

// bone is one rounded rod of the posterior elements in spine coordinates
// (s, u, |x|): a point is inside when its distance from the axis, with s divided
// by tall and x by wide, is below radius.
type bone struct {
	a, b       [3]float64
	radius     float64
	tall, wide float64    // the cross-section is an ellipse: times tall along s, times wide along x
	facet      int        // 1 superior, 2 inferior articular process, else 0
	grow       [2]float64 // extra radius on the left and right, mm
	lo, hi     [3]float64 // bounds in s, u, |x|
}

func (b *bone) bound() {
	r := b.radius + math.Max(b.grow[0], b.grow[1]) + 0.5
	for k := range 3 {
		f := r
		if k == 0 {
			f *= b.tall
		}
		if k == 2 {
			f *= b.wide
		}
		b.lo[k] = math.Min(b.a[k], b.b[k]) - f
		b.hi[k] = math.Max(b.a[k], b.b[k]) + f
	}
}

// depth is how deep the point lies in the bone, mm; negative outside.
func (b *bone) depth(s, u, ax float64, side int) float64 {
	if s < b.lo[0] || s > b.hi[0] || u < b.lo[1] || u > b.hi[1] || ax < b.lo[2] || ax > b.hi[2] {
		return -1
	}
	k, m := 1/b.tall, 1/b.wide
	d := [3]float64{(b.b[0] - b.a[0]) * k, b.b[1] - b.a[1], (b.b[2] - b.a[2]) * m}
	q := [3]float64{(s - b.a[0]) * k, u - b.a[1], (ax - b.a[2]) * m}
	t := min(max((q[0]*d[0]+q[1]*d[1]+q[2]*d[2])/(d[0]*d[0]+d[1]*d[1]+d[2]*d[2]+1e-9), 0), 1)
	q[0] -= t * d[0]
	q[1] -= t * d[1]
	q[2] -= t * d[2]
	return b.radius + b.grow[side] - sqrt(q[0]*q[0]+q[1]*q[1]+q[2]*q[2])
}

// addBones builds the posterior elements of every vertebra and notes at every s
// which of them are near.
func (p *patient) addBones() {
	for n := range p.vertebrae {
		if n < firstSacral {
			p.addArch(n)
		} else if n < firstSacral+3 {
			p.addCrest(n)
		}
	}
	for i := range p.bones {
		b := &p.bones[i]
		b.bound()
		lo := int((b.lo[0] - p.curve.from) / sliceStepMM)
		hi := int((b.hi[0]-p.curve.from)/sliceStepMM) + 1
		for k := max(lo, 0); k < min(hi, len(p.slices)); k++ {
			p.slices[k].bones = append(p.slices[k].bones, int16(i))
		}
	}
}

// addArch builds pedicles, laminae, articular, transverse and spinous processes.
func (p *patient) addArch(n int) {
	v := &p.vertebrae[n]
	k, h := p.size, v.height
	sl := p.at((v.top + v.bottom) / 2)
	wall, roof := float64(sl.wall), float64(sl.roof)
	at := func(f float64) float64 { return v.top + f*h }
	x := v.pedX
	rod := func(a, b [3]float64, r, tall float64) *bone {
		p.bones = append(p.bones, bone{a: a, b: b, radius: r * k, tall: tall, wide: 1})
		return &p.bones[len(p.bones)-1]
	}
	rod([3]float64{at(0.31), wall - 4, x}, [3]float64{at(0.30), wall + 12, x}, v.pedW, v.pedH/v.pedW)
	rod([3]float64{at(0.42), wall + 13, x - 1}, [3]float64{at(0.85), roof - 1.5, x - 3}, 4.2, 1.1)
	rod([3]float64{at(0.70), roof - 1, x - 4}, [3]float64{at(0.82), roof + 3.6, 1}, 3, 2.6)
	lumbar := n >= firstLumbar-1
	reach := 31.0
	if !lumbar {
		reach = 22
	}
	rod([3]float64{at(0.36), wall + 11, x + 2}, [3]float64{at(0.40), wall + 12 + reach*0.25, x + reach*0.75}, 3.2, 1.5)
	below := &p.discs[n]
	rod([3]float64{at(0.85), roof, x - 3}, [3]float64{below.mid + 6.5, roof + 2.5, x - 4}, 5, 1.25).facet = 2
	if n > 0 {
		p.addSuperior(n, wall, at(0.3))
	}
	length := [2]float64{20, 26}[b2i(lumbar)]
	if n == firstSacral-1 {
		length *= 0.75
	}
	rod([3]float64{at(0.86), roof + 9, 0}, [3]float64{at(1.0), roof + (length-5)*k, 0}, 8, 1.15).wide = 0.42
}

// addSuperior builds the superior articular process of vertebra n, which reaches
// up behind the foramen and grows where facets are worn.
func (p *patient) addSuperior(n int, wall, pedicle float64) {
	above := &p.discs[n-1]
	x := p.vertebrae[n].pedX
	b := bone{a: [3]float64{pedicle, wall + 12, x + 1}, b: [3]float64{above.mid - 4.5, wall + 14, x + 1.5}, radius: 4.8 * p.size, tall: 1.25, wide: 1.25, facet: 1}
	for side := range 2 {
		b.grow[side] = 1.8 * math.Max(0, 0.75-above.narrow.foramen[side])
	}
	p.bones = append(p.bones, b)
}

// addCrest closes the sacral canal behind.
func (p *patient) addCrest(n int) {
	v := &p.vertebrae[n]
	mid := (v.top + v.bottom) / 2
	sl, low := p.at(mid-v.height*0.2), p.at(v.bottom)
	w := float64(sl.halfW)
	up, down := float64(sl.roof)+2.5, float64(low.roof)+2
	p.bones = append(p.bones,
		bone{a: [3]float64{v.top + 0.35*v.height, up - 1, w * 0.7}, b: [3]float64{v.top + 0.45*v.height, up + 2, 0}, radius: 2.8, tall: 2.2, wide: 1},
		bone{a: [3]float64{v.bottom - 2, down - 2, w * 0.65}, b: [3]float64{v.bottom - 1, down + 0.5, 0}, radius: 2.3, tall: 2.5, wide: 1},
		bone{a: [3]float64{mid, up + 5, 0}, b: [3]float64{mid + 6, up + 9, 0}, radius: 3.2, tall: 2, wide: 1})
	p.bones = append(p.bones, bone{a: [3]float64{v.top + 3, up - 6, w * 0.85}, b: [3]float64{v.bottom - 3, down - 4, w * 0.75}, radius: 5, tall: 1.2, wide: 1})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
