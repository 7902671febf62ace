package cli

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
)

// writeNamed writes a series of somebody as DICOM.
func writeNamed(t *testing.T, dir string) {
	t.Helper()
	study := &spine.Study{UID: "1.2.3.99", PatientID: "PID-4711", PatientName: "Quendelbach^Ottilie", Date: "20190423", Age: "066Y", Sex: "F"}
	s := &spine.Series{UID: "1.2.3.99.4", Number: 1, Description: "t2 sag for Quendelbach", Sequence: spine.T2, Volume: volume.New(testGrid())}
	if err := dicom.WriteSeries(dir, study, s); err != nil {
		t.Fatal(err)
	}
}

func TestDeid_WritesASeriesOfNobodyThatCanBeRead(t *testing.T) {
	dir := t.TempDir()
	in, out, db := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "columna.db")
	writeNamed(t, in)
	var r struct {
		Files, Patients, Series int
		Refused                 []dicom.Refusal
	}
	succeed(t, &r, "deid", in, out, "--db", db, "--clean-descriptors", "--mapping", filepath.Join(dir, "map.csv"), "--json")
	if r.Files != testGrid().Size[2] || r.Patients != 1 || r.Series != 1 || len(r.Refused) != 0 {
		t.Errorf("%+v", r)
	}
	found, err := dicom.Import(t.Context(), []string{out}, nil)
	if err != nil || len(found.Studies) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	st := found.Studies[0]
	if !strings.HasPrefix(st.PatientID, "COL-") || st.Date+st.Age+st.Sex != "" || len(st.Series) != 1 || st.Series[0].Sequence != spine.T2 {
		t.Errorf("%+v", st)
	}
	again := filepath.Join(dir, "again")
	succeed(t, nil, "deid", in, "--out", again, "--db", db)
	second, err := dicom.Import(t.Context(), []string{again}, nil)
	if err != nil || len(second.Studies) != 1 || second.Studies[0].UID != st.UID || second.Studies[0].PatientID != st.PatientID {
		t.Errorf("a second run gives another identity: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(read(t, filepath.Join(dir, "map.csv")))).ReadAll()
	if err != nil || len(rows) != r.Files+1 || rows[1][2] != "PID-4711" {
		t.Errorf("the mapping: %v %v", rows, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "map.csv")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("the mapping is not its owner's alone")
	}
}

func TestDeid_FailsWhereAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	writeNamed(t, filepath.Join(dir, "in"))
	cut := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2"...)
	if err := os.WriteFile(filepath.Join(dir, "in", "cut.dcm"), cut, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := columna(t, "deid", filepath.Join(dir, "in"), filepath.Join(dir, "out"), "--key", filepath.Join(dir, "key"))
	if code != exitFault || !strings.Contains(out, "files written") || !strings.Contains(errs, "cut.dcm") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expectNameless exports a case of a DICOM folder without identity and looks for it.
func expectNameless(t *testing.T, id, folder string) {
	t.Helper()
	found, err := dicom.Import(t.Context(), []string{folder}, nil)
	if err != nil || len(found.Studies) == 0 {
		t.Fatal(err)
	}
	st := found.Studies[0]
	var plain, hidden struct{ Files []string }
	succeed(t, &plain, "export", id, "--format", "csv,rsna", "--out", t.TempDir(), "--json")
	succeed(t, &hidden, "export", id, "--format", "seg,sr,key,pdf,csv,rsna,png", "--out", t.TempDir(), "--deid", "--json")
	if !bytes.Contains(read(t, plain.Files[0]), []byte(st.Series[0].UID)) && !bytes.Contains(read(t, plain.Files[1]), []byte(st.UID)) {
		t.Error("the plain tables name neither study nor series: this test shows nothing")
	}
	for _, name := range hidden.Files {
		b := read(t, name)
		for _, secret := range []string{st.UID, st.PatientID, st.Series[0].UID} {
			if len(secret) > 3 && bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
	}
}
