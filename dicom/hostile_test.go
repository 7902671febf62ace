package dicom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"columna/dicom/dataset"
)

// hostile is one attack: the bytes of a file, and whether a reading that
// succeeds must give the seed's pixels.
type hostile struct {
	name   string
	bytes  []byte
	intact bool
}

// attacks makes the same damaged files on every run.
func attacks(seed map[string][]byte) []hostile {
	var out []hostile
	names := make([]string, 0, len(seed))
	for name := range seed {
		names = append(names, name)
	}
	slices.Sort(names)
	r := rand.New(rand.NewPCG(20, 24))
	for _, name := range names {
		b := seed[name]
		for n := range 12 {
			cut := (n*len(b))/12 + r.IntN(len(b)/12)
			out = append(out, hostile{fmt.Sprintf("%s cut at %d", name, cut), b[:cut], true})
		}
		for range 8 {
			c := bytes.Clone(b)
			for range 1 + r.IntN(4) {
				c[132+r.IntN(len(c)-132)] ^= byte(1 << r.IntN(8))
			}
			out = append(out, hostile{name + " with flipped bits", c, false})
		}
	}
	out = append(out, forgedLengths(seed["explicit"])...)
	out = append(out, forgedLengths(seed["rle"])...)
	return append(out, crafted(seed)...)
}

// forgedLengths sets the length of every few elements to something absurd.
func forgedLengths(b []byte) []hostile {
	var out []hostile
	at, n := 132, 0
	for at+12 < len(b) {
		vr := string(b[at+4 : at+6])
		size := int(binary.LittleEndian.Uint16(b[at+6:])) + 8
		if n++; n%3 == 0 || longVR(vr) {
			c := bytes.Clone(b)
			if longVR(vr) {
				binary.LittleEndian.PutUint32(c[at+8:], []uint32{0xFFFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1}[n%5])
			} else {
				binary.LittleEndian.PutUint16(c[at+6:], []uint16{0xFFFF, 0xFFFE, 0, 1, 0x4000}[n%5])
			}
			out = append(out, hostile{fmt.Sprintf("forged length of element %d (%s)", n, vr), c, true})
		}
		if longVR(vr) {
			size = int(binary.LittleEndian.Uint32(b[at+8:])) + 12
		}
		if size < 0 || size > len(b) {
			break
		}
		at += size
	}
	return out
}

// with replaces the value of one element in a fresh explicit file.
func with(t dataset.Tag, vr, value string) []byte {
	w := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1)
	w.Put(&dataset.Element{Tag: t, VR: vr, Value: []byte(value)})
	return dataset.Encode(w.Dataset, dataset.ExplicitLE)
}

// crafted are attacks that random damage would not find.
func crafted(seed map[string][]byte) []hostile {
	start := append(make([]byte, 128), "DICM"...)
	nest := func(depth int) []byte {
		b := bytes.Clone(start)
		for range depth { // ContentSequence, item, both of undefined length
			b = append(b, 0x40, 0x00, 0x30, 0xA7, 'S', 'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
			b = append(b, 0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF)
		}
		return b
	}
	many := bytes.Clone(start)
	for range 200_010 {
		many = append(many, 0x09, 0x00, 0x01, 0x00, 'L', 'O', 0, 0)
	}
	bomb := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1)
	bomb.SetBytes(0x7FE10010, "OB", make([]byte, 64<<20))
	big := with(tagRows, "US", "\xff\x3f") // 16383 rows
	return []hostile{
		{"nested 1,000", nest(1000), true},
		{"nested 100,000", nest(100_000), true},
		{"too many elements", many, true},
		{"deflate bomb", bomb.fileAs(dataset.Deflated, deflate(bomb.Encode())), true},
		{"huge rows", big, true},
		{"huge rows in RLE", bytes.Replace(seed["rle"], []byte("\x28\x00\x10\x00US\x02\x00"), []byte("\x28\x00\x10\x00US\x02\x00\xff\x3f\x28\x00\x12\x00US\x02\x00"), 1), true},
		{"huge rows in JPEG", bytes.Replace(seed["jpeg lossless"], []byte{0xFF, 0xC3, 0, 11, 16}, []byte{0xFF, 0xC3, 0, 11, 16, 0xFF, 0xFF}, 1), true},
		{"two billion frames", with(tagFrames, "IS", "2000000000"), true},
		{"minus one frame", with(tagFrames, "IS", "-1"), true},
		{"no rows", with(tagRows, "US", ""), true},
		{"seven bits", with(tagBitsAllocated, "US", "\x07\x00"), true},
		{"three samples", with(tagSamples, "US", "\x03\x00"), true},
		{"orientation of letters", with(tagOrientation, "DS", `1\0\0\0\x\0`), true},
		{"position not a number", with(tagPosition, "DS", `NaN\0\0 `), true},
		{"infinite spacing", with(tagPixelSpacing, "DS", `1e400\1 `), true},
		{"zero spacing", with(tagPixelSpacing, "DS", `0\0 `), true},
		{"orientation not at right angles", with(tagOrientation, "DS", `1\0\0\1\0\0 `), true},
		{"slope not a number", with(tagSlope, "DS", "inf "), true},
		{"steering text", with(tagSeriesDesc, "LO", "\x1b[2Jt2\x00\x07"), true},
		{"unknown syntax", seedFile(pattern(sagittalGrid([3]int{4, 4, 2}), 9), 1).fileAs("1.2.3.4", nil), true},
		{"JPEG 2000", seedFile(pattern(sagittalGrid([3]int{4, 4, 2}), 9), 1).fileAs("1.2.840.10008.1.2.4.90", seedFile(pattern(sagittalGrid([3]int{4, 4, 2}), 9), 1).encapsulate([]byte{1, 2})), true},
		{"empty", nil, true},
		{"preamble alone", start, true},
		{"text", []byte(strings.Repeat("This is no image. ", 99)), true},
		{"zeros", make([]byte, 4096), true},
	}
}

