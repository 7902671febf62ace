package inference

import (
	"fmt"
	"strings"

	"columna/spine"
	"columna/volume"
)

// Limits of what the networks have been shown.
const (
	minHeightMM     = 160 // of a sagittal series from head to foot: five lumbar levels
	maxSliceStepMM  = 6   //
	minWidthMM      = 36  // from side to side: both foramina
	sureOfSequence  = 0.7 // confidence under which a sequence should be confirmed
	borderVoxelsMin = 20  // voxels of a structure on the edge of the image
)

// InputFlags says what about a study's images should be known before its results
// are trusted.
func InputFlags(study *spine.Study) []spine.Flag {
	var out []spine.Flag
	add := func(format string, args ...any) {
		out = append(out, spine.Flag{Kind: "input", Text: fmt.Sprintf(format, args...)})
	}
	base := MaskSeries(study)
	if base == nil {
		add("No sagittal T1, T2 or STIR series was found: nothing can be segmented.")
		return out
	}
	if base.Sequence == spine.T1 {
		add("No sagittal T2 or STIR: the mask is drawn from T1 alone and the canal cannot be graded.")
	} else if base.Sequence != spine.T2 {
		add("No sagittal T2: %s stands in for it.", base.Sequence)
	}
	if firstLoaded(study, spine.Sagittal, spine.T1) == nil {
		add("No sagittal T1: the neural foramina cannot be graded.")
	}
	if firstLoaded(study, spine.Axial, spine.T2) == nil {
		add("No axial T2: the subarticular zones cannot be graded.")
	}
	if Growth(study) < 1 {
		add("The patient is a child: the networks learned from few children.")
	}
	for i := range study.Series {
		if s := &study.Series[i]; s.Volume != nil && used(s) {
			seriesFlags(s, base, add)
		}
	}
	return out
}

// used reports whether the networks look at a series.
func used(s *spine.Series) bool {
	sagittal := s.Plane == spine.Sagittal && (s.Sequence == spine.T1 || s.Sequence == spine.T2 || s.Sequence == spine.STIR)
	return sagittal || s.Plane == spine.Axial && s.Sequence == spine.T2
}

// seriesFlags looks at one series.
func seriesFlags(s, base *spine.Series, add func(string, ...any)) {
	name := fmt.Sprintf("%s %s", s.Plane, s.Sequence)
	if s.Confidence < sureOfSequence {
		add("It is not certain that series %d is %s (%.0f %%): confirm it.", s.Number, name, 100*s.Confidence)
	}
	for _, w := range s.Warnings {
		add("The %s series: %s.", name, strings.TrimRight(w, "."))
	}
	if s.FrameOfReferenceUID != "" && base.FrameOfReferenceUID != "" && s.FrameOfReferenceUID != base.FrameOfReferenceUID {
		add("The %s series has a frame of reference of its own: the patient may have moved or been taken out between the series.", name)
	}
	if s.Plane != spine.Sagittal {
		return
	}
	axis, spacing := sliceAxis(s), s.Volume.SpacingMM()
	f := frameOf(s.Volume.Grid)
	if h := float64(s.Volume.Size[f.axis[axisI]]) * spacing[f.axis[axisI]]; h < minHeightMM {
		add("The %s series is only %.0f mm high: not every lumbar level can be in view.", name, h)
	}
	if spacing[axis] > maxSliceStepMM {
		add("The %s series has slices every %.1f mm: structures between them are not seen.", name, spacing[axis])
	}
	if w := float64(s.Volume.Size[axis]) * spacing[axis]; w < minWidthMM {
		add("The %s series is only %.0f mm wide: foramina and the sides of the vertebrae are not in view.", name, w)
	}
	if flat(s.Volume) {
		add("The %s series shows almost no contrast.", name)
	}
}

// flat reports an image whose grey values hardly differ.
func flat(v *volume.Volume) bool {
	s := scaleOf(v.Data)
	return !(s.hi > s.lo) || s.std <= 1e-5
}

// shadingFlags names the series that networks did not see as they are.
func (r *reading) shadingFlags() (out []spine.Flag) {
	for _, s := range r.evened {
		out = append(out, spine.Flag{Kind: "input", Text: fmt.Sprintf("The coil shades the %s %s series strongly: its brightness was evened out before it was segmented. Classes of lesions read from it are not to be relied on.", s.Plane, s.Sequence)})
	}
	return out
}

// coverageFlags says which graded levels the mask lacks and which vertebrae run
// out of the image.
func coverageFlags(mask *volume.LabelMap) []spine.Flag {
	var count, border [spine.MaxStructure + 1]int
	top := mask.Size
	axis := frameOf(mask.Grid).axis[axisI]
	for n, l := range mask.Data {
		if l == 0 || l > uint8(spine.MaxStructure) {
			continue
		}
		count[l]++
		i, j, k := mask.Coords(n)
		if at := [3]int{i, j, k}[axis]; at == 0 || at == top[axis]-1 {
			border[l]++
		}
	}
	var out []spine.Flag
	var missing []string
	for s := spine.L1; s <= spine.DiscL5S1; s++ {
		switch {
		case count[s] == 0:
			missing = append(missing, s.String())
		case border[s] > borderVoxelsMin:
			out = append(out, spine.Flag{Kind: "field_of_view", Text: fmt.Sprintf("%s is cut off by the edge of the image.", s)})
		}
	}
	if len(missing) > 0 && len(missing) < int(spine.DiscL5S1) {
		out = append(out, spine.Flag{Kind: "field_of_view", Text: "Not found in the images: " + strings.Join(missing, ", ") + "."})
	}
	return out
}

// modelFlags says which of the models used were never validated on patients.
func (p *Pipeline) modelFlags(used ...*network) []spine.Flag {
	var names []string
	for _, n := range used {
		if m, err := n.load(); err == nil && !m.Validated {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []spine.Flag{{Kind: "model", Text: "Not validated on patients: " + strings.Join(names, " and ") +
		" learned mostly or only from synthetic images. Do not rely on the AI's results."}}
}
