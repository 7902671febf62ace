package dataset

import (
	"os"
	"path/filepath"
	"testing"

	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// column builds a straight spine in SPIDER's classes: discs of two rows between
// bodies of six, canal behind, posterior elements behind the canal.
func column() *volume.LabelMap {
	g := volume.Grid{Size: [3]int{40, 64, 4}, Affine: volume.NewAffine(
		volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{1, 0, 0}, volume.Vec3{})}
	m := volume.NewLabelMap(g)
	for k := range 4 {
		for j := range 64 {
			for i := range 40 {
				class := uint8(0)
				switch {
				case i < 25 && j%8 >= 6:
					class = spiderDisc
				case i < 25:
					class = spiderVertebra
				case i < 30:
					class = spiderCanal
				case i < 36:
					class = spiderVertebra
				}
				m.Data[m.Index(i, j, k)] = class
			}
		}
	}
	return m
}

func TestNameStructures_CountsDiscsFromBelow(t *testing.T) {
	m := nameStructures(column())
	for _, c := range []struct {
		i, j int
		want spine.Structure
	}{
		{10, 63, spine.DiscL5S1}, {10, 58, spine.L5}, {10, 55, spine.DiscL4L5}, {10, 50, spine.L4},
		{10, 31, spine.DiscL1L2}, {10, 26, spine.L1}, {10, 23, spine.DiscT12L1}, {10, 18, spine.T12},
		{10, 15, spine.DiscAbove}, {10, 2, spine.VertebraAbove}, {27, 30, spine.Canal}, {33, 30, spine.Posterior},
	} {
		if got := spine.Structure(m.At(c.i, c.j, 1)); got != c.want {
			t.Errorf("column %d, row %d is %v, want %v", c.i, c.j, got, c.want)
		}
	}
}

func TestSPIDER_ReadsAFolder(t *testing.T) {
	dir := t.TempDir()
	m := column()
	if err := nifti.WriteLabels(filepath.Join(dir, "9_mask.nii.gz"), m); err != nil {
		t.Fatal(err)
	}
	if err := nifti.Write(filepath.Join(dir, "9_t2.nii.gz"), m.Grey()); err != nil {
		t.Fatal(err)
	}
	cases, err := SPIDER(dir)
	if err != nil || len(cases) != 1 || cases[0].ID != "9" {
		t.Fatalf("got %v, %v", cases, err)
	}
}

func TestSPIDER_SaysThatAFolderHoldsNone(t *testing.T) {
	if _, err := SPIDER(t.TempDir()); err == nil {
		t.Fatal("an empty folder was accepted")
	}
}

func TestSPIDER_RealPatientsHaveFiveDiscsOrMore(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "spider")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("development data are not here")
	}
	cases, err := SPIDER(dir)
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, c := range cases {
		var count [spine.MaxStructure + 1]int
		for _, l := range c.Labels.Data {
			count[l]++
		}
		for s := spine.L1; s <= spine.DiscL5S1; s++ {
			if count[s] < 100 {
				t.Errorf("patient %s: %v has %d voxels", c.ID, s, count[s])
			}
		}
		if HeldOut(c.ID) {
			held++
		}
	}
	if held < 7 {
		t.Errorf("%d of %d patients held out, want at least 7", held, len(cases))
	}
}

// The canal ends above L5 and is seen in one slice only: the discs tell where the
// bodies end.
func TestNameStructures_SplitsVertebraeWhereNoCanalIsSeen(t *testing.T) {
	m := column()
	for n, class := range m.Data {
		if _, j, k := m.Coords(n); class == spiderCanal && (k != 1 || j > 40) {
			m.Data[n] = spiderVertebra // one bone from front to back
		}
	}
	named := nameStructures(m)
	for _, j := range []int{10, 44, 51, 60} {
		for k := range 4 {
			if got := spine.Structure(named.At(22, j, k)); !got.IsVertebra() {
				t.Errorf("row %d, slice %d: the back of the body is %v", j, k, got)
			}
			if got := spine.Structure(named.At(32, j, k)); got != spine.Posterior {
				t.Errorf("row %d, slice %d: behind the line of the discs is %v", j, k, got)
			}
		}
	}
}
