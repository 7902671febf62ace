package dicom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom/dataset"
)

// developmentData is the folder of public test files beside the module, where a
// developer has one. Nothing of it is in this repository.
func developmentData(t *testing.T) string {
	dir := filepath.Join("..", "..", "shared", "data", "dicom")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no development data here")
	}
	return dir
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// expectation is one entry of expected.json.
type expectation struct {
	Agree   bool     `json:"agree"`
	Syntax  string   `json:"ts"`
	Samples int      `json:"spp"`
	By      []string `json:"decoders"`
	Pydicom *digest  `json:"pydicom"`
	GDCM    *digest  `json:"gdcm"`
	DCMTK   *digest  `json:"dcmtk"`
}

type digest struct {
	SHA256 string `json:"sha256"`
}

func (e expectation) digests() (out []string) {
	for _, d := range []*digest{e.Pydicom, e.GDCM, e.DCMTK} {
		if d != nil {
			out = append(out, d.SHA256)
		}
	}
	return out
}

// agreed is the digest that most decoders gave.
func (e expectation) agreed() string {
	count := map[string]int{}
	best := ""
	for _, d := range e.digests() {
		if count[d]++; count[d] > count[best] {
			best = d
		}
	}
	return best
}

func decodesHere(syntax string) bool {
	switch syntax {
	case dataset.ImplicitLE, dataset.ExplicitLE, dataset.ExplicitBE, dataset.Deflated, dataset.RLELossless, dataset.JPEGLossless, dataset.JPEGLosslessSV1:
		return true
	}
	return false
}

func TestPixels_AgreeWithThreeOtherDecoders(t *testing.T) {
	root := developmentData(t)
	matched, refused := 0, 0
	for _, part := range []string{"gh1339", "formats"} {
		raw, err := os.ReadFile(filepath.Join(root, part, "expected.json"))
		if err != nil {
			t.Fatal(err)
		}
		var files map[string]expectation
		if err := json.Unmarshal(raw, &files); err != nil {
			t.Fatal(err)
		}
		for name, e := range files {
			if !e.Agree || !decodesHere(e.Syntax) {
				continue
			}
			got, err := decodeAll(filepath.Join(root, part, name))
			switch {
			case errors.Is(err, errNotGrey):
				refused++
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case got != e.agreed():
				t.Errorf("%s (%s): pixels differ from %v", name, dataset.SyntaxName(e.Syntax), e.By)
			default:
				matched++
			}
		}
	}
	if matched < 80 {
		t.Errorf("only %d files match, 80 did once", matched)
	}
	t.Logf("%d files match, %d colour and bitmap files refused", matched, refused)
}

var errNotGrey = errors.New("not a grey image")

// decodeAll is the digest of every frame's samples.
func decodeAll(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	f, err := parse(b)
	if err != nil {
		return "", err
	}
	n, _ := f.Integer(tagSamples)
	bits, _ := f.Integer(tagBitsAllocated)
	if n != 1 || bits == 1 || f.Text(tagPhotometric) == "PALETTE COLOR" {
		return "", errNotGrey
	}
	px, err := f.pixels()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for n := range px.frames {
		frame, err := px.frame(n)
		if err != nil {
			return "", err
		}
		h.Write(frame)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func TestImport_ReadsRealSeriesAndNamesWhatItRefuses(t *testing.T) {
	root := developmentData(t)
	r, err := Import(t.Context(), []string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	slices := map[string]int{}
	for _, st := range r.Studies {
		for i := range st.Series {
			s := &st.Series[i]
			v, err := LoadSeries(t.Context(), r.Files[Key(s)])
			if err != nil {
				t.Logf("%s %q: %v", st.PatientID, s.Description, err)
				continue
			}
			slices[st.PatientID] = max(slices[st.PatientID], v.Size[2])
			t.Logf("%-12s %-28q %s %s %.2f %v %.3v %v", st.PatientID, s.Description, s.Sequence, s.Plane, s.Confidence, v.Size, v.SpacingMM(), s.Warnings)
		}
	}
	if slices["SPIDER-22"] != 13 || slices["SPIDER-107"] != 14 {
		t.Errorf("slices by patient: %v, want 13 of SPIDER-22 and 14 of SPIDER-107", slices)
	}
	for _, x := range r.Refused {
		if strings.Contains(x.Path, "spider-200") && !strings.Contains(x.Reason, "JPEG 2000") {
			t.Errorf("%s: the refusal does not name the transfer syntax: %s", x.Path, x.Reason)
		}
	}
	t.Logf("%d studies, %d refused", len(r.Studies), len(r.Refused))
}

func TestPixels_OfAScannerThatForgetsTheEndDelimiter(t *testing.T) {
	root := developmentData(t)
	want, err := decodeAll(filepath.Join(root, "gh1339", "gh1339-ax-t2.explicit-le.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeAll(filepath.Join(root, "gh1339", "GH1339.dcm")); err != nil || got != want {
		t.Errorf("%v %s, want %s", err, got, want)
	}
}
