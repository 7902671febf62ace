package review

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/dicom/seg"
	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// written is the session's segmentation as a file.
func written(t *testing.T, s *Session) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.seg.dcm")
	if notes, err := s.WriteSegmentation(context.Background(), path); err != nil || len(notes) > 0 {
		t.Fatal(err, notes)
	}
	return path
}

func readSEG(t *testing.T, path string) *seg.Segmentation {
	t.Helper()
	out, err := seg.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// importSEG imports a segmentation that must be taken.
func importSEG(t *testing.T, d *Desk, path string) ImportedSegmentation {
	t.Helper()
	r, err := d.Import(context.Background(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Segmentations) != 1 || len(r.Refused) > 0 || len(r.Cases) != 1 {
		t.Fatalf("%d segmentations of %d cases, refused %v", len(r.Segmentations), len(r.Cases), r.Refused)
	}
	return r.Segmentations[0]
}

func TestWriteSegmentation_StandsInTheStudyOnItsVeryImages(t *testing.T) {
	_, s := analysed(t)
	in := readSEG(t, written(t, s))
	base := s.MaskSeries()
	if in.StudyUID != s.Study().UID || in.PatientID != s.Study().PatientID || !slices.Equal(in.SourceSeries, []string{base.UID}) {
		t.Errorf("study %s, patient %s, series %v", in.StudyUID, in.PatientID, in.SourceSeries)
	}
	if !slices.Equal(in.On(base.Volume.Grid).Data, s.Mask().Data) {
		t.Error("the voxels differ")
	}
	f, err := dataset.Parse(must(t, os.ReadFile, written(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range f.Items(0x52009230) { // per-frame functional groups
		at := item.Item(0x00209113).Numbers(0x00200032)
		k := int(base.Volume.ToVoxel(volume.Vec3{at[0], at[1], at[2]})[2] + 0.5)
		if got := item.Item(0x00089124).Item(0x00082112).Text(0x00081155); got != base.SOPUIDs[k] {
			t.Fatalf("a frame at slice %d refers to image %s, want %s", k, got, base.SOPUIDs[k])
		}
	}
}

// must returns what f gives for a path.
func must[T any](t *testing.T, f func(string) (T, error), path string) T {
	t.Helper()
	out, err := f(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// types are the algorithm types by structure.
func types(s *seg.Segmentation) map[spine.Structure]seg.Origin {
	out := map[spine.Structure]seg.Origin{}
	for _, x := range s.Segments {
		out[x.Structure] = x.Origin
	}
	return out
}

func TestWriteSegmentation_TellsTheNetworksWorkFromTheReaders(t *testing.T) {
	_, s := analysed(t)
	paint(t, s, discMM(spine.L1L2).Add(volume.Vec3{0, 0, -12})) // S1 over L2: both differ from the AI's
	if err := s.BeginStroke(strokeOf(spine.T12)); err != nil {
		t.Fatal(err)
	}
	s.StrokeTo(volume.Vec3{0, -40, 60})
	if err := s.EndStroke(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := types(readSEG(t, written(t, s)))
	for structure, want := range map[spine.Structure]seg.Origin{
		spine.L5: {Type: seg.Automatic, Name: "gfssnet", Version: "abc"}, spine.L2: {Type: seg.Semiautomatic, Name: "gfssnet", Version: "abc"},
		spine.S1: {Type: seg.Semiautomatic, Name: "gfssnet", Version: "abc"}, spine.T12: {Type: seg.Manual},
	} {
		if got[structure] != want {
			t.Errorf("%v is %+v, want %+v", structure, got[structure], want)
		}
	}
}

func TestImport_MakesASegmentationTheNextVersionOfItsCase(t *testing.T) {
	d, s := analysed(t)
	before := slices.Clone(s.Mask().Data)
	paint(t, s, volume.Vec3{0, -40, 60})
	painted := slices.Clone(s.Mask().Data)
	path := written(t, s)
	if err := s.DiscardStrokes(context.Background(), "test"); err != nil {
		t.Fatal(err)
	}
	if got := importSEG(t, d, path); got.Version != 1 || got.Known || got.CaseID != s.CaseID() || len(got.Warnings) > 0 {
		t.Fatalf("%+v", got)
	}
	back := openCase(t, d, s.CaseID())
	if !slices.Equal(back.Mask().Data, painted) || !slices.Equal(back.AIMask().Data, before) {
		t.Error("the version is not the segmentation, or the AI's mask changed")
	}
	versions, err := back.Versions(context.Background())
	if err != nil || len(versions) != 1 || versions[0].Author != "tester" || versions[0].Reason != "imported from Columna segmentation" {
		t.Errorf("versions %+v, %v", versions, err)
	}
	if again := importSEG(t, d, path); !again.Known || again.Version != 1 {
		t.Errorf("imported twice: %+v", again)
	}
	if got := types(readSEG(t, written(t, back)))[spine.S1]; got.Type != seg.Semiautomatic || got.Name != "imported from Columna segmentation" {
		t.Errorf("exported again, what differs from the AI is %+v", got)
	}
	mustBeSound(t, d)
}

func TestImport_RefusesASegmentationThatHasNoPlace(t *testing.T) {
	d, s := analysed(t)
	path := written(t, s)
	refused := func(d *Desk, path, want string) {
		t.Helper()
		r, err := d.Import(context.Background(), []string{path}, nil)
		if err != nil || len(r.Segmentations) > 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, want) {
			t.Errorf("%v, %+v, want %q", err, r, want)
		}
	}
	refused(newDesk(t), path, "not in the worklist: import its images first")
	refused(d, changed(t, path, 0x00100020, "Somebody"), "another patient")
	refused(d, changed(t, path, 0x00620001, "UNKNOWN"), "is not read")
	paint(t, s, volume.Vec3{0, -40, 60})
	refused(d, path, "1 unsaved edits")
}

// changed is a copy of a file with another text in an element.
func changed(t *testing.T, path string, tag dataset.Tag, text string) string {
	t.Helper()
	f, err := dataset.Parse(must(t, os.ReadFile, path))
	if err != nil {
		t.Fatal(err)
	}
	f.SetText(tag, tag.VR(), text)
	out := filepath.Join(t.TempDir(), "changed.dcm")
	if err := dataset.Write(out, f.Dataset); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestImport_TakesImagesAndTheirSegmentationFromOneFolder(t *testing.T) {
	_, s := analysed(t)
	d, dir := newDesk(t), writeStudy(t, testStudy("1.2.3", false))
	if err := os.Rename(written(t, s), filepath.Join(dir, "000.dcm")); err != nil {
		t.Fatal(err)
	}
	r, err := d.Import(context.Background(), []string{dir}, nil)
	if err != nil || len(r.Cases) != 1 || len(r.Segmentations) != 1 || len(r.Refused) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	got := openCase(t, d, r.Cases[0].ID)
	if got.Mask() == nil || !slices.Equal(got.Mask().Data, s.Mask().Data) || got.MaskSeries().Sequence != spine.T2 {
		t.Error("the mask is not the segmentation on its series")
	}
}

func TestWriteSegmentation_OfAVolumeFileSaysThatItRefersToNoImage(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "p1_t2.nii.gz")
	if err := nifti.Write(path, image(sagittalGrid(false))); err != nil {
		t.Fatal(err)
	}
	r, err := d.Import(context.Background(), []string{path}, nil)
	if err != nil || len(r.Cases) != 1 {
		t.Fatal(err, r)
	}
	s := openCase(t, d, r.Cases[0].ID)
	paint(t, s, volume.Vec3{0, -40, 60})
	save(t, s, "drawn")
	out := filepath.Join(t.TempDir(), "a.dcm")
	notes, err := s.WriteSegmentation(context.Background(), out)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "refers to no image") {
		t.Fatal(err, notes)
	}
	if in := readSEG(t, out); len(in.SourceSeries) > 0 || !slices.Equal(in.On(s.Mask().Grid).Data, s.Mask().Data) {
		t.Error("the segmentation is not the mask")
	}
	if got := importSEG(t, d, out); got.Version != 2 {
		t.Errorf("imported as %+v", got)
	}
}

func TestWriteSegmentation_SaysWhenTheImagesAreGone(t *testing.T) {
	_, s := analysed(t)
	c, err := s.desk.db.FindCase(context.Background(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range c.Files {
		for _, f := range files {
			os.Remove(f.Path)
		}
	}
	out := filepath.Join(t.TempDir(), "a.dcm")
	notes, err := s.WriteSegmentation(context.Background(), out)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "only what the worklist keeps") {
		t.Fatal(err, notes)
	}
	if in := readSEG(t, out); in.StudyUID != "1.2.3" || len(in.SourceSeries) != 1 {
		t.Errorf("%+v", in)
	}
}

func TestImport_PlacesASegmentationOfAnotherGridOnTheMasks(t *testing.T) {
	d, s := analysed(t)
	path := written(t, s)
	f, err := dataset.Parse(must(t, os.ReadFile, path))
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range f.Items(0x52009230) { // 2.5 mm up: one voxel
		p := item.Item(0x00209113)
		at := p.Numbers(0x00200032)
		p.SetDecimals(0x00200032, at[0], at[1], at[2]+2.5)
	}
	f.SetText(0x00200052, "UI", "1.2.3.4.5") // another frame of reference
	if err := dataset.Write(path, f.Dataset); err != nil {
		t.Fatal(err)
	}
	got := importSEG(t, d, path)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "frame of reference") {
		t.Errorf("warnings %v", got.Warnings)
	}
	m, old := openCase(t, d, s.CaseID()).Mask(), s.Mask()
	for n := range m.Data {
		i, j, k := m.Coords(n)
		if j+1 < m.Size[1] && m.Data[n] != old.At(i, j+1, k) {
			t.Fatalf("voxel (%d, %d, %d) is not the one below it", i, j, k)
		}
	}
}
