package deid

import (
	_ "embed" // the table
	"fmt"
	"strconv"
	"strings"

	"columna/dicom/dataset"
)

// edition of the standard that table.csv was made from (scripts/deid-table.py).
const edition = "2026c"

//go:embed table.csv
var tableCSV string

// action is what the Basic Profile does to an attribute (PS3.15 Table E.1-1a).
// Several letters leave the choice to the attribute's type.
type action string

const (
	remove  action = "X"
	empty   action = "Z"
	dummy   action = "D"
	mapUID  action = "U"
	refsUID action = "X/Z/U*" // a sequence of references, kept with new UIDs
)

// table is the Basic Profile column of PS3.15 Table E.1-1.
type table map[dataset.Tag]action

func readTable(csv string) (table, error) {
	t := table{}
	for line := range strings.Lines(csv) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) != 3 {
			return nil, fmt.Errorf("table of the profile: line %q has not three fields", line)
		}
		tag, err := strconv.ParseUint(fields[0], 16, 32)
		if err != nil {
			return nil, fmt.Errorf("table of the profile: %w", err)
		}
		t[dataset.Tag(tag)] = action(fields[1])
	}
	return t, nil
}

// find is the action for a tag and whether the table lists it. Curves and
// overlays are whole groups (the rows 50xx,xxxx, 60xx,3000 and 60xx,4000): an
// overlay without its data is nothing, so all of its group goes.
func (t table) find(tag dataset.Tag) (action, bool) {
	if graphics(tag) {
		return remove, true
	}
	a, ok := t[tag]
	return a, ok
}

// graphics reports a curve's or an overlay's group.
func graphics(tag dataset.Tag) bool {
	g := tag.Group() &^ 0x00FF
	return g == 0x5000 || g == 0x6000
}
