package eval

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"columna/export/dataset"
	"columna/spine"
)

// spiderPatients are the patients of SPIDER that no training has seen.
func spiderPatients(o SetOptions) ([]Entry, error) {
	if o.SPIDER == "" {
		return nil, errors.New("name the folder of SPIDER with --spider")
	}
	return dataEntries("spider:"+o.SPIDER, o.All)
}

// dataKind is a set that is named as data sets are, KIND:PATH; not ok for other names.
// In records and reports it is called by the last part of the path, so that the same
// data can be compared wherever they lie.
func dataKind(name string) (k kind, ok bool) {
	word, path, ok := strings.Cut(name, ":")
	if !ok || !slices.Contains(dataset.Kinds(), word) {
		return kind{}, false
	}
	path, _, _ = strings.Cut(path, "?")
	return kind{word + ":" + filepath.Base(path), "data of the user's own", func(o SetOptions) ([]Entry, error) { return dataEntries(name, o.All) }}, true
}

// dataEntries are the cases of a data set; unless all are wanted, those of patients
// whom the split keeps from every training.
func dataEntries(name string, everyone bool) ([]Entry, error) {
	found, err := dataset.Open(name)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, e := range found {
		if everyone || dataset.PartOf(e.Set, e.Patient) != dataset.PartTrain {
			out = append(out, Entry{ID: e.ID, Patient: e.Patient, Load: func(ctx context.Context) (*Case, error) {
				c, err := e.Load(ctx)
				if err != nil {
					return nil, err
				}
				return &Case{Study: c.Study, Truth: Truth{Mask: c.Labels, NoSacrum: c.NoSacrum, Grades: c.Grades, Discs: gradedDiscs(c.Discs)}}, nil
			}})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of its %d cases is of a held-out patient: --all reads those that a training may have seen too", len(found))
	}
	return out, nil
}

// gradedDiscs are the discs of the five levels whose Pfirrmann grade is known.
func gradedDiscs(from []dataset.DiscGrades) (out []Disc) {
	for _, d := range from {
		level := spine.Level(int(d.Disc) - int(spine.DiscL1L2))
		if level >= 0 && level < spine.LevelCount && d.Pfirrmann > 0 {
			out = append(out, Disc{Level: level, Pfirrmann: d.Pfirrmann, Narrowed: d.Narrowing})
		}
	}
	return out
}
