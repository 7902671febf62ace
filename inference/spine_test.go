package inference

import (
	"math"

	"columna/spine"
	"columna/volume"
)

// The test spine is analytic: a straight column with flat vertebrae and discs
// that may be turned and moved as a whole. In its own millimetres x is left, y
// posterior, z up, the middle of the L5/S1 disc is the origin; bodies are 25 mm
// and discs 10 mm high.
const pitchMM = 35

// labelAt names the structure at a point of the test spine.
func labelAt(p volume.Vec3) spine.Structure {
	x, y, z := p[0], p[1], p[2]
	switch {
	case math.Abs(x) < 10 && y > 20 && y < 36 && z > -40:
		return spine.Canal
	case math.Abs(x) < 8 && y >= 38 && y < 60 && z > -20:
		return spine.Posterior
	case math.Abs(x) > 24 || math.Abs(y) > 18:
		return spine.Background
	}
	step := int(math.Floor((z + 5) / pitchMM)) // 0: L5/S1 disc and L5 above it
	within := z + 5 - float64(step)*pitchMM
	switch {
	case z < -5 && z > -40:
		return spine.S1
	case step < 0 || step > 6:
		return spine.Background
	case within < 10:
		return [...]spine.Structure{spine.DiscL5S1, spine.DiscL4L5, spine.DiscL3L4, spine.DiscL2L3, spine.DiscL1L2, spine.DiscT12L1, spine.DiscAbove}[step]
	}
	return [...]spine.Structure{spine.L5, spine.L4, spine.L3, spine.L2, spine.L1, spine.T12, spine.VertebraAbove}[step]
}

// greyAt gives the test spine a look: structures differ, the back of the body is
// brighter than its front, the left brighter than the right, the foot brighter
// than the head.
func greyAt(p volume.Vec3) float32 {
	base := [...]float64{60, 100, 180, 240, 90}[SemanticClass(labelAt(p))%5]
	return float32(base + 0.3*p[0] + 0.3*p[1] - 0.1*p[2])
}

// pose places the test spine in the patient.
type pose struct {
	x, y, z volume.Vec3 // its axes in LPS
	origin  volume.Vec3
}

var upright = pose{volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, 1}, volume.Vec3{12, -30, -80}}

// turned rotates the pose about z then x by the given degrees.
func turned(aboutZ, aboutX float64) pose {
	cz, sz := math.Cos(aboutZ*math.Pi/180), math.Sin(aboutZ*math.Pi/180)
	cx, sx := math.Cos(aboutX*math.Pi/180), math.Sin(aboutX*math.Pi/180)
	rot := func(v volume.Vec3) volume.Vec3 {
		v = volume.Vec3{cz*v[0] - sz*v[1], sz*v[0] + cz*v[1], v[2]}
		return volume.Vec3{v[0], cx*v[1] - sx*v[2], sx*v[1] + cx*v[2]}
	}
	return pose{rot(upright.x), rot(upright.y), rot(upright.z), upright.origin}
}

func (q pose) local(mm volume.Vec3) volume.Vec3 {
	d := mm.Sub(q.origin)
	return volume.Vec3{d.Dot(q.x), d.Dot(q.y), d.Dot(q.z)}
}

func (q pose) world(p volume.Vec3) volume.Vec3 {
	return q.origin.Add(q.x.Scale(p[0])).Add(q.y.Scale(p[1])).Add(q.z.Scale(p[2]))
}

// grid lays a lattice along the pose's axes: perm orders (posterior, inferior,
// left) as i, j, k and sign flips each.
func (q pose) grid(center volume.Vec3, size [3]int, spacing [3]float64, perm [3]int, sign [3]float64) volume.Grid {
	dirs := [3]volume.Vec3{q.y, q.z.Scale(-1), q.x}
	var g volume.Grid
	var steps [3]volume.Vec3
	origin := q.world(center)
	for a, d := range perm {
		g.Size[a] = size[d]
		steps[a] = dirs[d].Scale(sign[a] * spacing[d])
		origin = origin.Sub(steps[a].Scale(float64(size[d]-1) / 2))
	}
	g.Affine = volume.NewAffine(steps[0], steps[1], steps[2], origin)
	return g
}

var (
	standard = [3]int{0, 1, 2}
	forward  = [3]float64{1, 1, 1}
)

// sagittal is a coarse sagittal lattice over the whole test spine.
func (q pose) sagittal(perm [3]int, sign [3]float64) volume.Grid {
	return q.grid(volume.Vec3{0, 10, 80}, [3]int{90, 140, 15}, [3]float64{2, 2, 4}, perm, sign)
}

// axial is a block of three slices at a level; i, j, k are left, posterior, down.
func (q pose) axial(l spine.Level, sign [3]float64) volume.Grid {
	z := float64(spine.L5S1-l) * pitchMM
	return q.grid(volume.Vec3{0, 10, z}, [3]int{100, 3, 100}, [3]float64{1.5, 4, 1.5}, [3]int{2, 0, 1}, sign)
}

func (q pose) image(g volume.Grid) *volume.Volume {
	v := volume.New(g)
	eachVoxel(g, func(n int, mm volume.Vec3) { v.Data[n] = greyAt(q.local(mm)) })
	return v
}

func (q pose) mask(g volume.Grid) *volume.LabelMap {
	m := volume.NewLabelMap(g)
	eachVoxel(g, func(n int, mm volume.Vec3) { m.Data[n] = uint8(labelAt(q.local(mm))) })
	return m
}

func eachVoxel(g volume.Grid, f func(n int, mm volume.Vec3)) {
	for n := range g.Len() {
		f(n, g.ToWorld(volume.Vec3{float64(n % g.Size[0]), float64(n / g.Size[0] % g.Size[1]), float64(n / (g.Size[0] * g.Size[1]))}))
	}
}

// study is the test spine as sagittal T1 and T2 and five axial T2 blocks.
func (q pose) study(perm [3]int, sign [3]float64) *spine.Study {
	g := q.sagittal(perm, sign)
	s := &spine.Study{UID: "1.2.3", Age: "054Y", Sex: "F"}
	for _, seq := range []spine.Sequence{spine.T1, spine.T2} {
		s.Series = append(s.Series, spine.Series{UID: "1.2.3." + string(seq), Sequence: seq,
			Plane: spine.Sagittal, SOPUIDs: sopUIDs(g.Size[2]), Volume: q.image(g)})
	}
	for l := range spine.Level(spine.LevelCount) {
		s.Series = append(s.Series, spine.Series{UID: "1.2.3.AX", Block: int(l), Sequence: spine.T2,
			Plane: spine.Axial, SOPUIDs: sopUIDs(3), Volume: q.image(q.axial(l, sign))})
	}
	return s
}

func sopUIDs(n int) []string {
	out := make([]string, n)
	for k := range out {
		out[k] = "1.2.3.9." + string(rune('a'+k))
	}
	return out
}
