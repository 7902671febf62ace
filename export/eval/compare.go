package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"columna/export/metrics"
	"columna/spine"
)

// Comparison says what changes if the same studies are read in another way.
type Comparison struct {
	Patients int `json:"patients"`
	Studies  int `json:"studies"`  // that both have read
	Unpaired int `json:"unpaired"` // that one of them has not; left out
	// Structures are mean Dice, of the classes and then of the named structures. A
	// structure that was not found counts 0: losing it must not look better.
	Structures []Difference `json:"structures"`
	// Severe are, per condition and of all together, the sensitivity for a severe
	// narrowing and the specificity (of places that are not severe, those that were
	// not called so). A place that was not graded was not called severe.
	Severe []Difference `json:"severe"`
}

// Difference is one figure of both readings, over the patients that have it.
type Difference struct {
	Name          string `json:"name"`
	Before        Number `json:"before"`
	After         Number `json:"after"`
	Change        Figure `json:"change"`         // after - before, with its paired interval
	MissingBefore int    `json:"missing_before"` // structures not found
	MissingAfter  int    `json:"missing_after"`
}

// Worse reports a change for the worse that is beyond chance.
func (d Difference) Worse() bool { return d.Change.High < 0 }

// Better reports a change for the better that is beyond chance.
func (d Difference) Better() bool { return d.Change.Low > 0 }

// NotInferior reports that a loss of more than margin can be ruled out. Of one patient
// or none nothing can.
func (d Difference) NotInferior(margin float64) bool { return float64(d.Change.Low) >= -margin }

// pair is one study, read twice.
type pair struct{ before, after *Record }

// Compare holds two readings of the same studies against each other by the paired
// bootstrap: patients are drawn with replacement, each with both readings. The same
// seed gives the same intervals. Studies are known by set and ID; those that one
// reading lacks are left out.
func Compare(before, after []Record, seed uint64) (*Comparison, error) {
	pairs, err := pairUp(before, after)
	if err != nil {
		return nil, err
	}
	groups := groupBy(pairs, func(p pair) string { return p.before.Set + "\x00" + p.before.Patient })
	c := &Comparison{Patients: len(groups), Studies: len(pairs), Unpaired: len(before) + len(after) - 2*len(pairs)}
	for _, s := range structures(pairs) {
		d := difference(groups, seed, s.name, s.dice)
		if math.IsNaN(float64(d.Change.Value)) {
			continue
		}
		d.MissingBefore, d.MissingAfter = s.lost(pairs)
		c.Structures = append(c.Structures, d)
	}
	for _, condition := range append([]string{""}, conditions()...) {
		for _, f := range []severeFigure{{condition, true}, {condition, false}} {
			if d := difference(groups, seed, f.name(), f.of); !math.IsNaN(float64(d.Change.Value)) {
				c.Severe = append(c.Severe, d)
			}
		}
	}
	return c, nil
}

// pairUp finds the studies that both have, in the order of before.
func pairUp(before, after []Record) ([]pair, error) {
	index := map[string]*Record{}
	for n := range after {
		index[after[n].key()] = &after[n]
	}
	var out []pair
	for n := range before {
		b := &before[n]
		a, ok := index[b.key()]
		if !ok {
			continue
		}
		if !sameTruth(b, a) {
			return nil, fmt.Errorf("%s %s: the two readings were measured against different truths; measure both again", b.Set, b.ID)
		}
		out = append(out, pair{b, a})
	}
	if len(out) == 0 {
		return nil, errors.New("the two readings have no study in common: measure the same sets with the same seeds")
	}
	return out, nil
}

func (r *Record) key() string { return r.Set + "\x00" + r.ID }

// sameTruth compares what both say of the truth.
func sameTruth(a, b *Record) bool {
	for _, s := range a.Classes {
		if t, ok := find(b.Classes, s.Name); ok && t.RefVoxels != s.RefVoxels {
			return false
		}
	}
	return slices.EqualFunc(a.Cells, b.Cells, func(x, y Cell) bool {
		return x.Condition == y.Condition && x.Level == y.Level && x.Truth == y.Truth
	})
}

