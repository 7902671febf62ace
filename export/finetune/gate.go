package finetune

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"columna/export/eval"
	"columna/export/metrics"
)

// The margins of the gate, of Dice (0 to 1) and of sensitivity and specificity.
const (
	ClassMargin  = 0.02 // of a class on held-out patients, that a loss must stay within at 95 %
	ReplayMargin = 0.02 // of a class on the replay set, likewise
	MeanMargin   = 0.01 // of the mean of the classes on the replay set
	SevereMargin = 0.05 // of severe grades on the replay set
)

// Check is one question that the gate asks.
type Check struct {
	Set    string      `json:"set"`
	Name   string      `json:"name"`
	Before eval.Number `json:"before"`
	After  eval.Number `json:"after"`
	Change eval.Figure `json:"change"` // with its paired 95 % interval over patients
	Rule   string      `json:"rule"`
	Passed bool        `json:"passed"`
}

// String is the check in a sentence.
func (c Check) String() string {
	return fmt.Sprintf("%s, %s: %s in use, %s candidate, change %s (95 %% interval %s to %s); asked for: %s", c.Set, c.Name,
		Plain(c.Before), Plain(c.After), Signed(c.Change.Value), Signed(c.Change.Low), Signed(c.Change.High), c.Rule)
}

// Columns are the check in a line of a table: set, figure, in use, candidate, change,
// interval, what was asked for, whether it was so.
func (c Check) Columns() [8]string {
	passed := "yes"
	if !c.Passed {
		passed = "no"
	}
	return [8]string{c.Set, strings.ReplaceAll(c.Name, "_", " "), Plain(c.Before), Plain(c.After), Signed(c.Change.Value),
		Signed(c.Change.Low) + " to " + Signed(c.Change.High), c.Rule, passed}
}

// Plain and Signed print a figure; – where there is none.
func Plain(n eval.Number) string { return printed("%.3f", n) }

// Signed is Plain with the sign of a change.
func Signed(n eval.Number) string { return printed("%+.3f", n) }

func printed(format string, n eval.Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf(format, float64(n))
}

// seed of every bootstrap of the gate.
const gateSeed = 1

// judge asks whether a candidate is better on held-out patients and loses nothing
// that matters, there and on the replay sets.
func judge(held readings, replay []readings) ([]Check, error) {
	checks, err := judgeHeld(held)
	if err != nil {
		return nil, err
	}
	for _, r := range replay {
		more, err := judgeReplay(r)
		if err != nil {
			return nil, err
		}
		checks = append(checks, more...)
	}
	return checks, nil
}

// readings are a set of studies, read with the model in use and with the candidate.
type readings struct {
	set           string
	Before, After []eval.Record
}

func judgeHeld(r readings) ([]Check, error) {
	c, err := eval.Compare(r.Before, r.After, gateSeed)
	if err != nil {
		return nil, err
	}
	gain := meanOfClasses(r)
	gain.Rule, gain.Passed = "better beyond chance", gain.Change.Low > 0
	checks := []Check{gain}
	for _, d := range c.Structures {
		if isClass(r, d.Name) {
			checks = append(checks, check(r.set, d, fmt.Sprintf("no loss over %.2f", ClassMargin), d.NotInferior(ClassMargin)))
		} else {
			checks = append(checks, check(r.set, d, "no loss beyond chance", !d.Worse()))
		}
	}
	for _, d := range c.Severe {
		if strings.Contains(d.Name, "sensitivity") {
			checks = append(checks, check(r.set, d, "no loss", d.Change.Value >= 0))
		} else {
			checks = append(checks, check(r.set, d, fmt.Sprintf("no loss over %.2f", SevereMargin), d.Change.Value >= -SevereMargin))
		}
	}
	return checks, nil
}

func judgeReplay(r readings) ([]Check, error) {
	c, err := eval.Compare(r.Before, r.After, gateSeed)
	if err != nil {
		return nil, err
	}
	mean := meanOfClasses(r)
	mean.Rule, mean.Passed = fmt.Sprintf("no loss over %.2f", MeanMargin), mean.Change.Value >= -MeanMargin
	checks := []Check{mean}
	for _, d := range c.Structures {
		if isClass(r, d.Name) {
			checks = append(checks, check(r.set, d, fmt.Sprintf("no loss over %.2f", ReplayMargin), d.NotInferior(ReplayMargin)))
		}
	}
	for _, d := range c.Severe {
		checks = append(checks, check(r.set, d, fmt.Sprintf("no loss over %.2f", SevereMargin), d.Change.Value >= -SevereMargin))
	}
	return checks, nil
}

func check(set string, d eval.Difference, rule string, passed bool) Check {
	return Check{Set: set, Name: d.Name, Before: d.Before, After: d.After, Change: d.Change, Rule: rule, Passed: passed}
}

// isClass tells bodies, discs, canal and so on from the structures by name.
func isClass(r readings, name string) bool {
	return slices.ContainsFunc(r.Before, func(x eval.Record) bool {
		return slices.ContainsFunc(x.Classes, func(s eval.Score) bool { return s.Name == name })
	})
}

// meanOfClasses is the change of the mean Dice of the classes, patient by patient.
func meanOfClasses(r readings) Check {
	type sums struct{ before, after, n float64 }
	at, patients := map[string]int{}, []sums{}
	after := map[string]eval.Record{}
	for _, x := range r.After {
		after[x.ID] = x
	}
	for _, b := range r.Before {
		n, known := at[b.Patient]
		if !known {
			n = len(patients)
			at[b.Patient], patients = n, append(patients, sums{})
		}
		patients[n].before += float64(b.Score)
		patients[n].after += float64(after[b.ID].Score)
		patients[n].n++
	}
	mean := func(drawn []int, of func(sums) float64) float64 {
		sum, n := 0.0, 0.0
		for _, d := range drawn {
			sum, n = sum+of(patients[d]), n+patients[d].n
		}
		return sum / n
	}
	i := metrics.Bootstrap(len(patients), metrics.Rounds, gateSeed, func(drawn []int) float64 {
		return mean(drawn, func(s sums) float64 { return s.after - s.before })
	})
	all := make([]int, len(patients))
	for n := range all {
		all[n] = n
	}
	return Check{Set: r.set, Name: "mean of the classes",
		Before: eval.Number(mean(all, func(s sums) float64 { return s.before })), After: eval.Number(mean(all, func(s sums) float64 { return s.after })),
		Change: eval.Figure{Value: eval.Number(i.Value), Low: eval.Number(i.Low), High: eval.Number(i.High), N: i.N}}
}

// figures are the gate's for a model's card.
func figures(checks []Check) map[string]float64 {
	out := map[string]float64{}
	for _, c := range checks {
		name := c.Set + ": " + c.Name
		for kind, v := range map[string]eval.Number{", before": c.Before, ", after": c.After} {
			if !math.IsNaN(float64(v)) {
				out[name+kind] = float64(v)
			}
		}
	}
	return out
}

// failed are the checks that a candidate did not pass, the greatest loss first.
func failed(checks []Check) []Check {
	var out []Check
	for _, c := range checks {
		if !c.Passed {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Check) int { return cmp.Compare(a.Change.Value, b.Change.Value) })
	return out
}
