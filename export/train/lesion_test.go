package train

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"columna/internal/ort"
	"columna/spine"
)

func TestOrderOfLesions_TakesTheClassesOfBothHeadsInTurn(t *testing.T) {
	var set []LesionSample
	for n := range 40 {
		set = append(set, LesionSample{Class: spine.LesionClass(n % 6), Patient: string(rune('A' + n))})
	}
	set = append(set, LesionSample{Infected: true, Patient: "y"}, LesionSample{Infected: true, Infection: spine.Tuberculous, Patient: "z"})
	at := orderOfLesions(3, set)
	var seen [lesionKinds]int
	for place := range 5 * lesionKinds {
		seen[set[at(place)].kind()]++
	}
	for kind, n := range seen {
		if n != 5 {
			t.Errorf("class %d came %d times in five rounds", kind, n)
		}
	}
}

func TestLesionTargets_AskOneHeadOfEverySample(t *testing.T) {
	sites, kinds := lesionTargets([]LesionSample{{Class: spine.Kidney}, {Infected: true, Infection: spine.Tuberculous}})
	for n, want := range []float32{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0} {
		if sites.Data[n] != want {
			t.Fatalf("sites %v", sites.Data)
		}
	}
	for n, want := range []float32{0, 0, 0, 1} {
		if kinds.Data[n] != want {
			t.Fatalf("kinds %v", kinds.Data)
		}
	}
}

// Biases begin at zero and do not decay: one that is not zero was taught.
func TestLesion_TeachesAHeadFromItsOwnLesionsAlone(t *testing.T) {
	needLibrary(t)
	for _, infected := range []bool{false, true} {
		task, dir := tinyLesion(t), t.TempDir()
		for n := range task.train {
			task.train[n].Infected = infected
		}
		task.arrange()
		if err := Run(t.Context(), task, Config{Dir: dir, Steps: 1, EpochLen: 1, LR: 0.01, Session: ort.Options{Threads: 1}}); err != nil {
			t.Fatal(err)
		}
		w, err := readWeights(filepath.Join(dir, "best", "desamba.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		for head, want := range map[string]bool{headMetastasis: !infected, headSpondylitis: infected} {
			bias, ok := w[head+".logits.bias"]
			if taught := slices.ContainsFunc(bias, func(v float32) bool { return v != 0 }); !ok || taught != want {
				t.Errorf("infections %v: %s has biases %v", infected, head, bias)
			}
		}
	}
}

func TestLesionTally_ScoresBothHeads(t *testing.T) {
	tally := lesionTally{byPatient: ward{}}
	for n, class := range []spine.LesionClass{spine.Lung, spine.Lung, spine.Kidney} {
		tally.metastasis(LesionSample{Class: class, Patient: string(rune('a' + n))}, []float32{5, 4, 3, 2, 1, 0})
	}
	for n, kind := range []spine.Infection{spine.Pyogenic, spine.Tuberculous, spine.Tuberculous} {
		tally.infection(LesionSample{Infected: true, Infection: kind, Patient: "i"}, []float32{0, float32(n) - 0.5})
	}
	v := tally.validation()
	for name, want := range map[string]float64{"top1": 2.0 / 3, "top3": 2.0 / 3, "recall_lung": 1, "recall_kidney": 0,
		"spondylitis_accuracy": 1, "spondylitis_auc": 1} {
		if got := v.Figures["phantom_"+name]; math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if want := 1.0/6 + 0.1*2/3 + 2.0/6; math.Abs(v.Score-want) > 1e-12 {
		t.Errorf("score %g, want %g", v.Score, want)
	}
	if len(v.Patients) != 4 || v.Patients[3].Figures["spondylitis_accuracy"].Of != 3 {
		t.Errorf("patients %+v", v.Patients)
	}
	if alone := (&lesionTally{byPatient: ward{}, hit: tally.hit, all: tally.all}).validation(); len(alone.Figures) != 8 {
		t.Errorf("without infections: %v", alone.Figures)
	}
}

func TestLesionSamples_HoldBothKindsOfLesion(t *testing.T) {
	seen := map[bool]int{}
	for _, seed := range []uint64{3, 4} {
		samples, err := lesionSamples(seed, [3]int{8, 8, 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			seen[s.Infected]++
		}
	}
	if seen[false] == 0 || seen[true] == 0 {
		t.Errorf("two phantoms have %d metastases and %d infections", seen[false], seen[true])
	}
}
