package cli

import (
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/dicom/deid"
	"columna/review"
)

// exportFormats are what export can write.
func exportFormats() []string { return append(review.Formats(), "rsna", "png") }

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
	review.SortFormats(alone) // a report refers to the mask that left before it
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
		p, err := identity(d, hide)
		if err != nil {
			return err
		}
		out := s.Leave(p)
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

// identity is the profile to leave by, nil where the patient may be told.
func identity(d *review.Desk, hide bool) (*deid.Profile, error) {
	if !hide {
		return nil, nil
	}
	return d.Identity()
}

// exportRSNA writes the challenge's tables of all cases named, or of all accepted ones.
func (e *env) exportRSNA(ids []int64, dir string, hide bool) (written []string, err error) {
	err = e.withDesk(func(d *review.Desk) error {
		p, err := identity(d, hide)
		if err != nil {
			return err
		}
		written, err = d.WriteRSNA(e.ctx, ids, dir, p)
		return err
	})
	return written, err
}

// exportAs writes one format and returns the files.
func (e *env) exportAs(d *review.Desk, l *review.Leaving, format, dir string) ([]string, error) {
	if format == "png" {
		return e.screens(d, l, dir)
	}
	var pictures []image.Image
	if format == "pdf" {
		pictures = []image.Image{sheetOf(l, worstLevel(l.Session), nil)}
	}
	names, err := l.Write(e.ctx, format, filepath.Join(dir, fmt.Sprintf("case-%d", l.CaseID())), pictures)
	for _, n := range l.Notes {
		fmt.Fprintf(e.err, "columna: %s: %s\n", format, n)
	}
	l.Notes = nil
	return names, err
}
