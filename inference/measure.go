package inference

import (
	"math"
	"slices"

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
	darkLineMM      = 2   // between disc and body at most
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

// label is what the voxel nearest to a place is, and whether it is the last of its
// row, column or stack of slices.
func (r *ruler) label(p volume.Vec3) (s spine.Structure, edge bool) {
	v := r.inverse.Apply(p)
	at := [3]int{int(math.Round(v[0])), int(math.Round(v[1])), int(math.Round(v[2]))}
	for d, n := range r.mask.Size {
		if at[d] < 0 || at[d] >= n {
			return spine.Background, false
		}
		edge = edge || at[d] == 0 || at[d] == n-1
	}
	return spine.Structure(r.mask.At(at[0], at[1], at[2])), edge
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
		if s, edge := r.label(at.Add(r.back.Scale(y))); s == spine.Canal {
			if edge {
				return 0, true
			}
			length += measureStepMM
		}
	}
	return length, false
}

// discHeight is the mean height of the disc around its middle, from bone to bone.
func (r *ruler) discHeight(l spine.Level) float64 {
	height, columns := 0.0, 0.0
	for x := -float64(discCoreMM); x <= discCoreMM; x += 2 * measureStepMM {
		for y := -float64(discCoreMM); y <= discCoreMM; y += 2 * measureStepMM {
			columns++
			height += r.discColumn(l, r.disc.Add(r.left.Scale(x)).Add(r.back.Scale(y)))
		}
	}
	if height/columns < leastDiscMM {
		return 0
	}
	return tenth(height / columns)
}

// discColumn is the height of the disc in the line through a place, with the unlabelled
// lines between it and the bodies: its cartilage and their thin bone.
func (r *ruler) discColumn(l spine.Level, at volume.Vec3) float64 {
	var up []spine.Structure
	first, last, disc := -1, -1, 0
	for z := -float64(discReachMM); z <= discReachMM; z += measureStepMM {
		s, _ := r.label(at.Add(r.up.Scale(z)))
		if up = append(up, s); s == l.Disc() {
			last = len(up) - 1
			if disc++; first < 0 {
				first = last
			}
		}
	}
	if disc == 0 {
		return 0
	}
	above := darkLine(up[last+1:])
	slices.Reverse(up[:first])
	return float64(disc+above+darkLine(up[:first])) * measureStepMM
}

// darkLine is how many steps of background lie before a structure, if they are few.
func darkLine(beyond []spine.Structure) int {
	n := slices.IndexFunc(beyond, func(s spine.Structure) bool { return s != spine.Background })
	if float64(n)*measureStepMM > darkLineMM {
		return 0
	}
	return max(n, 0)
}

func tenth(x float64) float64 { return math.Round(x*measureDecimals) / measureDecimals }
