package dataset

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"columna/spine"
)

// The rules that an RSNA data set is held to. The winners of the challenge trained on
// corrected coordinates: some of those that were given are wrong.
const (
	RuleStudy    = "study"    // the tables speak of the same studies
	RuleImages   = "images"   // all images of the study can be read
	RuleInstance = "instance" // a place lies in an image that is there, once
	RulePlane    = "plane"    // a place lies in a series of its condition, which is what the table calls it
	RuleSide     = "side"     // left lies to the patient's left of right and of the midline
	RuleOrder    = "order"    // levels follow each other downward
	RuleLevels   = "levels"   // five levels on each side that has any
	RulePair     = "pair"     // both recesses of a level are marked at one height
)

// Rules lists them.
func Rules() []string {
	return []string{RuleStudy, RuleImages, RuleInstance, RulePlane, RuleSide, RuleOrder, RuleLevels, RulePair}
}

const (
	sideSlackMM = 2  // a place so far beyond the midline may be on its own side: the canal's slice is chosen to half a slice
	pairReachMM = 10 // two axial slices, or one and a tilted spine
)

// Violation is something in a data set that contradicts itself. The place that it
// concerns is not used until somebody has looked at it.
type Violation struct {
	Study     string `json:"study"`
	Condition string `json:"condition,omitempty"` // with the level, the cell that it concerns
	Level     string `json:"level,omitempty"`
	Rule      string `json:"rule"` // one of Rules
	Detail    string `json:"detail"`
}

// String is the violation in a line.
func (v Violation) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("study %s %s %s %s: %s", v.Study, v.Condition, v.Level, v.Rule, v.Detail)), " ")
}

// WriteViolations writes a table of them for a reader to go through, readable by its
// owner alone.
func WriteViolations(path string, all []Violation) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"study_id", "condition", "level", "rule", "detail"})
	for _, v := range all {
		w.Write([]string{v.Study, v.Condition, v.Level, v.Rule, v.Detail})
	}
	w.Flush() // into memory: it cannot fail
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// placed are the study's places in the patient and what is wrong with them.
func (s *rsnaSet) placed(id string, h *rsnaHeaders) (map[rsnaCell]spine.Point, []Violation) {
	c := &rsnaChecker{study: id, at: map[rsnaCell]spine.Point{}, wrong: h.wrong}
	twice := map[rsnaCell]bool{}
	for _, p := range s.studies[id].places {
		at, ok := h.point(p)
		if _, known := c.at[p.rsnaCell]; known && !twice[p.rsnaCell] {
			twice[p.rsnaCell] = true
			c.say(RuleInstance, p.rsnaCell, "it is marked more than once")
		}
		if !ok {
			c.say(RuleInstance, p.rsnaCell, "instance %d of series %s is not there, or (%.0f, %.0f) lies outside it", p.instance, p.series, p.x, p.y)
			continue
		}
		c.at[p.rsnaCell] = at
		c.plane(p, h.instances[p.image()].series)
	}
	c.sides()
	c.order()
	c.levels()
	c.pairs()
	return c.at, c.wrong
}

// rsnaChecker collects what contradicts the rules.
type rsnaChecker struct {
	study string
	at    map[rsnaCell]spine.Point
	wrong []Violation
}

func (c *rsnaChecker) say(rule string, cell rsnaCell, format string, args ...any) {
	c.wrong = append(c.wrong, Violation{c.study, cell.condition.String(), cell.level.String(), rule, fmt.Sprintf(format, args...)})
}

// spoken says whether a rule speaks against the place of a cell.
func spoken(wrong []Violation, cell rsnaCell) bool {
	return slices.ContainsFunc(wrong, func(v Violation) bool {
		return v.Condition == cell.condition.String() && v.Level == cell.level.String()
	})
}

// plane holds a place to the series in which its condition is read: the canal in
// sagittal T2 or STIR, foramina in sagittal T1, recesses in axial T2.
func (c *rsnaChecker) plane(p rsnaPlace, s *spine.Series) {
	var ok bool
	switch p.condition {
	case spine.SpinalCanalStenosis:
		ok = s.Plane == spine.Sagittal && slices.Contains([]spine.Sequence{spine.T2, spine.STIR, spine.T2FS}, s.Sequence)
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		ok = s.Plane == spine.Sagittal && s.Sequence == spine.T1
	default:
		ok = s.Plane == spine.Axial && s.Sequence == spine.T2
	}
	if !ok {
		c.say(RulePlane, p.rsnaCell, "it is marked in a series that is %s %s", s.Plane, s.Sequence)
	}
}

