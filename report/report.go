// Package report writes results that leave the app: CSV tables, the PDF report
// and masks. Every document says that it is no medical device's, and what the AI
// said is marked AI.
package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"columna/spine"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// Disclaimer stands in every document.
const Disclaimer = "Not a medical device. Research use only: not for diagnosis or treatment."

// WriteMask saves a mask in the format that the name's ending says: .nii, .nii.gz
// or .mha.
func WriteMask(path string, m *volume.LabelMap) error {
	switch {
	case strings.HasSuffix(path, ".nii"), strings.HasSuffix(path, ".nii.gz"):
		return nifti.WriteLabels(path, m)
	case strings.HasSuffix(path, ".mha"):
		return metaimage.WriteLabels(path, m)
	}
	return fmt.Errorf("write mask %s: the name must end in .nii, .nii.gz or .mha", path)
}

// worksheet is the AI's and the reader's grade of every cell; nil where neither
// spoke.
type worksheet [spine.ConditionCount][spine.LevelCount]struct{ ai, reader *spine.GradeFinding }

// newWorksheet sorts findings into cells; a later one of a cell counts.
func newWorksheet(a *spine.Analysis, reader []spine.GradeFinding) (w worksheet) {
	if a != nil {
		for n, g := range a.Grades {
			if inWorksheet(g) {
				w[g.Condition][g.Level].ai = &a.Grades[n]
			}
		}
	}
	for n, g := range reader {
		if inWorksheet(g) && g.Grade != spine.Ungraded {
			w[g.Condition][g.Level].reader = &reader[n]
		}
	}
	return w
}

func inWorksheet(g spine.GradeFinding) bool {
	return g.Condition >= 0 && g.Condition < spine.ConditionCount && g.Level >= 0 && g.Level < spine.LevelCount
}

// WriteCSV writes one line per cell of the worksheet, 25 in all, with a heading.
// The reader's grades are those that count now. Empty means that nobody said
// anything.
func WriteCSV(w io.Writer, a *spine.Analysis, reader []spine.GradeFinding) error {
	out := csv.NewWriter(w)
	out.Write([]string{"condition", "level", "ai_grade", "ai_normal_mild", "ai_moderate", "ai_severe", "ai_reason",
		"reader_grade", "reader_reason", "series_uid", "sop_uid", "x_px", "y_px", "x_lps_mm", "y_lps_mm", "z_lps_mm"})
	sheet := newWorksheet(a, reader)
	for c := range sheet {
		for l, cell := range sheet[c] {
			line := []string{spine.Condition(c).String(), spine.Level(l).String()}
			line = append(line, aiColumns(cell.ai)...)
			if cell.reader != nil {
				line = append(line, cell.reader.Grade.String(), text(cell.reader.Reason))
			} else {
				line = append(line, "", "")
			}
			out.Write(append(line, pointColumns(cell.ai)...))
		}
	}
	out.Flush()
	return out.Error()
}

func aiColumns(g *spine.GradeFinding) []string {
	if g == nil {
		return []string{"", "", "", "", ""}
	}
	if g.Grade < spine.NormalMild {
		return []string{g.Grade.String(), "", "", "", text(g.Reason)}
	}
	p := g.Probabilities
	return []string{g.Grade.String(), number(p[0], 4), number(p[1], 4), number(p[2], 4), text(g.Reason)}
}

func pointColumns(g *spine.GradeFinding) []string {
	if g == nil || g.Point == nil {
		return make([]string, 7)
	}
	p := g.Point
	return []string{text(p.SeriesUID), text(p.SOPUID), number(p.XPx, 2), number(p.YPx, 2), number(p.LPS[0], 2), number(p.LPS[1], 2), number(p.LPS[2], 2)}
}

func probabilities(ai, reader *spine.GradeFinding) (p [3]float64, ok bool) {
	if reader != nil {
		if reader.Grade < spine.NormalMild {
			return p, false
		}
		p[reader.Grade] = 1
		return p, true
	}
	if ai == nil || ai.Grade < spine.NormalMild {
		return p, false
	}
	return ai.Probabilities, true
}

func number(x float64, digits int) string { return strconv.FormatFloat(x, 'f', digits, 64) }

// text keeps a spreadsheet from taking a reader's words, or a header's, for a
// formula.
func text(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
