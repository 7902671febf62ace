package train

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"columna/export/plot"
)

func TestDrawCurves_ShowsLossValidationAndRate(t *testing.T) {
	dir := t.TempDir()
	log := `{"step":100,"loss":2,"val":{"dice":0.1,"accuracy":0.4},"lr":0.002}
{"step":200,"loss":1,"val":{"dice":0.5},"lr":0.001}
cut off`
	if err := os.WriteFile(filepath.Join(dir, "log.jsonl"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	charts := chartsOf([]byte(log))
	if len(charts[0].Lines[0].X) != 2 || len(charts[1].Lines) != 2 || charts[1].Lines[1].Name != "dice" || charts[1].Lines[1].Y[1] != 0.5 {
		t.Errorf("got %+v", charts)
	}
	if err := drawCurves(dir); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "curves.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != plot.Width || img.Bounds().Dy() != 3*plot.Height {
		t.Errorf("got %v", err)
	}
}
