package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
)

// TestValidate_PatientsAddUpToTheFigures wants the figures of a set to be those of its
// patients.
func TestValidate_PatientsAddUpToTheFigures(t *testing.T) {
	needLibrary(t)
	for name, figures := range map[string]map[string]string{
		"unet":        {"dice_disc": "phantom_dice_disc"},
		"stenosisnet": {"accuracy": "phantom_accuracy", "recall_severe": "phantom_recall_severe"},
		"desamba":     {"top1": "phantom_top1", "top3": "phantom_top3"},
	} {
		dir := t.TempDir()
		task := tinyTasks(t)[name]
		if err := Run(t.Context(), task, Config{Dir: dir, Steps: 2, EpochLen: 2, LR: 0.01, Session: ort.Options{Threads: 1}}); err != nil {
			t.Fatal(err)
		}
		list, err := ReadPatients(dir)
		if err != nil || len(list) < 2 {
			t.Fatalf("%s: %d patients, %v", name, len(list), err)
		}
		m, err := models.LoadDir(filepath.Join(dir, "best"), name)
		if err != nil {
			t.Fatal(err)
		}
		for of, want := range figures {
			var all Share
			for _, p := range list {
				if p.Set == "phantom" {
					all = Share{all.Sum + p.Figures[of].Sum, all.Of + p.Figures[of].Of}
				}
			}
			if got := all.Sum / all.Of; math.Abs(got-m.Figures[want]) > 1e-12 {
				t.Errorf("%s: the patients' %s is %g, the card's %g", name, of, got, m.Figures[want])
			}
		}
		if steps, seen, err := Reached(dir); steps != 2 || seen != 2 || err != nil {
			t.Errorf("%s: reached step %d, validated %d, %v", name, steps, seen, err)
		}
	}
}

func TestReached_NothingWhereNoRunBegan(t *testing.T) {
	if steps, seen, err := Reached(t.TempDir()); steps != 0 || seen != 0 || err != nil {
		t.Errorf("step %d, validated %d, %v", steps, seen, err)
	}
}

func TestSegmentation_IsMeasuredUnderNoiseToo(t *testing.T) {
	needLibrary(t)
	task := tinySegmentation(t)
	task.noise = []float64{0.5}
	dir := t.TempDir()
	if err := Run(t.Context(), task, Config{Dir: dir, Steps: 1, EpochLen: 1, LR: 0.01, Session: ort.Options{Threads: 1}}); err != nil {
		t.Fatal(err)
	}
	list, err := ReadPatients(dir)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]float64{}
	for _, p := range list {
		sets[p.Set] += p.Figures["ece"].Sum
	}
	if len(sets) != 2 || sets["phantom"] == sets["phantom_noise_0.5"] {
		t.Errorf("calibration errors by set: %v", sets)
	}
}

func TestAddNoise_IsThePatientsAndKeepsTheScale(t *testing.T) {
	image := func() map[string]ort.Tensor {
		in := map[string]ort.Tensor{}
		for n, name := range []string{"t1", "t2"} {
			in[name] = ort.Tensor{Data: dequantise(bytesOf(uint64(n+1), 4096, 256), 16, 16, 16).Data}
			in[name].Data[7] = 0
		}
		return in
	}
	a, b, c := image(), image(), image()
	addNoise(a, "one", 0.5)
	addNoise(b, "one", 0.5)
	addNoise(c, "other", 0.5)
	if !slices.Equal(a["t1"].Data, b["t1"].Data) || slices.Equal(a["t1"].Data, c["t1"].Data) {
		t.Error("the noise is not the patient's")
	}
	if a["t2"].Data[7] != 0 {
		t.Error("there is noise outside the image")
	}
	var sum, square, n float64
	for _, v := range a["t1"].Data {
		if v != 0 {
			sum, square, n = sum+float64(v), square+float64(v)*float64(v), n+1
		}
	}
	if math.Abs(sum/n) > 0.01 || math.Abs(square/n-1) > 0.01 {
		t.Errorf("mean %g, mean square %g", sum/n, square/n)
	}
}

// TestVoxelECE_IsTheGapBetweenSureAndRight has four voxels in the box of which the network
// is 0.75 sure, of three of them rightly, then of two, and one beyond the box.
func TestVoxelECE_IsTheGapBetweenSureAndRight(t *testing.T) {
	z := float32(math.Log(3)) // 0.75 against 0.25
	logits := []float32{0, 0, 0, 0, 50, z, z, z, z, 0}
	for _, c := range []struct {
		labels []uint8
		want   float64
	}{{[]uint8{1, 0, 1, 1, 0}, 0}, {[]uint8{1, 0, 0, 1, 0}, 0.25}} {
		if got := voxelECE(Segment{Labels: c.labels}, logits, 1, 1, 5); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("labels %v: %g, want %g", c.labels, got, c.want)
		}
	}
}

