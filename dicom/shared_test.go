package dicom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"columna/dicom/dataset"
	"columna/internal/codec"
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

// digest is what one decoder made of a file.
type digest struct {
	SHA256         string
	Min, Max, Mean float64
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

// The files are of every modality, colour and masks among them; -v prints what
// is not decoded and why.
func TestPixels_AgreeWithThreeOtherDecoders(t *testing.T) {
	root := developmentData(t)
	if err := codec.Ready(codec.JPEG2000); err != nil {
		t.Skipf("not tested: %v", err)
	}
	d := codec.NewDecoder()
	defer d.Close()
	same, near, refused := 0, 0, 0
	for _, part := range []string{"gh1339", "formats"} {
		for name, e := range expectations(t, filepath.Join(root, part)) {
			got, err := decodeAll(d, filepath.Join(root, part, name))
			switch {
			case err != nil:
				refused++
				t.Logf("%s (agreed on: %v): %v", name, e.Agree, err)
			case !e.Agree:
			case got.SHA256 == e.agreed():
				same++
			case e.Syntax == codec.JPEGBaseline && got.near(e):
				near++
			default:
				t.Errorf("%s (%s): pixels differ from %v", name, dataset.SyntaxName(e.Syntax), e.By)
			}
		}
	}
	if same < 180 || near != 6 {
		t.Errorf("%d files are the same and %d lossy ones near; 180 and 6 were once", same, near)
	}
	t.Logf("%d files are the same, %d lossy ones within two grey levels, %d refused", same, near, refused)
}

// near holds a lossy image to the reference's figures: decoders round the cosine
// transform as they like.
func (d digest) near(e expectation) bool {
	want := e.GDCM
	return want != nil && math.Abs(d.Min-want.Min) <= 2 && math.Abs(d.Max-want.Max) <= 2 && math.Abs(d.Mean-want.Mean) < 0.5
}

func expectations(t *testing.T, dir string) map[string]expectation {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]expectation
	if err := json.Unmarshal(raw, &files); err != nil {
		t.Fatal(err)
	}
	return files
}

// decodeAll is the digest of every frame's samples.
func decodeAll(d *codec.Decoder, name string) (digest, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return digest{}, err
	}
	f, err := parse(b)
	if err != nil {
		return digest{}, err
	}
	px, err := f.pixelFormat()
	if err != nil {
		return digest{}, err
	}
	var all []byte
	for n := range px.frames {
		frame, err := px.frame(context.Background(), d, n)
		if err != nil {
			return digest{}, err
		}
		all = append(all, frame...)
	}
	sum := sha256.Sum256(all)
	out := digest{SHA256: hex.EncodeToString(sum[:]), Min: math.Inf(1)}
	for _, x := range all { // figures of bytes: lossy references are of eight bits
		out.Min, out.Max = min(out.Min, float64(x)), max(out.Max, float64(x))
		out.Mean += float64(x) / float64(len(all))
	}
	return out, nil
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
	if codec.Ready(codec.JPEG2000) == nil && slices["SPIDER-200"] != 21 {
		t.Errorf("%d slices of SPIDER-200, want 21 of JPEG 2000", slices["SPIDER-200"])
	}
	t.Logf("%d studies, %d refused", len(r.Studies), len(r.Refused))
}

func TestPixels_OfAScannerThatForgetsTheEndDelimiter(t *testing.T) {
	root := developmentData(t)
	d := codec.NewDecoder()
	defer d.Close()
	want, err := decodeAll(d, filepath.Join(root, "gh1339", "gh1339-ax-t2.explicit-le.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeAll(d, filepath.Join(root, "gh1339", "GH1339.dcm")); err != nil || got != want {
		t.Errorf("%v %v, want %v", err, got, want)
	}
}
