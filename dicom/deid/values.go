package deid

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"columna/dicom/dataset"
)

// removedWord stands where a text must be and the old one may not.
const removedWord = "REMOVED"

// text is a text element, padded to even length.
func text(t dataset.Tag, vr string, values ...string) *dataset.Element {
	d := dataset.New()
	d.SetText(t, vr, values...)
	return d.Find(t)
}

func even(b []byte, pad byte) []byte {
	if len(b)%2 == 1 {
		return append(b[:len(b):len(b)], pad)
	}
	return b
}

// dummyText is a harmless value of a VR.
func dummyText(vr string) string {
	switch vr {
	case "DA":
		return "19000101"
	case "TM":
		return "000000"
	case "DT":
		return "19000101000000"
	case "AS":
		return "000Y"
	case "DS", "IS":
		return "0"
	}
	return removedWord
}

// dummyOf is an element with one harmless value.
func dummyOf(e *dataset.Element) *dataset.Element {
	switch e.VR {
	case "OB", "OW", "UN", "OF", "OD", "OL", "OV", "US", "SS", "UL", "SL", "FL", "FD", "AT", "SV", "UV":
		return &dataset.Element{Tag: e.Tag, VR: e.VR, Value: make([]byte, 8)}
	}
	return text(e.Tag, e.VR, dummyText(e.VR))
}

// typed gives an element the VR that it is written with. Old writers leave UN
// where the dictionary knows better, implicit files leave the choice between
// several, and explicit lengths hold less than 64 KiB in most VRs (PS3.5 6.2.2).
func typed(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	out := *e
	if out.VR == "UN" && len(out.Items) == 0 {
		if vr := e.Tag.VR(); vr != "SQ" {
			out.VR = vr
		}
	}
	if known := e.Tag.VR(); known != "UN" && mustBe(known) {
		out.VR = known // a name is a name, whatever the file calls it
	}
	switch {
	case len(out.Items) > 0:
		out.VR = "SQ"
	case len(out.Value) > 65534 && shortVR(out.VR):
		out.VR = "UN"
	}
	return &out
}

// shortVR reports the VRs with lengths of 16 bits (PS3.5 7.1.2).
func shortVR(vr string) bool {
	return strings.Contains(" AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US ", " "+vr+" ")
}

// implicit chooses among the VRs that the dictionary leaves open, for files that
// name none (PS3.5 A.1, PS3.3 C.7.6.3.1).
func implicit(t dataset.Tag, vr string, signed bool) string {
	switch {
	case t == tagPixelData, t >= 0x00281201 && t <= 0x00281223, t == 0x00283006:
		return "OW"
	case signed && t >= 0x00280104 && t <= 0x00280121 && vr == "US":
		return "SS" // smallest, largest and padding values
	}
	return vr
}

// mustBe are the VRs by which identity is told: a file cannot rename them.
func mustBe(vr string) bool {
	switch vr {
	case "PN", "UI", "DA", "TM", "DT", "AE", "LT", "ST", "UT", "LO", "SH", "UC", "UR":
		return true
	}
	return false
}

// littleEndian swaps the bytes of a value read from a big endian file.
func littleEndian(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	out := *e
	out.Value = even(e.Value, 0)
	size := map[string]int{"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
		"FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8}[e.VR]
	if bits, ok := d.Integer(tagBits); ok && e.Tag == tagPixelData && e.VR == "OW" && bits >= 32 {
		size = bits / 8 // as writers do, though OW is of 16-bit words
	}
	if d.ByteOrder() == binary.LittleEndian || size == 0 {
		return &out
	}
	out.Value = slices.Clone(out.Value)
	for b := out.Value; len(b) >= size; b = b[size:] {
		slices.Reverse(b[:size])
	}
	return &out
}

// frameBytes is how long native pixel data are, 0 where that is not sure.
func frameBytes(d *dataset.Dataset) int64 {
	rows, ok1 := d.Integer(tagRows)
	cols, ok2 := d.Integer(tagColumns)
	bits, ok3 := d.Integer(tagBits)
	samples, ok4 := d.Integer(tagSamples)
	if !ok1 || !ok2 || !ok3 || !ok4 || rows > 65535 || cols > 65535 || bits > 64 || samples > 4 ||
		strings.HasSuffix(d.Text(tagPhotometric), "422") || strings.HasSuffix(d.Text(tagPhotometric), "420") {
		return 0
	}
	frames := int64(1)
	if d.Find(tagFrames) != nil {
		n, ok := d.Integer(tagFrames)
		if !ok || n < 1 || n > 1<<20 {
			return 0
		}
		frames = int64(n)
	}
	return (int64(rows)*int64(cols)*int64(samples)*int64(bits)*frames + 7) / 8
}

// clearUnusedBits sets the bits outside the stored ones to zero.
func clearUnusedBits(d *dataset.Dataset, e *dataset.Element) error {
	bits, _ := d.Integer(tagBits)
	stored, _ := d.Integer(tagStored)
	high, _ := d.Integer(tagHighBit)
	if bits != 16 || stored < 1 || high < stored-1 || high > 15 {
		return errors.New("overlays are drawn into the unused bits of its pixels, and which bits those are cannot be told")
	}
	mask := uint16((1<<stored - 1) << (high + 1 - stored))
	e.Value = slices.Clone(e.Value)
	for b := e.Value; len(b) >= 2; b = b[2:] {
		binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)&mask)
	}
	return nil
}
