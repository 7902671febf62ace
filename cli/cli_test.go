package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom"
	"columna/review"
	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// columna runs a command line.
func columna(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), args, &o, &e, Window{})
	return code, o.String(), e.String()
}

// succeed runs a command that must succeed and decodes its JSON into v.
func succeed(t *testing.T, v any, args ...string) {
	t.Helper()
	code, out, errs := columna(t, args...)
	if code != exitOK {
		t.Fatalf("columna %s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("columna %s: %v in %q", strings.Join(args, " "), err, out)
	}
}

func TestMain_AnswersBadUsageWith2AndOneSentence(t *testing.T) {
	for _, args := range [][]string{
		{"fly"}, {"show"}, {"show", "x"}, {"import"}, {"metrics", "one"}, {"list", "--colour"}, {"phantom"},
		{"model", "build", "resnet", "--out", "x"}, {"segment", "x.nii", "--out", "m.txt"}, {"segment", "--out", "m.nii"},
		{"train", "resnet"}, {"train", "unet", "--schedule", "sometimes"}, {"train", "unet", "--ema", "1"}, {"train", "unet", "--mix", "2"},
		{"train", "desamba", "--mix", "0.2"}, {"train", "unet", "--mix", "0.2", "--whole"}, {"train", "unet", "--accumulate", "-1"},
		{"models", "--provider", "abacus"}, {"eval", "--threads", "-1"}, {"eval", "--set", "moon"}, {"eval", "--count", "0"}, {"export", "1", "--format", "gif", "--out", "d"}, {"convert", "a", "b.txt"},
		{"deid"}, {"deid", "in"}, {"deid", "in", "out", "--dates", "keep"}, {"bench", "nonsense"}, {"bench", "--rounds", "0"}, {},
	} {
		code, out, errs := columna(t, args...)
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "columna: ") {
			t.Errorf("columna %s: exit %d, %q, %q", strings.Join(args, " "), code, out, errs)
		}
	}
}

func TestMain_AnswersAFaultWith1AndOneSentence(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"metrics", filepath.Join(dir, "a.nii"), filepath.Join(dir, "b.nii")},
		{"convert", dir, filepath.Join(dir, "x.nii")},
		{"grade", dir, "--json"},
		{"eval", "--set", "spider", "--spider", dir}, {"eval", "--compare", dir},
	} {
		code, out, errs := columna(t, args...)
		if code != exitFault || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("columna %s: exit %d, %q, %q", strings.Join(args, " "), code, out, errs)
		}
	}
}

func TestHelp_ListsEveryCommand(t *testing.T) {
	code, out, _ := columna(t, "help")
	if code != exitOK {
		t.Fatalf("exit %d", code)
	}
	for _, c := range commands() {
		if !strings.Contains(out, "  "+c.name+" ") {
			t.Errorf("help does not list %s", c.name)
		}
	}
}

func TestProvider_ThatIsMissingIsSaidOnceAndTheCPUWorks(t *testing.T) {
	var got struct {
		Runtime *struct{ Provider string }
	}
	succeed(t, &got, "models", "--json")
	if got.Runtime == nil {
		t.Skip("no ONNX Runtime")
	}
	for _, name := range []string{"directml", "xnnpack", "coreml"} { // no Linux library has the first and the last
		for _, args := range [][]string{{"models", "--json", "--provider", name}, {"models", "--json"}} {
			t.Setenv("COLUMNA_PROVIDER", name)
			code, out, errs := columna(t, args...)
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK {
				t.Fatalf("exit %d, %v", code, err)
			}
			fell := strings.Count(errs, "\n") == 1 && strings.HasSuffix(errs, "the networks run on the CPU instead\n")
			if here := got.Runtime.Provider == name; here == fell {
				t.Errorf("%s: runs on %s and says %q", name, got.Runtime.Provider, errs)
			}
		}
	}
}

func TestHelp_ExplainsACommand(t *testing.T) {
	for _, args := range [][]string{{"help", "train"}, {"train", "--help"}, {"train", "unet", "-h"}} {
		code, out, errs := columna(t, args...)
		if code != exitOK || errs != "" || !strings.HasPrefix(out, "usage: columna train NET") || !strings.Contains(out, "-accumulate") {
			t.Errorf("columna %s: exit %d, %q, %q", strings.Join(args, " "), code, out, errs)
		}
	}
	if code, _, _ := columna(t, "help", "fly"); code != exitUsage {
		t.Errorf("help on no command: exit %d", code)
	}
}

func testGrid() volume.Grid {
	return volume.Grid{Size: [3]int{12, 10, 6}, Affine: volume.NewAffine(volume.Vec3{0, 0.8, 0}, volume.Vec3{0, 0, -0.8}, volume.Vec3{-4, 0, 0}, volume.Vec3{10, -5, 30})}
}

