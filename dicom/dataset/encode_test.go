package dataset

import (
	"bytes"
	"testing"
)

func TestEncode_ReadsBackWithSequencesAndFragments(t *testing.T) {
	leaf := New()
	leaf.SetText(0x00080100, "SH", "66794005")
	middle := New()
	middle.SetSequence(0x00082218, leaf)
	middle.SetDecimals(0x00280030, 0.123456789012345678, 1e-7)
	d := New()
	d.SetText(tagCharacterSet, "CS", "ISO_IR 192")
	d.SetText(0x00080016, "UI", "1.2.3")
	d.SetText(0x00080018, "UI", "1.2.3.4")
	d.SetText(0x00100010, "PN", "Иван")
	d.SetSequence(0x00620002, middle, New())
	d.SetShorts(0x00280010, 65535)
	d.SetFloats(0x00460104, "FD", 0.1)
	d.Put(&Element{Tag: tagPixelData, VR: "OB", OffsetTable: []byte{0, 0, 0, 0}, Fragments: [][]byte{{1, 2}, {3, 4}}})
	f, err := Parse(Encode(d, RLELossless))
	if err != nil {
		t.Fatal(err)
	}
	item := f.Item(0x00620002)
	if got := item.Item(0x00082218).Text(0x00080100); got != "66794005" {
		t.Errorf("nested code %q", got)
	}
	if n := len(f.Items(0x00620002)); n != 2 {
		t.Errorf("%d items", n)
	}
	if got := item.Numbers(0x00280030); len(got) != 2 || got[0] != 0.12345678901235 || got[1] != 1e-7 {
		t.Errorf("decimals %v", got)
	}
	if f.Text(0x00100010) != "Иван" || f.Float(0x00280010) != 65535 || f.Float(0x00460104) != 0.1 {
		t.Error("values differ")
	}
	px := f.Find(tagPixelData)
	if len(px.Fragments) != 2 || !bytes.Equal(px.Fragments[1], []byte{3, 4}) || len(px.OffsetTable) != 4 {
		t.Errorf("pixel data %+v", px)
	}
	if f.Syntax != RLELossless || f.Meta.Text(0x00020003) != "1.2.3.4" {
		t.Error("meta header differs")
	}
	if again := Encode(f.Dataset, RLELossless); !bytes.Equal(again, Encode(d, RLELossless)) {
		t.Error("writing what was read gives other bytes")
	}
}
