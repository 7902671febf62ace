package inference

import (
	"math"

	"columna/spine"
	"columna/volume"
)

// A cell of the worksheet is read on several crops, since a mask that differs by a
// voxel must not turn its grade: at its place and a little to each side of it, in the
// nearest slice and, the more the place lies between two slices, in the next one.
// What counts is the mean of the logits.
const lookShiftMM = 1.5

// look is one crop of a cell and how much it counts; those of a cell sum to one.
type look struct {
	*Crop
	weight float64
}

// looks cuts the crops of a cell; the first is the one that Crop cuts. Without any
// it says why.
func (a *Anatomy) looks(study *spine.Study, c spine.Condition, l spine.Level, sizePx int) ([]look, string) {
	middle, reason := a.Crop(study, c, l, sizePx)
	if middle == nil {
		return nil, reason
	}
	target, _ := a.Target(c, l)
	s := middle.Series
	next, share := nextSlice(s, middle.Slice, target)
	out := around(s, middle.Slice, target, c, sizePx, 1-share)
	if share > 0 {
		out = append(out, around(s, next, target, c, sizePx, share)...)
	}
	return balanced(out), ""
}

// nextSlice is the slice on the other side of a place from its nearest slice, and its
// share: 0 where the place lies in the nearest slice or beyond the last, a half where
// it lies midway.
func nextSlice(s *spine.Series, nearest int, place volume.Vec3) (slice int, share float64) {
	axis := sliceAxis(s)
	beyond := s.Volume.ToVoxel(place)[axis] - float64(nearest)
	slice = nearest + int(math.Copysign(1, beyond))
	if slice < 0 || slice >= s.Volume.Size[axis] {
		return nearest, 0
	}
	return slice, math.Min(math.Abs(beyond), 0.5)
}

// around cuts the crop at a place of a slice, which counts twice, and those beside it.
func around(s *spine.Series, slice int, place volume.Vec3, c spine.Condition, sizePx int, weight float64) (out []look) {
	columns, rows := cropAxes(s, c)
	for _, to := range [][3]float64{{0, 0, 2}, {1, 0, 1}, {-1, 0, 1}, {0, 1, 1}, {0, -1, 1}} {
		at := place.Add(columns.Scale(to[0] * lookShiftMM)).Add(rows.Scale(to[1] * lookShiftMM))
		if crop := cut(s, slice, at, c, sizePx); crop != nil {
			out = append(out, look{crop, weight * to[2]})
		}
	}
	return out
}

// balanced makes the weights sum to one: crops beyond the edge of the image are not there.
func balanced(looks []look) []look {
	sum := 0.0
	for _, l := range looks {
		sum += l.weight
	}
	for n := range looks {
		looks[n].weight /= sum
	}
	return looks
}
