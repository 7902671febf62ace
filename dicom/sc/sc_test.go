package sc

import (
	"bytes"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
)

// sample is a picture of 5 x 3 pixels, each of a colour of its own, from frame 4 of an image.
func sample() *Capture {
	study := &spine.Study{UID: "1.2.3.4", PatientID: "P1", PatientName: "Test^Person", Sex: "F", Date: "20240312"}
	src, _ := dicom.ReadSource(study, &spine.Series{UID: "1.2.3.4.5", Number: 3}, dicom.FileRef{})
	picture := image.NewRGBA(image.Rect(0, 0, 5, 3))
	for n := range 15 {
		picture.SetRGBA(n%5, n/5, color.RGBA{uint8(10 * n), uint8(200 - n), uint8(n), 255})
	}
	return &Capture{Source: src, Picture: picture, Of: dicom.ImageRef{SOPClassUID: "1.2.840.10008.5.1.4.1.1.4.1", SOPUID: "1.2.3.77", Frame: 4},
		Orientation: `P\F`, Title: "T2 sagittal 9 / 17", Number: 2, At: time.Date(2024, 3, 12, 14, 2, 0, 0, time.UTC)}
}

// written is a capture as it is read back.
func written(t *testing.T, c *Capture) *dataset.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.dcm")
	ref, series, err := Write(path, c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dataset.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if ref.SOPClassUID != f.Text(0x00080016) || ref.SOPUID != f.Text(0x00080018) || series != f.Text(0x0020000E) {
		t.Errorf("it is called %v of %s", ref, series)
	}
	return f
}

func TestWrite_KeepsEveryPixelOfThePicture(t *testing.T) {
	c := sample()
	f := written(t, c)
	rows, _ := f.Integer(0x00280010)
	cols, _ := f.Integer(0x00280011)
	rgb := f.Find(0x7FE00010).Value
	if rows != 3 || cols != 5 || len(rgb) != 46 {
		t.Fatalf("%d rows, %d columns, %d bytes", rows, cols, len(rgb))
	}
	for n := range 15 {
		r, g, b, _ := c.Picture.At(n%5, n/5).RGBA()
		if !bytes.Equal(rgb[3*n:3*n+3], []byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)}) {
			t.Errorf("pixel %d is %v", n, rgb[3*n:3*n+3])
		}
	}
}

func TestWrite_NamesTheStudyTheSourceAndTheSides(t *testing.T) {
	f := written(t, sample())
	for tag, want := range map[dataset.Tag]string{
		0x0020000D: "1.2.3.4", 0x00100020: "P1", 0x00080016: SOPClass, 0x00080064: "WSD", 0x00280301: "NO", 0x00204000: "T2 sagittal 9 / 17",
	} {
		if got := f.Text(tag); got != want {
			t.Errorf("%v is %q, want %q", tag, got, want)
		}
	}
	if o := f.Texts(0x00200020); len(o) != 2 || o[0] != "P" || o[1] != "F" {
		t.Errorf("PatientOrientation %q", o)
	}
	source := f.Item(0x00082112)
	if frame, _ := source.Integer(0x00081160); source.Text(0x00081155) != "1.2.3.77" || frame != 4 {
		t.Errorf("the source is %s, frame %d", source.Text(0x00081155), frame)
	}
}

func TestWrite_GivesOtherPicturesOtherNamesInOneSeries(t *testing.T) {
	a, b := written(t, sample()), sample()
	b.Picture.(*image.RGBA).SetRGBA(1, 1, color.RGBA{1, 2, 3, 255})
	other, again := written(t, b), written(t, sample())
	if a.Text(0x00080018) == other.Text(0x00080018) || a.Text(0x0020000E) != other.Text(0x0020000E) {
		t.Error("two pictures have one name, or two series")
	}
	if a.Text(0x00080018) != again.Text(0x00080018) {
		t.Error("one picture has two names")
	}
}

func TestWrite_LeavesNothingBehindWhereThereIsNoPicture(t *testing.T) {
	c, dir := sample(), t.TempDir()
	c.Picture = image.NewRGBA(image.Rectangle{})
	if _, _, err := Write(filepath.Join(dir, "c.dcm"), c); err == nil {
		t.Error("an empty picture was written")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}
