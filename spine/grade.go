package spine

import (
	"fmt"

	"columna/volume"
)

// Level is one of the five graded disc levels.
type Level int

// The graded levels from top to bottom.
const (
	L1L2 Level = iota
	L2L3
	L3L4
	L4L5
	L5S1
	LevelCount = 5
)

// String is RSNA 2024's word for the level, such as "l4_l5".
func (l Level) String() string {
	return [...]string{"l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1"}[l]
}

// Title is the level as a reader writes it, such as "L4/L5".
func (l Level) Title() string {
	return [...]string{"L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"}[l]
}

// Disc is the level's disc label.
func (l Level) Disc() Structure { return DiscL1L2 + Structure(l) }

// Upper is the vertebra above the disc.
func (l Level) Upper() Structure { return L1 + Structure(l) }

// Lower is the vertebra below the disc.
func (l Level) Lower() Structure {
	if l == L5S1 {
		return S1
	}
	return L2 + Structure(l)
}

// Condition is one of the five graded conditions.
type Condition int

// The conditions in RSNA 2024's order.
const (
	SpinalCanalStenosis Condition = iota
	LeftNeuralForaminalNarrowing
	RightNeuralForaminalNarrowing
	LeftSubarticularStenosis
	RightSubarticularStenosis
	ConditionCount = 5
)

// String is RSNA 2024's word, such as "left_neural_foraminal_narrowing".
func (c Condition) String() string {
	return [...]string{
		"spinal_canal_stenosis",
		"left_neural_foraminal_narrowing", "right_neural_foraminal_narrowing",
		"left_subarticular_stenosis", "right_subarticular_stenosis",
	}[c]
}

// Title is a short form for tables.
func (c Condition) Title() string {
	return [...]string{"Canal", "Foramen L", "Foramen R", "Subart. L", "Subart. R"}[c]
}

// Side is +1 for the patient's left (LPS x grows), -1 for right, 0 for midline.
func (c Condition) Side() int { return [...]int{0, 1, -1, 1, -1}[c] }

// Grade is the severity of one condition at one level.
type Grade int8

// The three clinical grades, and two ways of having none.
const (
	Ungraded    Grade = -2 // nobody has looked
	NotGradable Grade = -1 // looked, cannot be read
	NormalMild  Grade = 0
	Moderate    Grade = 1
	Severe      Grade = 2
)

// String is "normal_mild", "moderate", "severe", "not_gradable" or "ungraded".
func (g Grade) String() string {
	switch g {
	case NotGradable:
		return "not_gradable"
	case NormalMild:
		return "normal_mild"
	case Moderate:
		return "moderate"
	case Severe:
		return "severe"
	}
	return "ungraded"
}

// Words is the grade as a reader says it, such as "normal / mild".
func (g Grade) Words() string {
	switch g {
	case NotGradable:
		return "not gradable"
	case NormalMild:
		return "normal / mild"
	case Ungraded:
		return "not graded"
	}
	return g.String()
}

// Letter is N, M, S, "-" (not gradable) or "" (ungraded).
func (g Grade) Letter() string {
	switch g {
	case NotGradable:
		return "-"
	case NormalMild:
		return "N"
	case Moderate:
		return "M"
	case Severe:
		return "S"
	}
	return ""
}

func parse[T fmt.Stringer](kind, s string, all ...T) (T, error) {
	for _, v := range all {
		if v.String() == s {
			return v, nil
		}
	}
	var zero T
	return zero, fmt.Errorf("%q is not a %s", s, kind)
}

// ParseLevel reads RSNA's word for a level.
func ParseLevel(s string) (Level, error) {
	return parse("level", s, L1L2, L2L3, L3L4, L4L5, L5S1)
}

// ParseCondition reads RSNA's word for a condition.
func ParseCondition(s string) (Condition, error) {
	return parse("condition", s, SpinalCanalStenosis, LeftNeuralForaminalNarrowing,
		RightNeuralForaminalNarrowing, LeftSubarticularStenosis, RightSubarticularStenosis)
}

// ParseGrade reads the words that Grade.String writes.
func ParseGrade(s string) (Grade, error) {
	return parse("grade", s, Ungraded, NotGradable, NormalMild, Moderate, Severe)
}

// Point is a place in the images that a finding was read at.
type Point struct {
	SeriesUID string      `json:"series_uid"`
	SOPUID    string      `json:"sop_uid"`
	XPx       float64     `json:"x_px"` // column, 0 at the centre of the first
	YPx       float64     `json:"y_px"` // row, 0 at the centre of the first
	LPS       volume.Vec3 `json:"lps_mm"`
}

// GradeFinding is one cell of the 5x5 worksheet as the AI or a reader sees it.
type GradeFinding struct {
	Condition     Condition
	Level         Level
	Grade         Grade
	Probabilities [3]float64 // normal_mild, moderate, severe; zero from a reader
	Point         *Point     // nil where nothing could be read
	Reason        string     // why not gradable, or the reader's reason
}
