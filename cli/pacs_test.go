package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/internal/orthanc"
)

func TestPACS_NamesAreKeptAndBadAddressesRefused(t *testing.T) {
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "c.db"))
	for _, bad := range []string{"http://pacs.example.org/dw", "https://u:hunter22@pacs/dw", "pacs"} {
		if code, _, errs := columna(t, "pacs", "add", "hospital", bad); code != exitFault || strings.Contains(errs, "hunter22") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", bad, code, errs)
		}
	}
	succeed(t, nil, "pacs", "add", "hospital", "http://pacs.example.org/dw", "--allow-http")
	succeed(t, nil, "pacs", "add", "other", "https://pacs.example.org/dw")
	succeed(t, nil, "pacs", "remove", "other")
	var all struct {
		Archives []struct {
			Name, URL string
			AllowHTTP bool `json:"allow_http"`
		}
	}
	succeed(t, &all, "pacs", "list", "--json")
	if len(all.Archives) != 1 || all.Archives[0].Name != "hospital" || !all.Archives[0].AllowHTTP {
		t.Errorf("%+v", all)
	}
	for _, args := range [][]string{{"pacs"}, {"pacs", "add", "x"}, {"pacs", "find"}, {"pacs", "find", "x", "--limit", "0"}, {"pacs", "send", "x"}, {"pacs", "send", "x", "1", "--format", "gif"}, {"pacs", "send", "x", "f.dcm", "--deid"}, {"pacs", "send", "x", "1", "2", "--format", "seg"}, {"pacs", "forget", "x"}} {
		if code, _, _ := columna(t, args...); code != exitUsage {
			t.Errorf("columna %s: exit %d", strings.Join(args, " "), code)
		}
	}
	if code, _, errs := columna(t, "pacs", "find", "nobody"); code != exitFault || !strings.Contains(errs, "pacs add") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func TestOrthanc_TheCommandsSendFindAndImport(t *testing.T) {
	a := orthanc.Start(t)
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "c.db"))
	dir := smallPhantom(t, 7)
	succeed(t, nil, "pacs", "add", "hospital", a.URL)
	if code, _, errs := columna(t, "pacs", "test", "hospital"); code != exitFault || !strings.Contains(errs, "user name and password") {
		t.Errorf("without credentials: exit %d, %q", code, errs)
	}
	t.Setenv("COLUMNA_PACS_HOSPITAL_USER", orthanc.User)
	t.Setenv("COLUMNA_PACS_HOSPITAL_PASSWORD", orthanc.Password)
	succeed(t, nil, "pacs", "test", "hospital")
	var sent struct {
		Stored int
		Failed []struct{ Name, Reason string }
	}
	succeed(t, &sent, "pacs", "send", "hospital", filepath.Join(dir, "dicom"), "--json")
	if sent.Stored < 40 || len(sent.Failed) != 0 {
		t.Fatalf("%+v", sent)
	}
	var found struct {
		Studies []struct {
			UID       string `json:"study_uid"`
			Instances int
		}
		More bool
	}
	succeed(t, &found, "pacs", "find", "hospital", "--patient-id", "PHANTOM*", "--date", "2020..2030", "--json")
	if len(found.Studies) != 1 || found.More || found.Studies[0].Instances != sent.Stored {
		t.Fatalf("%+v", found)
	}
	var in imported
	succeed(t, &in, "import", "dicomweb:hospital/"+found.Studies[0].UID, "--json")
	if len(in.Cases) != 1 || len(in.Refused) != 0 || len(in.Cases[0].Series) != 8 {
		t.Errorf("%+v", in)
	}
	sendKeys(t, found.Studies[0].UID)
	succeed(t, nil, "pacs", "forget", "1")
	var rows struct{ Total int }
	succeed(t, &rows, "list", "--json")
	if rows.Total != 0 {
		t.Errorf("%d cases are left", rows.Total)
	}
}

// sendKeys sends a key image of case 1 as it is, into its study, and without the patient,
// into a study of nobody.
func sendKeys(t *testing.T, study string) {
	t.Helper()
	succeed(t, nil, "key", "1", "--add", "T2,sagittal")
	for _, args := range [][]string{{"--json"}, {"--deid", "--json"}} {
		var sent struct{ Stored int }
		if succeed(t, &sent, append([]string{"pacs", "send", "hospital", "1", "--format", "key"}, args...)...); sent.Stored != 2 {
			t.Errorf("%v: %d stored", args, sent.Stored)
		}
	}
	var found struct {
		Studies []struct {
			UID        string `json:"study_uid"`
			PatientID  string `json:"patient_id"`
			Modalities []string
		}
	}
	succeed(t, &found, "pacs", "find", "hospital", "--modality", "KO", "--json")
	if len(found.Studies) != 2 {
		t.Fatalf("%+v", found)
	}
	for _, s := range found.Studies {
		if mine := s.UID == study; mine == strings.HasPrefix(s.PatientID, "COL-") || !slices.Contains(s.Modalities, "OT") || mine != slices.Contains(s.Modalities, "MR") {
			t.Errorf("%+v", s)
		}
	}
}
