package phantom

import (
	"math"
	"slices"

	"columna/spine"
	"columna/volume"
)

// Foramina are read in the sagittal plane this far lateral of the sac's edge.
const foramenBesideMM = 7

// tell fills in the truth of a case.
func (p *patient) tell(c *Case, pic *picture) {
	c.Truth = &volume.LabelMap{Grid: pic.grid, Data: pic.labels}
	c.Levels = levelsIn(c.Truth)
	p.tellFindings(c)
	for l := range spine.Level(spine.LevelCount) {
		c.Measures[l] = p.measure(&p.discs[firstLumbar+int(l)])
		c.CanalAreaMM2[l] = c.Measures[l].CanalAreaMM2
	}
	for cond := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			g := gradeOf(c.Measures[l], cond)
			f := spine.GradeFinding{Condition: cond, Level: l, Grade: g, Point: p.pointOf(&c.Study, cond, l)}
			f.Probabilities[g] = 1
			c.Grades = append(c.Grades, f)
		}
	}
	c.LesionMask, c.Lesions = p.lesionsIn(pic)
}

// levelsIn lists the vertebrae and discs that have at least 100 mm^3 in the truth.
func levelsIn(m *volume.LabelMap) []spine.Structure {
	var count [spine.MaxStructure + 1]int
	for _, l := range m.Data {
		count[l]++
	}
	voxel := math.Abs(m.Affine.Determinant())
	order := []spine.Structure{spine.VertebraAbove, spine.DiscAbove, spine.T12, spine.DiscT12L1}
	for l := range spine.Level(spine.LevelCount) {
		order = append(order, l.Upper(), l.Disc())
	}
	order = append(order, spine.S1)
	return slices.DeleteFunc(order, func(s spine.Structure) bool { return float64(count[s])*voxel < 100 })
}

// measure reads the geometry of one disc level from the anatomy.
func (p *patient) measure(x *disc) Measure {
	sl := p.at(x.mid)
	m := Measure{CanalAreaMM2: p.sacArea(x, sl), CanalAPMM: p.sacDepth(x, sl), DiscHeightMM: 2*x.half + x.concUp + x.concDown}
	m.CanalRatio = m.CanalAreaMM2 / p.healthySac(x, sl)
	for side := range 2 {
		m.RecessMM[side] = p.recessWidth(x, sl, side)
		m.ForamenFatMM2[side] = p.foramenFat(x, side)
		m.ForamenFatRatio[side] = m.ForamenFatMM2[side] / p.healthyForamen(x, side)
	}
	return m
}

// gradeOf applies the thresholds of narrowing.go.
func gradeOf(m Measure, c spine.Condition) spine.Grade {
	side := b2i(c.Side() < 0)
	switch c {
	case spine.SpinalCanalStenosis:
		return step(m.CanalRatio, CanalSevereBelow, CanalModerateBelow)
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		return step(m.ForamenFatRatio[side], ForamenSevereBelow, ForamenModerateBelow)
	}
	return step(m.RecessMM[side], RecessSevereBelowMM, RecessModerateBelow)
}

func step(v, severe, moderate float64) spine.Grade {
	switch {
	case v < severe:
		return spine.Severe
	case v < moderate:
		return spine.Moderate
	}
	return spine.NormalMild
}

// foramenFat is the area of fat in one foramen of a disc, mm^2.
func (p *patient) foramenFat(x *disc, side int) float64 {
	const cell = 0.75
	sl := p.at(x.mid)
	px := sideSign(side) * (float64(sl.sacB) + foramenBesideMM)
	n := 0
	for s := x.mid - 24; s <= x.mid+12; s += cell {
		at := p.at(s)
		if at.disc != int16(x.index) {
			continue
		}
		wall := float64(at.wall)
		for u := wall - 1; u < wall+16; u += cell {
			if t, _, ok := p.spineAt(at, s, u, px); ok && t == tForamenFat {
				n++
			}
		}
	}
	return float64(n) * cell * cell
}