func find(scores []Score, name string) (Score, bool) {
	at := slices.IndexFunc(scores, func(s Score) bool { return s.Name == name })
	if at < 0 {
		return Score{}, false
	}
	return scores[at], true
}

// structure is a class, or a structure by its name.
type structure struct {
	name string
	of   func(*Record) []Score
}

// structures are those that any truth has, classes first.
func structures(pairs []pair) []structure {
	var out []structure
	add := func(names []string, of func(*Record) []Score) {
		for _, name := range names {
			s := structure{name, of}
			if slices.ContainsFunc(pairs, func(p pair) bool { t, _ := s.in(p.before); return t.RefVoxels > 0 }) {
				out = append(out, s)
			}
		}
	}
	add(classNames()[1:], func(r *Record) []Score { return r.Classes })
	add(chainNames(), func(r *Record) []Score { return r.Levels })
	return out
}

func chainNames() (out []string) {
	for _, s := range chain() {
		out = append(out, s.String())
	}
	return out
}

func (s structure) in(r *Record) (Score, bool) { return find(s.of(r), s.name) }

// dice is the mean Dice over the studies whose truth has the structure.
func (s structure) dice(records []*Record) float64 {
	var values []float64
	for _, r := range records {
		if t, ok := s.in(r); ok {
			values = append(values, t.orZero())
		}
	}
	return metrics.Mean(values)
}

func (s structure) lost(pairs []pair) (before, after int) {
	for _, p := range pairs {
		if t, ok := s.in(p.before); ok && t.missing() {
			before++
		}
		if t, ok := s.in(p.after); ok && t.missing() {
			after++
		}
	}
	return before, after
}

// severeFigure is the sensitivity or specificity for severe narrowing, of one
// condition or ("") of all.
type severeFigure struct {
	condition   string
	sensitivity bool
}

func (f severeFigure) name() string {
	kind := "specificity"
	if f.sensitivity {
		kind = "sensitivity"
	}
	if f.condition == "" {
		return "severe, " + kind
	}
	return "severe " + f.condition + ", " + kind
}

func (f severeFigure) of(records []*Record) float64 {
	right, all := 0, 0
	for _, r := range records {
		for _, c := range r.Cells {
			severe := c.Truth == int(spine.Severe)
			if severe != f.sensitivity || f.condition != "" && c.Condition != f.condition {
				continue
			}
			all++
			if severe == (c.Said == int(spine.Severe)) {
				right++
			}
		}
	}
	return float64(right) / float64(all)
}

func conditions() (out []string) {
	for c := range spine.Condition(spine.ConditionCount) {
		out = append(out, c.String())
	}
	return out
}

// difference is a figure before and after and the paired interval of its change.
func difference(groups [][]pair, seed uint64, name string, figure func([]*Record) float64) Difference {
	d := Difference{Name: name}
	both := func(drawn []int) (before, after float64) {
		var b, a []*Record
		for _, n := range drawn {
			for _, p := range groups[n] {
				b, a = append(b, p.before), append(a, p.after)
			}
		}
		return figure(b), figure(a)
	}
	before, after := both(all(len(groups)))
	d.Before, d.After = Number(before), Number(after)
	d.Change = newFigure(metrics.Bootstrap(len(groups), metrics.Rounds, seed, func(drawn []int) float64 {
		b, a := both(drawn)
		return a - b
	}))
	return d
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// groupBy puts what has the same key together, in the order of first appearance.
func groupBy[T any](items []T, key func(T) string) [][]T {
	at := map[string]int{}
	var out [][]T
	for _, x := range items {
		k := key(x)
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k], out = n, append(out, nil)
		}
		out[n] = append(out[n], x)
	}
	return out
}
