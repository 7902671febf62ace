package annotate

import (
	"fmt"
	"math"
	"slices"

	"columna/spine"
	"columna/volume"
)

// Begin opens a stroke; MoveTo draws it.
func (e *Editor) Begin(s Stroke) error {
	switch {
	case e.open:
		return fmt.Errorf("a stroke is already being drawn: end it first")
	case !(s.RadiusMM > 0 && s.RadiusMM <= 1000):
		return fmt.Errorf("a brush radius of %g mm is not possible", s.RadiusMM)
	case s.Label > spine.MaxStructure || s.Label == spine.Background && !s.Erase:
		return fmt.Errorf("label %d is not a structure: choose one to paint", s.Label)
	case !s.Sphere && (s.SliceK < 0 || s.SliceK >= e.mask.Size[2]):
		return fmt.Errorf("slice %d is outside the mask's %d slices", s.SliceK, e.mask.Size[2])
	}
	e.open, e.stroke, e.moved = true, s, false
	e.touched, e.old = e.touched[:0], e.old[:0]
	return nil
}

// MoveTo draws from where the stroke had come to the point mm (LPS+): every
// voxel whose centre lies within the radius of that way, measured in
// millimetres on the patient, and at least the voxel under it. A 2D brush moves
// in its slice, whatever the point's depth. It returns the box it changed.
func (e *Editor) MoveTo(mm volume.Vec3) volume.Box {
	e.changed = volume.Box{}
	if !e.open {
		return e.changed
	}
	vox := e.inverse.Apply(mm)
	for _, x := range vox {
		if math.IsNaN(x) || math.Abs(x) > 1e7 {
			return e.changed
		}
	}
	if !e.stroke.Sphere {
		vox[2] = float64(e.stroke.SliceK)
		mm = e.mask.ToWorld(vox)
	}
	from := e.last
	if !e.moved {
		from = mm
	}
	e.sweep(from, mm)
	e.trace(from, mm)
	e.last, e.moved = mm, true
	return e.changed
}

// sweep paints the capsule around the segment a-b.
func (e *Editor) sweep(a, b volume.Vec3) {
	box := e.capsuleBox(a, b)
	r2 := e.stroke.RadiusMM * e.stroke.RadiusMM * (1 + 1e-12) // a voxel exactly on the rim is in
	ab := b.Sub(a)
	length2 := ab.Dot(ab)
	step := e.mask.Affine.Column(0)
	for k := box.Min[2]; k < box.Max[2]; k++ {
		for j := box.Min[1]; j < box.Max[1]; j++ {
			start := e.mask.ToWorld(volume.Vec3{0, float64(j), float64(k)}).Sub(a)
			for i := box.Min[0]; i < box.Max[0]; i++ {
				p := start.Add(step.Scale(float64(i)))
				if length2 > 0 {
					t := math.Min(math.Max(p.Dot(ab)/length2, 0), 1)
					p = p.Sub(ab.Scale(t))
				}
				if p.Dot(p) <= r2 {
					e.paint(i, j, k)
				}
			}
		}
	}
}

// capsuleBox holds every voxel within the radius of the segment, in the slice of
// a 2D brush only. A ball of radius r reaches r times the length of row a of the
// inverse affine along voxel axis a, on oblique and sheared grids too.
func (e *Editor) capsuleBox(a, b volume.Vec3) volume.Box {
	va, vb := e.inverse.Apply(a), e.inverse.Apply(b)
	var box volume.Box
	for axis := range 3 {
		row := volume.Vec3{e.inverse[axis][0], e.inverse[axis][1], e.inverse[axis][2]}
		reach := e.stroke.RadiusMM*row.Norm() + 1e-6
		n := float64(e.mask.Size[axis])
		lo := math.Ceil(math.Min(va[axis], vb[axis]) - reach)
		hi := math.Floor(math.Max(va[axis], vb[axis])+reach) + 1
		box.Min[axis] = int(math.Min(math.Max(lo, 0), n))
		box.Max[axis] = int(math.Min(math.Max(hi, 0), n))
	}
	if !e.stroke.Sphere {
		box.Min[2], box.Max[2] = e.stroke.SliceK, e.stroke.SliceK+1
	}
	return box
}

// trace paints the voxels under the segment itself, so that a brush smaller than
// a voxel still leaves an unbroken line.
func (e *Editor) trace(a, b volume.Vec3) {
	spacing := e.mask.SpacingMM()
	way := b.Sub(a)
	steps := math.Ceil(way.Norm() / (0.5 * math.Min(spacing[0], math.Min(spacing[1], spacing[2]))))
	steps = math.Min(math.Max(steps, 1), 1e5)
	for s := 0.0; s <= steps; s++ {
		if n, ok := e.voxel(a.Add(way.Scale(s / steps))); ok {
			i, j, k := e.mask.Coords(n)
			e.paint(i, j, k)
		}
	}
}

// paint changes one voxel as the stroke wants. As a stroke paints one value, a
// voxel changes at most once in it.
func (e *Editor) paint(i, j, k int) {
	n := e.mask.Index(i, j, k)
	was := e.mask.Data[n]
	want := e.stroke.value()
	if was == want || e.stroke.protects(was) {
		return
	}
	e.mask.Data[n] = want
	e.touched = append(e.touched, int32(n))
	e.old = append(e.old, was)
	e.changed = e.changed.Add(i, j, k)
}

// value is what the stroke writes.
func (s Stroke) value() uint8 {
	if s.Erase {
		return 0
	}
	return uint8(s.Label)
}

// protects reports whether a voxel of this label is left alone.
func (s Stroke) protects(label uint8) bool {
	if !s.Protect {
		return false
	}
	if s.Erase {
		return s.Label != spine.Background && label != uint8(s.Label)
	}
	return label != 0
}

// End closes the stroke. Its delta is for the journal; ok is false where nothing
// changed, and then there is nothing to undo either.
func (e *Editor) End() (d Delta, ok bool) {
	e.changed = volume.Box{}
	if !e.open {
		return Delta{}, false
	}
	e.open = false
	if len(e.touched) == 0 {
		return Delta{}, false
	}
	before := make(map[int32]uint8, len(e.touched))
	for n, at := range e.touched {
		before[at] = e.old[n]
	}
	d = e.delta(e.touched, func(n int) uint8 { return before[int32(n)] }, e.stroke.value())
	d.Reason = "paint"
	if e.stroke.Erase {
		d.Reason = "erase"
	}
	e.done = append(e.done, d)
	e.undone = nil
	e.changed = d.Changed()
	return d, true
}

// Cancel closes the stroke and takes back what it drew.
func (e *Editor) Cancel() {
	e.changed = volume.Box{}
	if !e.open {
		return
	}
	e.open = false
	for n, at := range e.touched {
		e.mask.Data[at] = e.old[n]
		i, j, k := e.mask.Coords(int(at))
		e.changed = e.changed.Add(i, j, k)
	}
}

// Drawing reports whether a stroke is open.
func (e *Editor) Drawing() bool { return e.open }

// delta sorts voxels into the runs of an edit.
func (e *Editor) delta(voxels []int32, before func(int) uint8, after uint8) Delta {
	d := Delta{size: e.mask.Size}
	slices.Sort(voxels)
	for _, n := range voxels {
		d.add(uint32(n), before(int(n)), after)
	}
	return d
}
