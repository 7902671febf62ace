package dataset

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"columna/dicom"
	"columna/phantom"
	"columna/spine"
)

// challenge writes phantoms as the RSNA challenge's files.
type challenge struct {
	t      *testing.T
	dir    string
	tables map[string][][]string
}

func newChallenge(t *testing.T) *challenge {
	c := &challenge{t: t, dir: t.TempDir(), tables: map[string][][]string{
		rsnaTrain:       {{"study_id"}},
		rsnaCoordinates: {{"study_id", "series_id", "instance_number", "condition", "level", "x", "y"}},
		rsnaSeries:      {{"study_id", "series_id", "series_description"}},
	}}
	for condition := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			c.tables[rsnaTrain][0] = append(c.tables[rsnaTrain][0], condition.String()+"_"+l.String())
		}
	}
	return c
}

// add writes a phantom's images, named as the challenge names them, and its rows.
func (c *challenge) add(id string, p *phantom.Case) {
	row := []string{id}
	numbers := map[string][2]string{} // series_id and instance by SOP instance
	for n := range p.Study.Series {
		c.images(id, &p.Study, &p.Study.Series[n], numbers)
	}
	for _, g := range p.Grades {
		row = append(row, map[spine.Grade]string{spine.NormalMild: "Normal/Mild", spine.Moderate: "Moderate", spine.Severe: "Severe"}[g.Grade])
		if at, ok := numbers[g.Point.SOPUID]; ok {
			c.tables[rsnaCoordinates] = append(c.tables[rsnaCoordinates], []string{id, at[0], at[1],
				titled(g.Condition), g.Level.Title(),
				fmt.Sprint(g.Point.XPx), fmt.Sprint(g.Point.YPx)})
		}
	}
	c.tables[rsnaTrain] = append(c.tables[rsnaTrain], row)
}

func (c *challenge) images(id string, st *spine.Study, s *spine.Series, numbers map[string][2]string) {
	series := fmt.Sprint(1000 + s.Number)
	dir := filepath.Join(c.dir, rsnaImages, id, series)
	raw := c.t.TempDir()
	if err := dicom.WriteSeries(raw, st, s); err != nil {
		c.t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(raw, "*.dcm"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	for k, f := range files {
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "IM"), ".dcm"))
		if err := os.Rename(f, filepath.Join(dir, fmt.Sprintf("%d.dcm", n))); err != nil {
			c.t.Fatal(err)
		}
		numbers[s.SOPUIDs[k]] = [2]string{series, fmt.Sprint(n)}
	}
	words := map[spine.Plane]string{spine.Sagittal: "Sagittal T2/STIR", spine.Axial: "Axial T2"}[s.Plane]
	if s.Sequence == spine.T1 {
		words = "Sagittal T1"
	}
	line := []string{id, series, words}
	if !slices.ContainsFunc(c.tables[rsnaSeries], func(l []string) bool { return slices.Equal(l, line) }) {
		c.tables[rsnaSeries] = append(c.tables[rsnaSeries], line)
	}
}

func (c *challenge) write() string {
	for name, rows := range c.tables {
		f, err := os.Create(filepath.Join(c.dir, name))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := csv.NewWriter(f).WriteAll(rows); err != nil {
			c.t.Fatal(err)
		}
		f.Close()
	}
	return c.dir
}

func (c *challenge) place(condition, level string) []string {
	for _, row := range c.tables[rsnaCoordinates] {
		if row[3] == condition && row[4] == level {
			return row
		}
	}
	c.t.Fatalf("no place for %s %s", condition, level)
	return nil
}

// oneStudy is a small phantom with the points of all its grades.
func oneStudy() *phantom.Case {
	return phantom.Generate(4, phantom.Options{Small: true, WithAxial: true, Pathology: 0.5, NoLesions: true, SlabMM: 70})
}

func TestRSNA_ReadsGradesAndPlacesInThePatient(t *testing.T) {
	p, c := oneStudy(), newChallenge(t)
	c.add("77", p)
	c.tables[rsnaTrain][1][1] = "" // canal at L1/L2 was not graded
	dir := c.write()
	entries, err := Open("rsna:" + dir)
	if err != nil || len(entries) != 1 || entries[0].Patient != "77" {
		t.Fatalf("got %v, %v", entries, err)
	}
	got, err := entries[0].Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Grades) != len(p.Grades)-1 {
		t.Fatalf("%d grades of %d with one empty", len(got.Grades), len(p.Grades))
	}
	points := 0
	for _, g := range got.Grades {
		want := p.Grades[int(g.Condition)*spine.LevelCount+int(g.Level)]
		if g.Grade != want.Grade {
			t.Errorf("%v %v is %v, want %v", g.Condition, g.Level, g.Grade, want.Grade)
		}
		if g.Point == nil {
			continue
		}
		points++
		if d := g.Point.LPS.Sub(want.Point.LPS).Norm(); d > 3.1 { // a slice's point is the truth's nearest
			t.Errorf("%v %v lies %.1f mm away", g.Condition, g.Level, d)
		}
	}
	if points < 20 {
		t.Errorf("%d places were read", points)
	}
	wrong, err := CheckRSNA(context.Background(), dir, nil)
	if err != nil || len(wrong) != 0 {
		t.Fatalf("the phantom contradicts itself: %v, %v", wrong, err)
	}
}

