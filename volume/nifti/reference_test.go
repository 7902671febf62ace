package nifti

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"columna/internal/files"
	"columna/volume"
)

// reference is what nibabel reads from a file (scripts/nifti_reference.py).
type reference struct {
	Name   string
	File   []byte
	Placed bool
	Size   []int
	Affine [12]float64 // RAS+
	Values []*float64  // nil: no number
	SHA256 string
}

func references(t *testing.T, name string) (all []reference) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// place holds a grid to nibabel's affine: a part in 10^6 of the largest number of
// a row, since nibabel takes the quaternion's last part from float32.
func (r reference) place(t *testing.T, g volume.Grid) {
	t.Helper()
	if [3]int(r.Size) != g.Size {
		t.Errorf("%s: size %v, want %v", r.Name, g.Size, r.Size)
	}
	ras := flipXY(g.Affine)
	for row := range 3 {
		for c := range 4 {
			want := r.Affine[4*row+c]
			if math.Abs(ras[row][c]-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("%s: affine (%d,%d) is %.9g, want %.9g", r.Name, row, c, ras[row][c], want)
			}
		}
	}
}

func TestRead_AgreesWithNibabelOnEverySmallFile(t *testing.T) {
	all := references(t, "reference.json")
	voxels := 0
	for _, r := range all {
		s, err := files.FromReader(bytes.NewReader(r.File))
		if err != nil {
			t.Fatal(err)
		}
		h, err := readHeader(s)
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		im, err := h.readVoxels(s)
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		if im.unplaced == r.Placed {
			t.Errorf("%s: placed %v, want %v", r.Name, !im.unplaced, r.Placed)
		}
		r.place(t, im.volume.Grid)
		for n, want := range r.Values {
			x := float32(0)
			if want != nil {
				x = float32(*want)
			}
			if im.volume.Data[n] != x {
				t.Errorf("%s: voxel %d is %g, want %g", r.Name, n, im.volume.Data[n], x)
			}
			voxels++
		}
	}
	if len(all) < 150 {
		t.Errorf("only %d files", len(all))
	}
	t.Logf("%d files, %d voxels", len(all), voxels)
}

func TestRead_AgreesWithNibabelOnRealFiles(t *testing.T) {
	for _, r := range references(t, "real.json") {
		v, warnings, err := ReadWarned(sharedData(t, r.Name))
		if err != nil {
			t.Error(err)
			continue
		}
		r.place(t, v.Grid)
		h := sha256.New()
		buf := make([]byte, 0, 4*v.Size[0])
		for at := 0; at < len(v.Data); at += v.Size[0] {
			h.Write(files.Float32.Append(buf[:0], binary.LittleEndian, v.Data[at:at+v.Size[0]]))
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != r.SHA256 {
			t.Errorf("%s: the values differ", r.Name)
		}
		t.Logf("%s: %v %s %v", r.Name, v.Size, v.Orientation(), warnings)
	}
}
