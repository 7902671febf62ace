package train

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
)

func TestRun_BeginsWithTheWeightsOfAModel(t *testing.T) {
	needLibrary(t)
	task, parent := tinySegmentation(t), t.TempDir()
	cfg := everything(parent, new(bytes.Buffer))
	cfg.Steps, cfg.EMA = 1, 0
	if err := Run(t.Context(), task, cfg); err != nil {
		t.Fatal(err)
	}
	from, err := readWeights(filepath.Join(parent, "best", "unet.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.From, cfg.Seed = from, cfg.Seed+1
	o, err := newOptimiser(task, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	for name, w := range o.weights() {
		if !slices.Equal(from[name], w) {
			t.Errorf("%s is not the model's", name)
		}
	}
}

func TestRun_RefusesWeightsOfAnotherNetwork(t *testing.T) {
	needLibrary(t)
	task := tinySegmentation(t)
	for want, from := range map[string]graph.Weights{"none of them": {"elsewhere": {1}}, "numbers": {anyName(t, task): {1, 2, 3}}} {
		cfg := everything(t.TempDir(), new(bytes.Buffer))
		cfg.From = from
		if err := Run(t.Context(), task, cfg); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestReadWeights_RefusesAFileThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no.onnx")
	if err := os.WriteFile(path, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readWeights(path); err == nil {
		t.Error("took it")
	}
}

// anyName is a parameter of the task's network that has not three numbers.
func anyName(t *testing.T, task Task) string {
	t.Helper()
	g := graph.New("any")
	g.Training = true
	if err := graph.Try(func() { task.Loss(g) }); err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Params() {
		if len(g.InitParams(1)[p.Name]) != 3 {
			return p.Name
		}
	}
	t.Fatal("no parameter")
	return ""
}

func TestSizes_OfAFineGridFitTheNetwork(t *testing.T) {
	net, err := nets.New("gfssnet", "fine")
	if err != nil {
		t.Fatal(err)
	}
	s := net.Inputs()[0].Shape
	task := &SegmentationTask{net: net, d: s[2], h: s[3], w: s[4]}
	got, err := task.sizes(Options{Mix: 0.5})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d sizes: %v", len(got), err)
	}
	if got[1].h != task.h || got[1].w != task.w || got[0].h >= task.h {
		t.Errorf("the crops are %v, the slices %v", got[0], got[1])
	}
}