func TestRSNA_QueuesWhatContradictsTheGeometry(t *testing.T) {
	c := newChallenge(t)
	c.add("78", oneStudy())
	left, right := c.place("Left Neural Foraminal Narrowing", "L3/L4"), c.place("Right Neural Foraminal Narrowing", "L3/L4")
	left[2], right[2] = right[2], left[2] // sides changed places
	up, down := c.place("Spinal Canal Stenosis", "L1/L2"), c.place("Spinal Canal Stenosis", "L5/S1")
	up[6], down[6] = down[6], up[6] // levels changed places
	c.place("Right Subarticular Stenosis", "L2/L3")[2] = "4711"
	dir := c.write()
	wrong, err := CheckRSNA(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, v := range wrong {
		count[v.Rule]++
	}
	if count[RuleSide] != 2 || count[RuleOrder] < 2 || count[RuleInstance] != 1 || count[RuleLevels] != 1 || count[RulePlane] != 0 {
		t.Fatalf("got %v", wrong)
	}
	entries, err := Open("rsna:" + dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := entries[0].Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got.Grades {
		foramen := g.Condition == spine.LeftNeuralForaminalNarrowing || g.Condition == spine.RightNeuralForaminalNarrowing
		if foramen && (g.Point == nil) != (g.Level == 2) {
			t.Errorf("%v %v: place %v", g.Condition, g.Level, g.Point)
		}
	}
}

// violations are those of one study after a change to its tables.
func violations(t *testing.T, change func(c *challenge)) (out []string) {
	t.Helper()
	c := newChallenge(t)
	c.add("79", oneStudy())
	change(c)
	wrong, err := CheckRSNA(context.Background(), c.write(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range wrong {
		out = append(out, v.Rule+" "+v.Condition+" "+v.Level)
	}
	return out
}

func TestCheckRSNA_NamesRuleAndCell(t *testing.T) {
	left, right := "Left Neural Foraminal Narrowing", "Right Neural Foraminal Narrowing"
	for want, change := range map[string]func(c *challenge){
		"side left_neural_foraminal_narrowing l3_l4": func(c *challenge) { // a lone place on the wrong side of the canal
			wrong, other := c.place(left, "L3/L4"), c.place(right, "L3/L4")
			copy(wrong[1:3], other[1:3])
			other[0] = "none"
		},
		"study  ": func(c *challenge) { c.place(left, "L3/L4")[0] = "none" },
		"plane spinal_canal_stenosis l2_l3": func(c *challenge) { // in the series of the foramina
			c.place("Spinal Canal Stenosis", "L2/L3")[1] = c.place(left, "L2/L3")[1]
		},
		"plane  ": func(c *challenge) { c.tables[rsnaSeries][1][2] = "Axial T2" },
		"instance right_subarticular_stenosis l1_l2": func(c *challenge) { c.place("Right Subarticular Stenosis", "L1/L2")[6] = "1e6" },
		"levels left_neural_foraminal_narrowing ":    func(c *challenge) { c.place(left, "L5/S1")[0] = "none" },
		"pair left_subarticular_stenosis l2_l3": func(c *challenge) {
			copy(c.place("Left Subarticular Stenosis", "L2/L3")[1:3], c.place("Left Subarticular Stenosis", "L4/L5")[1:3])
		},
		"images  ": func(c *challenge) { c.spoil("79") },
	} {
		if got := violations(t, change); !slices.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// spoil overwrites one image of a study.
func (c *challenge) spoil(id string) {
	images, _ := filepath.Glob(filepath.Join(c.dir, rsnaImages, id, "*", "3.dcm"))
	b, err := os.ReadFile(images[0])
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(images[0], b[:400], 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func TestRSNA_HashesWhatTheTablesSay(t *testing.T) {
	c := newChallenge(t)
	c.add("80", oneStudy())
	before, err := Open("rsna:" + c.write())
	if err != nil {
		t.Fatal(err)
	}
	c.tables[rsnaTrain][1][3] = ""
	after, err := Open("rsna:" + c.write())
	if err != nil {
		t.Fatal(err)
	}
	if err := contentOf(t, before).Changed(contentOf(t, after)); err == nil {
		t.Error("a grade was taken away unseen")
	}
}

func TestRSNA_RefusesTablesThatAreNone(t *testing.T) {
	for name, change := range map[string]func(map[string][][]string){
		"a grade nobody knows":     func(m map[string][][]string) { m[rsnaTrain][1][1] = "Awful" },
		"a study twice":            func(m map[string][][]string) { m[rsnaTrain] = append(m[rsnaTrain], m[rsnaTrain][1]) },
		"a path as study":          func(m map[string][][]string) { m[rsnaTrain][1][0] = "../up" },
		"a column less":            func(m map[string][][]string) { m[rsnaSeries][0][1] = "serie" },
		"a place without a number": func(m map[string][][]string) { m[rsnaCoordinates][1][5] = "left" },
	} {
		c := newChallenge(t)
		row := append([]string{"1"}, make([]string, 25)...)
		c.tables[rsnaTrain] = append(c.tables[rsnaTrain], row)
		c.tables[rsnaCoordinates] = append(c.tables[rsnaCoordinates], []string{"1", "2", "3", "Spinal Canal Stenosis", "L1/L2", "4", "5"})
		change(c.tables)
		if _, err := Open("rsna:" + c.write()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// titled spells a condition as the coordinates do.
func titled(c spine.Condition) string {
	return [...]string{"Spinal Canal Stenosis", "Left Neural Foraminal Narrowing", "Right Neural Foraminal Narrowing",
		"Left Subarticular Stenosis", "Right Subarticular Stenosis"}[c]
}
