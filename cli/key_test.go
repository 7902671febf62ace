package cli

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// keyed is the JSON of columna key.
type keyed struct {
	KeyImages []struct {
		ID     int64
		Title  string
		SOPUID string `json:"sop_uid"`
	} `json:"key_images"`
}

func TestKey_KeepsRemovesAndExportsKeyImages(t *testing.T) {
	t.Setenv("COLUMNA_DB", filepath.Join(t.TempDir(), "c.db"))
	var in imported
	succeed(t, &in, "import", filepath.Join(smallPhantom(t, 7), "dicom"), "--json")
	id := strconv.FormatInt(in.Cases[0].ID, 10)
	var k keyed
	succeed(t, &k, "key", id, "--json")
	if k.KeyImages == nil || len(k.KeyImages) != 0 {
		t.Fatalf("%+v", k)
	}
	if code, _, errs := columna(t, "export", id, "--format", "key", "--out", t.TempDir()); code != exitFault || !strings.Contains(errs, "no key image yet") {
		t.Errorf("exit %d, %q", code, errs)
	}
	succeed(t, &k, "key", id, "--add", "T2,sagittal", "--add", "axial", "--add", "T2", "--level", "L3/L4", "--json")
	if len(k.KeyImages) != 2 || !strings.HasPrefix(k.KeyImages[0].Title, "T2 sagittal ") || !strings.HasPrefix(k.KeyImages[1].Title, "T2 axial ") || k.KeyImages[0].SOPUID == "" {
		t.Fatalf("%+v", k)
	}
	succeed(t, &k, "key", id, "--remove", strconv.FormatInt(k.KeyImages[0].ID, 10), "--json")
	if len(k.KeyImages) != 1 {
		t.Errorf("%+v", k)
	}
	succeed(t, &k, "key", id, "--restore", "1", "--json")
	var out struct{ Files []string }
	succeed(t, &out, "export", id, "--format", "key", "--out", t.TempDir(), "--json")
	if len(k.KeyImages) != 2 || len(out.Files) != 3 || !strings.HasSuffix(out.Files[2], ".ko.dcm") {
		t.Errorf("%+v %v", k, out.Files)
	}
	succeed(t, &out, "export", id, "--format", "key", "--out", t.TempDir(), "--deid", "--json")
	for _, name := range out.Files {
		if bytes.Contains(read(t, name), []byte("PHANTOM")) {
			t.Errorf("%s tells the patient's ID", name)
		}
	}
	for _, args := range [][]string{{"key"}, {"key", id, "--add", "T9"}, {"key", id, "--remove", "x"}, {"key", id, "--level", "L9"}} {
		if code, _, _ := columna(t, args...); code != exitUsage {
			t.Errorf("columna %s: exit %d", strings.Join(args, " "), code)
		}
	}
	if code, _, errs := columna(t, "key", id, "--remove", "77"); code != exitFault || !strings.Contains(errs, "no key image 77") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