// twoSided are the left conditions with the right ones.
func twoSided() [][2]spine.Condition {
	return [][2]spine.Condition{
		{spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing},
		{spine.LeftSubarticularStenosis, spine.RightSubarticularStenosis}}
}

// sides holds left and right against each other and against the midline. The
// patient's x grows to the left.
func (c *rsnaChecker) sides() {
	for _, pair := range twoSided() {
		for l := range spine.Level(spine.LevelCount) {
			left, right := rsnaCell{pair[0], l}, rsnaCell{pair[1], l}
			a, ok := c.at[left]
			b, both := c.at[right]
			if ok && both && a.LPS[0] <= b.LPS[0] {
				words := fmt.Sprintf("x is %.1f mm on the left and %.1f mm on the right, where left is greater", a.LPS[0], b.LPS[0])
				c.say(RuleSide, left, "%s", words)
				c.say(RuleSide, right, "%s", words)
				continue
			}
			c.beyond(left)
			c.beyond(right)
		}
	}
}

// beyond says so if a place of one side lies on the other.
func (c *rsnaChecker) beyond(cell rsnaCell) {
	p, ok := c.at[cell]
	middle, known := c.midline(cell.level)
	if off := (middle - p.LPS[0]) * float64(cell.condition.Side()); ok && known && off > sideSlackMM {
		c.say(RuleSide, cell, "it lies %.1f mm beyond the midline at x %.1f mm", off, middle)
	}
}

// midline is the x that parts left from right at a level: the canal's, else the
// median of the middles between left and right at all levels.
func (c *rsnaChecker) midline(l spine.Level) (x float64, ok bool) {
	if canal, ok := c.at[rsnaCell{spine.SpinalCanalStenosis, l}]; ok {
		return canal.LPS[0], true
	}
	var middles []float64
	for _, pair := range twoSided() {
		for l := range spine.Level(spine.LevelCount) {
			a, left := c.at[rsnaCell{pair[0], l}]
			b, right := c.at[rsnaCell{pair[1], l}]
			if left && right {
				middles = append(middles, (a.LPS[0]+b.LPS[0])/2)
			}
		}
	}
	if len(middles) == 0 {
		return 0, false
	}
	slices.Sort(middles)
	return middles[len(middles)/2], true
}

// order holds the levels of a condition against the patient's z.
func (c *rsnaChecker) order() {
	for condition := range spine.Condition(spine.ConditionCount) {
		var above *rsnaCell
		for l := range spine.Level(spine.LevelCount) {
			cell := rsnaCell{condition, l}
			p, ok := c.at[cell]
			if !ok {
				continue
			}
			if above != nil && p.LPS[2] >= c.at[*above].LPS[2] {
				words := fmt.Sprintf("%s is at z %.1f mm, %s at %.1f mm, where levels go down", above.level.Title(), c.at[*above].LPS[2], l.Title(), p.LPS[2])
				c.say(RuleOrder, *above, "%s", words)
				c.say(RuleOrder, cell, "%s", words)
			}
			above = &cell
		}
	}
}

// levels counts the levels of each condition that has any.
func (c *rsnaChecker) levels() {
	var count [spine.ConditionCount]int
	for cell := range maps.Keys(c.at) {
		count[cell.condition]++
	}
	for condition, n := range count {
		if n > 0 && n < spine.LevelCount {
			c.wrong = append(c.wrong, Violation{Study: c.study, Condition: spine.Condition(condition).String(), Rule: RuleLevels,
				Detail: fmt.Sprintf("it is marked at %d of %d levels", n, spine.LevelCount)})
		}
	}
}

// pairs holds the two recesses of a level to one height.
func (c *rsnaChecker) pairs() {
	pair := twoSided()[1]
	for l := range spine.Level(spine.LevelCount) {
		left, right := rsnaCell{pair[0], l}, rsnaCell{pair[1], l}
		a, ok := c.at[left]
		b, both := c.at[right]
		if d := math.Abs(a.LPS[2] - b.LPS[2]); ok && both && d > pairReachMM {
			c.say(RulePair, left, "it is marked %.1f mm above or below the right side", d)
			c.say(RulePair, right, "it is marked %.1f mm above or below the left side", d)
		}
	}
}
