package metaimage

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// reference is what ITK reads from a file (scripts/metaimage_reference.py).
type reference struct {
	Name    string
	File    []byte
	RawName string `json:"raw_name"`
	Raw     []byte
	Size    [3]int
	Affine  [12]float64 // LPS+
	Values  []float64
}

// TestRead_AgreesWithITK wants the very numbers that ITK gives, as float32, and its
// place to a part in 10^9.
func TestRead_AgreesWithITK(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []reference
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		t.Run(r.Name, r.check)
	}
	if len(all) < 50 {
		t.Errorf("only %d files", len(all))
	}
}

func (r reference) check(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mha")
	if r.RawName != "" {
		name = filepath.Join(t.TempDir(), "a.mhd")
		save(t, filepath.Join(filepath.Dir(name), r.RawName), string(r.Raw))
	}
	save(t, name, string(r.File))
	v, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if v.Size != r.Size {
		t.Errorf("size %v, want %v", v.Size, r.Size)
	}
	for n, want := range r.Affine {
		if got := v.Affine[n/4][n%4]; math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
			t.Errorf("affine (%d,%d) is %.12g, want %.12g", n/4, n%4, got, want)
		}
	}
	for n, want := range r.Values {
		if v.Data[n] != float32(want) {
			t.Errorf("voxel %d is %g, want %g", n, v.Data[n], float32(want))
		}
	}
}
