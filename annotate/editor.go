// Package annotate edits a segmentation mask with history: brush and eraser in
// patient millimetres, fill, replacement, undo and redo. It knows no toolkit, no
// clock and no disk; the journal on disk is made of the Deltas it returns.
package annotate

import (
	"fmt"
	"math"

	"columna/spine"
	"columna/volume"
)

// Stroke is what one press-drag-release of the brush does.
type Stroke struct {
	Erase    bool            // to background instead of Label
	Label    spine.Structure // what is painted; with Erase and Protect, what may be erased
	RadiusMM float64
	Sphere   bool // 3D brush; else a disc in slice SliceK
	SliceK   int  // the slice (voxel index k) of a 2D brush
	// Protect leaves other labels alone: painting covers background only, and
	// erasing removes Label only (any label where Label is Background).
	Protect bool
}

// Editor owns one mask and its history. It is not safe for concurrent use.
type Editor struct {
	mask    *volume.LabelMap
	inverse volume.Affine // mm to voxel
	done    []Delta
	undone  []Delta
	changed volume.Box

	open    bool
	stroke  Stroke
	last    volume.Vec3 // where the open stroke has come to, mm
	moved   bool
	touched []int32 // voxels changed by the open stroke, each once
	old     []uint8 // what they were
}

// New starts an editor on a copy of the mask. The mask's grid must be valid; an
// editor on an invalid one refuses every stroke.
func New(mask *volume.LabelMap) *Editor {
	e := &Editor{mask: mask.Clone()}
	inverse, err := mask.Affine.Inverse()
	if err != nil {
		for r := range inverse {
			inverse[r] = [4]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
		}
	}
	e.inverse = inverse
	return e
}

// Mask is the live mask. Callers read it; only the editor writes it.
func (e *Editor) Mask() *volume.LabelMap { return e.mask }

// Changed is the box of voxels that the latest call changed.
func (e *Editor) Changed() volume.Box { return e.changed }

// CanUndo reports whether Undo would change something.
func (e *Editor) CanUndo() bool { return !e.open && len(e.done) > 0 }

// CanRedo reports whether Redo would change something.
func (e *Editor) CanRedo() bool { return !e.open && len(e.undone) > 0 }

// Edits counts the edits that Undo can take back.
func (e *Editor) Edits() int { return len(e.done) }

// Undo takes the latest edit back. It does nothing during a stroke.
func (e *Editor) Undo() (changed volume.Box, ok bool) {
	if !e.CanUndo() {
		return volume.Box{}, false
	}
	d := e.done[len(e.done)-1]
	e.done = e.done[:len(e.done)-1]
	e.undone = append(e.undone, d)
	e.write(d.Inverse())
	return e.changed, true
}

// Redo makes the latest undone edit again. It does nothing during a stroke.
func (e *Editor) Redo() (changed volume.Box, ok bool) {
	if !e.CanRedo() {
		return volume.Box{}, false
	}
	d := e.undone[len(e.undone)-1]
	e.undone = e.undone[:len(e.undone)-1]
	e.done = append(e.done, d)
	e.write(d)
	return e.changed, true
}

// Apply makes an edit that was recorded earlier; it can be undone. Where the
// mask is not what the edit expects, nothing changes and an error says so.
func (e *Editor) Apply(d Delta) error {
	if e.open {
		return fmt.Errorf("a stroke is being drawn: end it first")
	}
	if err := d.fits(e.mask); err != nil {
		return err
	}
	e.commit(d)
	return nil
}

// Replace makes the mask equal to another one on the same grid, as one undoable
// edit. The reason is kept in the delta.
func (e *Editor) Replace(mask *volume.LabelMap, reason string) (Delta, bool, error) {
	if e.open {
		return Delta{}, false, fmt.Errorf("a stroke is being drawn: end it first")
	}
	if !volume.SameGrid(mask.Grid, e.mask.Grid) || len(mask.Data) != len(e.mask.Data) {
		return Delta{}, false, fmt.Errorf("the new mask has %v voxels in another place than the edited one of %v: resample it first", mask.Size, e.mask.Size)
	}
	d := Delta{Reason: reason, size: e.mask.Size}
	for n, v := range mask.Data {
		if was := e.mask.Data[n]; was != v {
			d.add(uint32(n), was, v)
		}
	}
	if d.Empty() {
		e.changed = volume.Box{}
		return d, false, nil
	}
	e.commit(d)
	return d, true, nil
}

// Fill relabels the island under a point: the face-connected voxels of the label
// that lies there. On background it fills the hole of the slice around the point,
// and does nothing where that background reaches the edge of the slice.
func (e *Editor) Fill(mm volume.Vec3, label spine.Structure) (Delta, bool) {
	e.changed = volume.Box{}
	at, ok := e.voxel(mm)
	if e.open || !ok {
		return Delta{}, false
	}
	from := e.mask.Data[at]
	if from == uint8(label) {
		return Delta{}, false
	}
	region := e.island(at)
	if region == nil {
		return Delta{}, false
	}
	d := e.delta(region, func(int) uint8 { return from }, uint8(label))
	d.Reason = "fill"
	e.commit(d)
	return d, true
}

// voxel is the position of the voxel nearest to a patient point.
func (e *Editor) voxel(mm volume.Vec3) (n int, ok bool) {
	vox := e.inverse.Apply(mm)
	var p [3]int
	for a := range 3 {
		x := math.Floor(vox[a] + 0.5)
		if !(x >= 0 && x < float64(e.mask.Size[a])) {
			return 0, false
		}
		p[a] = int(x)
	}
	return e.mask.Index(p[0], p[1], p[2]), true
}

// commit makes a new edit and forgets what had been undone.
func (e *Editor) commit(d Delta) {
	e.write(d)
	e.done = append(e.done, d)
	e.undone = nil
}

// write puts a delta's new values into the mask.
func (e *Editor) write(d Delta) {
	for _, r := range d.runs {
		part := e.mask.Data[r.start : r.start+r.length]
		for n := range part {
			part[n] = r.new
		}
	}
	e.changed = d.Changed()
}
