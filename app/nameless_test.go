package app

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"fyne.io/fyne/v2"

	"columna/spine"
)

// ottilie is a patient whose every word can be told from the app's own.
func ottilie(s *spine.Study) {
	s.PatientName, s.PatientID, s.Date, s.Description = "Quendelbach^Ottilie", "PID-471108", "20190423", "LWS Quendelbach"
	for n := range s.Series {
		s.Series[n].Description = string(s.Series[n].Sequence) + " for Ottilie"
	}
}

// unpacked is everything that can be read in a file: its bytes, what gzip or zlib
// (PDF, MetaImage) has packed in it, and both as UTF-16 would have them in ASCII.
func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Clone(b)
	for n := range len(b) - 2 {
		var r io.Reader
		switch {
		case b[n] == 0x1F && b[n+1] == 0x8B:
			r, err = gzip.NewReader(bytes.NewReader(b[n:]))
		case b[n] == 0x78 && (b[n+1] == 0x01 || b[n+1] == 0x5E || b[n+1] == 0x9C || b[n+1] == 0xDA):
			r, err = zlib.NewReader(bytes.NewReader(b[n:]))
		default:
			continue
		}
		if err == nil {
			more, _ := io.ReadAll(io.LimitReader(r, 64<<20))
			all = append(append(all, 0), more...)
		}
	}
	return all
}

// holds tells whether text stands in bytes, as UTF-8 or UTF-16.
func holds(b []byte, s string) bool {
	var wide []byte
	for _, u := range utf16.Encode([]rune(s)) {
		wide = append(wide, byte(u>>8), byte(u))
	}
	return bytes.Contains(b, []byte(s)) || bytes.Contains(b, wide)
}

// exported goes through the form with everything ticked and returns the files.
func (r *reader) exported(hide bool) (files []string) {
	r.t.Helper()
	dir := r.t.TempDir()
	f := newExportForm(r.room())
	f.show()
	for _, c := range f.checks {
		c.SetChecked(true)
	}
	f.folder.SetText(dir)
	f.hide.SetChecked(hide)
	r.look("export-form")
	tap(r.t, r.app.win.Canvas().Overlays().Top(), "Export")
	r.shows("Exported 13 files to " + dir)
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) != 13 {
		r.t.Fatal(files, err)
	}
	return files
}

func TestJourney_WithTheBoxTickedNoFileTellsWhoThePatientIs(t *testing.T) {
	r := sitAs(t, nil, ottilie)
	r.key(fyne.KeyK)
	r.room().next(2)
	r.key(fyne.KeyK)
	s := r.room().session
	if err := s.SetGrade(r.app.ctx, spine.SpinalCanalStenosis, spine.L4L5, spine.Severe, "Ottilie moved"); err != nil {
		t.Fatal(err)
	}
	st := s.Study()
	secrets := []string{"Quendelbach", "QUENDELBACH", "Ottilie", "PID-471108", "20190423", "2019-04-23", st.UID}
	for n := range st.Series {
		secrets = append(secrets, st.Series[n].UID, st.Series[n].FrameOfReferenceUID, st.Series[n].SOPUIDs[0])
	}
	told := map[string]bool{}
	for _, name := range r.exported(false) {
		b := unpacked(t, name)
		for _, secret := range secrets {
			told[filepath.Ext(name)] = told[filepath.Ext(name)] || secret != "" && holds(b, secret)
		}
	}
	for _, ext := range []string{".dcm", ".pdf", ".csv"} {
		if !told[ext] {
			t.Errorf("the whole export tells nobody in %s: this test shows nothing", ext)
		}
	}
	for _, name := range r.exported(true) {
		b := unpacked(t, name)
		for _, secret := range secrets {
			if secret != "" && (holds(b, secret) || strings.Contains(filepath.Base(name), secret)) {
				t.Errorf("%s holds %s", filepath.Base(name), secret)
			}
		}
	}
}
