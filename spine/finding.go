package spine

import (
	"fmt"

	"columna/volume"
)

// LesionClass is a primary site of a metastasis (DeSamba's first head).
type LesionClass int

// The six primary sites.
const (
	Lung LesionClass = iota
	Breast
	Prostate
	Kidney
	GastroIntestinal
	OtherPrimary
	LesionClassCount = 6
)

// String is the class's name in JSON and reports.
func (c LesionClass) String() string {
	return [...]string{"lung", "breast", "prostate", "kidney", "gastro_intestinal", "other"}[c]
}

// Infection is a kind of spondylitis (DeSamba's second head).
type Infection int

// The two kinds.
const (
	Pyogenic Infection = iota
	Tuberculous
	InfectionCount = 2
)

// String is the kind's name in JSON and reports.
func (i Infection) String() string { return [...]string{"pyogenic", "tuberculous"}[i] }

// Box is an axis-aligned box in LPS+ millimetres.
type Box struct {
	Min volume.Vec3 `json:"min_lps_mm"`
	Max volume.Vec3 `json:"max_lps_mm"`
}

// Center is the middle of the box.
func (b Box) Center() volume.Vec3 { return b.Min.Add(b.Max).Scale(0.5) }

// LesionFinding is a marked lesion with the class probabilities of the AI.
type LesionFinding struct {
	Box           Box
	Probabilities [LesionClassCount]float64 // of the primary sites, if it is a metastasis
	Infection     [InfectionCount]float64   // of the kinds, if it is an infection; zeros where no network says
	Level         Structure                 // the vertebra it lies in, Background if unknown
}

// SaysInfection reports whether a network said which infection it would be.
func (f LesionFinding) SaysInfection() bool { return f.Infection != [InfectionCount]float64{} }

// InfectionWords are the kinds' probabilities for a reader, "" where no network says.
func (f LesionFinding) InfectionWords() string {
	if !f.SaysInfection() {
		return ""
	}
	return fmt.Sprintf("if an infection: %s %.2f, %s %.2f", Pyogenic, f.Infection[Pyogenic], Tuberculous, f.Infection[Tuberculous])
}

// Flag is something a reader should look at before trusting a result.
type Flag struct {
	Kind string       `json:"kind"` // input, levels, islands, edge, grade, ...
	Text string       `json:"text"`
	LPS  *volume.Vec3 `json:"lps_mm"` // where, nil for the whole study
}

// ModelRef names the exact weights behind a result.
type ModelRef struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Analysis is what the networks said of one study.
type Analysis struct {
	Models  []ModelRef
	Mask    *volume.LabelMap // on the grid of the series MaskSeriesUID
	MaskUID string           // SeriesInstanceUID whose grid the mask lies on
	// Confidence is the mean probability of each structure of Mask inside it, 0 to 1; nil
	// where no network drew the mask.
	Confidence map[Structure]float64
	Grades     []GradeFinding // 25, in the order of condition then level
	Lesions    []LesionFinding
	Flags      []Flag
	Seconds    map[string]float64 // load, segment, grade, gradcam, total
}

// LowConfidence is the confidence under which a structure should be looked at:
// see docs/postprocessing.md for how often its mask is then poor.
const LowConfidence = 0.86

// ReaderState is how far the human reading has come.
type ReaderState string

// The reader states.
const (
	Unread            ReaderState = "unread"
	InReview          ReaderState = "in_review"
	Accepted          ReaderState = "accepted"
	NeedsSecondReader ReaderState = "needs_second_reader"
	Adjudicated       ReaderState = "adjudicated"
)
