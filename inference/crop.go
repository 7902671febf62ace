package inference

import (
	"fmt"
	"math"

	"columna/spine"
	"columna/volume"
)

// CropFOVMM is the side of every stenosis crop.
const CropFOVMM = 64

// Reach: how far, in millimetres beyond half the slice spacing, an acquired slice
// may lie from the place that is to be read.
const sliceReachMM = 3

// Crop is one square picture for StenosisNet and where it came from.
type Crop struct {
	Pixels []float32   // SizePx x SizePx, columns fastest; 0..255 less the mean
	SizePx int         //
	Grid   volume.Grid // one slice: i along the columns, j along the rows, k the slice normal
	Point  spine.Point // the place read, on the acquired slice
	Slice  int         // index of that slice in its series
	Series *spine.Series
}

// CropFor cuts the crop of one condition and level; see the package comment for
// its exact place. Without one it says why, in words for the reader. To cut
// several, measure the mask once with NewAnatomy and call Crop.
func CropFor(study *spine.Study, mask *volume.LabelMap, c spine.Condition, l spine.Level, sizePx int) (*Crop, string) {
	return NewAnatomy(mask).Crop(study, c, l, sizePx)
}

// Crop cuts the crop of one condition and level.
func (a *Anatomy) Crop(study *spine.Study, c spine.Condition, l spine.Level, sizePx int) (*Crop, string) {
	if _, reason := candidateSeries(study, c); reason != "" {
		return nil, reason
	}
	target, reason := a.Target(c, l)
	if reason != "" {
		return nil, reason
	}
	return CropAt(study, c, l, target, sizePx)
}

// CropAt cuts the crop of a condition and level around a place in the patient, such
// as one that a reader has marked.
func CropAt(study *spine.Study, c spine.Condition, l spine.Level, target volume.Vec3, sizePx int) (*Crop, string) {
	candidates, reason := candidateSeries(study, c)
	if reason != "" {
		return nil, reason
	}
	best, slice := nearestSlice(candidates, target)
	if best == nil {
		return nil, fmt.Sprintf("no %s %s slice passes within reach of %s", candidates[0].Plane, candidates[0].Sequence, l.Title())
	}
	crop := cut(best, slice, target, c, sizePx)
	if crop == nil {
		return nil, fmt.Sprintf("%s lies at the edge of the field of view of the %s %s series", l.Title(), best.Plane, best.Sequence)
	}
	return crop, ""
}

// candidateSeries lists the loaded series in which a condition is read.
func candidateSeries(study *spine.Study, c spine.Condition) ([]*spine.Series, string) {
	want := func(plane spine.Plane, seqs ...spine.Sequence) []*spine.Series {
		for _, seq := range seqs {
			var out []*spine.Series
			for _, s := range study.FindAll(seq, plane) {
				if s.Volume != nil {
					out = append(out, s)
				}
			}
			if len(out) > 0 {
				return out
			}
		}
		return nil
	}
	var out []*spine.Series
	var missing string
	switch {
	case c.Side() == 0:
		out, missing = want(spine.Sagittal, spine.T2, spine.STIR, spine.T2FS), "no sagittal T2 or STIR series in the study"
	case c == spine.LeftNeuralForaminalNarrowing || c == spine.RightNeuralForaminalNarrowing:
		out, missing = want(spine.Sagittal, spine.T1), "no sagittal T1 series in the study"
	default:
		out, missing = want(spine.Axial, spine.T2), "no axial T2 series in the study"
	}
	if len(out) > 0 {
		missing = ""
	}
	return out, missing
}

// sliceAxis is the voxel axis along which a series' slices are stacked: the one
// with by far the widest spacing, else k where each slice is a DICOM instance, else
// the one across the series' plane. Directions alone do not do: a block
// through L5/S1 may be tilted by more than 45 degrees and is axial all the same.
func sliceAxis(s *spine.Series) int {
	spacing := s.Volume.SpacingMM()
	for a := range 3 {
		x, y := inPlane(a)
		if spacing[a] > 1.5*max(spacing[x], spacing[y]) {
			return a
		}
	}
	if len(s.SOPUIDs) == s.Volume.Size[2] {
		return 2
	}
	f := frameOf(s.Volume.Grid)
	switch s.Plane {
	case spine.Sagittal:
		return f.axis[axisL]
	case spine.Axial:
		return f.axis[axisI]
	}
	return f.axis[axisP]
}

// inPlane are the voxel axes of a slice, its columns' index first.
func inPlane(sliceAxis int) (x, y int) {
	switch sliceAxis {
	case 0:
		return 1, 2
	case 1:
		return 0, 2
	}
	return 0, 1
}

