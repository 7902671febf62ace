package inference

import (
	"errors"
	"strconv"
	"strings"

	"columna/spine"
	"columna/volume"
)

// The lesion region that DeSamba sees.
const (
	roiFOVMM = 32 // side of the region; larger lesions get a larger one
	roiD     = 16 // slices
	roiHW    = 32 // rows and columns
)

// ROI is the input of DeSamba for one lesion.
type ROI struct {
	Images  [3][]float32 // T1, T2, T2FS (or STIR), columns fastest; zeros where missing
	Present [3]float32
	Tabular [8]float32  // age/100, sex (male 1), level/20, count/10, then 1 for each of them that is missing
	Grid    volume.Grid // of each image
}

// LesionROI cuts the region around a lesion from the sagittal series, with grey
// values normalised over each whole series so that a lesion stays bright or dark
// against the rest of the spine. Level is the vertebra it lies in (Background if
// unknown), count the number of lesions of the study (0 if unknown).
func LesionROI(study *spine.Study, box spine.Box, level spine.Structure, count int) (ROI, error) {
	return LesionROISized(study, box, level, count, [3]int{roiHW, roiHW, roiD})
}

// LesionROISized is LesionROI in another number of columns, rows and slices.
func LesionROISized(study *spine.Study, box spine.Box, level spine.Structure, count int, size [3]int) (ROI, error) {
	base := MaskSeries(study)
	if base == nil {
		return ROI{}, errNoSagittal
	}
	if !inside(base.Volume.Grid, base.Volume.ToVoxel(box.Center())) {
		return ROI{}, errors.New("the lesion's box lies outside the images: draw it on a sagittal series")
	}
	roi := ROI{Grid: roiGrid(base.Volume.Grid, box, size), Tabular: tabular(study, level, count)}
	for n, s := range lesionSeries(study) {
		roi.Images[n] = make([]float32, roi.Grid.Len())
		if s == nil {
			continue
		}
		roi.Present[n] = 1
		v := s.Volume.Resample(roi.Grid)
		scaleOf(s.Volume.Data).apply(v.Data)
		roi.Images[n] = v.Data
	}
	return roi, nil
}

// lesionSeries are the series behind the three images, nil where missing.
func lesionSeries(study *spine.Study) [3]*spine.Series {
	return [3]*spine.Series{
		firstLoaded(study, spine.Sagittal, spine.T1),
		firstLoaded(study, spine.Sagittal, spine.T2),
		firstLoaded(study, spine.Sagittal, spine.T2FS, spine.STIR),
	}
}

// roiGrid centres the region on the box, along the axes of the sagittal series.
func roiGrid(series volume.Grid, box spine.Box, size [3]int) volume.Grid {
	side := float64(roiFOVMM)
	for a := range 3 {
		side = max(side, 1.25*(box.Max[a]-box.Min[a]))
	}
	p, i, l := frameOf(series).directions(series)
	var steps [3]volume.Vec3
	for a, axis := range [3]volume.Vec3{p, i, l} {
		steps[a] = axis.Scale(side / float64(size[a]))
	}
	origin := box.Center()
	for a := range 3 {
		origin = origin.Sub(steps[a].Scale(float64(size[a]-1) / 2))
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(steps[0], steps[1], steps[2], origin)}
}

// tabular encodes the clinical features; what is not known is 0 with its flag 1.
func tabular(study *spine.Study, level spine.Structure, count int) [8]float32 {
	var t [8]float32
	if years, ok := ageYears(study.Age); ok {
		t[0] = float32(years / 100)
	} else {
		t[4] = 1
	}
	switch strings.ToUpper(strings.TrimSpace(study.Sex)) {
	case "M":
		t[1] = 1
	case "F":
	default:
		t[5] = 1
	}
	if level != spine.Background {
		t[2] = float32(level) / 20
	} else {
		t[6] = 1
	}
	if count > 0 {
		t[3] = float32(min(count, 20)) / 10
	} else {
		t[7] = 1
	}
	return t
}

// ageYears reads DICOM's age string (PS3.5 6.2, VR AS), such as "054Y" or "018M".
func ageYears(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	perYear := map[byte]float64{'Y': 1, 'M': 12, 'W': 52.18, 'D': 365.25}[s[len(s)-1]]
	if err != nil || perYear == 0 || n < 0 {
		return 0, false
	}
	return float64(n) / perYear, true
}
