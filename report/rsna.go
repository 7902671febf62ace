package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"columna/internal/files"
	"columna/spine"
)

// RSNACase is a study as the RSNA 2024 lumbar challenge names it. ID is its study_id.
type RSNACase struct {
	ID       string
	Study    *spine.Study
	Analysis *spine.Analysis // nil where no network spoke
	Reader   []spine.GradeFinding
}

// rsnaCells lists the worksheet in the challenge's order of columns.
func rsnaCells(visit func(spine.Condition, spine.Level)) {
	for _, c := range []spine.Condition{spine.SpinalCanalStenosis, spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing,
		spine.LeftSubarticularStenosis, spine.RightSubarticularStenosis} {
		for l := range spine.Level(spine.LevelCount) {
			visit(c, l)
		}
	}
}

// rsnaGrade is train.csv's spelling, "" for what nobody graded or could grade.
func rsnaGrade(g spine.Grade) string {
	switch g {
	case spine.NormalMild:
		return "Normal/Mild"
	case spine.Moderate:
		return "Moderate"
	case spine.Severe:
		return "Severe"
	}
	return ""
}

// rsnaCondition is the spelling of train_label_coordinates.csv.
func rsnaCondition(c spine.Condition) string {
	return [...]string{"Spinal Canal Stenosis", "Left Neural Foraminal Narrowing", "Right Neural Foraminal Narrowing",
		"Left Subarticular Stenosis", "Right Subarticular Stenosis"}[c]
}

// WriteRSNATrain writes train.csv: a line per study and a column per cell. The grades
// are the readers' alone, as what a network said is no label; other cells stay empty.
func WriteRSNATrain(w io.Writer, cases []RSNACase) error {
	out := csv.NewWriter(w)
	head := []string{"study_id"}
	rsnaCells(func(c spine.Condition, l spine.Level) { head = append(head, c.String()+"_"+l.String()) })
	out.Write(head)
	for _, x := range cases {
		sheet := newWorksheet(nil, x.Reader)
		line := []string{text(x.ID)}
		rsnaCells(func(c spine.Condition, l spine.Level) {
			g := spine.Ungraded
			if r := sheet[c][l].reader; r != nil {
				g = r.Grade
			}
			line = append(line, rsnaGrade(g))
		})
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

// WriteRSNACoordinates writes train_label_coordinates.csv: where each cell that a
// reader graded was read. The place is the one that the network proposed and the
// reader saw; instance_number counts the images of the series from 1 along its stack,
// x and y are pixels from the centre of the first.
func WriteRSNACoordinates(w io.Writer, cases []RSNACase) error {
	out := csv.NewWriter(w)
	out.Write([]string{"study_id", "series_id", "instance_number", "condition", "level", "x", "y"})
	for _, x := range cases {
		sheet := newWorksheet(x.Analysis, x.Reader)
		numbers := instanceNumbers(x.Study)
		rsnaCells(func(c spine.Condition, l spine.Level) {
			cell := sheet[c][l]
			if cell.reader == nil || rsnaGrade(cell.reader.Grade) == "" || cell.ai == nil || cell.ai.Point == nil {
				return
			}
			p := cell.ai.Point
			n, ok := numbers[instance{p.SeriesUID, p.SOPUID}]
			if !ok {
				return
			}
			out.Write([]string{text(x.ID), text(p.SeriesUID), strconv.Itoa(n), rsnaCondition(c), l.Title(), number(p.XPx, 4), number(p.YPx, 4)})
		})
	}
	out.Flush()
	return out.Error()
}

// instance is an image of a series.
type instance struct{ series, sop string }

// instanceNumbers counts the images of each series, block after block, from 1. An
// image that stands at several slices has the number of the first.
func instanceNumbers(st *spine.Study) map[instance]int {
	out, last := map[instance]int{}, map[string]int{}
	for n := range st.Series {
		s := &st.Series[n]
		for _, sop := range s.SOPUIDs {
			key := instance{s.UID, sop}
			if _, known := out[key]; !known {
				last[s.UID]++
				out[key] = last[s.UID]
			}
		}
	}
	return out
}

// WriteRSNASeries writes train_series_descriptions.csv for the series that the
// challenge has a name for; others are left out.
func WriteRSNASeries(w io.Writer, cases []RSNACase) error {
	out := csv.NewWriter(w)
	out.Write([]string{"study_id", "series_id", "series_description"})
	for _, x := range cases {
		seen := map[string]bool{}
		series := slices.Clone(x.Study.Series)
		slices.SortStableFunc(series, func(a, b spine.Series) int { return cmp.Compare(a.Number, b.Number) })
		for n := range series {
			s := &series[n]
			if d := rsnaDescription(s); d != "" && !seen[s.UID] {
				seen[s.UID] = true
				out.Write([]string{text(x.ID), text(s.UID), d})
			}
		}
	}
	out.Flush()
	return out.Error()
}

// rsnaDescription is the challenge's name of a series, "" where it has none.
func rsnaDescription(s *spine.Series) string {
	switch {
	case s.Plane == spine.Sagittal && s.Sequence == spine.T1:
		return "Sagittal T1"
	case s.Plane == spine.Sagittal && (s.Sequence == spine.T2 || s.Sequence == spine.STIR || s.Sequence == spine.T2FS):
		return "Sagittal T2/STIR"
	case s.Plane == spine.Axial && s.Sequence == spine.T2:
		return "Axial T2"
	}
	return ""
}

// WriteRSNASubmission writes submission.csv: the row_id (study_condition_level) and
// the three probabilities of every cell that has any. They are the network's; a
// reader's grade stands as probability 1 where readers is set. Cells that nobody could
// grade are left out.
func WriteRSNASubmission(w io.Writer, cases []RSNACase, readers bool) error {
	out := csv.NewWriter(w)
	out.Write([]string{"row_id", "normal_mild", "moderate", "severe"})
	for _, x := range cases {
		reader := x.Reader
		if !readers {
			reader = nil
		}
		sheet := newWorksheet(x.Analysis, reader)
		rsnaCells(func(c spine.Condition, l spine.Level) {
			if p, ok := probabilities(sheet[c][l].ai, sheet[c][l].reader); ok {
				out.Write([]string{text(x.ID + "_" + c.String() + "_" + l.String()), number(p[0], 4), number(p[1], 4), number(p[2], 4)})
			}
		})
	}
	out.Flush()
	return out.Error()
}

// WriteRSNA writes the challenge's tables into a folder and returns the files: the
// three of the training set from what readers graded, and a submission from what the
// network said.
func WriteRSNA(dir string, cases []RSNACase) (names []string, err error) {
	for _, t := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"train.csv", func(w io.Writer) error { return WriteRSNATrain(w, cases) }},
		{"train_label_coordinates.csv", func(w io.Writer) error { return WriteRSNACoordinates(w, cases) }},
		{"train_series_descriptions.csv", func(w io.Writer) error { return WriteRSNASeries(w, cases) }},
		{"submission.csv", func(w io.Writer) error { return WriteRSNASubmission(w, cases, false) }},
	} {
		name := filepath.Join(dir, t.name)
		if err := files.Write(name, t.write); err != nil {
			return names, fmt.Errorf("the table cannot be written: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}
