package inference

import (
	"math"

	"columna/spine"
	"columna/volume"
)

// How a mask is measured: it is looked up on a fine raster in the plane of the disc, so
// that a tilted disc is cut along itself and a thick slice counts with its whole width.
const (
	measureStepMM   = 0.25
	canalReachMM    = 18  // to the sides of the canal's middle
	canalDepthMM    = 22  // before and behind it
	discCoreMM      = 3   // around the middle of the disc
	discReachMM     = 12  // above and below it
	discPlanesMM    = 1.0 // the canal is cut here above and below the disc's plane too
	leastCanalMM2   = 5   // less is a stray voxel
	leastDiscMM     = 1
	midlineReachMM  = 1.5 // to the sides of the midline
	measureDecimals = 10  // tenths of a millimetre
)

// MeasureLevels measures every graded level that a mask shows; levels without a canal
// and without a disc are left out.
func MeasureLevels(mask *volume.LabelMap) []spine.Measure {
	inverse, err := mask.Affine.Inverse()
	if err != nil {
		return nil
	}
	a := NewAnatomy(mask)
	var out []spine.Measure
	for l := range spine.Level(spine.LevelCount) {
		m := a.levels[l]
		if !m.found {
			continue
		}
		r := ruler{mask: mask, inverse: inverse, left: a.left, landmarks: m}
		x := spine.Measure{Level: l, DiscHeightMM: r.discHeight(l)}
		x.CanalAreaMM2, x.CanalAPMM = r.canalSection()
		if x.CanalAreaMM2 > 0 || x.DiscHeightMM > 0 {
			out = append(out, x)
		}
	}
	return out
}

// ruler looks a mask up in the frame of a disc.
type ruler struct {
	mask    *volume.LabelMap
	inverse volume.Affine
	left    volume.Vec3
	landmarks
}

// is reports whether the voxel nearest to a place has a label, and whether it is the
// last of its row, column or stack of slices.
func (r *ruler) is(p volume.Vec3, s spine.Structure) (yes, edge bool) {
	v := r.inverse.Apply(p)
	at := [3]int{int(math.Round(v[0])), int(math.Round(v[1])), int(math.Round(v[2]))}
	for d, n := range r.mask.Size {
		if at[d] < 0 || at[d] >= n {
			return false, false
		}
		edge = edge || at[d] == 0 || at[d] == n-1
	}
	return r.mask.At(at[0], at[1], at[2]) == uint8(s), edge
}

// canalSection is the canal's area and midline depth in the plane of the disc, the mean
// of three cuts. A canal that runs out of the images is not measured.
func (r *ruler) canalSection() (area, depth float64) {
	middle := r.canal.Sub(r.up.Scale(r.canal.Sub(r.disc).Dot(r.up)))
	cuts := []float64{-discPlanesMM, 0, discPlanesMM}
	for _, h := range cuts {
		for x := -float64(canalReachMM); x <= canalReachMM; x += measureStepMM {
			n, cut := r.canalLine(middle.Add(r.up.Scale(h)).Add(r.left.Scale(x)))
			if cut {
				return 0, 0
			}
			area += n * measureStepMM
			if math.Abs(x) <= midlineReachMM {
				depth += n * measureStepMM / (2*midlineReachMM + measureStepMM)
			}
		}
	}
	area, depth = area/float64(len(cuts)), depth/float64(len(cuts))
	if area < leastCanalMM2 {
		return 0, 0
	}
	return tenth(area), tenth(depth)
}

// canalLine is how many millimetres of a line from front to back lie in the canal, and
// whether it runs out of the images there.
func (r *ruler) canalLine(at volume.Vec3) (length float64, cut bool) {
	for y := -float64(canalDepthMM); y <= canalDepthMM; y += measureStepMM {
		if yes, edge := r.is(at.Add(r.back.Scale(y)), spine.Canal); yes {
			if edge {
				return 0, true
			}
			length += measureStepMM
		}
	}
	return length, false
}

// discHeight is the mean height of the disc's label around its middle.
func (r *ruler) discHeight(l spine.Level) float64 {
	height, columns := 0.0, 0.0
	for x := -float64(discCoreMM); x <= discCoreMM; x += 2 * measureStepMM {
		for y := -float64(discCoreMM); y <= discCoreMM; y += 2 * measureStepMM {
			columns++
			at := r.disc.Add(r.left.Scale(x)).Add(r.back.Scale(y))
			for z := -float64(discReachMM); z <= discReachMM; z += measureStepMM {
				if yes, _ := r.is(at.Add(r.up.Scale(z)), l.Disc()); yes {
					height += measureStepMM
				}
			}
		}
	}
	if height/columns < leastDiscMM {
		return 0
	}
	return tenth(height / columns)
}

func tenth(x float64) float64 { return math.Round(x*measureDecimals) / measureDecimals }
