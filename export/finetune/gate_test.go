package finetune

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/export/eval"
	"columna/models"
	"columna/spine"
)

// reading is a study read with some Dice of each class, and severe cells of which some
// were found.
func reading(patient int, dice map[string]float64, found, severe int) eval.Record {
	r := eval.Record{Set: "s", ID: fmt.Sprint(patient), Patient: fmt.Sprint(patient)}
	sum := 0.0
	for _, name := range []string{"body", "disc", "canal"} {
		r.Classes = append(r.Classes, eval.Score{Name: name, Dice: eval.Number(dice[name]), RefVoxels: 100, PredVoxels: 100})
		sum += dice[name]
	}
	r.Score = eval.Number(sum / 3)
	for n := range severe {
		said := spine.NormalMild
		if n < found {
			said = spine.Severe
		}
		r.Cells = append(r.Cells, eval.Cell{Condition: spine.Condition(0).String(), Level: spine.Level(n % 5).String(), Truth: int(spine.Severe), Said: int(said)})
	}
	return r
}

func all(x float64) map[string]float64 { return map[string]float64{"body": x, "disc": x, "canal": x} }

// read is a set of patients; change is what the candidate gains on each class.
func read(set string, change map[string]float64, foundAfter int) readings {
	r := readings{set: set}
	for n := range 6 {
		base := 0.7 + 0.01*float64(n)
		r.Before = append(r.Before, reading(n, all(base), 3, 4))
		r.After = append(r.After, reading(n, map[string]float64{"body": base + change["body"], "disc": base + change["disc"], "canal": base + change["canal"]}, foundAfter, 4))
	}
	return r
}

func verdict(t *testing.T, held readings, replay ...readings) []Check {
	t.Helper()
	checks, err := judge(held, replay)
	if err != nil {
		t.Fatal(err)
	}
	return failed(checks)
}

func mustRefuse(t *testing.T, why string, bad []Check) {
	t.Helper()
	for _, c := range bad {
		if strings.Contains(c.Set+", "+c.Name, why) {
			return
		}
	}
	t.Errorf("was not refused for %q: %v", why, bad)
}

func TestGate_LetsABetterCandidateIn(t *testing.T) {
	if bad := verdict(t, read("held", all(0.05), 3), read("phantoms", all(0), 3)); len(bad) > 0 {
		t.Errorf("refused: %v", bad)
	}
}

// MONAI Label publishes whatever the last training gave.
func TestGate_RefusesACandidateThatIsNoBetter(t *testing.T) {
	mustRefuse(t, "held, mean of the classes", verdict(t, read("held", all(0), 3), read("phantoms", all(0.1), 4)))
	mustRefuse(t, "held, mean of the classes", verdict(t, read("held", all(-0.1), 3), read("phantoms", all(0.1), 4)))
}

func TestGate_RefusesAGainByChance(t *testing.T) {
	held := read("held", all(0), 3)
	for n := range held.After { // one patient gains much, the others lose a little
		gain := -0.01
		if n == 0 {
			gain = 0.2
		}
		held.After[n] = reading(n, all(0.7+0.01*float64(n)+gain), 3, 4)
	}
	mustRefuse(t, "held, mean of the classes", verdict(t, held, read("phantoms", all(0), 3)))
}

func TestGate_RefusesAGainAtOneStructuresCost(t *testing.T) {
	mustRefuse(t, "held, canal", verdict(t, read("held", map[string]float64{"body": 0.1, "disc": 0.1, "canal": -0.05}, 3), read("phantoms", all(0), 3)))
}

func TestGate_RefusesToMissSevereGrades(t *testing.T) {
	mustRefuse(t, "severe", verdict(t, read("held", all(0.05), 2), read("phantoms", all(0), 3)))
	mustRefuse(t, "severe", verdict(t, read("held", all(0.05), 3), read("phantoms", all(0), 2)))
}

// One severe grade that was found and is missed now is enough, whatever the Dice.
func TestGate_RefusesToMissOneSevereGrade(t *testing.T) {
	held := read("held", all(0.05), 3)
	held.After[2] = reading(2, all(0.77), 2, 4) // 17 of 24 found, 18 before
	mustRefuse(t, "severe, sensitivity", verdict(t, held, read("phantoms", all(0), 3)))
}

// A loss of a level that all patients share is no chance, however small it is.
func TestGate_RefusesToLoseALevel(t *testing.T) {
	with := func(change float64) readings {
		held := read("held", all(0.05), 3)
		for n := range held.Before {
			at := func(dice float64) []eval.Score {
				return []eval.Score{{Name: "L3", Dice: eval.Number(dice), RefVoxels: 100, PredVoxels: 100}}
			}
			held.Before[n].Levels, held.After[n].Levels = at(0.9), at(0.9+change-0.0001*float64(n))
		}
		return held
	}
	if bad := verdict(t, with(0.001), read("phantoms", all(0), 3)); len(bad) > 0 {
		t.Errorf("refused: %v", bad)
	}
	mustRefuse(t, "held, L3", verdict(t, with(-0.003), read("phantoms", all(0), 3)))
}

func TestGate_RefusesForgetting(t *testing.T) {
	mustRefuse(t, "phantoms, mean of the classes", verdict(t, read("held", all(0.2), 4), read("phantoms", all(-0.03), 3)))
	mustRefuse(t, "SPIDER, disc", verdict(t, read("held", all(0.2), 4), read("phantoms", all(0), 3), read("SPIDER", map[string]float64{"disc": -0.04}, 3)))
}

func TestReport_SaysWhatWasAskedAndFound(t *testing.T) {
	checks, err := judge(read("held", all(-0.1), 3), []readings{read("phantoms", all(0), 3)})
	if err != nil {
		t.Fatal(err)
	}
	checks[1].Change.Low = eval.Number(math.NaN())
	o := &Options{Parent: &models.Model{Spec: models.Spec{Name: "gfssnet", SHA256: "parent"}}}
	r := newReport(o, &Plan{Learn: []Used{{"1.1", "a", "x"}, {"2.1", "a", "y"}}, HeldOut: []Used{{"3.1", "b", "z"}}}, &models.Model{Spec: models.Spec{SHA256: "candidate"}}, checks)
	if r.Decision != Refused || r.Corrections != 2 || r.Patients != 1 || r.HeldOut != 1 || !strings.Contains(r.Reasons[0], "-0.100") {
		t.Errorf("%+v", r)
	}
	dir := t.TempDir()
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !strings.Contains(string(page), "The candidate was refused") || !strings.Contains(string(page), "-0.100") || !strings.Contains(string(page), "– to -0.100") || strings.Contains(string(page), "NaN") {
		t.Errorf("%s %v", page, err)
	}
	document, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadReport(document)
	if err != nil || again.Decision != Refused || len(again.Checks) != len(checks) {
		t.Errorf("%+v %v", again, err)
	}
}

func TestPlan_HoldsARunFolderToItsCorrections(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	p := &Plan{Net: "gfssnet", Learn: []Used{{"1.1", "a", "x"}}, Steps: 5}
	if err := p.open(dir); err != nil {
		t.Fatal(err)
	}
	if err := p.open(dir); err != nil {
		t.Errorf("the same run is refused: %v", err)
	}
	other := *p
	other.Learn = []Used{{"1.2", "a", "y"}}
	if err := other.open(dir); err == nil {
		t.Error("a run of other corrections was gone on with")
	}
}