// nearestSlice finds the acquired slice nearest to a place among several series
// or blocks, or nil if none is within reach.
func nearestSlice(candidates []*spine.Series, target volume.Vec3) (best *spine.Series, slice int) {
	distance := math.Inf(1)
	for _, s := range candidates {
		axis := sliceAxis(s)
		vox := s.Volume.ToVoxel(target)
		k := math.Min(math.Max(math.Round(vox[axis]), 0), float64(s.Volume.Size[axis]-1))
		spacing := s.Volume.SpacingMM()[axis]
		d := math.Abs(vox[axis]-k) * spacing
		if d < distance && d <= spacing/2+sliceReachMM {
			best, slice, distance = s, int(k), d
		}
	}
	return best, slice
}

// cropAxes are the directions of a crop's columns and rows in the patient, along
// the slice's own axes: posterior and inferior on sagittal slices, left (right for
// the right side) and posterior on axial ones.
func cropAxes(s *spine.Series, c spine.Condition) (columns, rows volume.Vec3) {
	across, along := toPosterior, toInferior
	if s.Plane != spine.Sagittal {
		across, along = toLeft, toPosterior
	}
	x, y := inPlane(sliceAxis(s))
	u, v := s.Volume.Affine.Column(x).Unit(), s.Volume.Affine.Column(y).Unit()
	if math.Abs(u.Dot(across))+math.Abs(v.Dot(along)) < math.Abs(v.Dot(across))+math.Abs(u.Dot(along)) {
		u, v = v, u
	}
	columns = u.Scale(math.Copysign(1, u.Dot(across)))
	rows = v.Scale(math.Copysign(1, v.Dot(along)))
	if c.Side() < 0 && s.Plane != spine.Sagittal {
		columns = columns.Scale(-1)
	}
	return columns, rows
}

// cut samples the crop around target on an acquired slice; nil if less than
// three fifths of it, or its middle, lie inside the image.
func cut(s *spine.Series, slice int, target volume.Vec3, c spine.Condition, sizePx int) *Crop {
	v, axis := s.Volume, sliceAxis(s)
	vox := v.ToVoxel(target)
	vox[axis] = float64(slice)
	if !inside(v.Grid, vox) {
		return nil
	}
	center := v.ToWorld(vox)
	columns, rows := cropAxes(s, c)
	step := CropFOVMM / float64(sizePx)
	half := float64(sizePx-1) / 2 * step
	origin := center.Sub(columns.Scale(half)).Sub(rows.Scale(half))
	normal := v.Affine.Column(axis).Unit().Scale(v.SpacingMM()[axis])
	grid := volume.Grid{Size: [3]int{sizePx, sizePx, 1},
		Affine: volume.NewAffine(columns.Scale(step), rows.Scale(step), normal, origin)}
	pixels, covered := sampleSlice(v, grid, axis, slice)
	if !standardiseCrop(pixels, covered) {
		return nil
	}
	x, y := inPlane(axis)
	point := spine.Point{SeriesUID: s.UID, XPx: vox[x], YPx: vox[y], LPS: center}
	if axis == 2 && slice < len(s.SOPUIDs) {
		point.SOPUID = s.SOPUIDs[slice]
	}
	return &Crop{Pixels: pixels, SizePx: sizePx, Grid: grid, Point: point, Slice: slice, Series: s}
}

// sampleSlice reads a one-slice grid from one slice of a volume, bilinear.
func sampleSlice(v *volume.Volume, grid volume.Grid, axis, slice int) (pixels []float32, covered []bool) {
	pixels, covered = make([]float32, grid.Len()), make([]bool, grid.Len())
	inv, err := v.Affine.Inverse()
	if err != nil {
		return pixels, covered
	}
	for n := range pixels {
		vox := inv.Apply(grid.ToWorld(volume.Vec3{float64(n % grid.Size[0]), float64(n / grid.Size[0]), 0}))
		vox[axis] = float64(slice)
		pixels[n], covered[n] = v.Sample(vox)
	}
	return pixels, covered
}

// standardiseCrop scales the covered pixels to 0..255 between their 0.5 and 99.5
// percentiles and takes off their mean, the others become 0. It refuses crops
// that are mostly outside the image or show nothing.
func standardiseCrop(pixels []float32, covered []bool) bool {
	var used []float32
	for n, v := range pixels {
		if covered[n] {
			used = append(used, v)
		}
	}
	if len(used) == 0 || len(used)*5 < len(pixels)*3 {
		return false
	}
	lo, hi := quantiles(used, 0.005, 0.995)
	if !(hi > lo) {
		return false
	}
	sum := 0.0
	for n, v := range pixels {
		pixels[n] = 0
		if covered[n] {
			pixels[n] = (min(max(v, lo), hi) - lo) * 255 / (hi - lo)
			sum += float64(pixels[n])
		}
	}
	mean := float32(sum / float64(len(used)))
	for n := range pixels {
		if covered[n] {
			pixels[n] -= mean
		}
	}
	return true
}
