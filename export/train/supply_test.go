package train

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/export/dataset"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// labelled is a folder of small sagittal studies of patients 1 to n, as Columna
// labels them; the axes of odd ones run otherwise.
func labelled(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for p := 1; p <= n; p++ {
		m := volume.NewLabelMap(volume.Grid{Size: [3]int{12, 16, 4}, Affine: volume.NewAffine(
			volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -2}, volume.Vec3{4, 0, 0}, volume.Vec3{5, 6, 7})})
		for at := range m.Data {
			m.Data[at] = uint8((at/12 + p) % 13)
		}
		if p%2 == 1 {
			m = m.Resample(turned(m.Grid))
		}
		name := filepath.Join(dir, fmt.Sprintf("%d_t2", p))
		if err := nifti.Write(name+".nii.gz", m.Grey()); err != nil {
			t.Fatal(err)
		}
		if err := nifti.WriteLabels(name+"_mask.nii.gz", m); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// turned is the same voxels with slices first and rows from foot to head.
func turned(g volume.Grid) volume.Grid {
	last := g.ToWorld(volume.Vec3{0, float64(g.Size[1] - 1), 0})
	return volume.Grid{Size: [3]int{g.Size[2], g.Size[0], g.Size[1]},
		Affine: volume.NewAffine(g.Affine.Column(2), g.Affine.Column(0), g.Affine.Column(1).Scale(-1), last)}
}

// supplied is a supply of a folder of studies.
func supplied(t *testing.T, o Options) supply {
	t.Helper()
	data, err := openData(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	t.Cleanup(func() { stop(nil) })
	return supply{ctx, stop, o, recipe{samples: 3, held: 2, uses: 1}, data}
}

func TestCaseStream_LearnsFromTrainingPatientsAlone(t *testing.T) {
	o := Options{Dir: t.TempDir(), Seed: 2, Data: []string{"nifti:" + labelled(t, 24) + "?labels=columna"}}
	s := supplied(t, o)
	cases, seen := caseStream(s, pace{few: 2, keep: 64, uses: 1}, caseStudy, orderOfSegments), map[string]bool{}
	for place := range 200 {
		c, ok := cases.at(place)
		if !ok {
			t.Fatal(context.Cause(s.ctx))
		}
		seen[strings.TrimPrefix(c.Patient, "nifti ")] = true
	}
	begun := make(chan struct{})
	close(begun)
	held, err := heldOut(s, begun, "tiny", func(seed uint64) ([]Segment, error) { return []Segment{{Patient: fmt.Sprint(seed)}}, nil },
		func(c *dataset.Case, e dataset.Entry) ([]Segment, error) {
			return caseSegment(c, e, [3]int{12, 16, 4}, [3]float64{2, 2, 4})
		}).wait(t.Context())
	if err != nil || len(held["phantom"]) != 2 {
		t.Fatalf("%d phantoms to validate on, %v", len(held["phantom"]), err)
	}
	validated := map[string]bool{}
	for _, c := range held["nifti"] {
		validated[strings.TrimPrefix(c.Patient, "nifti ")] = true
	}
	for p := 1; p <= 24; p++ {
		part := dataset.PartOf("nifti", fmt.Sprint(p))
		if seen[fmt.Sprint(p)] != (part == dataset.PartTrain) || validated[fmt.Sprint(p)] != (part == dataset.PartValidation) {
			t.Errorf("patient %d of the %s part: learned from %v, validated on %v", p, part, seen[fmt.Sprint(p)], validated[fmt.Sprint(p)])
		}
	}
	if len(validated) == 0 {
		t.Error("nobody is validated on")
	}
}

func TestCaseStudy_HasTheTrainersAxes(t *testing.T) {
	entries, err := dataset.Open("nifti:" + labelled(t, 2) + "?labels=columna")
	if err != nil {
		t.Fatal(err)
	}
	for p, e := range entries {
		s, err := readCase(t.Context(), e, caseStudy)
		if err != nil {
			t.Fatal(err)
		}
		if s[0].Size != [3]int{12, 16, 4} || s[0].SpacingMM != [3]float64{2, 2, 4} || s[0].T1 != nil {
			t.Fatalf("study %d is %v at %v mm", p+1, s[0].Size, s[0].SpacingMM)
		}
		for at, l := range s[0].Labels {
			if l != uint8((at/12+p+1)%13) {
				t.Fatalf("study %d: voxel %d is %d", p+1, at, l)
			}
		}
	}
}

func TestRecord_GoesOnWithTheSameDataOnly(t *testing.T) {
	dir := labelled(t, 8)
	o := Options{Net: "unet", Dir: t.TempDir(), Data: []string{"nifti:" + dir + "?labels=columna"}}
	again := func() error {
		data, err := openData(t.Context(), o)
		if err != nil {
			return err
		}
		return record(o, recipe{samples: 3}, data)
	}
	for range 2 {
		if err := again(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := readRecord(filepath.Join(o.Dir, "config.json"))
	if err != nil || len(r.Calls) != 2 || r.Calls[1].Recipe.Phantoms != 3 || r.Calls[0].Code.Go == "" || len(r.Data[0].Cases) != 8 {
		t.Fatalf("got %+v, %v", r, err)
	}
	split := filepath.Join(o.Dir, "split.json")
	was, err := os.ReadFile(split)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Freeze(split, []dataset.Entry{{Set: "nifti", ID: "x", Patient: "stranger"}}); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil || !contains(err, "the split is another") {
		t.Errorf("another split: %v", err)
	}
	if err := os.WriteFile(split, was, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "3_t2.nii.gz"), filepath.Join(dir, "4_t2.nii.gz")); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil || !contains(err, "case 4_t2 holds other data") {
		t.Errorf("other data: %v", err)
	}
}

func TestCaseCrops_AreCutAtTheMarkedPlaces(t *testing.T) {
	p := phantom.Generate(4, phantom.Options{Small: true, WithAxial: true, Pathology: 0.5, NoLesions: true, SlabMM: 70})
	c := &dataset.Case{Study: p.Study, Grades: slices.Clone(p.Grades)}
	c.Grades[0].Point = nil
	c.Grades[1].Grade = spine.NotGradable
	got := caseCrops(c, dataset.Entry{Set: "rsna", Patient: "7"}, 32)
	if len(got) < 20 || len(got) > len(p.Grades)-2 {
		t.Fatalf("%d crops of %d grades", len(got), len(p.Grades))
	}
	for _, s := range got {
		if s.Patient != "rsna 7" || len(s.Pixels) != 32*32 {
			t.Errorf("a crop of %q has %d pixels", s.Patient, len(s.Pixels))
		}
	}
}

func TestReview_ListsOnceAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"train.csv":                     "study_id,spinal_canal_stenosis_l1_l2\n5,Moderate\n",
		"train_label_coordinates.csv":   "study_id,series_id,instance_number,condition,level,x,y\n6,1,1,Spinal Canal Stenosis,L1/L2,3,4\n",
		"train_series_descriptions.csv": "study_id,series_id,series_description\n5,1,Axial T2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	o := Options{Dir: t.TempDir(), Data: []string{"rsna:" + dir}, Notice: func(s string) { said = append(said, s) }}
	for range 2 {
		if err := o.review(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(filepath.Join(o.Dir, "violations.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "6" || rows[1][3] != dataset.RuleStudy || rows[2][3] != dataset.RuleImages || len(said) != 1 {
		t.Errorf("got %v, said %v, %v", rows, said, err)
	}
}

// Plain phantoms and those of training are never taken for each other.
func TestOptions_PlainPhantomsHaveFilesOfTheirOwn(t *testing.T) {
	plain, varied := Options{Plain: true, Dir: "d"}, Options{Dir: "d"}
	if a, b := plain.phantomPath(plain.kind("stenosis-%d", 96), 1), varied.phantomPath(varied.kind("stenosis-%d", 96), 1); a == b {
		t.Errorf("both are kept in %s", a)
	}
	if plain.patients().Variety != 0 || varied.patients().Variety == 0 {
		t.Errorf("variety %g and %g", plain.patients().Variety, varied.patients().Variety)
	}
	if err := (Options{Net: "desamba", Plain: true}).Check(); err == nil {
		t.Error("desamba takes plain phantoms")
	}
}
