package dicom

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"columna/dicom/dataset"
)

// hangs fails a fuzz target that takes longer than five seconds.
func hangs() *time.Timer {
	return time.AfterFunc(5*time.Second, func() { panic("more than five seconds for one input") })
}

func FuzzImport(f *testing.F) {
	for _, b := range seeds(pattern(sagittalGrid([3]int{9, 8, 3}), 9)) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer hangs().Stop()
		src := &source{ReaderAt: bytes.NewReader(b), size: int64(len(b))}
		if head, err := src.header(); err == nil {
			if _, err := readSlices(head); err != nil && len([]rune(sentence(err))) > 300 {
				t.Fatalf("not one sentence: %v", err)
			}
		}
		s, data, err := loadBytes(b)
		if err == nil && len(data) != s.rows*s.cols {
			t.Fatalf("%d pixels for %dx%d", len(data), s.cols, s.rows)
		}
	})
}

// dicomdir is a DICOMDIR that lists files, whose parts a backslash separates.
func dicomdir(files ...string) []byte {
	d := dataset.New()
	var records []*dataset.Dataset
	for _, name := range files {
		r := dataset.New()
		r.SetText(0x00041430, "CS", "IMAGE")
		r.SetText(tagReferencedFile, "CS", name)
		records = append(records, r)
	}
	d.SetText(tagSOPClass, "UI", sopDirectory)
	d.SetSequence(tagDirectoryRecords, records...)
	return dataset.Encode(d, dataset.ExplicitLE)
}

func FuzzDICOMDIR(f *testing.F) {
	f.Add(dicomdir(`DICOM\A\IM1`, `dicom\a\im2`, `..\IM3`, `DICOM\A`, `C:\X`, ``))
	f.Add(dicomdir())
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "DICOM", "A"), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "DICOM", "A", "IM1"), nil, 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer hangs().Stop()
		head, err := (&source{ReaderAt: bytes.NewReader(b), size: int64(len(b))}).header()
		if err != nil {
			return
		}
		find := newFinder()
		if err := find.addListed(filepath.Join(dir, "DICOMDIR"), head.directory()); err != nil {
			t.Fatal(err)
		}
		for _, ref := range find.found {
			if !strings.HasPrefix(ref.Path, dir+string(filepath.Separator)) || strings.Contains(ref.Path, "..") {
				t.Fatalf("%s lies outside", ref.Path)
			}
		}
	})
}

func FuzzZip(f *testing.F) {
	v := pattern(sagittalGrid([3]int{9, 8, 3}), 9)
	plain := seedFile(v, 0).plain()
	f.Add(archived(f, map[string][]byte{"a": plain, "b/c": seedFile(v, 1).plain(), "DICOMDIR": dicomdir("A")}))
	f.Add(archived(f, map[string][]byte{"../x": plain, "inner.zip": archived(f, map[string][]byte{"a": plain})}))
	f.Add(zip64(archived(f, map[string][]byte{"a": plain})))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer hangs().Stop()
		a, err := readArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		find := newFinder()
		if err := find.addEntries(t.Context(), "z", a); err != nil {
			t.Fatal(err)
		}
		for _, ref := range find.found[:min(len(find.found), 32)] {
			src, err := a.open(ref.ZipEntry)
			if err != nil {
				continue
			}
			if head, err := src.header(); err == nil {
				if _, err := readSlices(head); errors.As(err, new(*directory)) {
					t.Fatal("a DICOMDIR was read as an image")
				}
			}
			src.close()
		}
	})
}