func TestPhantomsOf_SharesOnePool(t *testing.T) {
	var made atomic.Int32
	o := Options{Net: "unet", Dir: t.TempDir(), Pool: t.TempDir(), Seed: 1}
	samples := func(seed uint64) ([]int, error) {
		if made.Add(1) == 3 {
			return nil, errors.New("stopped")
		}
		return []int{int(seed - trainSeeds)}, nil
	}
	in := func(uint64, []int) func(int) int { return func(place int) int { return place } }
	s := supply{ctx: t.Context(), o: o, r: recipe{samples: 4}}
	if _, _, err := phantomsOf(s, "number", samples, in); err == nil {
		t.Fatal("a phantom could not be made, and nobody said so")
	}
	got, begun, err := phantomsOf(s, "number", samples, in)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	for place := range 4 {
		if n, ok := got.at(place); n != place || !ok {
			t.Errorf("place %d holds phantom %d", place, n)
		}
	}
	before := made.Load()
	s.o.Dir, s.o.Seed = t.TempDir(), 2
	if _, _, err := phantomsOf(s, "number", samples, in); err != nil || made.Load() != before {
		t.Errorf("another run made %d phantoms again, %v", made.Load()-before, err)
	}
	if left, _ := os.ReadDir(o.Pool); len(left) != 1 {
		t.Errorf("the pool holds %v, not one file", left)
	}
}

func TestRecord_OfARunSaysWhatWasLeftOutAndKeepsToIt(t *testing.T) {
	o := Options{Net: "gfssnet", Dir: t.TempDir(), Without: []string{"gcn", "dapu"}}
	if err := record(o, recipe{}, &runData{}); err != nil {
		t.Fatal(err)
	}
	r, err := readRecord(filepath.Join(o.Dir, "config.json"))
	if err != nil || !slices.Equal(r.Without, []string{"dapu", "gcn"}) {
		t.Errorf("the record says without %v, %v", r.Without, err)
	}
	o.Without = nil
	if err := record(o, recipe{}, &runData{}); err == nil || !contains(err, "it began without dapu, gcn, not with all modules") {
		t.Errorf("the whole network: %v", err)
	}
}

func TestCheck_KnowsTheModulesOfEachNetwork(t *testing.T) {
	if err := (Options{Net: "stenosisnet", Without: []string{"cbam", "sam"}}).Check(); err != nil {
		t.Error(err)
	}
	err := (Options{Net: "stenosisnet", Without: []string{"gcn"}}).Check()
	if err == nil || !contains(err, "choose among cbam, mhsam, sam") {
		t.Errorf("gcn of stenosisnet: %v", err)
	}
	if err := (Options{Net: "desamba", Noise: []float64{1}}).Check(); err == nil {
		t.Error("a classifier is measured under noise")
	}
}

// TestBuild_SaysWhatWasLeftOut reads the card and the metadata inside both files.
func TestBuild_SaysWhatWasLeftOut(t *testing.T) {
	net, err := nets.New("stenosisnet", "compact", "mhsam", "cbam")
	if err != nil {
		t.Fatal(err)
	}
	_, spec, err := Fresh(net, 1, FileOptions{Kind: models.Inference, Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(spec.Without, []string{"cbam", "mhsam"}) || !strings.Contains(spec.Text(), "without: cbam, mhsam") {
		t.Errorf("the card says %v:\n%s", spec.Without, spec.Text())
	}
	for _, p := range spec.Outputs {
		if p.Name == "cbam_map" {
			t.Error("it gives a map of what it has not")
		}
	}
}

// TestLesion_LearnsWithoutClinicalFeatures trains and validates where the network has
// no input for them.
func TestLesion_LearnsWithoutClinicalFeatures(t *testing.T) {
	needLibrary(t)
	task := tinyLesion(t)
	cfg := tinyDeSamba()
	cfg.Tabular = false
	var err error
	if task.net, err = nets.NewDeSamba(cfg); err != nil {
		t.Fatal(err)
	}
	err = Run(context.Background(), task, Config{Dir: t.TempDir(), Steps: 1, EpochLen: 1, LR: 0.01, Session: ort.Options{Threads: 1}})
	if err != nil {
		t.Error(err)
	}
}
