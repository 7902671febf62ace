package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// reference is one case of testdata/reference.json, which
// scripts/metrics_reference.py wrote with scikit-learn and SciPy.
type reference struct {
	Truth       []int              `json:"truth"`
	Probability [][]float64        `json:"probability"`
	Confusion   Confusion          `json:"confusion"`
	X           []float64          `json:"x"`
	Y           []float64          `json:"y"`
	Study       []int              `json:"study"`
	Group       []int              `json:"group"`
	ROC         [][2]float64       `json:"roc"`
	Figures     map[string]float64 `json:"figures"`
}

func readReference(t *testing.T) []reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []reference
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (r reference) said() []int {
	out := make([]int, len(r.Truth))
	for n, p := range r.Probability {
		out[n] = Largest(p)
	}
	return out
}

func (r reference) rows() []RSNARow {
	var out []RSNARow
	for n, p := range r.Probability {
		out = append(out, RSNARow{fmt.Sprint(r.Study[n]), RSNAGroup(r.Group[n]), r.Truth[n], [3]float64(p)})
	}
	return out
}

// ours are the same figures by this package.
func (r reference) ours(t *testing.T) map[string]float64 {
	t.Helper()
	k := len(r.Probability[0])
	c := Count(k, r.Truth, r.said())
	out := map[string]float64{
		"accuracy": c.Accuracy(), "sensitivity": c.Macro(c.Sensitivity), "specificity": c.Macro(c.Specificity), "precision": c.Macro(c.Precision),
		"f1": c.Macro(c.F1), "auc": OneVsRest(r.Probability, r.Truth, k), "top2": TopK(r.Probability, r.Truth, 2),
		"cohen": c.Cohen(Nominal), "cohen_quadratic": c.Cohen(Quadratic), "cohen_linear": c.Cohen(Linear),
		"gwet_ac1": c.Gwet(Nominal), "gwet_ac2": c.Gwet(Quadratic), "ece": ECE(r.Probability, r.Truth, 10),
		"spearman": Spearman(r.X, r.Y), "median": Quantile(r.X, 0.5), "high": Quantile(r.X, 0.975),
	}
	if k == 3 {
		loss, err := RSNALoss(r.rows())
		if err != nil {
			t.Fatal(err)
		}
		out["rsna"] = loss
	}
	return out
}

func TestFigures_AreThoseOfScikitLearnAndSciPy(t *testing.T) {
	for n, r := range readReference(t) {
		ours := r.ours(t)
		for name, want := range r.Figures {
			if got, ok := ours[name]; !ok || !near(got, want, 1e-9) {
				t.Errorf("case %d: %s is %v, want %v", n, name, got, want)
			}
		}
		if got := Count(len(r.Confusion), r.Truth, r.said()); fmt.Sprint(got) != fmt.Sprint(r.Confusion) {
			t.Errorf("case %d: confusion %v, want %v", n, got, r.Confusion)
		}
		curve := ROC(ClassScores(r.Probability, r.Truth, 1))
		if len(curve) != len(r.ROC) {
			t.Fatalf("case %d: a ROC curve of %d points, want %d", n, len(curve), len(r.ROC))
		}
		for i, p := range r.ROC {
			if !near(curve[i][0], p[0], 1e-12) || !near(curve[i][1], p[1], 1e-12) {
				t.Errorf("case %d: ROC point %d is %v, want %v", n, i, curve[i], p)
			}
		}
	}
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// The area by ranks is what counting every pair gives, and the area under the curve.
func TestAUC_IsTheShareOfPairsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		score, positive := make([]float64, 23), make([]bool, 23)
		for n := range score {
			score[n], positive[n] = float64(r.IntN(8)), r.IntN(3) == 0
		}
		positive[0], positive[1] = true, false
		won, pairs := 0.0, 0.0
		for a, p := range positive {
			for b, q := range positive {
				if p && !q {
					pairs++
					won += map[bool]float64{true: 1}[score[a] > score[b]] + map[bool]float64{true: 0.5}[score[a] == score[b]]
				}
			}
		}
		area, curve := 0.0, ROC(score, positive)
		for n := 1; n < len(curve); n++ {
			area += (curve[n][0] - curve[n-1][0]) * (curve[n][1] + curve[n-1][1]) / 2
		}
		if got := AUC(score, positive); !near(got, won/pairs, 1e-12) || !near(got, area, 1e-12) {
			t.Fatalf("AUC %v, by pairs %v, under the curve %v", got, won/pairs, area)
		}
	}
}

// Of four patients there are 256 draws: their percentiles are what the bootstrap nears.
func TestBootstrap_NearsTheFullEnumeration(t *testing.T) {
	x := []float64{0.7, 0.9, 0.95, 0.4}
	mean := func(drawn []int) float64 {
		sum := 0.0
		for _, n := range drawn {
			sum += x[n] / 4
		}
		return sum
	}
	var all []float64
	for n := range 256 {
		all = append(all, mean([]int{n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6}))
	}
	got := Bootstrap(4, 20000, 5, mean)
	if !near(got.Low, Quantile(all, 0.025), 0.01) || !near(got.High, Quantile(all, 0.975), 0.01) || !near(got.Value, 0.7375, 1e-12) || got.N != 4 {
		t.Errorf("%+v, want %v to %v", got, Quantile(all, 0.025), Quantile(all, 0.975))
	}
	if again := Bootstrap(4, 20000, 5, mean); again != got {
		t.Errorf("the same seed gives %+v, then %+v", got, again)
	}
}

