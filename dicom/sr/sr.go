// Package sr turns the reading of a study into a DICOM structured report and reads
// such reports of its own back.
//
// What it writes is a Comprehensive 3D SR by template 1500: one measurement group for
// each of the 25 graded cells, whether anybody graded it or not, with the place it was
// read at in the image and in the patient, what was measured there, and who said what:
// a reader, or a network by name and hash. A lesion is a group of its own.
//
// Sources: PS3.3 A.35.13 and C.17 (structured reports), C.18 (content items), PS3.16
// TID 1500 (measurement report), TID 1501 (measurement group), TID 1001 to 1004
// (observers), TID 1600 (image library), TID 4019 (algorithm).
package sr

import (
	"time"

	"columna/dicom"
	"columna/spine"
)

// SOPClass is Comprehensive 3D SR (PS3.4 B.5).
const SOPClass = "1.2.840.10008.5.1.4.1.1.88.34"

// Report is what the reading of a study has come to.
type Report struct {
	Source *dicom.Source // patient, study and frame of reference
	// Study has the series that points refer to, with their grids and SOP instances.
	Study    *spine.Study
	Cells    []Cell
	Measures []spine.Measure
	Lesions  []spine.LesionFinding
	// The weights behind the grades, the measured mask and the lesions; zero where no
	// network spoke.
	Grader, Segmenter, Classifier spine.ModelRef
	MaskEdited                    bool // a reader changed the mask, so that measures are not the network's alone

	Segmentation *Reference // the mask as it was exported with the report, nil without
	Verifier     string     // who accepted the reading, "" while nobody has
	VerifiedAt   time.Time
	At           time.Time
}

// Reference is an object of a series.
type Reference struct {
	SeriesUID string
	Image     dicom.ImageRef
}

// Cell is one field of the worksheet: what the network says and what a reader says.
// A grade of spine.Ungraded means that they have not spoken.
type Cell struct {
	AI     spine.GradeFinding
	Reader spine.Grade
	Reason string // the reader's
	Author string // the reader
}

// grade is the one that counts: the reader's, else the network's.
func (c *Cell) grade() (g spine.Grade, byReader bool) {
	if c.Reader != spine.Ungraded {
		return c.Reader, true
	}
	return c.AI.Grade, false
}

// sheet sorts cells; those that are missing were graded by nobody.
func (r *Report) sheet() (out [spine.ConditionCount][spine.LevelCount]Cell) {
	for c := range out {
		for l := range out[c] {
			ai := spine.GradeFinding{Condition: spine.Condition(c), Level: spine.Level(l), Grade: spine.Ungraded}
			out[c][l] = Cell{AI: ai, Reader: spine.Ungraded}
		}
	}
	for _, cell := range r.Cells {
		if c, l := cell.AI.Condition, cell.AI.Level; c >= 0 && c < spine.ConditionCount && l >= 0 && l < spine.LevelCount {
			out[c][l] = cell
		}
	}
	return out
}

// readers are the people who graded, each once, in the order of the worksheet.
func (r *Report) readers() (out []string) {
	seen := map[string]bool{"": true}
	for _, row := range r.sheet() {
		for _, cell := range row {
			if cell.Reader != spine.Ungraded && !seen[cell.Author] {
				seen[cell.Author] = true
				out = append(out, cell.Author)
			}
		}
	}
	return out
}

// complete reports whether every cell has a grade or a word why it has none.
func (r *Report) complete() bool {
	for _, row := range r.sheet() {
		for _, cell := range row {
			if g, _ := cell.grade(); g == spine.Ungraded {
				return false
			}
		}
	}
	return true
}