func TestMetrics_PrintsNullWhereNothingIsDefined(t *testing.T) {
	dir := t.TempDir()
	ref, pred := volume.NewLabelMap(testGrid()), volume.NewLabelMap(testGrid())
	for i := range 40 {
		ref.Data[300+i], pred.Data[310+i] = uint8(spine.L4), uint8(spine.L4)
	}
	ref.Data[5] = uint8(spine.Canal)
	a, b := filepath.Join(dir, "ref.nii.gz"), filepath.Join(dir, "pred.nii.gz")
	for name, m := range map[string]*volume.LabelMap{a: ref, b: pred} {
		if err := nifti.WriteLabels(name, m); err != nil {
			t.Fatal(err)
		}
	}
	var got struct {
		Labels []struct {
			Name string
			Dice *float64
			Ref  int `json:"reference_voxels"`
		}
		Mean map[string]any
	}
	succeed(t, &got, "metrics", a, b, "--json")
	if len(got.Labels) != 2 || got.Labels[0].Name != "L4" || got.Labels[0].Dice == nil || *got.Labels[0].Dice != 0.75 {
		t.Errorf("L4: %+v", got.Labels)
	}
	if got.Labels[1].Dice != nil || got.Labels[1].Ref != 1 {
		t.Errorf("a label that one side lacks must have a null Dice: %+v", got.Labels[1])
	}
}

// writeStudy writes a small T2 series as DICOM.
func writeStudy(t *testing.T, dir string) *volume.Volume {
	t.Helper()
	v := volume.New(testGrid())
	for i := range v.Data {
		v.Data[i] = float32(i % 997)
	}
	study := &spine.Study{UID: "1.2.3", PatientID: "P"}
	s := &spine.Series{UID: "1.2.3.4", Number: 1, Description: "t2", Sequence: spine.T2, Volume: v}
	if err := dicom.WriteSeries(dir, study, s); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConvert_KeepsTheVoxelsInThePatient(t *testing.T) {
	dir := t.TempDir()
	want := writeStudy(t, filepath.Join(dir, "dicom"))
	a, b, c := filepath.Join(dir, "a.nii.gz"), filepath.Join(dir, "b.mha"), filepath.Join(dir, "c.nii")
	succeed(t, nil, "convert", filepath.Join(dir, "dicom"), a)
	succeed(t, nil, "convert", a, b)
	succeed(t, nil, "convert", b, c)
	got, _, err := readVolume(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, vox := range []volume.Vec3{{0, 0, 0}, {11, 9, 5}, {3, 7, 2}} {
		mm := want.ToWorld(vox)
		x, ok := got.Sample(got.ToVoxel(mm))
		if w := want.At(int(vox[0]), int(vox[1]), int(vox[2])); !ok || x-w > 0.05 || w-x > 0.05 {
			t.Errorf("at %v: %g, want %g", mm, x, w)
		}
	}
}

func TestExport_IsKeptInTheAudit(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "columna.db")
	writeStudy(t, filepath.Join(dir, "dicom"))
	succeed(t, nil, "import", filepath.Join(dir, "dicom"), "--db", db)
	succeed(t, nil, "export", "1", "--format", "png", "--out", filepath.Join(dir, "out"), "--db", db)
	d, err := review.Open(t.Context(), review.Config{DBPath: db})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	lines, err := d.Audit(t.Context(), 1, 1)
	if err != nil || len(lines) != 1 || lines[0].Action != "export" || !strings.Contains(lines[0].Detail, "case-1-reading.png") {
		t.Errorf("the newest line of the audit is %+v, %v", lines, err)
	}
}

func TestReadStudy_TakesTheSequenceFromFlagNameOrHeader(t *testing.T) {
	dir := t.TempDir()
	writeStudy(t, filepath.Join(dir, "dicom"))
	for _, name := range []string{"case_t1.nii", "unnamed.nii"} {
		if err := nifti.Write(filepath.Join(dir, name), volume.New(testGrid())); err != nil {
			t.Fatal(err)
		}
	}
	st, err := readStudy(t.Context(), []source{
		{path: filepath.Join(dir, "dicom")}, {path: filepath.Join(dir, "case_t1.nii")}, {filepath.Join(dir, "unnamed.nii"), spine.STIR}})
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []spine.Sequence{spine.T1, spine.T2, spine.STIR} {
		if s := st.Find(seq, spine.Sagittal); s == nil || s.Sequence != seq || s.Volume == nil {
			t.Errorf("no sagittal %s", seq)
		}
	}
	if _, err := readStudy(t.Context(), []source{{path: filepath.Join(dir, "unnamed.nii")}}); err == nil {
		t.Error("a volume without a sequence was taken")
	}
}

func TestMain_StopsWhenTheContextEnds(t *testing.T) {
	dir := t.TempDir()
	writeStudy(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := Main(ctx, []string{"convert", dir, filepath.Join(dir, "x.nii")}, &out, &errs, Window{}); code != exitFault || errs.String() != "columna: stopped\n" {
		t.Errorf("exit %d: %q", code, errs.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "x.nii")); err == nil {
		t.Error("a stopped command left a file")
	}
}
