package cli

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"columna/annotate"
	"columna/review"
	"columna/spine"
	"columna/volume"
)

// drawn is the worklist with a phantom whose reader has drawn a vertebra, and its folder.
func drawn(t *testing.T) (id, dir string, mask *volume.LabelMap) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "c.db")
	t.Setenv("COLUMNA_DB", db)
	dir = filepath.Join(smallPhantom(t, 9), "dicom")
	var in imported
	succeed(t, &in, "import", dir, "--json")
	d, err := review.Open(t.Context(), review.Config{DBPath: db})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s, err := d.OpenCase(t.Context(), in.Cases[0].ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.BeginStroke(annotate.Stroke{Label: spine.L3, RadiusMM: 15, Sphere: true}); err != nil {
		t.Fatal(err)
	}
	s.StrokeTo(s.MaskSeries().Volume.CenterMM())
	if err := s.EndStroke(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveCorrection(t.Context(), "drawn"); err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(in.Cases[0].ID, 10), dir, s.Mask().Clone()
}

func TestSegmentation_LeavesAsDICOMAndComesBackAsAVersion(t *testing.T) {
	id, _, mask := drawn(t)
	var out struct{ Files []string }
	succeed(t, &out, "export", id, "--format", "seg", "--out", t.TempDir(), "--json")
	if len(out.Files) != 1 {
		t.Fatalf("files %v", out.Files)
	}
	code, words, errs := columna(t, "import", out.Files[0])
	if code != exitOK || !strings.Contains(words, `segmentation "Columna segmentation" is version 2 of the mask of case `+id) {
		t.Errorf("exit %d, %q, %q", code, words, errs)
	}
	nii := filepath.Join(t.TempDir(), "m.nii.gz")
	succeed(t, nil, "convert", out.Files[0], nii)
	m, err := readLabels(nii)
	if err != nil || !bytes.Equal(m.Resample(mask.Grid).Data, mask.Data) {
		t.Errorf("converted, the voxels differ: %v", err)
	}
}

func TestSegmentation_OfAnUnknownStudyIsRefusedInOneSentence(t *testing.T) {
	id, _, _ := drawn(t)
	var out struct{ Files []string }
	succeed(t, &out, "export", id, "--format", "seg", "--out", t.TempDir(), "--json")
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "other.db"))
	code, _, errs := columna(t, "import", out.Files[0], "--json")
	if code != exitFault || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "not in the worklist: import its images first") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
