package eval

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/export/dataset"
	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

func load(t *testing.T, set string, o SetOptions) *Case {
	t.Helper()
	sets, err := Open([]string{set}, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sets[0].Entries[0].Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpen_KnowsItsSetsAndNoOthers(t *testing.T) {
	_, err := Open([]string{"moon"}, SetOptions{})
	if !errors.Is(err, ErrUnknownSet) || !strings.Contains(err.Error(), "phantoms") {
		t.Errorf("got %v", err)
	}
	if _, err := Open([]string{"spider"}, SetOptions{}); err == nil || !strings.Contains(err.Error(), "--spider") {
		t.Errorf("SPIDER without a folder: %v", err)
	}
	sets, err := Open(nil, SetOptions{Count: 3, Seed: 70})
	if err != nil || len(sets) != 1 || len(sets[0].Entries) != 3 || sets[0].Entries[2].ID != "72" {
		t.Errorf("got %+v, %v", sets, err)
	}
}

// One seed is one patient: the sets differ in their images alone.
func TestSets_OfOneSeriesShowTheSamePatient(t *testing.T) {
	o := SetOptions{Count: 1, Seed: 41, small: true}
	t1, t2 := load(t, "t1", o), load(t, "t2", o)
	if len(t1.Study.Series) != 1 || t1.Study.Series[0].Sequence != spine.T1 || t2.Study.Series[0].Sequence != spine.T2 {
		t.Fatalf("series %+v and %+v", t1.Study.Series, t2.Study.Series)
	}
	for n, l := range t1.Truth.Mask.Data {
		if t2.Truth.Mask.Data[n] != l {
			t.Fatalf("voxel %d is %d and %d", n, l, t2.Truth.Mask.Data[n])
		}
	}
	loud := load(t, "noise12", o)
	a, b := t2.Study.Series[0].Volume, loud.Study.Series[0].Volume
	if mean, sd := change(a, b); mean < 0 || sd < 0.05*brightness(a) || sd > 0.15*brightness(a) {
		t.Errorf("12 %% of noise changes grey values by %v, %v on average", sd, mean)
	}
}

func TestSets_OfLesionsHaveBothKindsAndNeedNoSegmentation(t *testing.T) {
	sets, err := Open([]string{"lesions"}, SetOptions{Count: 2, Seed: 41, small: true})
	if err != nil {
		t.Fatal(err)
	}
	records, err := Run(t.Context(), &fake{}, RunOptions{Sets: sets}) // which cannot segment these
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range records {
		if r.Failed != "" || len(r.Lesions) == 0 == (n == 0) || len(r.Infections) != n || r.Spine != nil {
			t.Errorf("study %d: %+v", n, r)
		}
	}
}

func change(a, b *volume.Volume) (mean, sd float64) {
	n := float64(a.Len())
	for i := range a.Data {
		mean += float64(b.Data[i]-a.Data[i]) / n
	}
	for i := range a.Data {
		d := float64(b.Data[i]-a.Data[i]) - mean
		sd += d * d / n
	}
	return mean, math.Sqrt(sd)
}

func TestAddNoise_IsRicianAndTheSameAgain(t *testing.T) {
	v := volume.New(volume.Grid{Size: [3]int{64, 64, 4}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})})
	for n := range v.Data {
		v.Data[n] = 1000 * float32(n%2)
	}
	a, b := addNoise(v, 0.1, "x"), addNoise(v, 0.1, "x")
	dark, n := 0.0, 0.0
	for i := range v.Data {
		if a.Data[i] != b.Data[i] {
			t.Fatal("the same name gives other noise")
		}
		if v.Data[i] == 0 {
			dark, n = dark+float64(a.Data[i]), n+1
		}
	}
	// Where there is no signal the magnitude has Rayleigh's mean, sigma sqrt(pi/2).
	if want := 100 * math.Sqrt(math.Pi/2); math.Abs(dark/n-want) > 2 {
		t.Errorf("the dark is %v bright on average, want %v", dark/n, want)
	}
	if v.Data[0] != 0 || v.Data[1] != 1000 {
		t.Error("the image itself was changed")
	}
}

// folder is a data set of pairs of image and labels, one a patient.
func folder(t *testing.T, patients ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range patients {
		m := column()
		if err := nifti.WriteLabels(filepath.Join(dir, p+"_mask.nii.gz"), m); err != nil {
			t.Fatal(err)
		}
		if err := nifti.Write(filepath.Join(dir, p+".nii.gz"), m.Grey()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpen_MeasuresOnlyWhomTheSplitHoldsOut(t *testing.T) {
	all := strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12")
	dir := folder(t, all...)
	held, err := Open([]string{"nifti:" + dir + "?labels=columna&sequence=T2"}, SetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(held[0].Entries); n == 0 || n == len(all) || held[0].Name != "nifti:"+filepath.Base(dir) {
		t.Errorf("%d of %d patients in %s", n, len(all), held[0].Name)
	}
	for _, e := range held[0].Entries {
		if dataset.PartOf("nifti", e.Patient) == dataset.PartTrain {
			t.Errorf("patient %s is learned from", e.Patient)
		}
		if c, err := e.Load(context.Background()); err != nil || c.Truth.Mask == nil || c.Set != held[0].Name {
			t.Errorf("%+v, %v", c, err)
		}
	}
	every, err := Open([]string{"nifti:" + dir + "?labels=columna&sequence=T2"}, SetOptions{All: true})
	if err != nil || len(every[0].Entries) != len(all) {
		t.Errorf("%d of %d with --all, %v", len(every[0].Entries), len(all), err)
	}
	if _, err := Open([]string{"t1", "t1"}, SetOptions{}); err == nil {
		t.Error("a set may be named twice")
	}
}

func TestGradedDiscs_AreThoseOfTheFiveLevels(t *testing.T) {
	got := gradedDiscs([]dataset.DiscGrades{{Disc: spine.DiscL5S1, Pfirrmann: 4, Narrowing: true}, {Disc: spine.DiscL1L2}, {Disc: spine.DiscT12L1, Pfirrmann: 2}, {Disc: spine.DiscL1L2, Pfirrmann: 2}})
	if want := []Disc{{Level: spine.L5S1, Pfirrmann: 4, Narrowed: true}, {Level: spine.L1L2, Pfirrmann: 2}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestSPIDER_HeldOutPatientsComeWithTheirGrades(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "spider")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("development data are not here")
	}
	c := load(t, "spider", SetOptions{SPIDER: dir})
	if c.Set != "spider" || !c.Truth.NoSacrum || len(c.Truth.Discs) < 4 {
		t.Errorf("patient %s has %d graded discs", c.ID, len(c.Truth.Discs))
	}
}
