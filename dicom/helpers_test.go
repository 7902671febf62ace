package dicom

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"columna/spine"
	"columna/volume"
)

// pattern is a volume whose every voxel differs from its neighbours.
func pattern(g volume.Grid, seed uint64) *volume.Volume {
	v := volume.New(g)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range v.Data {
		v.Data[i] = float32(r.IntN(4096))
	}
	return v
}

// grid makes a lattice from directions, spacing and origin; dirs need not be of
// length one.
func grid(size [3]int, spacing volume.Vec3, i, j volume.Vec3, flipK bool, origin volume.Vec3) volume.Grid {
	u := i.Unit()
	w := j.Sub(u.Scale(j.Dot(u))).Unit()
	n := u.Cross(w)
	if flipK {
		n = n.Scale(-1)
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(u.Scale(spacing[0]), w.Scale(spacing[1]), n.Scale(spacing[2]), origin)}
}

// sagittalGrid has columns running to posterior and rows to inferior.
func sagittalGrid(size [3]int) volume.Grid {
	return grid(size, volume.Vec3{0.7, 0.7, 4.4}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, false, volume.Vec3{30, -90, 120})
}

func testStudy() *spine.Study {
	return &spine.Study{UID: NewUID("study"), PatientID: "P1", PatientName: "Müller^Jürgen", Sex: "M", Age: "054Y",
		Date: "20240102", Description: "Lumbar spine", FieldT: 1.5}
}

func testSeries(name string, seq spine.Sequence, v *volume.Volume) *spine.Series {
	return &spine.Series{UID: NewUID(name), Number: 3, Description: name, Sequence: seq, Plane: spine.Sagittal, Volume: v}
}

// writeShuffled writes a series and renames its files in random order.
func writeShuffled(t *testing.T, dir string, study *spine.Study, s *spine.Series) {
	t.Helper()
	if err := WriteSeries(dir, study, s); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "IM*.dcm"))
	for i, p := range rand.New(rand.NewPCG(1, 2)).Perm(len(names)) {
		if err := os.Rename(names[i], filepath.Join(dir, fmt.Sprintf("%c%03d", 'a'+p%5, p))); err != nil {
			t.Fatal(err)
		}
	}
}

// importOne imports a folder that must hold one study with one series.
func importOne(t *testing.T, dir string) (*Result, *spine.Series, *volume.Volume) {
	t.Helper()
	r, err := Import(context.Background(), []string{dir}, nil)
	if err != nil || len(r.Refused) > 0 {
		t.Fatalf("import: %v, refused %v", err, r.Refused)
	}
	if len(r.Studies) != 1 || len(r.Studies[0].Series) != 1 {
		t.Fatalf("%d studies, want one with one series: %+v", len(r.Studies), r.Studies)
	}
	s := &r.Studies[0].Series[0]
	v, err := LoadSeries(context.Background(), r.Files[Key(s)])
	if err != nil {
		t.Fatal(err)
	}
	return r, s, v
}

// sameInPatient compares two volumes voxel by voxel at the same place in the
// patient, whatever the order of their axes.
func sameInPatient(t *testing.T, want, got *volume.Volume) {
	t.Helper()
	if want.Len() != got.Len() {
		t.Fatalf("size %v, want %v", got.Size, want.Size)
	}
	for k := range want.Size[2] {
		for j := range want.Size[1] {
			for i := range want.Size[0] {
				p := got.ToVoxel(want.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}))
				var q [3]int
				for a := range 3 {
					q[a] = int(math.Round(p[a]))
					if math.Abs(p[a]-float64(q[a])) > 1e-3 {
						t.Fatalf("voxel (%d,%d,%d) lies %g voxels off the other grid", i, j, k, p[a]-float64(q[a]))
					}
				}
				if !got.Contains(q[0], q[1], q[2]) || got.At(q[0], q[1], q[2]) != want.At(i, j, k) {
					t.Fatalf("voxel (%d,%d,%d) differs", i, j, k)
				}
			}
		}
	}
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}
