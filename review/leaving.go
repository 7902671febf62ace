package review

import (
	"context"
	"fmt"
	img "image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"columna/dicom"
	"columna/dicom/deid"
	"columna/dicom/seg"
	"columna/dicom/sr"
	"columna/internal/files"
	"columna/report"
	"columna/spine"
)

// Leaving is a case as it leaves: whole, or without the patient's identity.
type Leaving struct {
	*Session
	Told   *spine.Study    // what others are told of it
	Said   *spine.Analysis // by the networks, nil where there is none
	Graded []spine.GradeFinding
	Notes  []string // what is to be known of the files written

	profile *deid.Profile // nil where it leaves whole
	mask    *sr.Reference // the segmentation that has left with it, nil without
}

// Identity is the profile that takes the patient out of what leaves.
type Identity = deid.Profile

// Leave prepares a case for export; with a profile it is told as columna deid would.
func (s *Session) Leave(p *deid.Profile) *Leaving {
	l := &Leaving{Session: s, Told: s.Study(), Said: s.Analysis(), Graded: s.readerGrades(), profile: p}
	if p == nil {
		return l
	}
	l.Told, l.Graded = nameless(p, l.Told), unsigned(p, l.Graded, false)
	if l.Said != nil {
		a := *l.Said
		a.Grades = unsigned(p, a.Grades, true)
		l.Said = &a
	}
	return l
}

// Identity is the profile that exports without identity go by. Its key lies beside the
// database, so that what leaves on different days still belongs together.
func (d *Desk) Identity() (*deid.Profile, error) {
	key, err := deid.OpenKey(filepath.Join(filepath.Dir(d.db.Path()), "deid.key"))
	if err != nil {
		return nil, err
	}
	return deid.New(key, deid.Options{CleanDescriptors: true}) // so that segments keep their names
}

// readerGrades are the reader's cells.
func (s *Session) readerGrades() (out []spine.GradeFinding) {
	for c, row := range s.cells {
		for l, cell := range row {
			if cell.Reader != spine.Ungraded {
				out = append(out, spine.GradeFinding{Condition: spine.Condition(c), Level: spine.Level(l), Grade: cell.Reader, Reason: cell.Reason})
			}
		}
	}
	return out
}

// Formats are what a case can leave as, in an order in which a report finds the mask
// that it refers to.
func Formats() []string { return []string{"seg", "sr", "key", "nifti", "mha", "pdf", "csv"} }

// SortFormats puts formats into the order of Formats; others come last.
func SortFormats(formats []string) {
	rank := func(f string) int {
		if n := slices.Index(Formats(), f); n >= 0 {
			return n
		}
		return len(Formats())
	}
	slices.SortStableFunc(formats, func(a, b string) int { return rank(a) - rank(b) })
}

// endings are those of the files of a format.
func endings() map[string]string {
	return map[string]string{"seg": ".seg.dcm", "sr": ".sr.dcm", "nifti": ".nii.gz", "mha": ".mha", "pdf": ".pdf", "csv": ".csv"}
}

// Write saves the case in one of Formats, as files whose names begin with base. A PDF
// shows the key images, or the pictures where there is none.
func (l *Leaving) Write(ctx context.Context, format, base string, pictures []img.Image) (names []string, err error) {
	if format == "key" {
		return l.writeKeys(ctx, base)
	}
	if err := l.ready(format); err != nil {
		return nil, err
	}
	name := base + endings()[format]
	switch format {
	case "seg":
		err = l.writeSegmentation(ctx, name)
	case "sr":
		err = l.writeReport(ctx, name)
	case "nifti", "mha":
		err = report.WriteMask(name, l.Mask())
	case "pdf":
		if pictures, err = l.pictures(ctx, pictures); err == nil {
			err = report.WritePDF(name, l.Told, l.Said, l.Graded, pictures)
		}
	case "csv":
		err = files.Write(name, func(w io.Writer) error { return report.WriteCSV(w, l.Said, l.Graded) })
	}
	if err != nil {
		return nil, err
	}
	return []string{name}, nil
}

