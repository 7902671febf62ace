package train

import (
	"errors"

	"columna/export/dataset"
	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// caseStudy is a case's study as it was acquired, to be viewed by the trainer.
func caseStudy(c *dataset.Case, e dataset.Entry) ([]Segment, error) {
	if c.Labels == nil {
		return nil, nil
	}
	grid := inference.AcquiredGrid(c.Labels.Grid)
	s, err := caseOn(c, e, grid)
	s.Labels, s.Size, s.SpacingMM = c.Labels.Resample(grid).Data, grid.Size, grid.SpacingMM()
	return []Segment{s}, err
}

// caseSegment brings a case to the network grid, to be validated on.
func caseSegment(c *dataset.Case, e dataset.Entry, size [3]int, spacingMM [3]float64) ([]Segment, error) {
	if c.Labels == nil {
		return nil, nil
	}
	grid := inference.CanonicalGrid(c.Labels.Grid, size, spacingMM)
	s, err := caseOn(c, e, grid)
	s.Labels, s.Size, s.SpacingMM = majority(c.Labels, grid).Data, size, spacingMM
	return []Segment{s}, err
}

// caseOn brings the images of a case to a grid.
func caseOn(c *dataset.Case, e dataset.Entry, grid volume.Grid) (Segment, error) {
	s := Segment{NoSacrum: c.NoSacrum, Patient: e.Set + " " + e.Patient}
	s.T1 = imageOn(c, grid, spine.T1)
	s.T2 = imageOn(c, grid, spine.T2, spine.STIR, spine.T2FS, spine.PD)
	if s.T1 == nil && s.T2 == nil {
		return s, errors.New("it has labels but no sagittal series to learn them from")
	}
	return s, nil
}

// imageOn is the first sagittal series of the sequences, nil where there is none.
func imageOn(c *dataset.Case, grid volume.Grid, sequences ...spine.Sequence) []uint8 {
	for _, seq := range sequences {
		if s := c.Study.Find(seq, spine.Sagittal); s != nil && s.Volume != nil {
			v := s.Volume.Resample(grid)
			inference.Normalise(v)
			return quantise(v.Data)
		}
	}
	return nil
}

// caseCrops are the crops of a case's grades, cut around the places that readers
// marked. A grade without a place, or of a place that no slice shows, gives none.
func caseCrops(c *dataset.Case, e dataset.Entry, size int) (out []StenosisSample) {
	for _, g := range c.Grades {
		if g.Point == nil || g.Grade < spine.NormalMild {
			continue
		}
		if crop, reason := inference.CropAt(&c.Study, g.Condition, g.Level, g.Point.LPS, size); reason == "" {
			out = append(out, stenosisSample(crop, g, e.Set+" "+e.Patient))
		}
	}
	return out
}

// stenosisSample is a crop with its grade.
func stenosisSample(crop *inference.Crop, g spine.GradeFinding, patient string) StenosisSample {
	for i := range crop.Pixels {
		crop.Pixels[i] /= cropUnit
	}
	return StenosisSample{Pixels: quantise(crop.Pixels), Condition: g.Condition, Grade: g.Grade, Patient: patient}
}
