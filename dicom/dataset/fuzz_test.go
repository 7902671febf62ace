package dataset

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, c := range tolerated() {
		f.Add(c.file)
	}
	for _, body := range faultySequences() {
		f.Add(as(ExplicitLE, body.Bytes()))
	}
	d := New()
	d.Put(&Element{Tag: tagPixelData, VR: "OB", OffsetTable: []byte{0, 0, 0, 0}, Fragments: [][]byte{{1, 2}, {3, 4}}})
	f.Add(Encode(d, RLELossless))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := Parse(b)
		head, headErr := ParseHeader(bytes.NewReader(b), int64(len(b)))
		if (err == nil) != (headErr == nil) {
			t.Fatalf("whole: %v, header: %v", err, headErr)
		}
		if err != nil {
			return
		}
		if listing(whole.Dataset, 0) != listing(head.Dataset, 0) {
			t.Fatal("the header has other elements than the whole")
		}
		visit(whole.Dataset)
		whole.Encode()
	})
}

// visit reads every value in every way.
func visit(d *Dataset) {
	for _, e := range d.Elements() {
		d.Texts(e.Tag)
		d.Numbers(e.Tag)
		d.Integer(e.Tag)
		for _, item := range e.Items {
			visit(item)
		}
	}
}
