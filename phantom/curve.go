package phantom

import "math"

func sqrt(x float64) float64 { return math.Sqrt(x) }

// The spine's own coordinates: s runs along the middle of the vertebral bodies
// (mm, downwards, zero in the middle of disc L5/S1), u at right angles to it in
// the sagittal plane (mm, to posterior), x to the patient's left.

// curve is the line through the bodies, in the sagittal plane.
type curve struct {
	from, step float64   // s of the first point, mm between points
	y, z       []float64 // LPS mm
	sin, cos   []float64 // of the angle of the downward tangent from the vertical, towards posterior
}

const curveStepMM = 0.5

// knot is an angle (degrees) at a place along the spine.
type knot struct{ s, degrees float64 }

// newCurve integrates a smoothed line of angles, to which extra (degrees) is added;
// z = 0 lies at s = zero.
func newCurve(knots []knot, extra func(s float64) float64, from, to, zero float64) *curve {
	n := int((to-from)/curveStepMM) + 1
	angle := make([]float64, n)
	for i := range angle {
		s := from + float64(i)*curveStepMM
		angle[i] = (interpolate(knots, s) + extra(s)) * math.Pi / 180
	}
	for range 3 {
		angle = boxFilter(angle, 16)
	}
	c := &curve{from: from, step: curveStepMM, y: make([]float64, n), z: make([]float64, n),
		sin: make([]float64, n), cos: make([]float64, n)}
	for i, a := range angle {
		c.sin[i], c.cos[i] = math.Sincos(a)
		if i > 0 {
			c.y[i] = c.y[i-1] + curveStepMM*c.sin[i-1]
			c.z[i] = c.z[i-1] - curveStepMM*c.cos[i-1]
		}
	}
	i0 := c.index(zero)
	y0, z0 := c.y[i0], c.z[i0]
	for i := range c.y {
		c.y[i] -= y0
		c.z[i] -= z0
	}
	return c
}

func interpolate(knots []knot, s float64) float64 {
	if s <= knots[0].s {
		return knots[0].degrees
	}
	for i := 1; i < len(knots); i++ {
		if a, b := knots[i-1], knots[i]; s <= b.s {
			return a.degrees + (b.degrees-a.degrees)*(s-a.s)/(b.s-a.s)
		}
	}
	return knots[len(knots)-1].degrees
}

// boxFilter averages 2n+1 neighbours, fewer at the ends.
func boxFilter(v []float64, n int) []float64 {
	sum := make([]float64, len(v)+1)
	for i, x := range v {
		sum[i+1] = sum[i] + x
	}
	out := make([]float64, len(v))
	for i := range v {
		lo, hi := max(i-n, 0), min(i+n+1, len(v))
		out[i] = (sum[hi] - sum[lo]) / float64(hi-lo)
	}
	return out
}

func (c *curve) index(s float64) int {
	return min(max(int((s-c.from)/c.step+0.5), 0), len(c.y)-1)
}

// place maps s, u to world y, z.
func (c *curve) place(s, u float64) (y, z float64) {
	i := c.index(s)
	d := s - c.from - float64(i)*c.step
	return c.y[i] + u*c.cos[i] + d*c.sin[i], c.z[i] + u*c.sin[i] - d*c.cos[i]
}

// locate finds s, u of a world point: the nearest point of the curve.
func (c *curve) locate(y, z float64) (s, u float64) {
	best, at := math.Inf(1), 0
	dist := func(i int) float64 {
		dy, dz := y-c.y[i], z-c.z[i]
		return dy*dy + dz*dz
	}
	for i := 0; i < len(c.y); i += 24 {
		if d := dist(i); d < best {
			best, at = d, i
		}
	}
	for step := 12; step > 0; step /= 2 {
		for _, i := range [2]int{at - step, at + step} {
			if i >= 0 && i < len(c.y) {
				if d := dist(i); d < best {
					best, at = d, i
				}
			}
		}
	}
	dy, dz := y-c.y[at], z-c.z[at]
	along := dy*c.sin[at] - dz*c.cos[at]
	return c.from + float64(at)*c.step + along, dy*c.cos[at] + dz*c.sin[at]
}

// frame tabulates locate over the region that scanners see.
type frame struct{ cells [][2]float32 }

const (
	frameStepMM  = 2.0
	frameReachMM = 260.0 // the table covers -reach..reach in y and z
	frameSide    = 261   // cells along y and z
)

func newFrame(c *curve) *frame {
	f := &frame{make([][2]float32, frameSide*frameSide)}
	for n := range f.cells {
		y := float64(n%frameSide)*frameStepMM - frameReachMM
		z := float64(n/frameSide)*frameStepMM - frameReachMM
		s, u := c.locate(y, z)
		f.cells[n] = [2]float32{float32(s), float32(u)}
	}
	return f
}

// at interpolates s, u of a world point.
func (f *frame) at(y, z float64) (s, u float64) {
	a := min(max((y+frameReachMM)/frameStepMM, 0), frameSide-1.001)
	b := min(max((z+frameReachMM)/frameStepMM, 0), frameSide-1.001)
	i, j := int(a), int(b)
	fa, fb := float32(a-float64(i)), float32(b-float64(j))
	c := f.cells[i+frameSide*j:]
	p, q, r, t := &c[0], &c[1], &c[frameSide], &c[frameSide+1]
	s0, s1 := p[0]+(q[0]-p[0])*fa, r[0]+(t[0]-r[0])*fa
	u0, u1 := p[1]+(q[1]-p[1])*fa, r[1]+(t[1]-r[1])*fa
	return float64(s0 + (s1-s0)*fb), float64(u0 + (u1-u0)*fb)
}
