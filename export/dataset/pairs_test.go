package dataset

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/spine"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// writePair writes an image with labels 1..3.
func writePair(t *testing.T, image, label string) {
	t.Helper()
	m := volume.NewLabelMap(column().Grid)
	for n := range m.Data {
		m.Data[n] = uint8(n % 4)
	}
	for _, path := range []string{image, label} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := nifti.Write(image, m.Grey()); err != nil {
		t.Fatal(err)
	}
	if err := nifti.WriteLabels(label, m); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPairs_ReadsPairsUnderBothConventions(t *testing.T) {
	for name, files := range map[string][3]string{
		"beside":  {"p1_t1.nii.gz", "p1_t1_mask.nii.gz", `{"1": "vertebrae_L4", "2": "IVD L4-L5", "3": "ignore"}`},
		"folders": {"images/p1_t1_0000.nii.gz", "labels/p1_t1.nii.gz", "# ours\n1 L4\n2: disc L4/L5\n3 = background\n"},
		"nnU-Net": {"images/p1_t1.nii.gz", "labels/p1_t1.nii.gz", `{"labels": {"background": 0, "L4": 1, "disc L4/L5": 2, "ignore": 3}}`},
	} {
		dir := t.TempDir()
		writePair(t, filepath.Join(dir, files[0]), filepath.Join(dir, files[1]))
		write(t, filepath.Join(dir, map[bool]string{true: "labels.json", false: "labels.txt"}[files[2][0] == '{']), files[2])
		entries, err := Open("nifti:" + dir)
		if err != nil || len(entries) != 1 || entries[0].Patient != "p1" {
			t.Fatalf("%s: got %v, %v", name, entries, err)
		}
		c, err := entries[0].Load(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := [4]spine.Structure{0, spine.L4, spine.DiscL4L5, 0}
		for n, l := range c.Labels.Data {
			if spine.Structure(l) != want[n%4] {
				t.Fatalf("%s: value %d became %v", name, n%4, spine.Structure(l))
			}
		}
		if s := c.Study.Series[0]; s.Sequence != spine.T1 || s.Plane != spine.Sagittal || !c.NoSacrum {
			t.Errorf("%s: series %v %v, no sacrum %v", name, s.Sequence, s.Plane, c.NoSacrum)
		}
	}
}

func TestPairs_SaysWhatIsMissing(t *testing.T) {
	for want, prepare := range map[string]func(dir string){
		"no label map": func(dir string) { writePair(t, dir+"/a_t2.nii.gz", dir+"/a_t2_mask.nii.gz") },
		"no pairs":     func(dir string) { write(t, dir+"/labels.txt", "1 L1") },
		"its sequence": func(dir string) {
			writePair(t, dir+"/a.nii.gz", dir+"/a_mask.nii.gz")
			write(t, dir+"/labels.txt", "1 L1")
		},
		`"liver", "spleen"`: func(dir string) { write(t, dir+"/labels.txt", "1 spleen\n2 L1\n3 liver") },
		"0 to 255":          func(dir string) { write(t, dir+"/labels.txt", "300 L1") },
		"the background":    func(dir string) { write(t, dir+"/labels.txt", "0 L1") },
		"neither a value":   func(dir string) { write(t, dir+"/labels.json", `{"L1": [1]}`) },
	} {
		dir := t.TempDir()
		prepare(dir)
		if _, err := Open("nifti:" + dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPairs_ListsTheValuesWithoutName(t *testing.T) {
	dir := t.TempDir()
	writePair(t, filepath.Join(dir, "a.nii.gz"), filepath.Join(dir, "a_mask.nii.gz"))
	write(t, filepath.Join(dir, "labels.txt"), "2 disc L4/L5\n")
	entries, err := Open("nifti:" + dir + "?sequence=T2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entries[0].Load(context.Background()); err == nil || !strings.Contains(err.Error(), "1, 3") {
		t.Fatalf("got %v", err)
	}
}

func TestOpen_RefusesWhatIsNoDataSet(t *testing.T) {
	for name, want := range map[string]string{
		"spider": "KIND:PATH", "spider:": "KIND:PATH", "ct:/x": "KIND:PATH", "nifti:/x?size=3": "no option",
		"nifti:/x?sequence=T9": "no sequence", "nifti:/x?labels=mine": "totalspineseg", "rsna:/x": "tables",
	} {
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// Every well-known map names the five lumbar vertebrae and discs once, and its
// vertebrae fall from head to foot.
func TestLabelSets_NameTheLumbarSpine(t *testing.T) {
	for _, set := range LabelSets() {
		n, err := namedLabels(set)
		if err != nil {
			t.Fatal(err)
		}
		for s := spine.L1; s <= spine.DiscL5S1; s++ {
			if !slices.Contains(n.of[:], s) {
				t.Errorf("%s has no %v", set, s)
			}
		}
		for v, s := range n.of {
			if s != 0 && !n.known[v] {
				t.Errorf("%s: %d is %v and unknown", set, v, s)
			}
		}
	}
	tss, _ := namedLabels("totalspineseg")
	for value, want := range map[int]spine.Structure{1: spine.Canal, 31: spine.VertebraAbove, 32: spine.T12, 41: spine.L1, 45: spine.L5,
		50: spine.S1, 82: spine.DiscAbove, 91: spine.DiscT12L1, 92: spine.DiscL1L2, 95: spine.DiscL4L5, 100: spine.DiscL5S1} {
		if tss.of[value] != want {
			t.Errorf("TotalSpineSeg's %d is %v, want %v", value, tss.of[value], want)
		}
	}
	if tss.known[46] || tss.known[18] || tss.known[96] {
		t.Error("TotalSpineSeg names what it does not have")
	}
}

// TestPairs_SplitsWholeVertebrae names a straight spine as TotalSpineSeg does, whose
// vertebrae have their arches.
func TestPairs_SplitsWholeVertebrae(t *testing.T) {
	want := nameStructures(column())
	mask := volume.NewLabelMap(want.Grid)
	value := map[spine.Structure]uint8{spine.Canal: 2, spine.T12: 32, spine.VertebraAbove: 31, spine.DiscT12L1: 91, spine.DiscAbove: 82}
	for n := range 5 {
		value[spine.L1+spine.Structure(n)], value[spine.DiscL1L2+spine.Structure(n)] = uint8(41+n), uint8(92+n)
	}
	value[spine.DiscL5S1] = 100
	for n, s := range want.Data {
		if mask.Data[n] = value[spine.Structure(s)]; spine.Structure(s) == spine.Posterior {
			mask.Data[n] = 43
		}
	}
	dir := t.TempDir()
	for _, err := range []error{nifti.Write(dir+"/a_t2.nii.gz", mask.Grey()), nifti.WriteLabels(dir+"/a_t2_mask.nii.gz", mask)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	entries, err := Open("nifti:" + dir + "?labels=totalspineseg")
	if err != nil {
		t.Fatal(err)
	}
	c, err := entries[0].Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Labels.Data, want.Data) {
		t.Error("vertebrae are not split as SPIDER's are")
	}
}

// published is a straight spine in SPIDER's published labels, its axes turned as
// the published images have them.
func published() (image *volume.Volume, mask *volume.LabelMap) {
	classes := column()
	named := nameStructures(classes)
	out := volume.NewLabelMap(classes.Grid)
	for n, s := range named.Data {
		switch at := spine.Structure(s); {
		case at == spine.Canal:
			out.Data[n] = 100
		case at.IsDisc():
			for d := range 8 {
				if discName(d) == at {
					out.Data[n] = uint8(201 + d)
					break
				}
			}
		case classes.Data[n] == spiderVertebra:
			_, j, _ := classes.Coords(n)
			out.Data[n] = uint8(8 - j/8)
		}
	}
	out.Data[out.Index(2, 2, 1)] = 108 // of the uppermost a part only
	turned := out.Grid
	turned.Size = [3]int{4, 40, 64}
	last := out.ToWorld(volume.Vec3{0, 63, 0})
	turned.Affine = volume.NewAffine(out.Affine.Column(2), out.Affine.Column(0), out.Affine.Column(1).Scale(-1), last)
	mask = out.Resample(turned)
	return mask.Grey(), mask
}

func TestSPIDER_ReadsThePublishedLayout(t *testing.T) {
	dir := t.TempDir()
	image, mask := published()
	for _, sub := range []string{"images", "masks"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"1_t1.mha", "1_t2.mha", "1_t2_SPACE.mha", "2_t2.mha"} {
		if err := metaimage.Write(filepath.Join(dir, "images", name), image); err != nil {
			t.Fatal(err)
		}
		if name == "2_t2.mha" {
			continue // without a mask
		}
		if err := metaimage.WriteLabels(filepath.Join(dir, "masks", name), mask); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "radiological_gradings.csv"), "\ufeffPatient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,"+
		"Disc herniation,Disc narrowing,Disc bulging,Pfirrman grade\n1,0,0,0,0,0,0,0,0,1\n1,1,2,1,0,0,1,0,1,4\n1,2,0,0,0,1,0,0,0,2\n2,1,0,0,0,0,0,0,0,1\n")
	write(t, filepath.Join(dir, "overview.csv"), "new_file_name,subset,sex,birth_date,MagneticFieldStrength\n1_t1,training,F,59.0,1.5\n")
	entries, err := Open("spider:" + dir)
	if err != nil || len(entries) != 3 || entries[2].Patient != "1" {
		t.Fatalf("got %v, %v", entries, err)
	}
	c, err := entries[0].Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c.Study.Series[0].Sequence != spine.T1 || !c.NoSacrum {
		t.Errorf("got %v", c.Study.Series[0].Sequence)
	}
	discs := []DiscGrades{{Disc: spine.DiscL5S1, Modic: 2, UpperEndplate: true, Herniation: true, Bulging: true, Pfirrmann: 4},
		{Disc: spine.DiscL4L5, Spondylolisthesis: true, Pfirrmann: 2}}
	if !slices.Equal(c.Discs, discs) || c.Study.Sex != "F" || c.Study.Age != "059Y" || c.Study.FieldT != 1.5 {
		t.Errorf("the tables say %v, %s %s at %g T", c.Discs, c.Study.Sex, c.Study.Age, c.Study.FieldT)
	}
	got := c.Labels.Resample(column().Grid)
	want := nameStructures(column())
	for n := range want.Data {
		if got.Data[n] != want.Data[n] {
			i, j, k := want.Coords(n)
			t.Fatalf("voxel %d %d %d is %v, want %v", i, j, k, spine.Structure(got.Data[n]), spine.Structure(want.Data[n]))
		}
	}
}

func TestSPIDER_RefusesLabelsThatItDoesNotHave(t *testing.T) {
	_, mask := published()
	mask.Data[0] = 77
	if _, err := spiderLabels().name(mask); err == nil || !strings.Contains(err.Error(), "77") {
		t.Fatalf("got %v", err)
	}
}
