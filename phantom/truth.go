package phantom

import (
	"encoding/json"
	"io"

	"columna/spine"
	"columna/volume"
)

type truthGrade struct {
	Condition string       `json:"condition"`
	Level     string       `json:"level"`
	Grade     string       `json:"grade"`
	Point     *spine.Point `json:"point"`
}

type truthLesion struct {
	Class       string      `json:"class"`
	Spondylitis bool        `json:"spondylitis"`
	Level       string      `json:"level"`
	CentroidLPS volume.Vec3 `json:"centroid_lps_mm"`
	Box         spine.Box   `json:"box"`
	Mask        uint8       `json:"mask"` // its value in the lesion mask
}

type truth struct {
	Seed     uint64                    `json:"seed"`
	Grades   []truthGrade              `json:"grades"`
	Lesions  []truthLesion             `json:"lesions"`
	Levels   []string                  `json:"levels"`
	Measures [spine.LevelCount]Measure `json:"measures"`
	Scanner  Scanner                   `json:"scanner"`

	LumbarCount  int                           `json:"lumbar_count"`
	Transitional string                        `json:"transitional,omitempty"`
	Surgery      bool                          `json:"surgery"`
	Discs        [spine.LevelCount]DiscFinding `json:"discs"`
	Fractures    []truthFracture               `json:"fractures"`
}

type truthFracture struct {
	Level string  `json:"level"`
	Kind  string  `json:"kind"`
	Loss  float64 `json:"height_loss"`
	Fresh bool    `json:"fresh"`
}

// WriteTruth writes what is true of a case as one JSON object, in LPS+
// millimetres. The same case gives the same bytes.
func WriteTruth(w io.Writer, c *Case) error {
	t := truth{Seed: c.Seed, Lesions: []truthLesion{}, Measures: c.Measures, Scanner: c.Scanner,
		LumbarCount: c.LumbarCount, Transitional: c.Transitional, Surgery: c.Surgery, Discs: c.Discs, Fractures: []truthFracture{}}
	for _, f := range c.Fractures {
		t.Fractures = append(t.Fractures, truthFracture{f.Level.String(), f.Kind, f.Loss, f.Fresh})
	}
	for _, g := range c.Grades {
		t.Grades = append(t.Grades, truthGrade{g.Condition.String(), g.Level.String(), g.Grade.String(), g.Point})
	}
	for _, l := range c.Lesions {
		t.Lesions = append(t.Lesions, truthLesion{l.className(), l.Spondylitis, l.Level.String(), l.CentroidMM, l.Box, l.Label})
	}
	for _, s := range c.Levels {
		t.Levels = append(t.Levels, s.String())
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}

// className is the primary site of a metastasis or the kind of infection.
func (l Lesion) className() string {
	switch {
	case l.Tuberculous:
		return "tuberculous_spondylitis"
	case l.Spondylitis:
		return "pyogenic_spondylitis"
	}
	return l.Class.String()
}