// longVR reports the VRs of this writer that have a 32-bit length.
func longVR(vr string) bool { return vr == "OB" || vr == "OW" || vr == "SQ" || vr == "UN" }

// allocated is how many bytes f allocates in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func tree(t *testing.T, dir string) (names []string) {
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func oneSentence(t *testing.T, name, s string) {
	t.Helper()
	if s == "" || strings.ContainsAny(s, "\n\r\x1b\x00") || len([]rune(s)) > 400 {
		t.Errorf("%s: %q is not one clear sentence", name, s)
	}
}

func TestImport_RefusesOrReadsIntactEveryDamagedFile(t *testing.T) {
	v := pattern(sagittalGrid([3]int{16, 16, 3}), 9)
	all := attacks(seeds(v))
	dir := t.TempDir()
	read, most := 0, uint64(0)
	for _, a := range all {
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, a.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		spent := allocated(func() {
			r, err := Import(t.Context(), []string{name}, nil)
			if err != nil {
				t.Errorf("%s: the whole import failed: %v", a.name, err)
				return
			}
			for _, x := range r.Refused {
				oneSentence(t, a.name, x.Reason)
			}
			for _, files := range r.Files {
				got, err := LoadSeries(t.Context(), files)
				if err != nil {
					oneSentence(t, a.name, err.Error())
					continue
				}
				read++
				if a.intact && !slices.Equal(got.Data, v.Data[256:512]) {
					t.Errorf("%s: read, but the pixels are not the seed's", a.name)
				}
			}
		})
		if most = max(most, spent); spent > 64<<20+uint64(600*len(a.bytes)) {
			t.Errorf("%s: %d bytes allocated for a file of %d", a.name, spent, len(a.bytes))
		}
	}
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("import wrote files: %v", got)
	}
	if len(all) < 200 {
		t.Errorf("only %d attacks", len(all))
	}
	t.Logf("%d files, %d read, at most %.1f MiB allocated by one", len(all), read, float64(most)/(1<<20))
}

func TestImport_RefusesWhatWouldFillTheMemory(t *testing.T) {
	runs := make([]byte, 64, 64+2<<20) // PackBits of zeros: 2 MiB make 8192 x 8192 x 2 bytes
	binary.LittleEndian.PutUint32(runs, 2)
	binary.LittleEndian.PutUint32(runs[4:], 64)
	for n := range 2 {
		binary.LittleEndian.PutUint32(runs[4+4*n:], uint32(len(runs)))
		runs = append(runs, bytes.Repeat([]byte{0x81, 0}, 8192*8192/128)...)
	}
	w := seedFile(pattern(sagittalGrid([3]int{16, 16, 3}), 9), 1)
	w.SetShorts(tagRows, 8192)
	w.SetShorts(tagColumns, 8192)
	for words, b := range map[string][]byte{
		"larger than any MR image": w.fileAs(dataset.RLELossless, w.encapsulate(runs)),
		"out of range":             with(tagSlope, "DS", "1e300 "),
	} {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Import(t.Context(), []string{name}, nil)
		if err != nil || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, words) {
			t.Errorf("%q: refused %+v, %v", words, r.Refused, err)
		}
	}
	if err := refuseSize(&slice{rows: 4096, cols: 4096}, 9); err == nil {
		t.Error("a volume of 150 million voxels is not refused")
	}
	if err := refuseSize(&slice{rows: 512, cols: 512}, 512); err != nil {
		t.Error(err)
	}
}

