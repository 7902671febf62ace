package train

import (
	"math"
	"math/rand/v2"
)

// How much views differ from the study as it is.
const (
	viewTurnDeg  = 14   // rotation in the slice plane
	viewTiltDeg  = 7    // of the slices, where the study is thin enough to cut anew
	viewZoom     = 0.16 // of the pixel size, up or down
	viewBendMM   = 3.0  // elastic shift of one wave
	viewShiftMM  = 14   // of a whole-grid view from the study's middle
	thinMM       = 2.4  // slices nearer than this are cut anew
	acquiredLoMM = 3.0  // distance of slices cut from a thin study
	acquiredHiMM = 5.2
	slabSamples  = 3 // across a thick slice
)

// view is what one training sample shows of a study: the place in the study of
// every voxel of the sample. Distances are in mm of the study's own grid, axes in
// the order column, row, slice.
type view struct {
	size     [3]int // of the sample
	centre   [3]float64
	axis     [3][3]float64 // step of the sample's columns, rows and slices, in mm
	voxel    [3]float64    // of the study
	study    [3]int
	waves    []wave
	slab     float64 // thickness over which a slice is averaged, mm; 0: none
	whole    bool    // slices of the sample are slices of the study
	mirrored bool
	lo, hi   [3]float64 // the part of the study, in its voxels, that was acquired
}

// wave bends the view in the slice plane.
type wave struct {
	dx, dy, kx, ky, phase float64
}

// newView draws a view of a crop's size around a point of the study (in voxels of
// the study), for a network whose voxels measure spacing.
func newView(r *rand.Rand, s Segment, c crop, spacing [3]float64, about [3]float64) view {
	v := view{size: [3]int{c.w, c.h, c.d}, voxel: s.SpacingMM, study: s.Size}
	for a := range 3 {
		v.lo[a], v.hi[a] = -0.5, float64(s.Size[a])-0.5
	}
	zoom := math.Exp(between(r, -viewZoom, viewZoom))
	px := [2]float64{spacing[0] * zoom * between(r, 0.95, 1.05), spacing[1] * zoom * between(r, 0.95, 1.05)}
	turn, tilt, nod := degrees(r, viewTurnDeg), 0.0, 0.0
	step := s.SpacingMM[2]
	if v.whole = step >= thinMM; !v.whole {
		step = between(r, acquiredLoMM, acquiredHiMM)
		tilt, nod = degrees(r, viewTiltDeg), degrees(r, viewTiltDeg)
		if r.IntN(3) > 0 {
			v.slab = step * between(r, 0.4, 1)
		}
	}
	v.mirrored = r.IntN(2) == 0
	v.turn(turn, tilt, nod)
	scale := [3]float64{px[0], px[1], step}
	if v.mirrored {
		scale[2] = -step
	}
	for a := range 3 {
		for b := range 3 {
			v.axis[a][b] *= scale[a]
		}
		v.centre[a] = v.inside(a, about[a]*s.SpacingMM[a], scale[a])
	}
	if v.whole { // keep to the study's slices
		middle := math.Round(v.centre[2]/step-float64(v.size[2]-1)/2) + float64(v.size[2]-1)/2
		v.centre[2] = middle * step
	}
	if r.IntN(3) > 0 {
		v.bend(r)
	}
	return v
}

// inside moves the middle of a view along one axis so that little of what it shows
// lies outside the study, whose middle it takes if it is the larger one.
func (v *view) inside(axis int, at, step float64) float64 {
	half, whole := 0.45*math.Abs(step)*float64(v.size[axis]), v.voxel[axis]*float64(v.study[axis]-1)
	if 2*half >= whole {
		return whole/2 + (at-whole/2)*0.2
	}
	return min(max(at, half), whole-half)
}

func degrees(r *rand.Rand, most float64) float64 { return between(r, -most, most) * math.Pi / 180 }

// turn sets the axes: turned in the slice plane, then tilted about the rows' and
// nodded about the columns' direction.
func (v *view) turn(turn, tilt, nod float64) {
	c, s := math.Cos(turn), math.Sin(turn)
	v.axis = [3][3]float64{{c, s, 0}, {-s, c, 0}, {0, 0, 1}}
	for a := range 3 {
		x, z := v.axis[a][0], v.axis[a][2]
		v.axis[a][0], v.axis[a][2] = x*math.Cos(tilt)+z*math.Sin(tilt), z*math.Cos(tilt)-x*math.Sin(tilt)
		y, z := v.axis[a][1], v.axis[a][2]
		v.axis[a][1], v.axis[a][2] = y*math.Cos(nod)+z*math.Sin(nod), z*math.Cos(nod)-y*math.Sin(nod)
	}
}

// bend adds waves of 50 to 140 mm.
func (v *view) bend(r *rand.Rand) {
	for range 3 {
		length, way := between(r, 50, 140), between(r, 0, 2*math.Pi)
		k := 2 * math.Pi / length
		v.waves = append(v.waves, wave{dx: between(r, -viewBendMM, viewBendMM), dy: between(r, -viewBendMM, viewBendMM),
			kx: k * math.Cos(way), ky: k * math.Sin(way), phase: between(r, 0, 2*math.Pi)})
	}
}

// narrow cuts the field of view as scanners do: few slices, or a shorter extent
// from head to foot.
func (v *view) narrow(r *rand.Rand) {
	if r.IntN(3) == 0 {
		middle, width := float64(v.study[2]-1)/2, between(r, 12, 50)/v.voxel[2]
		v.lo[2] = middle - width/2 + between(r, -6, 6)/v.voxel[2]
		v.hi[2] = v.lo[2] + width
	}
	if r.IntN(4) == 0 {
		v.lo[1] = float64(v.study[1]) * between(r, 0, 0.2)
		v.hi[1] = float64(v.study[1]) * between(r, 0.8, 1)
	}
}

