package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/models"
)

// built builds a model and gives its card and its bytes.
func built(t *testing.T, args ...string) (modelJSON, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	var got modelJSON
	succeed(t, &got, append([]string{"model", "build", "--json", "--out", path}, args...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256 != models.Hash(data) {
		t.Errorf("%v: the hash is not the file's", args)
	}
	return got, data
}

func TestModelBuild_WritesEachKindWithItsCard(t *testing.T) {
	for kind, want := range map[string]string{"inference": "logits", "gradcam": "cam", "training": "loss"} {
		m, data := built(t, "stenosisnet", "--kind", kind, "--seed", "3")
		if m.Kind != kind || m.Outputs[0].Name != want || m.Parameters == 0 || m.GFLOPs == 0 || m.Opset != 17 {
			t.Errorf("%s: card %+v", kind, m)
		}
		for _, text := range []string{"untrained", "seed 3", "Apache-2.0", "64 mm wide", "normal_mild, moderate, severe", kind} {
			if !strings.Contains(m.Card, text) || !bytes.Contains(data, []byte(text)) {
				t.Errorf("%s: card or file do not say %q", kind, text)
			}
		}
	}
}

func TestModelBuild_SetsBatchAndOpset(t *testing.T) {
	first := func(args ...string) int {
		m, _ := built(t, append([]string{"stenosisnet"}, args...)...)
		return m.Inputs[0].Shape[0]
	}
	for want, args := range map[int][]string{
		-1: {"--batch", "dynamic"}, 4: {"--batch", "4"}, 16: {"--kind", "training"}, 2: {"--kind", "training", "--batch", "2"},
	} {
		if got := first(args...); got != want {
			t.Errorf("%v: batch %d", args, got)
		}
	}
	if m, _ := built(t, "stenosisnet", "--opset", "20"); m.Opset != 20 {
		t.Errorf("opset %d", m.Opset)
	}
	free, _ := built(t, "unet", "--preset", "compact2d")
	fixed, _ := built(t, "unet", "--preset", "compact2d", "--fixed-size")
	if free.Inputs[0].Shape[3] != -1 || fixed.Inputs[0].Shape[3] != 192 {
		t.Errorf("shapes %v and %v", free.Inputs[0].Shape, fixed.Inputs[0].Shape)
	}
}

func TestModelBuild_SameSeedSameFile(t *testing.T) {
	hash := func(seed string) string {
		m, _ := built(t, "desamba", "--seed", seed)
		return m.SHA256
	}
	if hash("5") != hash("5") {
		t.Error("two builds of one seed differ")
	}
	if hash("5") == hash("6") {
		t.Error("two seeds give one file")
	}
}

func TestModelBuild_RefusesWhatThereIsNot(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m.onnx")
	for _, args := range [][]string{
		{"--kind", "profile"}, {"--batch", "0"}, {"--batch", "many"}, {"--opset", "16"}, {"--opset", "27"},
		{"--kind", "training", "--batch", "dynamic"}, {"--preset", "huge"},
	} {
		code, _, errs := columna(t, append([]string{"model", "build", "stenosisnet", "--out", out}, args...)...)
		if code != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written")
	}
}

func TestModelCalibrate_RefusesWhatThereIsNot(t *testing.T) {
	for _, args := range [][]string{{"stenosisnet"}, {"--dir", "x"}, {"stenosisnet", "--dir", "x", "--phantoms", "-1"}} {
		if code, _, errs := columna(t, append([]string{"model", "calibrate"}, args...)...); code != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	code, _, errs := columna(t, "model", "calibrate", "stenosisnet", "--dir", t.TempDir())
	if code != exitFault || !strings.Contains(errs, "not there") {
		t.Errorf("an empty folder: exit %d, %q", code, errs)
	}
}