func TestImport_ReadsASeriesFromAZipAndRefusesTheRest(t *testing.T) {
	v := pattern(sagittalGrid([3]int{16, 16, 3}), 9)
	entries := map[string][]byte{}
	for k := range 3 {
		w := seedFile(v, k)
		entries[fmt.Sprintf("study/IM%d", k)] = w.plain()
	}
	good := entries["study/IM0"]
	bomb := seedFile(v, 1)
	bomb.SetBytes(0x7FE10010, "OB", make([]byte, 64<<20))
	entries["../../evil.dcm"] = good
	entries["/etc/evil.dcm"] = good
	entries[`..\evil.dcm`] = good
	entries["bomb.dcm"] = bomb.plain()
	entries["inner.zip"] = archived(t, map[string][]byte{"a.dcm": good})
	entries["notes.txt"] = []byte("hello")
	dir := t.TempDir()
	name := filepath.Join(dir, "study.zip")
	if err := os.WriteFile(name, archived(t, entries), 0o600); err != nil {
		t.Fatal(err)
	}
	var r *Result
	var err error
	spent := allocated(func() { r, err = Import(t.Context(), []string{name}, nil) })
	if err != nil || len(r.Studies) != 1 || len(r.Refused) != 6 {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, x := range r.Refused {
		oneSentence(t, x.Path, x.Reason)
	}
	got, err := LoadSeries(t.Context(), r.Files[Key(&r.Studies[0].Series[0])])
	if err != nil {
		t.Fatal(err)
	}
	sameInPatient(t, v, got)
	if spent > 32<<20 {
		t.Errorf("%d bytes allocated for a zip of a few kilobytes", spent)
	}
	if names := tree(t, dir); len(names) != 2 {
		t.Errorf("import wrote files: %v", names)
	}
}

func TestImport_HoldsFewZipsOpenAtATime(t *testing.T) {
	dir := t.TempDir()
	for n := range maxOpenZips + 6 {
		slice := seedFile(pattern(sagittalGrid([3]int{16, 16, 80}), 9), n).plain()
		name := filepath.Join(dir, fmt.Sprintf("%03d.zip", n))
		if err := os.WriteFile(name, archived(t, map[string][]byte{"a.dcm": slice}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	z := newZips()
	defer z.close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.zip"))
	for _, name := range names {
		src, err := z.open(FileRef{Path: name, ZipEntry: "a.dcm"})
		if err != nil || len(z.held) > maxOpenZips {
			t.Fatalf("%d zip files open, %v", len(z.held), err)
		}
		src.close()
	}
	if r, err := Import(t.Context(), []string{dir}, nil); err != nil || len(r.Refused) != 0 || len(r.Studies) != 1 {
		t.Errorf("refused %v, %v", r.Refused, err)
	}
}

func TestImport_SurvivesDamagedZips(t *testing.T) {
	v := pattern(sagittalGrid([3]int{16, 16, 3}), 9)
	whole := archived(t, map[string][]byte{"a": seedFile(v, 0).plain(), "b": seedFile(v, 1).plain()})
	r := rand.New(rand.NewPCG(3, 4))
	name := filepath.Join(t.TempDir(), "z")
	for n := range 60 {
		b := bytes.Clone(whole)
		if n%2 == 0 {
			b = b[:r.IntN(len(b))]
		} else {
			for range 1 + n%5 {
				b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			}
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		spent := allocated(func() {
			res, err := Import(t.Context(), []string{name}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range res.Refused {
				oneSentence(t, x.Path, x.Reason)
			}
		})
		if spent > 64<<20 {
			t.Errorf("zip %d: %d bytes allocated", n, spent)
		}
	}
}

func TestImport_RefusesSpecialFilesAndStopsWhenAsked(t *testing.T) {
	r, err := Import(t.Context(), []string{os.DevNull, filepath.Join(t.TempDir(), "absent")}, nil)
	if err != nil || len(r.Refused) != 2 {
		t.Fatalf("%v %+v", err, r)
	}
	dir := t.TempDir()
	writeShuffled(t, dir, testStudy(), testSeries("t2", "T2", pattern(sagittalGrid([3]int{6, 5, 4}), 5)))
	ctx, cancel := contextWithCancel(t)
	if _, err := Import(ctx, []string{dir}, func(done, _ int, _ string) {
		if done == 2 {
			cancel()
		}
	}); err == nil {
		t.Error("a cancelled import went on")
	}
}
