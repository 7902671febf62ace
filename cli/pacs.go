package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"columna/review"
)

// archiveJSON is an archive as pacs list prints it.
type archiveJSON struct {
	Name      string `json:"name"`
	URL       string `json:"url"`
	CAFile    string `json:"ca_file,omitempty"`
	AllowHTTP bool   `json:"allow_http,omitempty"`
}

// addArchive names an archive. It opens no connection; pacs test does.
func addArchive(e *env, args []string) error {
	ca := e.flags.String("ca", "", "file of certificates (PEM) to trust for this archive instead of the system's")
	plain := e.flags.Bool("allow-http", false, "allow plain http to another machine: images, names and passwords can be read on the way")
	words, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	a := review.Archive{Name: words[0], URL: words[1], AllowHTTP: *plain}
	if *ca != "" {
		if a.CAFile, err = filepath.Abs(*ca); err != nil {
			return err
		}
	}
	return e.withDesk(func(d *review.Desk) error { return d.AddArchive(e.ctx, a) })
}

// listArchives prints the named archives.
func listArchives(e *env, args []string) error {
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		all, err := d.Archives(e.ctx)
		if err != nil {
			return err
		}
		out, rows := []archiveJSON{}, [][]string{}
		for _, a := range all {
			out = append(out, archiveJSON{a.Name, a.URL, a.CAFile, a.AllowHTTP})
			rows = append(rows, []string{a.Name, a.URL, a.CAFile})
		}
		if e.json {
			return e.print(map[string]any{"archives": out})
		}
		return e.table(rows)
	})
}

// removeArchive forgets an archive.
func removeArchive(e *env, args []string) error {
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error { return d.RemoveArchive(e.ctx, words[0]) })
}

// testArchive asks an archive whether it lets us in.
func testArchive(e *env, args []string) error {
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		if _, _, err := d.FindStudies(e.ctx, words[0], review.ArchiveQuery{Limit: 1}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%s answers\n", words[0])
		return err
	})
}

// foundJSON is a study of an archive.
type foundJSON struct {
	UID         string   `json:"study_uid"`
	PatientID   string   `json:"patient_id"`
	PatientName string   `json:"patient_name"`
	Date        string   `json:"date"`
	Description string   `json:"description"`
	Modalities  []string `json:"modalities"`
	Series      int      `json:"series"`
	Instances   int      `json:"instances"`
}

// findStudies asks an archive for studies.
func findStudies(e *env, args []string) error {
	var q review.ArchiveQuery
	e.flags.StringVar(&q.PatientID, "patient-id", "", "the patient's ID")
	e.flags.StringVar(&q.PatientName, "name", "", "the beginning of the patient's name; * and ? stand for letters")
	e.flags.StringVar(&q.Date, "date", "", "2024-03-12, 2024-03, 2024, or two of them joined by ..")
	e.flags.StringVar(&q.Modality, "modality", "MR", "a modality that the study has; empty for any")
	e.flags.IntVar(&q.Limit, "limit", 100, "at most so many, up to 1000")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return badUsage("--limit is 1 to 1000")
	}
	return e.withDesk(func(d *review.Desk) error {
		found, more, err := d.FindStudies(e.ctx, words[0], q)
		if err != nil {
			return err
		}
		return e.printFound(words[0], found, more)
	})
}

func (e *env) printFound(archive string, found []review.ArchiveStudy, more bool) error {
	out := []foundJSON{}
	rows := [][]string{{"PATIENT", "NAME", "DATE", "SERIES", "DESCRIPTION", "IMPORT AS"}}
	for _, s := range found {
		out = append(out, foundJSON{s.UID, s.PatientID, s.PatientName, s.Date, s.Description, s.Modalities, s.Series, s.Instances})
		rows = append(rows, []string{s.PatientID, s.PatientName, s.Date, fmt.Sprint(s.Series), s.Description, review.StudyReference(archive, s.UID)})
	}
	if e.json {
		return e.print(map[string]any{"studies": out, "more": more})
	}
	if err := e.table(rows); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(e.out, "there are more: narrow the search or raise --limit")
	}
	return nil
}

// sendToArchive stores DICOM files, or with --format results of a case, in an
// archive. What the archive refuses is listed and makes the command fail.
func sendToArchive(e *env, args []string) error {
	formats := e.flags.String("format", "", "of a case: "+strings.Join(review.SendFormats(), ","))
	hide := e.flags.Bool("deid", false, "with --format: leave out who the patient is")
	words, err := e.parse(args, 2, -1)
	if err != nil {
		return err
	}
	if *formats != "" {
		return sendCase(e, words, strings.Split(*formats, ","), *hide)
	}
	if *hide {
		return badUsage("--deid goes with --format; columna deid makes files that can be sent")
	}
	return e.withDesk(func(d *review.Desk) error {
		sent, err := d.SendFiles(e.ctx, words[0], words[1:], e.progress())
		return e.printSent(words[0], sent, err)
	})
}

// sendCase sends results of the case that the second word numbers.
func sendCase(e *env, words, formats []string, hide bool) error {
	if len(words) != 2 {
		return badUsage("with --format name one archive and one case; %s", e.usage())
	}
	for _, f := range formats {
		if !slices.Contains(review.SendFormats(), f) {
			return badUsage("%q is no format that can be sent; choose from %s", f, strings.Join(review.SendFormats(), ", "))
		}
	}
	return e.withCase(words[1], func(d *review.Desk, s *review.Session) error {
		p, err := identity(d, hide)
		if err != nil {
			return err
		}
		out, notes, err := s.Outgoing(e.ctx, formats, p)
		if err != nil {
			return err
		}
		for _, n := range notes {
			fmt.Fprintln(e.err, "columna:", n)
		}
		sent, err := d.SendResults(e.ctx, words[0], out, e.progress())
		return e.printSent(words[0], sent, err)
	})
}

// failureJSON is an object that an archive did not take.
type failureJSON struct {
	Name   string `json:"name"`
	SOPUID string `json:"sop_uid"`
	Reason string `json:"reason"`
}

func (e *env) printSent(archive string, sent review.Sent, err error) error {
	if err != nil && sent.Taken > 0 {
		return fmt.Errorf("%w; %d objects had been taken before", err, sent.Taken)
	}
	if err != nil {
		return err
	}
	failed := []failureJSON{}
	for _, f := range sent.Failed {
		failed = append(failed, failureJSON{f.Name, f.Instance, f.Reason})
	}
	if e.json {
		err = e.print(map[string]any{"archive": archive, "stored": sent.Taken, "failed": failed})
	} else {
		for _, f := range failed {
			fmt.Fprintf(e.out, "not taken: %s: %s\n", f.Name, f.Reason)
		}
		_, err = fmt.Fprintf(e.out, "%s took %d objects\n", archive, sent.Taken)
	}
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%s did not take %d of %d objects: %s", archive, len(failed), len(failed)+sent.Taken, failed[0].Reason)
	}
	return err
}

// forgetCase takes a case off the worklist and removes its retrieved images.
func forgetCase(e *env, args []string) error {
	reason := e.flags.String("reason", "forgotten from the command line", "why, for the history")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	id, err := caseNumber(words[0])
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		err := d.ForgetCase(e.ctx, id, strings.TrimSpace(*reason))
		if errors.Is(err, review.ErrNotFound) {
			return fmt.Errorf("there is no case %d; columna list shows them", id)
		}
		return err
	})
}