// acquired reports whether a place of the study is in the field of view.
func (v *view) acquired(x, y, z float64) bool {
	return x > v.lo[0] && y > v.lo[1] && z > v.lo[2] && x < v.hi[0] && y < v.hi[1] && z < v.hi[2]
}

// places calls f with the index of every voxel of the sample and its place in the
// study, in voxels.
func (v *view) places(f func(n int, x, y, z float64)) {
	bends := v.bends()
	n := 0
	for k := range v.size[2] {
		dk := float64(k) - float64(v.size[2]-1)/2
		for j := range v.size[1] {
			dj := float64(j) - float64(v.size[1]-1)/2
			for i := range v.size[0] {
				di := float64(i) - float64(v.size[0]-1)/2
				b := bends[j*v.size[0]+i]
				x := v.centre[0] + di*v.axis[0][0] + dj*v.axis[1][0] + dk*v.axis[2][0] + b[0]
				y := v.centre[1] + di*v.axis[0][1] + dj*v.axis[1][1] + dk*v.axis[2][1] + b[1]
				z := v.centre[2] + di*v.axis[0][2] + dj*v.axis[1][2] + dk*v.axis[2][2]
				f(n, x/v.voxel[0], y/v.voxel[1], z/v.voxel[2])
				n++
			}
		}
	}
}

// bends are the elastic shifts in mm at every pixel of a slice.
func (v *view) bends() [][2]float64 {
	out := make([][2]float64, v.size[0]*v.size[1])
	px, py := math.Hypot(v.axis[0][0], v.axis[0][1]), math.Hypot(v.axis[1][0], v.axis[1][1])
	for n := range out {
		x, y := float64(n%v.size[0])*px, float64(n/v.size[0])*py
		for _, w := range v.waves {
			s := math.Sin(w.kx*x + w.ky*y + w.phase)
			out[n][0] += w.dx * s
			out[n][1] += w.dy * s
		}
	}
	return out
}

// labels are the study's, by nearest voxel; 0 outside.
func (v *view) labels(s Segment) []uint8 {
	out := make([]uint8, v.size[0]*v.size[1]*v.size[2])
	v.places(func(n int, x, y, z float64) {
		i, j, k := int(math.Floor(x+0.5)), int(math.Floor(y+0.5)), int(math.Floor(z+0.5))
		if v.acquired(x, y, z) && i >= 0 && j >= 0 && k >= 0 && i < v.study[0] && j < v.study[1] && k < v.study[2] {
			out[n] = s.Labels[(k*v.study[1]+j)*v.study[0]+i]
		}
	})
	return out
}

// image is a sequence of the study in normalised grey values; 0 outside.
func (v *view) image(q []uint8) stack {
	out := newStack(v.size[2], v.size[1], v.size[0])
	offsets := []float64{0}
	if v.slab > 0 {
		offsets = offsets[:0]
		for n := range slabSamples {
			offsets = append(offsets, v.slab/v.voxel[2]*((float64(n)+0.5)/slabSamples-0.5))
		}
	}
	v.places(func(n int, x, y, z float64) {
		if !v.acquired(x, y, z) {
			return
		}
		sum, count := float32(0), float32(0)
		for _, dz := range offsets {
			if g, ok := v.grey(q, x, y, z+dz); ok {
				sum, count = sum+g, count+1
			}
		}
		if count > 0 {
			out.Data[n] = sum / count
		}
	})
	return out
}

// grey interpolates in the slice plane and, in a thin study, between slices.
func (v *view) grey(q []uint8, x, y, z float64) (float32, bool) {
	k := int(math.Floor(z))
	f := float32(z - float64(k))
	if v.whole || v.study[2] == 1 {
		k, f = int(math.Floor(z+0.5)), 0
	}
	if k == v.study[2]-1 && f < 0.5 {
		f = 0
	}
	if k == -1 && f > 0.5 {
		k, f = 0, 0
	}
	if k < 0 || k >= v.study[2] || f > 0 && k+1 >= v.study[2] {
		return 0, false
	}
	a, ok := v.inPlane(q[k*v.study[0]*v.study[1]:], x, y)
	if !ok || f == 0 {
		return a, ok
	}
	b, ok := v.inPlane(q[(k+1)*v.study[0]*v.study[1]:], x, y)
	return a*(1-f) + b*f, ok
}

// inPlane is bilinear in one slice; not ok outside the field of view.
func (v *view) inPlane(plane []uint8, x, y float64) (float32, bool) {
	w, h := v.study[0], v.study[1]
	if x < 0 || y < 0 || x > float64(w-1) || y > float64(h-1) {
		return 0, false
	}
	i, j := min(int(x), w-2), min(int(y), h-2)
	fx, fy := float32(x-float64(i)), float32(y-float64(j))
	p := plane[j*w+i:]
	if p[0] == 0 && p[1] == 0 && p[w] == 0 && p[w+1] == 0 {
		return 0, false
	}
	g := (float32(p[0])*(1-fx)+float32(p[1])*fx)*(1-fy) + (float32(p[w])*(1-fx)+float32(p[w+1])*fx)*fy
	g = (g - 128) / quantStep
	if g == 0 {
		g = 1e-3 // zero is kept for outside
	}
	return g, true
}
