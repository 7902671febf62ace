package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reference is what pydicom finds in a file; scripts/twins/dicom_tags.py wrote it.
type reference struct {
	Tags   int    `json:"tags"`
	SHA256 string `json:"sha256"`
}

// listing is the tags of a data set, one a line, items indented.
func listing(d *Dataset, depth int) string {
	var b strings.Builder
	pad := strings.Repeat(" ", depth)
	for _, e := range d.Elements() {
		fmt.Fprintf(&b, "%s%08x\n", pad, uint32(e.Tag))
		for _, item := range e.Items {
			b.WriteString(pad + "-\n" + listing(item, depth+1))
		}
	}
	return b.String()
}

// development reads the folder of public test files beside the module, where a
// developer has one, and what pydicom finds in them.
func development(t *testing.T) (root string, files map[string]reference) {
	root = filepath.Join("..", "..", "..", "shared", "data", "dicom")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no development data here")
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "pydicom_tags.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &files); err != nil {
		t.Fatal(err)
	}
	return root, files
}

// elsewise are the files where pydicom and this parser part, and why.
func elsewise(name string) string {
	switch filepath.Base(name) {
	case "no_meta.dcm":
		return "begins with a stray byte, so that no tag is one; dcmdump refuses it too"
	case "MR_truncated.dcm", "rtplan_truncated.dcm":
		return "cut off: refused, which pydicom does when asked for pixels"
	case "GH1339.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm":
		return "the pixel data have no end: pydicom drops them"
	}
	return ""
}

func TestParse_FindsTheTagsThatPydicomFinds(t *testing.T) {
	root, files := development(t)
	same := 0
	for name, want := range files {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || elsewise(name) != "" {
			continue
		}
		f, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := listing(f.Dataset, 0)
		sum := sha256.Sum256([]byte(got))
		if hex.EncodeToString(sum[:])[:16] != want.SHA256 {
			t.Errorf("%s: %d tags, pydicom finds %d %v", name, strings.Count(got, "\n"), want.Tags, f.Warnings)
			continue
		}
		same++
		h, err := ParseHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil || listing(h.Dataset, 0) != got {
			t.Errorf("%s: the header's tags differ (%v)", name, err)
		}
	}
	if same < 284 {
		t.Errorf("only %d files have the same tags, 284 had once", same)
	}
}
