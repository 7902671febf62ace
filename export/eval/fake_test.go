package eval

import (
	"context"
	"errors"
	"fmt"

	"columna/spine"
	"columna/volume"
)

// fake reads a study by knowing its truth, less some of it; no network is needed.
type fake struct {
	truth map[string]*Truth // by StudyInstanceUID
	lost  spine.Structure   // not found
	rough bool              // the more voxels are wrong the later it reads a study
	dumb  bool              // about infections
	reads int
}

func (f *fake) Segment(_ context.Context, s *spine.Study, _ func(string, float64)) (*spine.Analysis, error) {
	f.reads++
	t := f.truth[s.UID]
	if t == nil {
		return nil, errors.New("the study shows no spine")
	}
	mask := swapped(t.Mask, f.lost, spine.Background)
	for n := range mask.Data {
		if f.rough && n*n%97 < 5*f.reads {
			mask.Data[n] = uint8(spine.Canal)
		}
	}
	return &spine.Analysis{Mask: mask}, nil
}

// Grade says what is true with 0.8; at L5/S1 it errs by one, at L1/L2 it cannot see.
func (f *fake) Grade(_ context.Context, s *spine.Study, _ *volume.LabelMap) ([]spine.GradeFinding, error) {
	var out []spine.GradeFinding
	for _, g := range f.truth[s.UID].Grades {
		switch g.Level {
		case spine.L5S1:
			g.Grade = (g.Grade + 1) % 3
		case spine.L1L2:
			g.Grade = spine.NotGradable
		}
		if g.Grade >= 0 {
			g.Probabilities = [3]float64{0.1, 0.1, 0.1}
			g.Probabilities[g.Grade] = 0.8
		}
		out = append(out, g)
	}
	return out, nil
}

func (f *fake) ClassifyLesion(_ context.Context, s *spine.Study, _ *volume.LabelMap, box spine.Box, _ int) (spine.LesionFinding, error) {
	l := spine.LesionFinding{Box: box, Probabilities: [spine.LesionClassCount]float64{0.3, 0.25, 0.2, 0.1, 0.1, 0.05}}
	if !f.dumb {
		l.Infection = [spine.InfectionCount]float64{0.4, 0.6}
	}
	return l, nil
}

// toySet is n studies of a toy spine with grades and lesions, and who reads them.
func toySet(name string, n int) (Set, *fake) {
	set, reader := Set{Name: name, About: "toys <b>"}, &fake{truth: map[string]*Truth{}, lost: spine.T12}
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		t := &Truth{Mask: column(), Lesions: []Lesion{{Class: spine.LesionClass(i % spine.LesionClassCount)}, {Infected: true, Infection: spine.Infection(i % 3 / 2)}}}
		for c := range spine.Condition(spine.ConditionCount) {
			for l := range spine.Level(spine.LevelCount) {
				t.Grades = append(t.Grades, spine.GradeFinding{Condition: c, Level: l, Grade: spine.Grade((i + int(c) + int(l)) % 3)})
			}
		}
		t.Discs = []Disc{{Level: spine.L4L5, Pfirrmann: 1 + i%5, HeightMM: 6}}
		reader.truth[id] = t
		grey := t.Mask.Grey()
		set.Entries = append(set.Entries, Entry{ID: fmt.Sprint(i), Patient: fmt.Sprint(i / 2), Load: func(context.Context) (*Case, error) {
			s := spine.Series{UID: "1", Sequence: spine.T2, Plane: spine.Sagittal, Volume: grey}
			return &Case{Set: name, ID: fmt.Sprint(i), Patient: fmt.Sprint(i / 2), Study: spine.Study{UID: id, Series: []spine.Series{s}}, Truth: *t}, nil
		}})
	}
	return set, reader
}
