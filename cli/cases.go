package cli

import (
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"columna/dicom"
	"columna/dicom/seg"
	"columna/internal/files"
	"columna/review"
	"columna/spine"
	"columna/volume"
)

// desk opens the database.
func (e *env) desk() (*review.Desk, error) {
	return review.Open(e.ctx, review.Config{DBPath: e.db, Threads: e.threads, Provider: e.provider, Notice: e.notice, Author: author()})
}

// author signs what the command line stores.
func author() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "columna"
}

// withDesk runs f with the database open.
func (e *env) withDesk(f func(*review.Desk) error) error {
	d, err := e.desk()
	if err != nil {
		return err
	}
	defer d.Close()
	return f(d)
}

// withCase runs f with a case of the worklist open.
func (e *env) withCase(word string, f func(*review.Desk, *review.Session) error) error {
	id, err := caseNumber(word)
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		s, err := d.OpenCase(e.ctx, id, e.progress())
		if err != nil {
			return err
		}
		defer s.Close(e.ctx)
		return f(d, s)
	})
}

func caseNumber(word string) (int64, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, badUsage("%q is no case number; columna list shows them", word)
	}
	return id, nil
}

// openWindow is columna without a command.
func openWindow(e *env, args []string) error {
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	if e.window.Run == nil {
		return badUsage("this build has no window; columna help lists the commands")
	}
	return e.withDesk(func(d *review.Desk) error { return e.window.Run(e.ctx, d) })
}

// importStudies reads paths into the worklist. Files that are no MR are listed,
// they do not make the import fail; an import that found nothing fails.
func importStudies(e *env, args []string) error {
	paths, err := e.parse(args, 1, -1)
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		r, err := d.Import(e.ctx, paths, e.progress())
		if err != nil {
			return err
		}
		out := newImportJSON(r)
		if e.json {
			err = e.print(out)
		} else {
			err = e.printImport(out)
		}
		if err == nil && len(out.Cases) == 0 && len(paths) == 1 && seg.IsFile(paths[0]) {
			return fmt.Errorf("%s: %s", paths[0], r.Refused[0].Reason)
		}
		if err == nil && len(out.Cases) == 0 {
			return noSeries(paths[0], r.Refused)
		}
		return err
	})
}

func newImportJSON(r review.ImportResult) importJSON {
	out := importJSON{Cases: []caseJSON{}, Refused: r.Refused}
	if out.Refused == nil {
		out.Refused = []dicom.Refusal{}
	}
	for _, s := range r.Segmentations {
		out.Segmentations = append(out.Segmentations, segmentationJSON{s.CaseID, s.Version, s.Known, s.Description, s.Warnings})
	}
	for _, c := range r.Cases {
		j := caseJSON{ID: c.ID, PatientID: c.Study.PatientID, Series: []seriesJSON{}}
		for i := range c.Study.Series {
			var g volume.Grid
			if i < len(c.Grids) {
				g = c.Grids[i]
			}
			j.Series = append(j.Series, newSeriesJSON(&c.Study.Series[i], g))
		}
		out.Cases = append(out.Cases, j)
	}
	return out
}

func (e *env) printImport(r importJSON) error {
	rows := [][]string{}
	for _, c := range r.Cases {
		rows = append(rows, []string{fmt.Sprintf("case %d", c.ID), c.PatientID})
		for _, s := range c.Series {
			rows = append(rows, []string{"", string(s.Sequence), string(s.Plane), fmt.Sprintf("%dx%dx%d", s.Size[0], s.Size[1], s.Size[2]),
				fmt.Sprintf("%.2f x %.2f x %.2f mm", s.SpacingMM[0], s.SpacingMM[1], s.SpacingMM[2]),
				s.sure(), s.Description, strings.Join(s.Warnings, "; ")})
		}
	}
	if err := e.table(rows); err != nil {
		return err
	}
	for _, s := range r.Segmentations {
		known := ""
		if s.Known {
			known = ", as it was already"
		}
		fmt.Fprintf(e.out, "segmentation %q is version %d of the mask of case %d%s\n", s.Description, s.Version, s.Case, known)
		for _, w := range s.Warnings {
			fmt.Fprintf(e.out, "look: %s\n", w)
		}
	}
	return e.printRefused(r)
}

// printRefused lists reasons, each once with a count and an example.
func (e *env) printRefused(r importJSON) error {
	count, example := map[string]int{}, map[string]string{}
	var reasons []string
	for _, x := range r.Refused {
		if count[x.Reason]++; count[x.Reason] == 1 {
			reasons, example[x.Reason] = append(reasons, x.Reason), x.Path
		}
	}
	for _, reason := range reasons {
		if n := count[reason]; n > 1 {
			fmt.Fprintf(e.out, "not read: %d files such as %s: %s\n", n, example[reason], reason)
		} else {
			fmt.Fprintf(e.out, "not read: %s: %s\n", example[reason], reason)
		}
	}
	return nil
}

