package dicom

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWalk_VisitsFilesAndZipEntriesAndCountsStrangers(t *testing.T) {
	dir := t.TempDir()
	image := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"...)
	var names []string
	for _, name := range []string{"one.dcm", "two.dcm", "note.txt"} {
		b := image
		if name == "note.txt" {
			b = make([]byte, 300)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	z, err := os.Create(filepath.Join(dir, "more.zip"))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(z)
	entry, err := w.Create("three.dcm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = entry.Write(image); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	refused, strangers, err := Walk(t.Context(), []string{dir}, nil, func(ref FileRef, b []byte) error {
		if f, err := parse(b); err != nil {
			return err
		} else if f.Meta == nil {
			panic("no meta header")
		}
		names = append(names, filepath.Base(ref.String()))
		if filepath.Base(ref.Path) == "two.dcm" {
			panic("a fault in a visitor")
		}
		return nil
	})
	slices.Sort(names)
	if err != nil || strangers != 1 || len(refused) != 1 || !slices.Equal(names, []string{"more.zip!three.dcm", "one.dcm", "two.dcm"}) {
		t.Errorf("%v %d %v %v", names, strangers, refused, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Walk(ctx, []string{dir}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled walk: %v", err)
	}
}
