package review

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	img "image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/dicom/sc"
	"columna/dicom/sr"
	"columna/spine"
	"columna/volume"
)

// keep keeps a picture of one colour of a slice of the sagittal T2.
func keep(t *testing.T, s *Session, slice int) int64 {
	t.Helper()
	p := img.NewRGBA(img.Rect(0, 0, 4, 3))
	for n := range 12 {
		p.SetRGBA(n%4, n/4, color.RGBA{uint8(10 * slice), 1, 2, 255})
	}
	id, _, err := s.KeepImage(context.Background(), KeyView{Picture: p, Title: "T2 sagittal", Series: s.Study().Find(spine.T2, spine.Sagittal),
		Slice: slice, Right: volume.Vec3{0, 1, 0.1}, Down: volume.Vec3{0, 0.1, -1}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// parsed are DICOM files by their SOP class.
func parsed(t *testing.T, names []string) map[string][]*dataset.File {
	t.Helper()
	out := map[string][]*dataset.File{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := dataset.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		class := f.Text(0x00080016)
		out[class] = append(out[class], f)
	}
	return out
}

// selectedIn are the images that a selection names.
func selectedIn(f *dataset.File) (uids []string) {
	for _, c := range f.Items(0x0040A730) {
		if c.Text(0x0040A040) == "IMAGE" {
			uids = append(uids, c.Item(0x00081199).Text(0x00081155))
		}
	}
	return uids
}

func TestWrite_KeyImagesLeaveAsCapturesAndASelectionOfThem(t *testing.T) {
	d, s := analysed(t)
	ctx := context.Background()
	base := filepath.Join(t.TempDir(), "case")
	if _, err := s.Leave(nil).Write(ctx, "key", base, nil); err == nil {
		t.Error("key images of a case without any were written")
	}
	keep(t, s, 3)
	gone := keep(t, s, 4)
	keep(t, s, 5)
	if err := s.RemoveKeyImage(ctx, gone); err != nil {
		t.Fatal(err)
	}
	p, err := d.Identity()
	if err != nil {
		t.Fatal(err)
	}
	source := s.Study().Find(spine.T2, spine.Sagittal).SOPUIDs
	for _, profile := range []*Identity{nil, p} {
		named := func(uid string) string {
			if profile == nil {
				return uid
			}
			return profile.NewUID(uid)
		}
		names, err := s.Leave(profile).Write(ctx, "key", base, nil)
		if err != nil || len(names) != 3 {
			t.Fatal(names, err)
		}
		files := parsed(t, names)
		captures, selections := files[sc.SOPClass], files[sr.KeyObjectsClass]
		if len(captures) != 2 || len(selections) != 1 {
			t.Fatalf("%d captures, %d selections", len(captures), len(selections))
		}
		want := []string{captures[0].Text(0x00080018), named(source[3]), captures[1].Text(0x00080018), named(source[5])}
		if got := selectedIn(selections[0]); !slices.Equal(got, want) {
			t.Errorf("selected are %v, want %v", got, want)
		}
		if got := captures[1].Item(0x00082112).Text(0x00081155); got != named(source[5]) {
			t.Errorf("a capture names %s as its source, want %s", got, named(source[5]))
		}
		for _, f := range append(captures, selections...) {
			if f.Text(0x0020000D) != named(s.Study().UID) || f.Text(0x00280301) == "YES" {
				t.Errorf("it is of study %s", f.Text(0x0020000D))
			}
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if told := bytes.Contains(b, []byte("Test^")) || bytes.Contains(b, []byte("tester")); err != nil || profile != nil && told {
				t.Errorf("%s tells who the patient or the reader is, %v", filepath.Base(name), err)
			}
		}
	}
}

func TestKeepImage_RefusesASliceThatWasNeverTaken(t *testing.T) {
	_, s := ready(t)
	series := s.Study().Find(spine.T2, spine.Sagittal)
	series.Gaps = make([]bool, 7)
	series.Gaps[2] = true
	_, _, err := s.KeepImage(context.Background(), KeyView{Picture: img.NewRGBA(img.Rect(0, 0, 1, 1)), Series: series, Slice: 2})
	if err == nil || !strings.Contains(err.Error(), "no image was taken") {
		t.Error(err)
	}
}

func TestPicture_RefusesADamagedOne(t *testing.T) {
	_, s := ready(t)
	keep(t, s, 1)
	all, err := s.KeyImages(context.Background())
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	if _, err := Picture(all[0]); err != nil {
		t.Fatal(err)
	}
	huge := all[0]
	huge.PNG = bytes.Clone(huge.PNG)
	copy(huge.PNG[16:], []byte{0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF})
	binary.BigEndian.PutUint32(huge.PNG[29:], crc32.ChecksumIEEE(huge.PNG[12:29]))
	if _, err := Picture(huge); err == nil || !strings.Contains(err.Error(), "65535x65535") {
		t.Errorf("a picture that says it is huge: %v", err)
	}
	for n := range all[0].PNG {
		cut := all[0]
		cut.PNG = cut.PNG[:n]
		if _, err := Picture(cut); err == nil {
			t.Fatalf("a picture of %d bytes of %d was read", n, len(all[0].PNG))
		}
	}
}

func TestOutgoing_TakesTheMaskBeforeTheReportThatRefersToIt(t *testing.T) {
	_, s := analysed(t)
	keep(t, s, 3)
	out, notes, err := s.Outgoing(context.Background(), []string{"key", "sr", "seg"}, nil)
	if err != nil || len(notes) != 0 || strings.Join(out.formats, " ") != "seg sr key" || len(out.objects) != 4 {
		t.Errorf("%v, %d objects, %v, %v", out.formats, len(out.objects), notes, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.desk.db.Path()), ".columna-send-*")); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	if _, _, err := s.Outgoing(context.Background(), []string{"pdf"}, nil); err == nil {
		t.Error("a PDF was made ready for an archive")
	}
}

func FuzzPicture(f *testing.F) {
	for _, side := range []int{1, 7, 300} {
		var b bytes.Buffer
		if err := png.Encode(&b, img.NewNRGBA64(img.Rect(0, 0, side, side))); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		huge := bytes.Clone(b.Bytes())
		copy(huge[16:], []byte{0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF}) // a side of 65535
		binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
		f.Add(huge)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Picture(KeyImage{PNG: b})
		if err == nil && p.Bounds().Dx()*p.Bounds().Dy() > maxPicturePixels {
			t.Fatalf("a picture of %v", p.Bounds())
		}
	})
}
