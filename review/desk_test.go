package review

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

func TestImport_KeepsImagesWhereTheyWere(t *testing.T) {
	d, s := ready(t)
	if len(s.Study().Series) != 2 || s.Study().PatientID != "P-1.2.3" {
		t.Fatalf("study %+v", s.Study())
	}
	for n := range s.Study().Series {
		got, want := &s.Study().Series[n], image(sagittalGrid(false))
		if got.Plane != spine.Sagittal || got.Sequence != []spine.Sequence{spine.T1, spine.T2}[n] || len(got.SOPUIDs) != 7 {
			t.Errorf("series %d is %s %s", n, got.Plane, got.Sequence)
		}
		vox := got.Volume.ToVoxel(ballMM)
		if x, ok := got.Volume.Sample(vox); !ok || x != 2000 || got.Volume.Len() != want.Len() {
			t.Errorf("series %d has %g at the ball", n, x)
		}
	}
	mustBeSound(t, d)
}

func TestImport_SliceOrderDoesNotSwapSides(t *testing.T) {
	d := newDesk(t)
	for n, flipped := range []bool{false, true} {
		s := openCase(t, d, importStudy(t, d, testStudy([]string{"1.2.3", "1.2.4"}[n], flipped)))
		t2 := s.Study().Find(spine.T2, spine.Sagittal).Volume
		if x, _ := t2.Sample(t2.ToVoxel(ballMM)); x != 2000 {
			t.Fatalf("flipped %v: %g on the left", flipped, x)
		}
		if err := s.SetAnalysis(context.Background(), testAnalysis(s.Study())); err != nil {
			t.Fatal(err)
		}
		if mm, ok := s.LevelPoint(spine.L4L5); !ok || mm.Sub(discMM(spine.L4L5)).Norm() > 2.5 {
			t.Fatalf("flipped %v: L4/L5 at %v", flipped, mm)
		}
		left := volume.Vec3{16, -40, 0}
		paint(t, s, left)
		if labelAt(s, left) != spine.S1 || labelAt(s, volume.Vec3{-16, -40, 0}) != spine.Background {
			t.Fatalf("flipped %v: a stroke on the left went elsewhere", flipped)
		}
	}
}