// ready refuses a format that the case has nothing for.
func (l *Leaving) ready(format string) error {
	maskless := format == "sr" || format == "pdf" || format == "csv"
	switch {
	case endings()[format] == "":
		return fmt.Errorf("%q is no format that a case leaves in", format)
	case l.Said == nil && l.Mask() == nil:
		return fmt.Errorf("case %d has no result yet: run columna analyze %d first", l.id, l.id)
	case l.Mask() == nil && !maskless:
		return fmt.Errorf("case %d has no mask yet: run columna analyze %d first", l.id, l.id)
	}
	return nil
}

// writeSegmentation writes the mask and remembers it as what a report refers to.
func (l *Leaving) writeSegmentation(ctx context.Context, name string) error {
	err := l.dicom(name, func(name string) error {
		notes, err := l.WriteSegmentation(ctx, name)
		l.Notes = append(l.Notes, notes...)
		return err
	})
	if err != nil {
		return err
	}
	written, err := seg.Read(name) // as it left, with its UIDs of now
	if err != nil {
		return err
	}
	l.mask = &sr.Reference{SeriesUID: written.SeriesUID, Image: dicom.ImageRef{SOPClassUID: dicom.SegmentationStorage, SOPUID: written.SOPUID}}
	return nil
}

// writeReport writes the structured report. It is made without the patient rather than
// cleaned, as every item of a report could hold words.
func (l *Leaving) writeReport(ctx context.Context, name string) error {
	notes, err := l.WriteReport(ctx, name, func(r *sr.Report) {
		if l.profile != nil {
			namelessReport(l.profile, r)
		}
		r.Segmentation = l.mask
	})
	l.Notes = append(l.Notes, notes...)
	return err
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

// namelessRSNA is a case with new UIDs.
func namelessRSNA(p *deid.Profile, c report.RSNACase) report.RSNACase {
	c.ID, c.Study = p.NewUID(c.ID), renamed(p, c.Study)
	if c.Analysis != nil {
		a := *c.Analysis
		a.Grades = unsigned(p, a.Grades, true)
		c.Analysis = &a
	}
	c.Reader = unsigned(p, c.Reader, false)
	return c
}

// renamed is a nameless study whose series and images have new UIDs too.
func renamed(p *deid.Profile, s *spine.Study) *spine.Study {
	out := nameless(p, s)
	for n := range out.Series {
		x := &out.Series[n]
		x.UID, x.SOPUIDs = p.NewUID(x.UID), slices.Clone(x.SOPUIDs)
		if x.FrameOfReferenceUID != "" {
			x.FrameOfReferenceUID = p.NewUID(x.FrameOfReferenceUID)
		}
		for k, uid := range x.SOPUIDs {
			x.SOPUIDs[k] = p.NewUID(uid)
		}
	}
	return out
}

// namelessReport takes out of a report who the patient and the readers are.
func namelessReport(p *deid.Profile, r *sr.Report) {
	r.Study = renamed(p, r.Study)
	source := &spine.Series{UID: p.NewUID(r.Source.SeriesUID), Number: r.Source.SeriesNumber, FrameOfReferenceUID: p.NewUID(r.Source.FrameOfReferenceUID)}
	r.Source, _ = dicom.ReadSource(r.Study, source, dicom.FileRef{}) // of the nameless study, no file
	r.Source.Header.SetText(0x00120062, "CS", "YES")                 // PatientIdentityRemoved
	r.Source.Header.SetText(0x00120063, "LO", "Columna: report made without identity")
	r.Source.Header.SetText(0x00280303, "CS", "REMOVED") // LongitudinalTemporalInformationModified
	r.At = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)   // as columna deid writes it where a date must stand
	for n := range r.Cells {
		c := &r.Cells[n]
		c.AI, c.Reason, c.Author = unsigned(p, []spine.GradeFinding{c.AI}, true)[0], "", ""
	}
	r.Verifier = ""
}

// dicom has write make a DICOM file, and takes the identity out of it before it comes
// to its place.
func (l *Leaving) dicom(name string, write func(name string) error) error {
	if l.profile == nil {
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
	r, err := l.profile.Clean(b)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return files.Write(name, func(w io.Writer) error { _, err := w.Write(r.File); return err })
}
