package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/dicom"
	"columna/dicom/deid"
	"columna/dicom/seg"
	"columna/dicom/sr"
	"columna/internal/files"
	"columna/report"
	"columna/review"
	"columna/spine"
)

// exportFormats are what export can write.
func exportFormats() []string {
	return []string{"seg", "sr", "nifti", "mha", "pdf", "csv", "rsna", "png"}
}

// export writes the results of cases in the formats asked for; the audit keeps what
// left the database. The tables of the RSNA challenge hold all cases together.
func export(e *env, args []string) error {
	formats := e.flags.String("format", "", strings.Join(exportFormats(), ","))
	dir := e.flags.String("out", "", "folder")
	hide := e.flags.Bool("deid", false, "leave out who the patient is; UIDs become those of columna deid")
	words, err := e.parse(args, 0, -1)
	if err != nil {
		return err
	}
	if err := e.required("format", *formats); err != nil {
		return err
	}
	if err := e.required("out", *dir); err != nil {
		return err
	}
	alone, tables, err := askedFormats(*formats)
	if err != nil {
		return err
	}
	ids, err := caseNumbers(words)
	if err == nil && len(ids) == 0 && len(alone) > 0 {
		err = badUsage("name the cases to export; only the RSNA tables can be of all accepted ones")
	}
	if err != nil {
		return err
	}
	if err := makeFolder(*dir); err != nil {
		return err
	}
	var written []string
	for n, word := range words {
		if len(alone) == 0 {
			break
		}
		names, err := e.exportCase(word, alone, *dir, *hide)
		if written = append(written, names...); err != nil {
			return fmt.Errorf("case %d: %w", ids[n], err)
		}
	}
	if tables {
		names, err := e.exportRSNA(ids, *dir, *hide)
		if written = append(written, names...); err != nil {
			return err
		}
	}
	return e.printFiles(ids, written)
}

// askedFormats splits the formats into those of one case each and whether the RSNA
// tables are among them.
func askedFormats(words string) (alone []string, tables bool, err error) {
	for _, f := range strings.Split(words, ",") {
		switch {
		case !slices.Contains(exportFormats(), f):
			return nil, false, badUsage("%q is no format that export writes; choose from %s", f, strings.Join(exportFormats(), ", "))
		case f == "rsna":
			tables = true
		default:
			alone = append(alone, f)
		}
	}
	slices.SortFunc(alone, func(a, b string) int { // a report refers to the mask that left before it
		return slices.Index(exportFormats(), a) - slices.Index(exportFormats(), b)
	})
	return alone, tables, nil
}

func caseNumbers(words []string) (ids []int64, err error) {
	for _, w := range words {
		id, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, badUsage("%q is no case number; columna list shows them", w)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// printFiles lists what was written.
func (e *env) printFiles(ids []int64, written []string) error {
	if e.json {
		out := map[string]any{"files": written}
		if len(ids) == 1 {
			out["case"] = ids[0]
		} else {
			out["cases"] = ids
		}
		return e.print(out)
	}
	for _, name := range written {
		fmt.Fprintln(e.out, name)
	}
	return nil
}

// exportCase writes one case.
func (e *env) exportCase(word string, formats []string, dir string, hide bool) (written []string, err error) {
	err = e.withCase(word, func(d *review.Desk, s *review.Session) error {
		out, err := e.leaving(s, hide)
		if err != nil {
			return err
		}
		for _, f := range formats {
			names, err := e.exportAs(d, out, f, dir)
			if err != nil {
				return err
			}
			if err := d.Record(e.ctx, s.CaseID(), "export", strings.Join(names, ", ")); err != nil {
				return err
			}
			written = append(written, names...)
		}
		return nil
	})
	return written, err
}

// exportRSNA writes the challenge's tables of all cases named, or of all accepted ones.
func (e *env) exportRSNA(ids []int64, dir string, hide bool) (written []string, err error) {
	leave := func(c report.RSNACase) report.RSNACase { return c }
	if hide {
		p, err := e.profile("", deid.Options{})
		if err != nil {
			return nil, err
		}
		leave = func(c report.RSNACase) report.RSNACase { return namelessRSNA(p, c) }
	}
	err = e.withDesk(func(d *review.Desk) error {
		written, err = d.WriteRSNA(e.ctx, ids, dir, leave)
		return err
	})
	return written, err
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
	for n := range r.Cells {
		c := &r.Cells[n]
		c.AI, c.Reason, c.Author = unsigned(p, []spine.GradeFinding{c.AI}, true)[0], "", ""
	}
	r.Verifier = ""
}

// exportAs writes one format and returns the files.
func (e *env) exportAs(d *review.Desk, s *leaving, format, dir string) ([]string, error) {
	base := filepath.Join(dir, fmt.Sprintf("case-%d", s.CaseID()))
	a := s.analysis
	if a == nil && format != "png" && s.Mask() == nil {
		return nil, fmt.Errorf("case %d has no result yet: run columna analyze %d first", s.CaseID(), s.CaseID())
	}
	switch format {
	case "sr":
		return e.exportReport(s, base+".sr.dcm")
	case "nifti", "mha":
		if s.Mask() == nil {
			return nil, fmt.Errorf("case %d has no mask yet: run columna analyze %d first", s.CaseID(), s.CaseID())
		}
		name := base + map[string]string{"nifti": ".nii.gz", "mha": ".mha"}[format]
		return []string{name}, report.WriteMask(name, s.Mask())
	case "seg":
		return e.exportSegmentation(s, base+".seg.dcm")
	case "pdf":
		name := base + ".pdf"
		return []string{name}, s.writePDF(name)
	case "png":
		return e.screens(d, s, dir)
	}
	return writeTable(base+".csv", s)
}

// exportSegmentation writes the mask as a DICOM segmentation and says what its images
// could not tell.
func (e *env) exportSegmentation(s *leaving, name string) ([]string, error) {
	err := s.dicom(name, func(name string) error {
		notes, err := s.WriteSegmentation(e.ctx, name)
		e.tell(name, notes)
		return err
	})
	if err != nil {
		return nil, err
	}
	written, err := seg.Read(name) // as it left, with its UIDs of now
	if err != nil {
		return nil, err
	}
	s.mask = &sr.Reference{SeriesUID: written.SeriesUID, Image: dicom.ImageRef{SOPClassUID: dicom.SegmentationStorage, SOPUID: written.SOPUID}}
	return []string{name}, nil
}

// exportReport writes the reading as a DICOM structured report. It is made without the
// patient rather than cleaned, as every item of a report could hold words.
func (e *env) exportReport(s *leaving, name string) ([]string, error) {
	notes, err := s.WriteReport(e.ctx, name, func(r *sr.Report) {
		if s.profile != nil {
			namelessReport(s.profile, r)
		}
		r.Segmentation = s.mask
	})
	e.tell(name, notes)
	return []string{name}, err
}

// tell prints what is to be known of a file that was written.
func (e *env) tell(name string, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(e.err, "columna: %s: %s\n", filepath.Base(name), n)
	}
}

// writeTable writes the grades as CSV.
func writeTable(name string, s *leaving) ([]string, error) {
	err := files.Write(name, func(w io.Writer) error { return report.WriteCSV(w, s.analysis, s.grades) })
	if err != nil {
		return nil, fmt.Errorf("the table cannot be written: %w", err)
	}
	return []string{name}, nil
}