func TestBootstrap_CoversTheTruthAboutAsOftenAsItSays(t *testing.T) {
	r, hits := rand.New(rand.NewPCG(3, 4)), 0
	for trial := range 300 {
		x := make([]float64, 40)
		for n := range x {
			x[n] = r.NormFloat64()
		}
		i := Bootstrap(len(x), 300, uint64(trial), func(drawn []int) float64 {
			sum := 0.0
			for _, n := range drawn {
				sum += x[n]
			}
			return sum / float64(len(x))
		})
		if i.Low <= 0 && 0 <= i.High {
			hits++
		}
	}
	if hits < 270 || hits > 295 {
		t.Errorf("%d of 300 intervals of 95 %% hold the true mean", hits)
	}
}

func TestBootstrap_OfOnePatientHasNoInterval(t *testing.T) {
	i := Bootstrap(1, 100, 1, func([]int) float64 { return 0.5 })
	if i.Value != 0.5 || !math.IsNaN(i.Low) || !math.IsNaN(i.High) || i.N != 1 {
		t.Errorf("%+v", i)
	}
}

func TestBootstrap_LeavesOutDrawsWithoutAFigure(t *testing.T) {
	i := Bootstrap(2, 1000, 1, func(drawn []int) float64 {
		if drawn[0] == drawn[1] {
			return math.NaN()
		}
		return 1
	})
	if i.Low != 1 || i.High != 1 {
		t.Errorf("%+v", i)
	}
}

func TestUndefined_IsNeverAZero(t *testing.T) {
	c := Count(3, []int{0, 0, 1}, []int{0, 0, 0})
	for name, v := range map[string]float64{
		"sensitivity of a class that is nowhere": c.Sensitivity(2), "precision of a class never said": c.Precision(1),
		"F1 of a class nowhere": c.F1(2), "accuracy of nothing": NewConfusion(2).Accuracy(),
		"AUC of one side": AUC([]float64{1, 2}, []bool{true, true}), "mean of nothing": Mean(nil),
		"Spearman of a constant": Spearman([]float64{1, 1, 1}, []float64{1, 2, 3}), "quantile of nothing": Quantile(nil, 0.5),
		"ECE of nothing": ECE(nil, nil, 10), "bias of nothing": BlandAltman(nil, nil).Bias,
	} {
		if !math.IsNaN(v) {
			t.Errorf("%s is %v", name, v)
		}
	}
	if c.F1(1) != 0 {
		t.Errorf("F1 of a class that was missed is %v, want 0", c.F1(1))
	}
}

func TestRSNALoss_OfAThirdEachIsLogThreeInTheGroups(t *testing.T) {
	var rows []RSNARow
	for g := range rsnaGroups {
		for truth := range 3 {
			rows = append(rows, RSNARow{"s", g, truth, [3]float64{2, 2, 2}}) // normalised to thirds
		}
	}
	got, err := RSNALoss(rows)
	if want := (3*math.Log(3) + math.Log(3)) / 4; err != nil || !near(got, want, 1e-12) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestRSNALoss_RefusesWhatTheChallengeRefuses(t *testing.T) {
	for _, p := range [][3]float64{{math.NaN(), 0, 1}, {-0.1, 0.5, 0.6}, {math.Inf(1), 0, 0}, {0, 0, 0}} {
		if _, err := RSNALoss([]RSNARow{{"s", RSNASpinal, 0, p}}); err == nil {
			t.Errorf("%v was scored", p)
		}
	}
}

func TestRSNALoss_WithoutAGroupIsUndefined(t *testing.T) {
	got, err := RSNALoss([]RSNARow{{"s", RSNASpinal, 0, [3]float64{1, 0, 0}}})
	if err != nil || !math.IsNaN(got) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUntempered_UndoesTheTemperature(t *testing.T) {
	soft := func(z []float64, temperature float64) []float64 {
		out, sum := make([]float64, len(z)), 0.0
		for n := range z {
			out[n] = math.Exp(z[n] / temperature)
			sum += out[n]
		}
		for n := range out {
			out[n] /= sum
		}
		return out
	}
	z := []float64{1.5, -0.3, 0.2}
	got := Untempered(soft(z, 1.7), 1.7)
	for n, want := range soft(z, 1) {
		if !near(got[n], want, 1e-12) {
			t.Errorf("%v, want %v", got, soft(z, 1))
		}
	}
}

func TestBlandAltman_IsMeanAndSpreadOfTheDifferences(t *testing.T) {
	got := BlandAltman([]float64{10, 20, 30}, []float64{11, 22, 33})
	if !near(got.Bias, 2, 1e-12) || !near(got.High, 2+1.96, 1e-12) || !near(got.Low, 2-1.96, 1e-12) || got.N != 3 {
		t.Errorf("%+v", got)
	}
}
