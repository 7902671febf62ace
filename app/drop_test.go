package app

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"columna/dicom"
	"columna/phantom"
	"columna/review"
)

// door is an empty window, and things to drop on it.
func door(t *testing.T) *reader {
	t.Helper()
	return doorTo(t, filepath.Join(t.TempDir(), "c.db"))
}

// doorTo is the window on a database.
func doorTo(t *testing.T, db string) *reader {
	t.Helper()
	desk, err := review.Open(context.Background(), review.Config{DBPath: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { desk.Close() })
	r := &reader{t: t, q: newQueue(), desk: desk}
	r.app = newApp(context.Background(), desk, test.NewTempApp(t), r.q.do)
	return r
}

// drop does what the window does when files fall on it, and waits.
func (r *reader) drop(uris ...fyne.URI) (says string, cases int) {
	r.t.Helper()
	r.app.dropped(fyne.NewPos(10, 10), uris)
	r.wait("the import", func() bool { return !r.app.jobs.busy() })
	_, cases, err := r.desk.Worklist(context.Background(), review.Filter{})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.app.jobs.words.Text, cases
}

// oneSeries writes a series of a phantom as DICOM.
func oneSeries(t *testing.T, seed uint64, dir string) {
	t.Helper()
	c := phantom.Generate(seed, phantom.Options{Small: true})
	if err := dicom.WriteSeries(dir, &c.Study, &c.Study.Series[0]); err != nil {
		t.Fatal(err)
	}
}

// zipped packs a folder's files.
func zipped(t *testing.T, dir, to string) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	if err = w.AddFS(os.DirFS(dir)); err == nil {
		err = w.Close()
	}
	if e := f.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
}

func TestDrop_FoldersAndZipFilesBecomeCases(t *testing.T) {
	r, dir := door(t), t.TempDir()
	folder, other, archive := filepath.Join(dir, "a folder"), filepath.Join(dir, "other"), filepath.Join(dir, "study.zip")
	oneSeries(t, 3, folder)
	oneSeries(t, 4, other)
	zipped(t, other, archive)
	if says, cases := r.drop(storage.NewFileURI(folder)); cases != 1 || says != "Imported 1 case." {
		t.Errorf("a folder: %d cases, the bar says %q", cases, says)
	}
	if says, cases := r.drop(storage.NewFileURI(archive)); cases != 2 || says != "Imported 1 case." {
		t.Errorf("a zip file: %d cases, the bar says %q", cases, says)
	}
	if says, cases := r.drop(storage.NewFileURI(folder), storage.NewFileURI(archive)); cases != 2 || says != "Imported 2 cases." {
		t.Errorf("both again: %d cases, the bar says %q", cases, says)
	}
	r.wait("the worklist", func() bool { return r.app.worklist.total == 2 })
}

func TestDrop_WhatIsNoStudyGetsOneSentence(t *testing.T) {
	r, dir := door(t), t.TempDir()
	note := filepath.Join(dir, "note.txt")
	if err := os.WriteFile(note, []byte("no images here"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	web, err := storage.ParseURI("https://example.org/study.zip")
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]fyne.URI{"gone": storage.NewFileURI(filepath.Join(dir, "gone")), "note.txt": storage.NewFileURI(note),
		"no images": storage.NewFileURI(empty), "https://example.org": web} {
		says, cases := r.drop(u)
		if cases != 0 || !strings.Contains(says, name) || strings.Count(says, ". ") != 0 || !strings.HasSuffix(says, ".") || strings.Contains(says, "\n") {
			t.Errorf("%s: %d cases, the bar says %q", u, cases, says)
		}
	}
}