func TestImport_AgainIsTheSameCase(t *testing.T) {
	d := newDesk(t)
	dir := writeStudy(t, testStudy("1.2.3", false))
	var ids []int64
	for range 2 {
		r, err := d.Import(context.Background(), []string{dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Cases[0].ID)
		if len(r.Cases[0].Grids) != 2 || r.Cases[0].Grids[0].Size != [3]int{48, 64, 7} {
			t.Fatalf("grids %v", r.Cases[0].Grids)
		}
	}
	if ids[0] != ids[1] {
		t.Fatalf("cases %v", ids)
	}
}

func TestImport_RefusesAKnownStudyOfAnotherPatient(t *testing.T) {
	d := newDesk(t)
	id := importStudy(t, d, testStudy("1.2.3", false))
	other := testStudy("1.2.3", false)
	other.PatientID, other.Series[0].UID = "P-other", "1.2.3.9"
	r, err := d.Import(context.Background(), []string{writeStudy(t, other)}, nil)
	if err != nil || len(r.Cases) != 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "another patient") {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := len(openCase(t, d, id).Study().Series); n != 2 {
		t.Errorf("the first patient's case has %d series now", n)
	}
	mustBeSound(t, d)
}

func TestImport_VolumeFilesOfOneVisitAreOneCase(t *testing.T) {
	dir := t.TempDir()
	v := image(sagittalGrid(false))
	write := func(name string, f func(string, *volume.Volume) error, v *volume.Volume) {
		t.Helper()
		if err := f(filepath.Join(dir, name), v); err != nil {
			t.Fatal(err)
		}
	}
	write("12_t1.nii.gz", nifti.Write, v)
	write("12_t2.nii.gz", nifti.Write, v.Permute([3]int{2, 1, 0})) // slices along i
	write("13_STIR.mha", metaimage.Write, v)
	write("other.nii", nifti.Write, v)
	write("12_t2_mask.nii.gz", nifti.Write, v)
	d := newDesk(t)
	r, err := d.Import(context.Background(), []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 2 || len(r.Refused) != 2 {
		t.Fatalf("%d cases, refused %v", len(r.Cases), r.Refused)
	}
	s := openCase(t, d, r.Cases[0].ID)
	t2 := s.Study().Find(spine.T2, spine.Sagittal)
	if t2 == nil || t2.Volume.Size != [3]int{64, 48, 7} || s.Study().Find(spine.T1, spine.Sagittal) == nil || s.Study().PatientID != "12" {
		t.Fatalf("study %+v", s.Study())
	}
	if x, _ := t2.Volume.Sample(t2.Volume.ToVoxel(ballMM)); x != 2000 {
		t.Fatalf("%g at the ball", x)
	}
	given, err := d.ImportVolume(context.Background(), filepath.Join(dir, "other.nii"), spine.T2)
	if err != nil || given.Cases[0].Study.Series[0].Sequence != spine.T2 {
		t.Fatalf("%+v, %v", given, err)
	}
	mustBeSound(t, d)
}

func TestImport_ListsWhatItRefuses(t *testing.T) {
	dir := writeStudy(t, testStudy("1.2.3", false))
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := newDesk(t).Import(context.Background(), []string{dir, filepath.Join(dir, "missing")}, nil)
	if err != nil || len(r.Cases) != 1 || len(r.Refused) != 2 {
		t.Fatalf("%d cases, refused %v, %v", len(r.Cases), r.Refused, err)
	}
}

func TestOpenCase_NamesTheImageOfEachSliceBesideAGap(t *testing.T) {
	study := testStudy("1.2.3", false)
	dir := writeStudy(t, study)
	for _, q := range []string{"T1", "T2"} {
		if err := os.Remove(filepath.Join(dir, "sagittal", q, "IM00003.dcm")); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	found, err := dicom.Import(ctx, []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	r, err := d.Import(ctx, []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range openCase(t, d, r.Cases[0].ID).Study().Series {
		want := found.Studies[0].Find(s.Sequence, s.Plane).SOPUIDs
		if len(want) != 7 || !slices.Equal(s.SOPUIDs, want) {
			t.Errorf("%s: images %v, import said %v", s.Sequence, s.SOPUIDs, want)
		}
	}
}

func TestOpenCase_LeavesOutWhatIsGone(t *testing.T) {
	ctx := context.Background()
	d := newDesk(t)
	dir := writeStudy(t, testStudy("1.2.3", false))
	r, err := d.Import(ctx, []string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "sagittal", "T1")); err != nil {
		t.Fatal(err)
	}
	s := openCase(t, d, r.Cases[0].ID)
	if len(s.Study().Series) != 1 || len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], "SAG T1") {
		t.Fatalf("warnings %v", s.Warnings())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenCase(ctx, r.Cases[0].ID, nil); err == nil {
		t.Fatal("a case without images was opened")
	}
}

func TestOpenCase_RefusesChangedVolumeFile(t *testing.T) {
	ctx := context.Background()
	name := filepath.Join(t.TempDir(), "a_t2.nii")
	v := image(sagittalGrid(false))
	if err := nifti.Write(name, v); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	r, err := d.Import(ctx, []string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Data[0]++
	if err := nifti.Write(name, v); err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenCase(ctx, r.Cases[0].ID, nil); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Fatalf("error %v", err)
	}
}

// TestImport_HeaderAndVoxelsAreOneVolume takes pairs, refuses nothing of them, and
// notices when the voxels change.
func TestImport_HeaderAndVoxelsAreOneVolume(t *testing.T) {
	dir := t.TempDir()
	v := image(sagittalGrid(false))
	if err := metaimage.Write(filepath.Join(dir, "7_t1.mhd"), v); err != nil {
		t.Fatal(err)
	}
	splitNIfTI(t, filepath.Join(dir, "8_t2"), v)
	d := newDesk(t)
	r, err := d.Import(context.Background(), []string{dir}, nil)
	if err != nil || len(r.Cases) != 2 || len(r.Refused) != 0 {
		t.Fatalf("%d cases, refused %v, %v", len(r.Cases), r.Refused, err)
	}
	for _, c := range r.Cases {
		openCase(t, d, c.ID)
	}
	v.Data[0]++
	if err := metaimage.Write(filepath.Join(dir, "7_t1.mhd"), v); err != nil {
		t.Fatal(err)
	}
	splitNIfTI(t, filepath.Join(dir, "8_t2"), v)
	for _, c := range r.Cases {
		if _, err := d.OpenCase(context.Background(), c.ID, nil); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("changed voxels: %v", err)
		}
	}
}

// splitNIfTI writes stem.hdr and stem.img.
func splitNIfTI(t *testing.T, stem string, v *volume.Volume) {
	t.Helper()
	var b bytes.Buffer
	if err := nifti.Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	copy(b.Bytes()[344:], "ni1\x00")
	binary.LittleEndian.PutUint32(b.Bytes()[108:], 0)
	for end, part := range map[string][]byte{".hdr": b.Bytes()[:348], ".img": b.Bytes()[352:]} {
		if err := os.WriteFile(stem+end, part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImport_WarnsOfAVolumeWithoutOrientation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a_t2.nii")
	var b bytes.Buffer
	if err := nifti.Encode(&b, image(sagittalGrid(false))); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b.Bytes()[252:], 0) // sform and qform unset
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	r, err := d.Import(context.Background(), []string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "left and right"
	if w := r.Cases[0].Study.Series[0].Warnings; len(w) != 1 || !strings.Contains(w[0], want) {
		t.Errorf("the importer says %q", w)
	}
	if w := openCase(t, d, r.Cases[0].ID).Study().Series[0].Warnings; len(w) != 1 || !strings.Contains(w[0], want) {
		t.Errorf("the open case says %q", w)
	}
}

func TestOpenCase_TellsUnknownAndCancelled(t *testing.T) {
	d, s := ready(t)
	if _, err := d.OpenCase(context.Background(), 99, nil); !errors.Is(err, ErrNotFound) {
		t.Fatalf("unknown case: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.OpenCase(ctx, s.CaseID(), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

func TestOpenCase_ProgressGrowsToOne(t *testing.T) {
	d, s := ready(t)
	var seen []float64
	if _, err := d.OpenCase(context.Background(), s.CaseID(), func(_ string, f float64) { seen = append(seen, f) }); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(seen) || seen[len(seen)-1] != 1 {
		t.Fatalf("progress %v", seen)
	}
}

func TestWorklist_ShowsWhereEachCaseStands(t *testing.T) {
	ctx := context.Background()
	d, s := analysed(t)
	importStudy(t, d, testStudy("1.2.4", false))
	if err := s.SetGrade(ctx, spine.SpinalCanalStenosis, spine.L5S1, spine.Severe, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(ctx, spine.NeedsSecondReader); err != nil {
		t.Fatal(err)
	}
	rows, total, err := d.Worklist(ctx, Filter{SortBy: ByPatient, Ascending: true})
	if err != nil || total != 2 {
		t.Fatalf("%d rows, %v", total, err)
	}
	a, b := rows[0], rows[1]
	if a.AIState != AIAnalysed || a.WorstGrade != spine.Severe || a.Flags != 1 || a.State != spine.NeedsSecondReader ||
		!slices.Equal(a.Sequences, []string{"T1", "T2"}) || a.Changed.IsZero() || a.Age != "054Y" {
		t.Errorf("analysed row %+v", a)
	}
	if b.AIState != AINone || b.WorstGrade != spine.Ungraded || b.Flags != 0 || b.State != spine.Unread {
		t.Errorf("new row %+v", b)
	}
	if _, total, _ = d.Worklist(ctx, Filter{Text: "1.2.4"}); total != 1 {
		t.Errorf("the search finds %d", total)
	}
	mustBeSound(t, d)
}

func TestDesk_ClosedDeskAnalysesNothing(t *testing.T) {
	d, s := ready(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Analyse(context.Background(), s.Study(), nil); err == nil {
		t.Fatal("a closed desk analysed")
	}
}

func TestHeatmap_NeedsAMask(t *testing.T) {
	d, s := ready(t)
	if _, err := d.Heatmap(context.Background(), HeatmapRequest{Study: s.Study()}); err == nil {
		t.Fatal("a heat map without a mask")
	}
}
