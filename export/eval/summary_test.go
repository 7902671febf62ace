package eval

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"columna/inference"
	"columna/spine"
	"columna/volume"
)

func toySummary(t *testing.T, n int) *Summary {
	t.Helper()
	set, reader := toySet("toys", n)
	return summarise("toys", set.About, run(t, reader, RunOptions{Sets: []Set{set}}), bootstrap{seed: 1, rounds: 40})
}

func (s *Summary) figure(t *testing.T, name string) Figure {
	t.Helper()
	for _, f := range s.Figures {
		if f.Name == name {
			return f.Figure
		}
	}
	t.Fatalf("no figure %s", name)
	return Figure{}
}

func near(t *testing.T, what string, got Number, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The fake reader finds all but T12, cannot see L1/L2, errs at L5/S1 and is right
// between, so that every figure can be told beforehand.
func TestSummarise_IsWhatTheReaderDid(t *testing.T) {
	s := toySummary(t, 6)
	if s.Patients != 3 || s.Studies != 6 || s.figure(t, "found").N != 3 {
		t.Errorf("%d patients, %d studies", s.Patients, s.Studies)
	}
	near(t, "found", s.figure(t, "found").Value, 12.0/13)
	near(t, "names right", s.figure(t, "names_right").Value, 12.0/13)
	near(t, "in order", s.figure(t, "levels_in_order").Value, 1)
	near(t, "islands", s.figure(t, "islands").Value, 0)
	near(t, "grades right", s.figure(t, "grade_accuracy").Value, 3.0/5)
	near(t, "ECE of grades", s.figure(t, "grade_ece").Value, 0.05) // 0.8 sure, 0.75 right
	near(t, "first of six", s.figure(t, "lesion_top1").Value, 1.0/6)
	near(t, "first three of six", s.figure(t, "lesion_top3").Value, 3.0/6)
	near(t, "infections", s.figure(t, "infection_accuracy").Value, 1.0/3)
	near(t, "infections, told by nothing", s.figure(t, "infection_auc").Value, 0.5)
	if s.Infections[spine.Pyogenic][spine.Tuberculous] != 4 || s.Infections[spine.Tuberculous][spine.Tuberculous] != 2 || s.Lesions.Total() != 6 {
		t.Errorf("infections %v, lesions %v", s.Infections, s.Lesions)
	}
	all := s.Conditions[len(s.Conditions)-1]
	near(t, "graded", all.Graded.Value, 4.0/5)
	if all.Name != "all" || all.Places != 150 || all.Confusion.Total() != 120 {
		t.Errorf("got %+v", all)
	}
	top, ok := s.row("body")
	if !ok || top.Missing != 0 {
		t.Errorf("got %+v", top)
	}
	if l := s.Levels[0]; l.Name != "T12" || l.Missing != 6 || !math.IsNaN(float64(l.Dice.Value)) || l.Dice.N != 0 {
		t.Errorf("a structure that is never found has %+v", l)
	}
	near(t, "L3", s.Levels[6].Dice.Value, 1)
}

// The plain twin writes -w ln p of every graded place, group by group.
func TestSummarise_RSNALossIsItsDefinition(t *testing.T) {
	set, reader := toySet("toys", 4)
	records := run(t, reader, RunOptions{Sets: []Set{set}})
	var sum, weight [4]float64
	for _, r := range records {
		severe, worst := 0.1, 0
		for _, c := range r.Cells {
			if c.Said < 0 {
				continue
			}
			group := map[string]int{"spinal_canal_stenosis": 0, "left_neural_foraminal_narrowing": 1, "right_neural_foraminal_narrowing": 1,
				"left_subarticular_stenosis": 2, "right_subarticular_stenosis": 2}[c.Condition]
			w := math.Pow(2, float64(c.Truth))
			sum[group] -= w * math.Log(c.Probability[c.Truth])
			weight[group] += w
			if group == 0 {
				severe, worst = max(severe, c.Probability[2]), max(worst, c.Truth)
			}
		}
		p := 1 - severe
		if worst == 2 {
			p = severe
		}
		sum[3] -= math.Pow(2, float64(worst)) * math.Log(p)
		weight[3] += math.Pow(2, float64(worst))
	}
	want := 0.0
	for g := range sum {
		want += sum[g] / weight[g] / 4
	}
	near(t, "RSNA loss", summarise("toys", "", records, bootstrap{seed: 1, rounds: 40}).figure(t, "rsna_loss").Value, want)
}

func TestSummarise_SameSeedSameIntervals(t *testing.T) {
	a, _ := json.Marshal(toySummary(t, 6).Conditions)
	b, _ := json.Marshal(toySummary(t, 6).Conditions)
	if !bytes.Equal(a, b) || !strings.Contains(string(a), `"low"`) {
		t.Errorf("%s\n%s", a, b)
	}
}

// certain is a network's answer that is sure of classes of its own.
func certain(truth *volume.LabelMap, wrong func(n int) bool) *inference.Probabilities {
	p := &inference.Probabilities{Grid: truth.Grid, Logits: make([]float32, 6*truth.Grid.Len())}
	for n, l := range truth.Data {
		c := inference.SemanticClass(spine.Structure(l))
		if wrong(n) {
			c = (c + 1) % 6
		}
		p.Logits[c*truth.Grid.Len()+n] = 4 // e^4 / (e^4 + 5) = 0.916
	}
	return p
}

func TestVoxelBins_CountTheBoxAroundTheSpine(t *testing.T) {
	truth := column()
	bins := voxelBins(&Truth{Mask: truth}, certain(truth, func(n int) bool { return n%4 == 0 }))
	last := bins[len(bins)-1]
	size := boxOf(truth).Size()
	if last.Count != size[0]*size[1]*size[2] || last.Count >= truth.Grid.Len() {
		t.Errorf("%d voxels of %d are counted", last.Count, truth.Grid.Len())
	}
	sure := math.Exp(4) / (math.Exp(4) + 5)
	if math.Abs(last.Confidence-sure) > 1e-6 || math.Abs(last.Accuracy-0.75) > 0.05 {
		t.Errorf("got %+v", last)
	}
	near(t, "ECE", Number(binECE(voxelReliability([]*Record{{Voxels: bins}, {Voxels: bins}}))), math.Abs(last.Confidence-last.Accuracy))
}

func TestDiscSignals_AreThoseInside(t *testing.T) {
	mask := column()
	grey := volume.New(mask.Grid)
	for n, l := range mask.Data {
		switch {
		case !isInner(mask, n):
			grey.Data[n] = 900 // what a border takes in
		case l == uint8(spine.Canal):
			grey.Data[n] = 200
		case spine.Structure(l).IsDisc():
			grey.Data[n] = 10 * float32(l)
		}
	}
	got := discSignals(&spine.Series{Volume: grey}, mask)
	for l := range spine.Level(spine.LevelCount) {
		near(t, l.Title(), Number(got[l]), 10*float64(l.Disc())/200)
	}
}

func TestReport_IsOneFileThatNeedsNothingElse(t *testing.T) {
	set, reader := toySet("toys", 8)
	reader.rough = true
	dir := t.TempDir()
	records := run(t, reader, RunOptions{Sets: []Set{set}, Dir: dir})
	comparison, err := Compare(records, records, 1)
	if err != nil {
		t.Fatal(err)
	}
	noisy := append([]Record(nil), records...)
	sets := []*Summary{summarise("toys", set.About, records, bootstrap{seed: 1, rounds: 40})}
	for _, name := range []string{"t2", "noise3", "noise6"} {
		for n := range noisy {
			noisy[n].Set = name
		}
		sets = append(sets, summarise(name, "", append([]Record(nil), noisy...), bootstrap{seed: 1, rounds: 40}))
	}
	path := filepath.Join(dir, "report.html")
	if err := WriteReport(path, Report{Dir: dir, Sets: sets, Comparison: map[string]*Comparison{"toys": comparison}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	html := string(text)
	if regexp.MustCompile(`(?i)<script|https?://|<link|@import|url\(`).MatchString(html) {
		t.Error("the page loads something")
	}
	if strings.Contains(html, "oys <b>") || !strings.Contains(html, "Toys &lt;b&gt;") || strings.Contains(html, "ZgotmplZ") {
		t.Error("text is not escaped, or a picture was refused")
	}
	if strings.Contains(html, "NaN") {
		t.Error("the page says NaN")
	}
	for what, least := range map[string]int{"data:image/png;base64,": 2, `class="violin`: 6, `class="confusion"`: 7, `class="band`: 3, "<caption>lesions": 1, "<caption>infections": 1, "Under added noise": 1} {
		if n := strings.Count(html, what); n < least {
			t.Errorf("%d of %s, want at least %d", n, what, least)
		}
	}
}

func TestErrorMap_ColoursOnlyMistakes(t *testing.T) {
	truth := column()
	img := errorMap(truth, swapped(truth, spine.L3, spine.L4), truth.Grey())
	kinds := map[int]int{}
	for _, p := range img.Pix {
		if p > 0 {
			kinds[int(p-1)/greys]++
		}
	}
	if kinds[int(over)] != 0 || kinds[int(under)] != 0 || kinds[int(other)] == 0 || kinds[int(right)] < 5*kinds[int(other)] {
		t.Errorf("pixels by kind: %v", kinds)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil || len(palette()) > 256 {
		t.Errorf("%d colours: %v", len(palette()), err)
	}
	if errorMap(volume.NewLabelMap(truth.Grid), volume.NewLabelMap(truth.Grid), truth.Grey()) != nil {
		t.Error("nothing is drawn of nothing")
	}
}

func TestTicks_AreRoundAndInside(t *testing.T) {
	for _, r := range [][2]float64{{0, 1}, {0.8, 1}, {-0.021, 0.021}, {0, 24}, {0, 1e-6}} {
		all := ticks(r[0], r[1])
		if len(all) < 3 || len(all) > 7 || all[0] < r[0]-1e-12 || all[len(all)-1] > r[1]+1e-9*r[1] {
			t.Errorf("%v: %v", r, all)
		}
	}
	if ticks(1, 1) != nil {
		t.Error("an axis without length has ticks")
	}
}

// A network that was not taught to tell infections has no figures of them.
func TestSummarise_HasNoInfectionsWhereNoneWasTold(t *testing.T) {
	set, reader := toySet("toys", 2)
	reader.dumb = true
	records, err := Run(t.Context(), reader, RunOptions{Sets: []Set{set}})
	if err != nil {
		t.Fatal(err)
	}
	s := Summarise("toys", "", records, 1)
	for _, f := range s.Figures {
		if strings.HasPrefix(f.Name, "infection") {
			t.Errorf("%s is %v", f.Name, f.Value)
		}
	}
	if s.Infections != nil || s.Lesions.Total() != 2 {
		t.Errorf("infections %v, lesions %v", s.Infections, s.Lesions)
	}
}
