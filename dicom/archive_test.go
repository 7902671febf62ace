package dicom

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archived makes a zip file.
func archived(t testing.TB, entries map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(entries) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(entries[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zip64 gives a zip file the end of a large one (APPNOTE.TXT 4.3.14): the counts
// and offsets stand in 64 bits, and the old fields say so.
func zip64(b []byte) []byte {
	end := bytes.LastIndex(b, []byte("PK\x05\x06"))
	old, le := bytes.Clone(b[end:]), binary.LittleEndian
	out := bytes.Clone(b[:end])
	count, size, at := uint64(le.Uint16(old[10:])), uint64(le.Uint32(old[12:])), uint64(le.Uint32(old[16:]))
	out = append(out, "PK\x06\x06"...)
	out = le.AppendUint64(out, 44)
	out = append(out, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, x := range []uint64{count, count, size, at} {
		out = le.AppendUint64(out, x)
	}
	out = append(out, "PK\x06\x07\x00\x00\x00\x00"...)
	out = le.AppendUint64(out, uint64(end))
	out = append(out, 1, 0, 0, 0)
	copy(old[8:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	return append(out, old...)
}

// importBytes imports a file of these bytes.
func importBytes(t *testing.T, b []byte) *Result {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Import(t.Context(), []string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// threeSlices are the files of one series by their names.
func threeSlices(names ...string) map[string][]byte {
	out := map[string][]byte{}
	for k, name := range names {
		out[name] = seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), k).plain()
	}
	return out
}

func TestImport_ReadsZipsOfEveryKind(t *testing.T) {
	plain := archived(t, threeSlices("a/b/c/1", "a/b/2", "3"))
	entries := threeSlices("DICOM/A/1", "DICOM/A/2", "DICOM/A/3")
	entries["DICOMDIR"] = dicomdir(`DICOM\A\1`, `DICOM\A\2`, `DICOM\A\3`, `GONE`)
	for name, b := range map[string][]byte{
		"nested folders": plain,
		"zip64":          zip64(plain),
		"names in UTF-8": archived(t, threeSlices("Müller/поясница", "腰椎", "x")),
		"with DICOMDIR":  archived(t, entries),
	} {
		r := importBytes(t, b)
		if len(r.Studies) != 1 || len(r.Studies[0].Series) != 1 || len(r.Refused) != 0 {
			t.Errorf("%s: %d studies, refused %v", name, len(r.Studies), r.Refused)
			continue
		}
		if v, err := LoadSeries(t.Context(), r.Files[Key(&r.Studies[0].Series[0])]); err != nil || v.Size[2] != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImport_ReadsZipNamesInCodePage437(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, file := range threeSlices("M\x81ller\\1", "M\x81ller\\2", "M\x81ller\\3") {
		w, err := z.CreateHeader(&zip.FileHeader{Name: strings.ReplaceAll(name, `\`, "/"), NonUTF8: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := importBytes(t, b.Bytes())
	if len(r.Studies) != 1 || len(r.Refused) != 0 {
		t.Fatalf("refused %v", r.Refused)
	}
	files := r.Files[Key(&r.Studies[0].Series[0])]
	if files[0].ZipEntry != "Müller/1" {
		t.Errorf("the entry is named %q", files[0].ZipEntry)
	}
	if _, err := LoadSeries(t.Context(), files); err != nil {
		t.Error(err)
	}
}

func TestLoadSeries_NoticesADamagedZipEntry(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	file := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1).plain()
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := b.Bytes()
	damaged[bytes.Index(damaged, file[len(file)-64:])] ^= 1 // among the pixels
	r := importBytes(t, damaged)
	if len(r.Studies) != 1 {
		t.Fatalf("refused %v", r.Refused)
	}
	if _, err := LoadSeries(t.Context(), r.Files[Key(&r.Studies[0].Series[0])]); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%v", err)
	}
}

func TestImport_FollowsADICOMDIRThatIsNamedAlone(t *testing.T) {
	dir := t.TempDir()
	for name, b := range threeSlices("dicom/st1/im1", "dicom/st1/IM2", "dicom/st1/im3;1") {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), b)
	}
	write(t, filepath.Join(dir, "elsewhere"), []byte("not listed"))
	write(t, filepath.Join(filepath.Dir(dir), "outside"), threeSlices("x")["x"])
	if err := os.Symlink(filepath.Join("..", "outside"), filepath.Join(dir, "link")); err != nil {
		t.Log("no links here:", err)
	}
	write(t, filepath.Join(dir, "DICOMDIR"), dicomdir(`DICOM\ST1\IM1`, `DICOM\ST1\IM2`, `DICOM\ST1\IM3`, `DICOM\ST1\IM9`, `..\OUTSIDE`, `LINK`, `DICOM`))
	r, err := Import(t.Context(), []string{filepath.Join(dir, "DICOMDIR")}, nil)
	if err != nil || len(r.Studies) != 1 || len(r.Refused) != 4 {
		t.Fatalf("%v: %+v", err, r)
	}
	for n, words := range []string{"not there", "outside its folder", "cannot be opened below its folder", "not a regular file"} {
		if !strings.Contains(r.Refused[n].Reason, words) {
			t.Errorf("%s: %s", r.Refused[n].Path, r.Refused[n].Reason)
		}
	}
	if files := r.Files[Key(&r.Studies[0].Series[0])]; len(files) != 3 {
		t.Errorf("%d files", len(files))
	}
	r, err = Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 1 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Path, "elsewhere") {
		t.Errorf("as a folder: %v, refused %v", err, r.Refused)
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestImport_TellsWhatItToleratedWhereItMatters(t *testing.T) {
	w := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1)
	r := importBytes(t, append(w.plain(), "\xFC\xFF\xFC\xFF"+"OB\x00\x00\xFF\x00\x00\x00"...))
	if len(r.Studies) != 1 {
		t.Fatalf("refused %v", r.Refused)
	}
	if said := fmt.Sprint(r.Studies[0].Series[0].Warnings); !strings.Contains(said, "what follows the pixel data cannot be read") {
		t.Errorf("warnings %s", said)
	}
}

func TestImport_ReadsThousandsOfFilesAndStopsWhenAsked(t *testing.T) {
	dir := t.TempDir()
	file := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1).plain()
	for n := range 1000 {
		write(t, filepath.Join(dir, fmt.Sprint(n%7), fmt.Sprint(n%11), fmt.Sprint(n)), file)
	}
	calls, last := 0, -1
	r, err := Import(t.Context(), []string{dir}, func(done, total int, _ string) {
		if calls++; done != last+1 || total != 1000 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil || calls != 1001 || len(r.Studies) != 1 || !strings.Contains(fmt.Sprint(r.Studies[0].Series[0].Warnings), "999 copies") {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := contextWithCancel(t)
	calls = 0
	if _, err := Import(ctx, []string{dir}, func(done, _ int, _ string) {
		if calls++; done == 100 {
			cancel()
		}
	}); err == nil || calls > 200 {
		t.Errorf("%d calls after a cancel at 100, %v", calls, err)
	}
}
