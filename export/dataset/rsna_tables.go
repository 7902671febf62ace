package dataset

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/spine"
)

// The tables of the RSNA 2024 lumbar challenge. train.csv has a column per cell,
// spelled spinal_canal_stenosis_l1_l2; the coordinates spell the same cell "Spinal
// Canal Stenosis" and "L1/L2". An empty grade was not given: it is not normal.
const (
	rsnaTrain       = "train.csv"
	rsnaCoordinates = "train_label_coordinates.csv"
	rsnaSeries      = "train_series_descriptions.csv"
	rsnaImages      = "train_images"
)

// rsnaCell is one place of the worksheet.
type rsnaCell struct {
	condition spine.Condition
	level     spine.Level
}

func (c rsnaCell) String() string { return c.condition.String() + " " + c.level.Title() }

// rsnaPlace is a line of the coordinates.
type rsnaPlace struct {
	rsnaCell
	series   string
	instance int
	x, y     float64 // pixels, column and row
}

// image names the instance that a place lies in.
func (p rsnaPlace) image() string { return p.series + "/" + strconv.Itoa(p.instance) }

// rsnaStudy is what the tables say of a study.
type rsnaStudy struct {
	grades map[rsnaCell]spine.Grade
	places []rsnaPlace
	series map[string]string // description by series_id
}

// String is all of it, in an order of its own.
func (s *rsnaStudy) String() string { return fmt.Sprint(s.grades, s.places, s.series) }

// rsnaSet is the three tables.
type rsnaSet struct {
	dir     string
	ids     []string // in the order of train.csv
	studies map[string]*rsnaStudy
	strays  []Violation // lines about studies that train.csv does not list
}

func readRSNA(dir string) (*rsnaSet, error) {
	s := &rsnaSet{dir: dir, studies: map[string]*rsnaStudy{}}
	for _, table := range []struct {
		name    string
		columns []string
		row     func(map[string]string) error
	}{
		{rsnaTrain, []string{"study_id"}, s.addGrades},
		{rsnaSeries, []string{"study_id", "series_id", "series_description"}, s.addSeries},
		{rsnaCoordinates, []string{"study_id", "series_id", "instance_number", "condition", "level", "x", "y"}, s.addPlace},
	} {
		if err := readTable(filepath.Join(dir, table.name), table.columns, table.row); err != nil {
			return nil, fmt.Errorf("the RSNA tables are not whole: %w", err)
		}
	}
	if len(s.ids) == 0 {
		return nil, fmt.Errorf("%s lists no study", filepath.Join(dir, rsnaTrain))
	}
	return s, nil
}

// identifier refuses what could lead out of the images' folder.
func identifier(kind, id string) error {
	if id == "" || id == "." || id == ".." || strings.ContainsAny(id, `/\`) {
		return fmt.Errorf("%q is no %s", id, kind)
	}
	return nil
}

func (s *rsnaSet) addGrades(row map[string]string) error {
	id := row["study_id"]
	if err := identifier("study_id", id); err != nil {
		return err
	}
	if s.studies[id] != nil {
		return fmt.Errorf("study %s stands there twice", id)
	}
	st := &rsnaStudy{grades: map[rsnaCell]spine.Grade{}, series: map[string]string{}}
	for column, value := range row {
		if column == "study_id" || value == "" {
			continue
		}
		if len(column) < 7 {
			return fmt.Errorf("column %q is no condition with a level", column)
		}
		at := len(column) - len("_l1_l2")
		cell, err := parseCell(column[:at], column[at+1:])
		if err != nil {
			return err
		}
		if st.grades[cell], err = spine.ParseGrade(key(value)); err != nil {
			return err
		}
	}
	s.studies[id] = st
	s.ids = append(s.ids, id)
	return nil
}

func (s *rsnaSet) addSeries(row map[string]string) error {
	if st := s.known(row["study_id"], rsnaSeries); st != nil {
		st.series[row["series_id"]] = row["series_description"]
	}
	return identifier("series_id", row["series_id"])
}

func (s *rsnaSet) addPlace(row map[string]string) error {
	cell, err := parseCell(row["condition"], row["level"])
	if err != nil {
		return err
	}
	p := rsnaPlace{rsnaCell: cell, series: row["series_id"]}
	var bad [3]error
	p.instance, bad[0] = strconv.Atoi(row["instance_number"])
	p.x, bad[1] = strconv.ParseFloat(row["x"], 64)
	p.y, bad[2] = strconv.ParseFloat(row["y"], 64)
	if errors.Join(bad[:]...) != nil {
		return fmt.Errorf("instance_number %q, x %q and y %q are no place", row["instance_number"], row["x"], row["y"])
	}
	if st := s.known(row["study_id"], rsnaCoordinates); st != nil {
		st.places = append(st.places, p)
	}
	return nil
}

// known is a study of train.csv; a line about another is noted, once a study and table.
func (s *rsnaSet) known(id, table string) *rsnaStudy {
	st := s.studies[id]
	if v := (Violation{Study: id, Rule: RuleStudy, Detail: table + " has lines about it, " + rsnaTrain + " has not"}); st == nil && !slices.Contains(s.strays, v) {
		s.strays = append(s.strays, v)
	}
	return st
}

// key makes one of both spellings: "Spinal Canal Stenosis" and "L1/L2".
func key(words string) string {
	return strings.NewReplacer(" ", "_", "/", "_").Replace(strings.ToLower(words))
}

func parseCell(condition, level string) (c rsnaCell, err error) {
	if c.condition, err = spine.ParseCondition(key(condition)); err != nil {
		return c, err
	}
	c.level, err = spine.ParseLevel(key(level))
	return c, err
}
