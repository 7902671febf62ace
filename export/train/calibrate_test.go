package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
)

func copyShipped(t *testing.T, net string) string {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	m, err := models.Load(net)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := models.Save(dir, m); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCalibrate_WritesTheCardAndLeavesTheWeights(t *testing.T) {
	dir := copyShipped(t, inference.StenosisNet)
	weights := filepath.Join(dir, inference.StenosisNet+".onnx")
	before, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	o := CalibrateOptions{Dir: dir, Net: inference.StenosisNet, Phantoms: 1, Test: 1, Seed: 77, TestSeed: 78, Threads: 1}
	found, err := Calibrate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if found.Fitted != 25 || found.Measured != 25 {
		t.Errorf("fitted on %d cells, measured on %d", found.Fitted, found.Measured)
	}
	card, err := models.LoadDir(dir, inference.StenosisNet)
	if err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(weights)
	if card.Temperature != found.Temperature || string(before) != string(after) {
		t.Errorf("card says %g, found %g; weights same: %v", card.Temperature, found.Temperature, string(before) == string(after))
	}
}

func TestCalibrate_NeedsStudies(t *testing.T) {
	dir := copyShipped(t, inference.StenosisNet)
	_, err := Calibrate(context.Background(), CalibrateOptions{Dir: dir, Net: inference.StenosisNet, Threads: 1})
	if err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("got %v", err)
	}
}

// What the weights say does not matter here, only that each head gets its own number.
func TestCalibrate_BringsEachHeadOfDeSambaToScale(t *testing.T) {
	needLibrary(t)
	net, err := nets.New(inference.LesionNet, "compact")
	if err != nil {
		t.Fatal(err)
	}
	file, spec, err := Fresh(net, 1, FileOptions{Kind: models.Inference})
	if err != nil {
		t.Fatal(err)
	}
	m := &models.Model{Spec: spec, ONNX: file.Bytes()}
	m.Heads = []models.Head{{Name: headSpondylitis, Labels: []string{"a", "b"}, Temperature: 7}}
	dir := t.TempDir()
	if err := models.Save(dir, m); err != nil {
		t.Fatal(err)
	}
	o := CalibrateOptions{Dir: dir, Net: inference.LesionNet, Phantoms: 2, Test: 1, Seed: 79, TestSeed: 78, Threads: 1}
	found, err := Calibrate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	card, err := models.LoadDir(dir, inference.LesionNet)
	if err != nil {
		t.Fatal(err)
	}
	second := found.Heads[headSpondylitis]
	if second.Fitted != 2 || second.Measured != 1 || card.Head(headSpondylitis).Temperature != second.Temperature || card.Temperature != found.Temperature {
		t.Errorf("found %+v, card says %g and %+v", found, card.Temperature, card.Heads)
	}
}

// Where every answer is right the coldest temperature is the likeliest.
func TestAnswered_TellsWhetherAnythingWasWrong(t *testing.T) {
	var a answered
	a.add([]float64{0.7, 0.2, 0.1}, 0)
	a.add([]float64{0.1, 0.2, 0.7}, 2)
	if a.erred() {
		t.Error("both are right")
	}
	if a.add([]float64{0.5, 0.4, 0.1}, 1); !a.erred() {
		t.Error("the third is wrong")
	}
}
