package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
)

func TestSeries_ListsCorrectsAndTakesBack(t *testing.T) {
	dir, db := t.TempDir(), filepath.Join(t.TempDir(), "c.db")
	v := volume.New(volume.Grid{Size: [3]int{8, 8, 5}, Affine: volume.NewAffine(volume.Vec3{0, 1}, volume.Vec3{0, 0, -1}, volume.Vec3{-4}, volume.Vec3{})})
	study := &spine.Study{UID: "1.2.3", PatientID: "P"}
	if err := dicom.WriteSeries(dir, study, &spine.Series{UID: "1.2.3.4", Sequence: spine.T1, Volume: v}); err != nil {
		t.Fatal(err)
	}
	succeed(t, nil, "import", dir, "--db", db, "--json")
	list := func(args ...string) seriesJSON {
		t.Helper()
		var got struct{ Series []seriesJSON }
		succeed(t, &got, append([]string{"series", "1", "--db", db, "--json"}, args...)...)
		if len(got.Series) != 1 {
			t.Fatalf("%d series", len(got.Series))
		}
		return got.Series[0]
	}
	if s := list(); s.Sequence != spine.T1 || s.Plane != spine.Sagittal || s.CorrectedBy != "" || s.Size != [3]int{8, 8, 5} {
		t.Errorf("as imported: %+v", s)
	}
	if s := list("--set", "1.2.3.4=stir,axial"); s.Sequence != spine.STIR || s.Plane != spine.Axial || s.CorrectedBy == "" || s.Confidence != 1 {
		t.Errorf("corrected: %+v", s)
	}
	if code, out, _ := columna(t, "series", "1", "--db", db); code != exitOK || !strings.Contains(out, "STIR") || !strings.Contains(out, "by ") {
		t.Errorf("the table is %q", out)
	}
	if s := list("--set", "1.2.3.4/0=auto"); s.Sequence != spine.T1 || s.CorrectedBy != "" {
		t.Errorf("taken back: %+v", s)
	}
	for _, arg := range []string{"1.2.3.4", "=T1", "1.2.3.4=T3", "1.2.3.4=T1,T2", "1.2.3.4/x=T1"} {
		if code, _, errs := columna(t, "series", "1", "--db", db, "--set", arg); code != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", arg, code, errs)
		}
	}
	for n, arg := range []string{"9.9=T1", "1.2.3.4/7=T1"} {
		if code, _, errs := columna(t, "series", "1", "--db", db, "--set", arg); code != exitFault || !strings.Contains(errs, "has no such series") {
			t.Errorf("%d: exit %d, %q", n, code, errs)
		}
	}
}
