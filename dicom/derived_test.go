package dicom

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
)

// sourceFile is an image with a header that spine.Study does not keep whole: Latin-1
// text, weight, a procedure code, a private element.
func sourceFile(t *testing.T) FileRef {
	t.Helper()
	w := seedFile(pattern(sagittalGrid([3]int{4, 4, 2}), 1), 0)
	w.SetText(tagCharacterSet, "CS", "ISO_IR 100")
	w.SetBytes(tagPatientName, "PN", []byte("M\xfcller^J\xfcrgen"))
	w.SetText(tagBirthDate, "DA", "19700102")
	w.SetText(tagAccession, "SH", "A77")
	w.SetText(0x00101030, "DS", "81.5")
	w.SetSequence(0x00081032, Code("7", "99X", "lumbar"))
	w.SetText(0x00091010, "LO", "private")
	name := filepath.Join(t.TempDir(), "a.dcm")
	if err := os.WriteFile(name, w.plain(), 0o600); err != nil {
		t.Fatal(err)
	}
	return FileRef{Path: name}
}

func TestReadSource_KeepsThePatientAndStudyOfTheImage(t *testing.T) {
	s := testSeries("seed", spine.T2, nil)
	src, missing := ReadSource(testStudy(), s, sourceFile(t))
	if missing != nil {
		t.Fatal(missing)
	}
	d := dataset.New()
	src.Derive(d)
	for tag, want := range map[dataset.Tag]string{tagPatientName: "Müller^Jürgen", tagBirthDate: "19700102",
		tagAccession: "A77", 0x00101030: "81.5", tagStudyUID: testStudy().UID, tagCharacterSet: "ISO_IR 192"} {
		if got := d.Text(tag); got != want {
			t.Errorf("%v is %q, want %q", tag, got, want)
		}
	}
	if got := d.Item(0x00081032).Text(0x00080104); got != "lumbar" {
		t.Errorf("the procedure code means %q", got)
	}
	if d.Find(0x00091010) != nil || d.Find(tagModality) != nil {
		t.Error("elements of the image itself were copied")
	}
	for _, tag := range required() {
		if d.Find(tag) == nil {
			t.Errorf("%v is missing", tag)
		}
	}
}

func TestReadSource_FallsBackToTheStudyWhereTheImageIsGone(t *testing.T) {
	ref, s := sourceFile(t), testSeries("seed", spine.T2, nil)
	other := testStudy()
	other.UID = "1.2.3.4"
	for _, c := range []struct {
		study *spine.Study
		ref   FileRef
	}{{testStudy(), FileRef{Path: filepath.Join(t.TempDir(), "gone")}}, {other, ref}} {
		src, missing := ReadSource(c.study, s, c.ref)
		if missing == nil {
			t.Error("nothing says what is missing")
		}
		if got := src.Header.Text(tagStudyUID); got != c.study.UID {
			t.Errorf("study %s, want %s", got, c.study.UID)
		}
		if src.Header.Text(tagPatientName) != c.study.PatientName || src.FrameOfReferenceUID == "" {
			t.Error("name or frame of reference is lost")
		}
	}
}

func TestPutReferences_NamesEachImageOnce(t *testing.T) {
	src := &Source{SeriesUID: "1.2"}
	d := dataset.New()
	src.PutReferences(d, []ImageRef{{"1", "1.5", 1}, {}, {"1", "1.5", 2}, {"1", "1.6", 0}})
	if n := len(d.Item(0x00081115).Items(0x0008114A)); n != 2 {
		t.Errorf("%d images, want 2", n)
	}
	empty := dataset.New()
	if src.PutReferences(empty, []ImageRef{{}}); len(empty.Elements()) != 0 {
		t.Error("a series is referred to without an image")
	}
}

func TestSoftwareVersion_IsTheApplications(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "FyneApp.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `Version = "`+softwareVersion+`"`) {
		t.Errorf("FyneApp.toml does not say version %s", softwareVersion)
	}
}
