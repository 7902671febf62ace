package review

import (
	"context"
	"fmt"
	"time"

	"columna/dicom"
	"columna/dicom/sr"
	"columna/inference"
	"columna/spine"
	"columna/store"
)

// WriteReport saves the reading as a DICOM structured report of the case's study; leave
// sees it before, so that it may take the identity out. Notes say what had to be made
// up, as the images could not tell it.
func (s *Session) WriteReport(ctx context.Context, path string, leave func(*sr.Report)) (notes []string, err error) {
	r, notes, err := s.report(ctx)
	if err != nil {
		return nil, err
	}
	leave(r)
	return notes, sr.Write(path, r)
}

// report collects what the reading has come to.
func (s *Session) report(ctx context.Context) (r *sr.Report, notes []string, err error) {
	r = &sr.Report{Study: s.study, At: time.Now(), Grader: s.model(inference.StenosisNet),
		Segmenter: s.model(inference.SegmentationNet), Classifier: s.model(inference.LesionNet),
		MaskEdited: s.journal.version > 0 || s.Dirty()}
	if r.Source, notes, err = s.studySource(ctx); err != nil {
		return nil, nil, err
	}
	if r.Cells, err = s.reportCells(ctx); err != nil {
		return nil, nil, err
	}
	if s.Mask() != nil {
		r.Measures = inference.MeasureLevels(s.Mask())
	}
	if s.analysis != nil {
		r.Lesions = s.analysis.Lesions
	}
	r.Verifier, r.VerifiedAt, err = s.verifier(ctx)
	return r, notes, err
}

// studySource is the study as its own images describe it: the header of the series that
// the mask lies on.
func (s *Session) studySource(ctx context.Context) (src *dicom.Source, notes []string, err error) {
	c, err := s.desk.db.FindCase(ctx, s.id)
	if err != nil {
		return nil, nil, err
	}
	series := s.MaskSeries()
	ref := firstFile(c, series)
	src, missing := dicom.ReadSource(s.study, series, ref)
	switch {
	case isVolumeFile(ref.Path):
		notes = []string{"the case was not imported from DICOM: the report stands in a study of Columna's own UIDs and refers to no image"}
	case missing != nil:
		notes = []string{fmt.Sprintf("the images could not be read (%v): the report has of the patient and the study only what the worklist keeps", missing)}
	}
	return src, notes, nil
}

// firstFile is the first file of a series as it was imported.
func firstFile(c *store.Case, s *spine.Series) dicom.FileRef {
	for n := range c.Study.Series {
		if x := &c.Study.Series[n]; x.UID == s.UID && x.Block == s.Block && len(c.Files[n]) > 0 {
			return dicom.FileRef(c.Files[n][0])
		}
	}
	return dicom.FileRef{}
}

// reportCells is the worksheet with the names of those who graded.
func (s *Session) reportCells(ctx context.Context) (out []sr.Cell, err error) {
	graded, err := s.desk.db.Grades(ctx, s.id)
	if err != nil {
		return nil, err
	}
	var who [spine.ConditionCount][spine.LevelCount]string
	for _, g := range graded {
		who[g.Condition][g.Level] = g.Author
	}
	for c, row := range s.cells {
		for l, cell := range row {
			out = append(out, sr.Cell{AI: cell.AI, Reader: cell.Reader, Reason: cell.Reason, Author: who[c][l]})
		}
	}
	return out, nil
}

// model names the weights of a network that the analysis used; zero where it did not.
func (s *Session) model(name string) spine.ModelRef {
	if s.analysis != nil {
		for _, m := range s.analysis.Models {
			if m.Name == name {
				return m
			}
		}
	}
	return spine.ModelRef{}
}

// verifier is who accepted the reading as it stands, and when; "" while nobody has.
func (s *Session) verifier(ctx context.Context) (name string, at time.Time, err error) {
	if s.state != spine.Accepted && s.state != spine.Adjudicated {
		return "", at, nil
	}
	steps, err := s.StateHistory(ctx)
	if err != nil || len(steps) == 0 {
		return "", at, err
	}
	last := steps[len(steps)-1]
	return last.Author, last.At, nil
}
