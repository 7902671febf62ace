package phantom

import "math"

// bone is one piece of the posterior elements in spine coordinates (s, u, |x|): a
// rounded rod, where a point is inside when its distance from the axis, with s
// divided by tall and x by wide, is below radius; or a plate in the midline.
type bone struct {
	vertebra   int16
	a, b       [3]float64
	radius     float64
	tall, wide float64    // the cross-section is an ellipse: times tall along s, times wide along x
	facet      int        // 1 superior, 2 inferior articular process, else 0
	grow       [2]float64 // extra radius on the left and right, mm
	plate      *plate
	lo, hi     [3]float64 // bounds in s, u, |x|
}

// plate is a convex polygon in the plane of s and u, as half-planes, and as thick
// as thin + more for every millimetre behind u0.
type plate struct {
	edges          [4][3]float64 // inside where n_s*s + n_u*u < c
	u0, thin, more float64
}

// newPlate takes the corners (s, u) in turn.
func newPlate(corners [4][2]float64, thin, more float64) (*plate, [3]float64, [3]float64) {
	p := &plate{u0: corners[0][1], thin: thin, more: more}
	lo, hi := [3]float64{corners[0][0], corners[0][1], 0}, [3]float64{corners[0][0], corners[0][1], 9}
	area := 0.0
	for n, c := range corners {
		next := corners[(n+1)%4]
		area += c[0]*next[1] - next[0]*c[1]
		for k := range 2 {
			lo[k], hi[k] = math.Min(lo[k], c[k]), math.Max(hi[k], c[k])
		}
	}
	for n, c := range corners {
		next := corners[(n+1)%4]
		ns, nu := next[1]-c[1], c[0]-next[0]
		long := math.Copysign(math.Hypot(ns, nu), area)
		ns, nu = ns/long, nu/long
		p.edges[n] = [3]float64{ns, nu, ns*c[0] + nu*c[1]}
	}
	return p, lo, hi
}

func (p *plate) depth(s, u, ax float64) float64 {
	d := p.thin + p.more*(u-p.u0) - ax
	for n := range p.edges {
		e := &p.edges[n]
		d = smoothMin(d, e[2]-e[0]*s-e[1]*u, 2.5)
	}
	return d
}

// smoothMin is the smaller of two with the corner between them rounded over k.
func smoothMin(a, b, k float64) float64 {
	if h := k - math.Abs(a-b); h > 0 {
		return math.Min(a, b) - h*h/(4*k)
	}
	return math.Min(a, b)
}

func (b *bone) bound() {
	if b.plate != nil {
		return
	}
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
	if b.plate != nil {
		return b.plate.depth(s, u, ax)
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
		switch {
		case n < firstSacral:
			p.addArch(n)
		case n < firstSacral+3:
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

// depthIn is how deep a point lies in the posterior elements, pieces of one
// vertebra merging smoothly, and in the two kinds of articular processes.
func (p *patient) depthIn(sl *slice, s, u, ax float64, side int) (deepest float64, facets [2]float64) {
	deepest, facets = -1, [2]float64{-1, -1}
	whole, of := -1.0, int16(-1)
	for _, n := range sl.bones {
		b := &p.bones[n]
		depth := b.depth(s, u, ax, side)
		if b.vertebra != of {
			deepest = max(deepest, whole)
			whole, of = -1, b.vertebra
		}
		if depth > -1 {
			whole = -smoothMin(-whole, -depth, 1.6)
		}
		if b.facet > 0 {
			facets[b.facet-1] = max(facets[b.facet-1], depth)
		}
	}
	return max(deepest, whole), facets
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
