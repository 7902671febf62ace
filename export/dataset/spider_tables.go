package dataset

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/spine"
)

// DiscGrades is what SPIDER says of one disc.
type DiscGrades struct {
	Disc                         spine.Structure
	Pfirrmann                    int // 1..5
	Modic                        int // 0..3
	UpperEndplate, LowerEndplate bool
	Spondylolisthesis            bool
	Herniation                   bool
	Narrowing                    bool
	Bulging                      bool
}

// spiderTables are the tables beside SPIDER's images: the gradings of a patient's
// discs, and the scan of an image.
type spiderTables struct {
	files []string
	discs map[string][]DiscGrades // by patient
	scans map[string]spiderScan   // by patient
}

type spiderScan struct {
	sex, age string
	fieldT   float64
}

// readSPIDERTables reads the tables, under their published names or shorter ones. A
// folder may lack either.
func readSPIDERTables(dir string) (*spiderTables, error) {
	t := &spiderTables{discs: map[string][]DiscGrades{}, scans: map[string]spiderScan{}}
	for _, table := range []struct {
		names   []string
		columns []string
		row     func(map[string]string) error
	}{
		{[]string{"radiological_gradings.csv", "gradings.csv"}, []string{"Patient", "IVD label", "Modic", "UP endplate", "LOW endplate",
			"Spondylolisthesis", "Disc herniation", "Disc narrowing", "Disc bulging", "Pfirrman grade"}, t.addDisc},
		{[]string{"overview.csv", "scan.csv"}, []string{"new_file_name"}, t.addScan},
	} {
		at := slices.IndexFunc(table.names, func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		})
		if at < 0 {
			continue
		}
		path := filepath.Join(dir, table.names[at])
		if err := readTable(path, table.columns, table.row); err != nil {
			return nil, err
		}
		t.files = append(t.files, path)
	}
	return t, nil
}

// addDisc takes a line of the gradings; discs are counted upward from L5/S1 as 1.
func (t *spiderTables) addDisc(row map[string]string) error {
	var n [9]int
	for at, column := range []string{"IVD label", "Modic", "UP endplate", "LOW endplate", "Spondylolisthesis",
		"Disc herniation", "Disc narrowing", "Disc bulging", "Pfirrman grade"} {
		v, err := strconv.ParseFloat(row[column], 64)
		if err != nil || v != math.Trunc(v) || v < 0 || v > 30 {
			return fmt.Errorf("%s %q is no grade", column, row[column])
		}
		n[at] = int(v)
	}
	if n[0] == 0 {
		return nil // a disc S1/S2, which has no name here
	}
	if n[1] > 3 || n[8] < 1 || n[8] > 5 {
		return fmt.Errorf("disc %d, Modic %d, Pfirrmann %d is no grading", n[0], n[1], n[8])
	}
	t.discs[row["Patient"]] = append(t.discs[row["Patient"]], DiscGrades{Disc: discName(n[0] - 1), Modic: n[1],
		UpperEndplate: n[2] > 0, LowerEndplate: n[3] > 0, Spondylolisthesis: n[4] > 0, Herniation: n[5] > 0,
		Narrowing: n[6] > 0, Bulging: n[7] > 0, Pfirrmann: n[8]})
	return nil
}

// addScan takes a line of the overview, whose birth_date holds the age in years.
func (t *spiderTables) addScan(row map[string]string) error {
	patient, _, _ := strings.Cut(row["new_file_name"], "_")
	scan := spiderScan{sex: row["sex"]}
	if years, err := strconv.ParseFloat(row["birth_date"], 64); err == nil && years >= 0 && years < 150 {
		scan.age = fmt.Sprintf("%03dY", int(years))
	}
	scan.fieldT, _ = strconv.ParseFloat(row["MagneticFieldStrength"], 64) // may be empty
	t.scans[patient] = scan
	return nil
}

// entry adds what the tables say of a patient to a case.
func (t *spiderTables) entry(e Entry) Entry {
	read := e.load
	e.Files = append(e.Files, t.files...)
	e.load = func(ctx context.Context) (*Case, error) {
		c, err := read(ctx)
		if err != nil {
			return nil, err
		}
		scan := t.scans[e.Patient]
		c.Discs, c.NoSacrum = t.discs[e.Patient], true
		c.Study.Sex, c.Study.Age, c.Study.FieldT = scan.sex, scan.age, scan.fieldT
		return c, nil
	}
	return e
}
