package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/internal/ort"
)

func TestCheckpoint_RoundTrips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "checkpoint.gob")
	in := map[string]ort.Tensor{"theta": {Shape: []int{3}, Data: []float32{1, 2, 3}}}
	if err := writeCheckpoint(path, 42, 0.5, in); err != nil {
		t.Fatal(err)
	}
	c, err := readCheckpoint(path)
	if err != nil || c.Step != 42 || c.Best != 0.5 || c.tensors()["theta"].Data[2] != 3 {
		t.Fatalf("got %+v, %v", c, err)
	}
}

func TestCheckpoint_DamageIsSaidNotIgnored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.gob")
	if err := os.WriteFile(path, []byte("not a checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readCheckpoint(path); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("got %v", err)
	}
}
