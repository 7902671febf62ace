package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"columna/export/metrics"
)

// reading is a record of one study with a Dice of bodies and one severe cell.
func reading(patient, study int, dice float64, said int) Record {
	return Record{Set: "toy", ID: fmt.Sprintf("%d-%d", patient, study), Patient: fmt.Sprint(patient),
		Classes: []Score{{Name: "body", Dice: Number(dice), RefVoxels: 100, PredVoxels: 90}},
		Cells: []Cell{{Condition: "spinal_canal_stenosis", Level: "l4_l5", Truth: 2, Said: said},
			{Condition: "left_subarticular_stenosis", Level: "l4_l5", Truth: 0, Said: said}}}
}

func compare(t *testing.T, before, after []Record) *Comparison {
	t.Helper()
	c, err := Compare(before, after, 1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompare_AnEvenGainIsSure(t *testing.T) {
	var before, after []Record
	for n := range 8 {
		dice := 0.5 + 0.05*float64(n)
		before, after = append(before, reading(n, 0, dice, 2)), append(after, reading(n, 0, dice+0.02, 2))
	}
	d := compare(t, before, after).Structures[0]
	if d.Name != "body" || math.Abs(float64(d.Change.Low)-0.02) > 1e-9 || math.Abs(float64(d.Change.High)-0.02) > 1e-9 {
		t.Errorf("change %+v, want 0.02 without doubt although patients differ by more", d)
	}
	if !d.Better() || d.Worse() || !d.NotInferior(0) {
		t.Errorf("%+v is called no gain", d)
	}
	back := compare(t, after, before).Structures[0]
	if !back.Worse() || back.NotInferior(0.01) || !back.NotInferior(0.021) {
		t.Errorf("%+v is called no loss", back)
	}
}

// The plain twin: one study a patient, so that the bootstrap is that of the mean of
// differences.
func TestCompare_IsTheBootstrapOfDifferences(t *testing.T) {
	var before, after []Record
	var diffs []float64
	for n := range 9 {
		b, a := 0.7+0.02*float64(n*n%7), 0.72+0.03*float64(n*5%4)
		before, after, diffs = append(before, reading(n, 0, b, 2)), append(after, reading(n, 0, a, 2)), append(diffs, a-b)
	}
	want := metrics.Bootstrap(len(diffs), metrics.Rounds, 1, func(drawn []int) float64 {
		sum := 0.0
		for _, n := range drawn {
			sum += diffs[n] / float64(len(drawn))
		}
		return sum
	})
	got := compare(t, before, after).Structures[0].Change
	for n, pair := range [][2]float64{{float64(got.Value), want.Value}, {float64(got.Low), want.Low}, {float64(got.High), want.High}} {
		if math.Abs(pair[0]-pair[1]) > 1e-12 {
			t.Errorf("figure %d is %v, want %v", n, pair[0], pair[1])
		}
	}
}

func TestCompare_LosingAStructureIsALoss(t *testing.T) {
	var before, after []Record
	for n := range 6 {
		before = append(before, reading(n, 0, 0.5, 2))
		after = append(after, reading(n, 0, 0.5, 2))
		after[n].Classes[0] = Score{Name: "body", Dice: Number(math.NaN()), RefVoxels: 100}
	}
	d := compare(t, before, after).Structures[0]
	if d.After != 0 || !d.Worse() || d.MissingAfter != 6 || d.MissingBefore != 0 {
		t.Errorf("got %+v", d)
	}
}

func TestCompare_DrawsPatientsNotStudies(t *testing.T) {
	var before, after []Record
	for n := range 12 {
		before, after = append(before, reading(n/4, n, 0.5, 2)), append(after, reading(n/4, n, 0.6, 2))
	}
	c := compare(t, before, append(after, reading(9, 9, 1, 2)))
	if c.Patients != 3 || c.Studies != 12 || c.Unpaired != 1 || c.Structures[0].Change.N != 3 {
		t.Errorf("got %+v", c)
	}
	one := compare(t, before[:4], after[:4]).Structures[0]
	if !math.IsNaN(float64(one.Change.Low)) || one.NotInferior(1) {
		t.Errorf("one patient rules something out: %+v", one)
	}
}

func TestCompare_SevereCountsWhatIsFoundAndWhatIsCriedWolf(t *testing.T) {
	before := []Record{reading(1, 0, 0.5, 2), reading(2, 0, 0.5, 2), reading(3, 0, 0.5, -1)}
	after := []Record{reading(1, 0, 0.5, 1), reading(2, 0, 0.5, 2), reading(3, 0, 0.5, 0)}
	got := map[string][2]Number{}
	for _, d := range compare(t, before, after).Severe {
		got[d.Name] = [2]Number{d.Before, d.After}
	}
	near := func(name string, b, a float64) {
		if v, ok := got[name]; !ok || math.Abs(float64(v[0])-b) > 1e-9 || math.Abs(float64(v[1])-a) > 1e-9 {
			t.Errorf("%s went %v, want %v to %v", name, v, b, a)
		}
	}
	near("severe, sensitivity", 2.0/3, 1.0/3)
	near("severe, specificity", 1.0/3, 2.0/3)
	near("severe spinal_canal_stenosis, sensitivity", 2.0/3, 1.0/3)
	if _, ok := got["severe spinal_canal_stenosis, specificity"]; ok {
		t.Error("a condition that is always severe has a specificity")
	}
}

func TestCompare_RefusesWhatCannotBeHeldAgainstEachOther(t *testing.T) {
	a := []Record{reading(1, 0, 0.5, 2)}
	if _, err := Compare(a, []Record{reading(2, 0, 0.5, 2)}, 1); err == nil || !strings.Contains(err.Error(), "in common") {
		t.Errorf("strangers: %v", err)
	}
	b := []Record{reading(1, 0, 0.5, 2)}
	b[0].Classes[0].RefVoxels++
	if _, err := Compare(a, b, 1); err == nil || !strings.Contains(err.Error(), "different truths") {
		t.Errorf("another truth: %v", err)
	}
}

func TestNumber_KeepsTheUndefinedThroughJSON(t *testing.T) {
	b, err := json.Marshal(reading(1, 0, math.NaN(), 2))
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(b, &back); err != nil || !math.IsNaN(float64(back.Classes[0].Dice)) || back.Classes[0].HD95MM != 0 {
		t.Errorf("%s came back as %+v, %v", b, back, err)
	}
}
