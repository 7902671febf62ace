package store

import (
	"encoding/json"
	"fmt"

	"columna/spine"
)

// document is the stored form of an analysis: words instead of numbers, so that
// it stays readable when the code's numbers move.
type document struct {
	Models  []spine.ModelRef `json:"models"`
	Grades  []gradeDocument  `json:"grades"`
	Lesions []lesionDocument `json:"lesions"`
	Flags   []spine.Flag     `json:"flags"`
	// Confidence is by label; results stored before it was known have none.
	Confidence map[spine.Structure]float64 `json:"confidence,omitempty"`
	Seconds    map[string]float64          `json:"seconds"`
}

type gradeDocument struct {
	Condition     string       `json:"condition"`
	Level         string       `json:"level"`
	Grade         string       `json:"grade"`
	Probabilities [3]float64   `json:"probabilities"` // normal_mild, moderate, severe
	Point         *spine.Point `json:"point,omitempty"`
	Reason        string       `json:"reason,omitempty"`
}

type lesionDocument struct {
	Box           spine.Box          `json:"box"`
	Probabilities map[string]float64 `json:"probabilities"` // by class
	Level         int                `json:"level"`         // label of the vertebra
	Infection     map[string]float64 `json:"infection,omitempty"`
}

func encodeDocument(a *spine.Analysis) ([]byte, error) {
	d := document{Models: a.Models, Flags: a.Flags, Confidence: a.Confidence, Seconds: a.Seconds}
	for _, g := range a.Grades {
		if err := validCell(g.Condition, g.Level); err != nil {
			return nil, err
		}
		d.Grades = append(d.Grades, gradeDocument{g.Condition.String(), g.Level.String(), g.Grade.String(), g.Probabilities, g.Point, g.Reason})
	}
	for _, l := range a.Lesions {
		p := make(map[string]float64, len(l.Probabilities))
		for c, x := range l.Probabilities {
			p[spine.LesionClass(c).String()] = x
		}
		d.Lesions = append(d.Lesions, lesionDocument{l.Box, p, int(l.Level), infectionDocument(l)})
	}
	return json.Marshal(d)
}

// infectionDocument is the kinds' probabilities by name, nil where no network says.
func infectionDocument(l spine.LesionFinding) map[string]float64 {
	if !l.SaysInfection() {
		return nil
	}
	out := map[string]float64{}
	for i, x := range l.Infection {
		out[spine.Infection(i).String()] = x
	}
	return out
}

// validCell refuses numbers that are no cell of the worksheet.
func validCell(c spine.Condition, l spine.Level) error {
	if c < 0 || c >= spine.ConditionCount || l < 0 || l >= spine.LevelCount {
		return fmt.Errorf("condition %d at level %d is no cell of the worksheet", int(c), int(l))
	}
	return nil
}

func decodeDocument(b []byte) (*spine.Analysis, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("the stored result is damaged: %w", err)
	}
	a := &spine.Analysis{Models: d.Models, Flags: d.Flags, Confidence: d.Confidence, Seconds: d.Seconds}
	for _, g := range d.Grades {
		f, err := parseCell(g.Condition, g.Level, g.Grade)
		if err != nil {
			return nil, fmt.Errorf("the stored result is damaged: %w", err)
		}
		f.Probabilities, f.Point, f.Reason = g.Probabilities, g.Point, g.Reason
		a.Grades = append(a.Grades, f)
	}
	for _, l := range d.Lesions {
		f := spine.LesionFinding{Box: l.Box, Level: spine.Structure(l.Level)}
		for c := range f.Probabilities {
			f.Probabilities[c] = l.Probabilities[spine.LesionClass(c).String()]
		}
		for i := range f.Infection {
			f.Infection[i] = l.Infection[spine.Infection(i).String()]
		}
		a.Lesions = append(a.Lesions, f)
	}
	return a, nil
}

// parseCell reads a cell from its words.
func parseCell(condition, level, grade string) (f spine.GradeFinding, err error) {
	if f.Condition, err = spine.ParseCondition(condition); err != nil {
		return f, err
	}
	if f.Level, err = spine.ParseLevel(level); err != nil {
		return f, err
	}
	f.Grade, err = spine.ParseGrade(grade)
	return f, err
}