// healthyForamen is the same foramen with nothing narrowing it but the disc's
// height and the bones.
func (p *patient) healthyForamen(x *disc, side int) float64 {
	keep := x.canal.foramen[side]
	x.canal.foramen[side] = 1
	fat := p.foramenFat(x, side)
	x.canal.foramen[side] = keep
	return math.Max(fat, 1)
}

// solveForamen finds the window that leaves the asked share of fat.
func (p *patient) solveForamen(x *disc, side int) {
	want := x.narrow.foramen[side]
	if want >= 1 {
		return
	}
	full := p.healthyForamen(x, side)
	x.canal.foramen[side] = 1 - solve(0, 1, func(t float64) bool {
		x.canal.foramen[side] = 1 - t
		return p.foramenFat(x, side) > want*full
	})
}

// target is the place at which a condition is read.
func (p *patient) target(c spine.Condition, l spine.Level) volume.Vec3 {
	x := &p.discs[firstLumbar+int(l)]
	sl := p.at(x.mid)
	side := b2i(c.Side() < 0)
	switch c {
	case spine.SpinalCanalStenosis:
		mid := (p.canalFloor(x, sl, 0) + p.canalCeiling(x, sl, 0)) / 2
		return p.spot(x.mid, mid, 0)
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		v := &p.vertebrae[x.index]
		s := (v.top + 0.3*v.height + v.pedH + x.mid) / 2
		return p.spot(s, float64(p.at(s).wall)+5, sideSign(side)*(float64(sl.sacB)+foramenBesideMM))
	}
	px := recessX(sl, side)
	return p.spot(x.mid, (p.canalFloor(x, sl, px)+p.canalCeiling(x, sl, px))/2, px)
}

// pointOf puts the target into the series in which the condition is read: canal
// on sagittal T2, foramina on sagittal T1, subarticular zones on axial T2 (on
// sagittal T2 where there is no axial).
func (p *patient) pointOf(st *spine.Study, c spine.Condition, l spine.Level) *spine.Point {
	mm := p.target(c, l)
	s := st.Find(spine.T2, spine.Sagittal)
	switch {
	case c == spine.LeftNeuralForaminalNarrowing || c == spine.RightNeuralForaminalNarrowing:
		s = st.Find(spine.T1, spine.Sagittal)
	case c.Side() != 0:
		for _, b := range st.FindAll(spine.T2, spine.Axial) {
			if b.Block == int(l) {
				s = b
			}
		}
	}
	pt := s.PointAt(mm)
	return &pt
}

// lesionsIn lists the lesions that a picture shows, and their mask.
func (p *patient) lesionsIn(pic *picture) (*volume.LabelMap, []Lesion) {
	if len(p.lesions) == 0 {
		return nil, nil
	}
	mask := &volume.LabelMap{Grid: pic.grid, Data: pic.lesion}
	var out []Lesion
	for n, l := range p.lesions {
		box, centroid, voxels := boxOf(mask, uint8(n+1))
		if voxels < 20 {
			continue
		}
		out = append(out, Lesion{Class: l.class, Spondylitis: l.spondylitis, Tuberculous: l.tb,
			Box: box, CentroidMM: centroid, Level: structureOf(l.vertebra), Label: uint8(n + 1)})
	}
	return mask, out
}

// boxOf bounds the voxels of one label in the patient.
func boxOf(m *volume.LabelMap, label uint8) (spine.Box, volume.Vec3, int) {
	b := spine.Box{Min: volume.Vec3{math.Inf(1), math.Inf(1), math.Inf(1)}, Max: volume.Vec3{math.Inf(-1), math.Inf(-1), math.Inf(-1)}}
	var sum volume.Vec3
	n := 0
	for i, l := range m.Data {
		if l != label {
			continue
		}
		w := m.ToWorld(volume.Vec3{float64(i % m.Size[0]), float64(i / m.Size[0] % m.Size[1]), float64(i / (m.Size[0] * m.Size[1]))})
		for a := range 3 {
			b.Min[a], b.Max[a] = math.Min(b.Min[a], w[a]), math.Max(b.Max[a], w[a])
		}
		sum = sum.Add(w)
		n++
	}
	return b, sum.Scale(1 / math.Max(float64(n), 1)), n
}
