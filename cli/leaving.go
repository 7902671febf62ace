package cli

import (
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"

	"columna/dicom/deid"
	"columna/dicom/sr"
	"columna/internal/files"
	"columna/report"
	"columna/review"
	"columna/spine"
)

// leaving is a case as it leaves: whole, or without the patient's identity.
type leaving struct {
	*review.Session
	study    *spine.Study
	analysis *spine.Analysis // nil where there is none
	grades   []spine.GradeFinding
	profile  *deid.Profile // nil where it leaves whole
	mask     *sr.Reference // the segmentation that has left with it, nil without
}

// whole is a case with all that is known of it.
func whole(s *review.Session) *leaving {
	return &leaving{Session: s, study: s.Study(), analysis: s.Analysis(), grades: readerGrades(s)}
}

// leaving is a case for export; hidden, it says what columna deid would say.
func (e *env) leaving(s *review.Session, hide bool) (*leaving, error) {
	out := whole(s)
	if !hide {
		return out, nil
	}
	p, err := e.profile("", deid.Options{CleanDescriptors: true}) // so that segments keep their names
	if err != nil {
		return nil, err
	}
	out.profile = p
	out.study = nameless(p, out.study)
	out.grades = unsigned(p, out.grades, false)
	if out.analysis != nil {
		a := *out.analysis
		a.Grades = unsigned(p, a.Grades, true)
		out.analysis = &a
	}
	return out, nil
}

// nameless is a study with new name, ID and UID, and without date, sex, age and
// descriptions. Its series keep their UIDs, by which masks find them; no file that
// has none of DICOM shows them.
func nameless(p *deid.Profile, s *spine.Study) *spine.Study {
	out := &spine.Study{UID: p.NewUID(s.UID), FieldT: s.FieldT, Series: slices.Clone(s.Series)}
	out.PatientName, out.PatientID = p.NewPatient(s.PatientID, s.PatientName, s.UID)
	for i := range out.Series {
		out.Series[i].Description = ""
	}
	return out
}

// unsigned are grades with new UIDs; of reasons only those of the networks stay, for
// a reader's are free text.
func unsigned(p *deid.Profile, grades []spine.GradeFinding, reasons bool) []spine.GradeFinding {
	out := slices.Clone(grades)
	for i := range out {
		if !reasons {
			out[i].Reason = ""
		}
		if at := out[i].Point; at != nil {
			moved := *at
			moved.SeriesUID, moved.SOPUID = p.NewUID(at.SeriesUID), p.NewUID(at.SOPUID)
			out[i].Point = &moved
		}
	}
	return out
}

// writePDF writes the report with its key image.
func (s *leaving) writePDF(name string) error {
	return report.WritePDF(name, s.study, s.analysis, s.grades, []image.Image{s.sheet(worstLevel(s.Session), nil)})
}

// dicom has write make a DICOM file, and takes the identity out of it before it comes
// to its place.
func (s *leaving) dicom(name string, write func(name string) error) error {
	if s.profile == nil {
		return write(name)
	}
	dir, err := os.MkdirTemp("", "columna-*") // its owner's alone
	if err != nil {
		return fmt.Errorf("there is no place for a temporary file: %w", err)
	}
	defer os.RemoveAll(dir)
	whole := filepath.Join(dir, filepath.Base(name))
	if err := write(whole); err != nil {
		return err
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		return err
	}
	r, err := s.profile.Clean(b)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return files.Write(name, func(w io.Writer) error { _, err := w.Write(r.File); return err })
}
