package models

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSave_RoundTripsThroughLoadDir(t *testing.T) {
	dir := t.TempDir()
	in := &Model{Spec: Spec{Name: "toy", Preset: "compact", SizeVox: [3]int{1, 2, 3}}, ONNX: []byte("net"), CAM: []byte("cam")}
	if err := Save(dir, in); err != nil {
		t.Fatal(err)
	}
	out, err := LoadDir(dir, "toy")
	if err != nil {
		t.Fatal(err)
	}
	if string(out.ONNX) != "net" || string(out.CAM) != "cam" || out.SizeVox != in.SizeVox {
		t.Fatalf("got %+v", out)
	}
}

func TestLoadDir_RefusesChangedWeights(t *testing.T) {
	dir := t.TempDir()
	if err := Save(dir, &Model{Spec: Spec{Name: "toy"}, ONNX: []byte("net")}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "toy.onnx"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadDir(dir, "toy"); err == nil || !strings.Contains(err.Error(), "hash") {
		t.Fatalf("want a refusal about the hash, got %v", err)
	}
}

func TestLoadDir_RefusesPathsAsNames(t *testing.T) {
	for _, name := range []string{"../toy", "a/b", ""} {
		if _, err := LoadDir(t.TempDir(), name); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
}

func TestLoad_EveryShippedModelIsWhole(t *testing.T) {
	if got := strings.Join(Names(), " "); got != "desamba gfssnet stenosisnet" {
		t.Fatalf("shipped: %s", got)
	}
	total := 0
	for _, name := range Names() {
		m, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.TrainedOn == "" || m.Limits == "" || m.Licence == "" {
			t.Errorf("%s: the card does not say what it was trained on, its limits and licence", name)
		}
		total += len(m.ONNX) + len(m.CAM)
	}
	if total > 40<<20 {
		t.Errorf("models weigh %d bytes together; the limit is 40 MB", total)
	}
}

func TestLoadDir_RefusesACalibrationThatDoesNotFit(t *testing.T) {
	for want, spec := range map[string]Spec{
		"temperature":    {Name: "toy", Temperature: -1},
		"temperature -3": {Name: "toy", Heads: []Head{{Name: "second", Temperature: -3}}},
		"2 offsets":      {Name: "toy", Labels: []string{"a", "b", "c"}, Offsets: []float64{1, 2}},
	} {
		dir := t.TempDir()
		if err := Save(dir, &Model{Spec: spec, ONNX: []byte("net")}); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDir(dir, "toy"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal that says %q, got %v", want, err)
		}
	}
}

func TestSaveCard_LeavesWeightsAndHash(t *testing.T) {
	dir := t.TempDir()
	if err := Save(dir, &Model{Spec: Spec{Name: "toy", Labels: []string{"a", "b"}}, ONNX: []byte("net")}); err != nil {
		t.Fatal(err)
	}
	m, err := LoadDir(dir, "toy")
	if err != nil {
		t.Fatal(err)
	}
	m.Temperature, m.Offsets = 1.5, []float64{0, -1}
	if err := SaveCard(dir, &m.Spec); err != nil {
		t.Fatal(err)
	}
	out, err := LoadDir(dir, "toy")
	if err != nil || out.Temperature != 1.5 || len(out.Offsets) != 2 || out.SHA256 != m.SHA256 {
		t.Fatalf("got %+v, %v", out, err)
	}
}