// list prints the worklist.
func list(e *env, args []string) error {
	text := e.flags.String("search", "", "words of name, ID or description")
	limit := e.flags.Int("limit", 1000, "at most so many cases")
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		rows, total, err := d.Worklist(e.ctx, review.Filter{Text: *text, Limit: *limit})
		if err != nil {
			return err
		}
		if e.json {
			return e.print(newListJSON(rows, total))
		}
		table := [][]string{{"CASE", "PATIENT", "NAME", "DATE", "SERIES", "AI", "WORST", "FLAGS", "STATE"}}
		for _, r := range rows {
			worst := ""
			if r.WorstGrade != spine.Ungraded {
				worst = r.WorstGrade.String()
			}
			table = append(table, []string{fmt.Sprint(r.ID), r.PatientID, r.PatientName, r.Date,
				strings.Join(r.Sequences, " "), r.AIState, worst, fmt.Sprint(r.Flags), string(r.State)})
		}
		return e.table(table)
	})
}

// analyze runs the networks on a case and stores what they say.
func analyze(e *env, args []string) error {
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	began := time.Now()
	return e.withCase(words[0], func(d *review.Desk, s *review.Session) error {
		load := time.Since(began).Seconds()
		a, err := d.Analyse(e.ctx, s.Study(), e.progress())
		if err != nil {
			return err
		}
		addLoad(a, load)
		if err := s.SetAnalysis(e.ctx, a); err != nil {
			return err
		}
		if e.json {
			j := newAnalysisJSON(s.CaseID(), a)
			j.Warnings = s.Warnings()
			return e.print(j)
		}
		for _, w := range s.Warnings() {
			fmt.Fprintf(e.out, "look: %s\n", w)
		}
		return e.printAnalysis(a)
	})
}

// printAnalysis is the worksheet, the structures and the flags as text.
func (e *env) printAnalysis(a *spine.Analysis) error {
	if err := e.table(worksheet(a.Grades)); err != nil {
		return err
	}
	rows := [][]string{}
	for _, s := range structuresJSON(a) {
		rows = append(rows, []string{s.Name, fmt.Sprintf("%.1f cm3", s.VolumeMM3/1000), sureWords(float64(s.Confidence))})
	}
	if err := e.table(rows); err != nil {
		return err
	}
	for _, f := range a.Flags {
		fmt.Fprintf(e.out, "look: %s\n", f.Text)
	}
	return nil
}

// sureWords is a confidence as text, "" where it is not known.
func sureWords(confidence float64) string {
	switch {
	case math.IsNaN(confidence):
		return ""
	case confidence < spine.LowConfidence:
		return fmt.Sprintf("%.0f %% sure: look at it", 100*confidence)
	}
	return fmt.Sprintf("%.0f %% sure", 100*confidence)
}

// worksheet is the five by five table: what the AI says, with its probability.
func worksheet(grades []spine.GradeFinding) [][]string {
	rows := [][]string{{"AI"}}
	for l := spine.L1L2; l <= spine.L5S1; l++ {
		rows[0] = append(rows[0], l.Title())
	}
	for c := spine.SpinalCanalStenosis; c <= spine.RightSubarticularStenosis; c++ {
		row := []string{c.Title(), "", "", "", "", ""}
		for _, g := range grades {
			if g.Condition != c {
				continue
			}
			row[1+int(g.Level)] = g.Grade.Letter()
			if g.Grade >= spine.NormalMild {
				row[1+int(g.Level)] += fmt.Sprintf(" %.0f %%", 100*g.Probabilities[g.Grade])
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// check verifies the database; problems make it fail.
func check(e *env, args []string) error {
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error {
		problems, err := d.Check(e.ctx)
		if err != nil {
			return err
		}
		if e.json {
			if problems == nil {
				problems = []string{}
			}
			err = e.print(map[string]any{"ok": len(problems) == 0, "problems": problems})
		} else if len(problems) == 0 {
			_, err = fmt.Fprintln(e.out, "the database is sound")
		}
		if err == nil && len(problems) > 0 {
			return fmt.Errorf("the database has %d problems, the first: %s", len(problems), problems[0])
		}
		return err
	})
}

// backup copies the database while it is in use.
func backup(e *env, args []string) error {
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	return e.withDesk(func(d *review.Desk) error { return d.Backup(e.ctx, words[0]) })
}

func writePNG(name string, img image.Image) error {
	if err := files.Write(name, func(w io.Writer) error { return png.Encode(w, img) }); err != nil {
		return fmt.Errorf("the picture cannot be written: %w", err)
	}
	return nil
}
