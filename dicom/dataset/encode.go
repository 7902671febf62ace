package dataset

import (
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"strings"
)

// implementationUID names this writer in the meta header (PS3.10 7.1); it is a
// UUID-derived UID (PS3.5 B.2).
const implementationUID = "2.25.181146087427317459316146170529424301257"

// SetText puts a text element; several values are joined by backslashes. The
// data set must say ISO_IR 192 if the text is not ASCII.
func (d *Dataset) SetText(t Tag, vr string, values ...string) {
	d.Put(&Element{Tag: t, VR: vr, Value: padded(vr, strings.Join(values, `\`))})
}

// padded brings a text to even length (PS3.5 6.2).
func padded(vr, s string) []byte {
	if len(s)%2 == 1 {
		if vr == "UI" {
			return []byte(s + "\x00")
		}
		return []byte(s + " ")
	}
	return []byte(s)
}

// SetDecimals puts a DS element, each value in at most 16 characters (PS3.5 6.2).
func (d *Dataset) SetDecimals(t Tag, values ...float64) {
	out := make([]string, len(values))
	for i, x := range values {
		out[i] = Decimal(x)
	}
	d.SetText(t, "DS", out...)
}

// Decimal is the most exact DS of x.
func Decimal(x float64) string {
	if x == 0 || math.Abs(x) < 1e-12 {
		return "0"
	}
	for digits := 16; ; digits-- {
		if s := strconv.FormatFloat(x, 'g', digits, 64); len(s) <= 16 {
			return s
		}
	}
}

// SetIntegers puts an IS element.
func (d *Dataset) SetIntegers(t Tag, values ...int) {
	out := make([]string, len(values))
	for i, x := range values {
		out[i] = strconv.Itoa(x)
	}
	d.SetText(t, "IS", out...)
}

// SetShorts puts a US element; negative values stand for SS.
func (d *Dataset) SetShorts(t Tag, values ...int) {
	var b []byte
	for _, x := range values {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	d.Put(&Element{Tag: t, VR: "US", Value: b})
}

// SetLongs puts a UL element.
func (d *Dataset) SetLongs(t Tag, values ...uint32) {
	var b []byte
	for _, x := range values {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	d.Put(&Element{Tag: t, VR: "UL", Value: b})
}

// SetFloats puts an FL or FD element.
func (d *Dataset) SetFloats(t Tag, vr string, values ...float64) {
	var b []byte
	for _, x := range values {
		if vr == "FL" {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	d.Put(&Element{Tag: t, VR: vr, Value: b})
}

// SetBytes puts a binary element, padded to even length.
func (d *Dataset) SetBytes(t Tag, vr string, b []byte) {
	if len(b)%2 == 1 {
		b = append(b[:len(b):len(b)], 0)
	}
	d.Put(&Element{Tag: t, VR: vr, Value: b})
}

// SetSequence puts a sequence.
func (d *Dataset) SetSequence(t Tag, items ...*Dataset) {
	d.Put(&Element{Tag: t, VR: "SQ", Items: items})
}

// Encode is the data set in explicit little endian (PS3.5 7.1.2), sequences with
// their lengths. Only data sets made or read in little endian can be encoded.
func (d *Dataset) Encode() []byte { return d.append(nil) }

func (d *Dataset) append(b []byte) []byte {
	for _, e := range d.Elements() {
		b = e.append(b)
	}
	return b
}

func appendTag(b []byte, t Tag) []byte {
	b = binary.LittleEndian.AppendUint16(b, t.Group())
	return binary.LittleEndian.AppendUint16(b, uint16(t))
}

func appendItem(b []byte, t Tag, value []byte) []byte {
	b = binary.LittleEndian.AppendUint32(appendTag(b, t), uint32(len(value)))
	return append(b, value...)
}

func (e *Element) append(b []byte) []byte {
	vr, value := e.VR, e.Value
	if !longVR(vr) && len(value) > maxShortValue {
		vr = "UN" // PS3.5 6.2.2 note 2: a length of 16 bits cannot say it
	}
	b = append(appendTag(b, e.Tag), vr...)
	switch {
	case len(e.Fragments) > 0:
		return e.appendFragments(b)
	case e.VR == "SQ":
		value = nil
		for _, item := range e.Items {
			value = appendItem(value, tagItem, item.Encode())
		}
	}
	if longVR(vr) {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value)))
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}

// appendFragments writes encapsulated pixel data (PS3.5 A.4).
func (e *Element) appendFragments(b []byte) []byte {
	b = append(b, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	b = appendItem(b, tagItem, e.OffsetTable)
	for _, f := range e.Fragments {
		b = appendItem(b, tagItem, f)
	}
	return appendItem(b, tagSequenceEnd, nil)
}

// Encode is the data set as a DICOM file of a transfer syntax that is explicit
// little endian outside its pixel data. The meta header's class and instance UIDs
// are the data set's own.
func Encode(d *Dataset, syntax string) []byte {
	meta := New()
	meta.SetBytes(0x00020001, "OB", []byte{0, 1})
	meta.SetText(0x00020002, "UI", d.Text(0x00080016))
	meta.SetText(0x00020003, "UI", d.Text(0x00080018))
	meta.SetText(tagTransferSyntax, "UI", syntax)
	meta.SetText(0x00020012, "UI", implementationUID)
	meta.SetText(0x00020013, "SH", "COLUMNA")
	body := meta.Encode()
	meta = New()
	meta.SetLongs(tagMetaLength, uint32(len(body)))
	b := append(make([]byte, 128, 256+len(body)), "DICM"...)
	b = append(meta.append(b), body...)
	return d.append(b)
}

// Write saves the data set as an explicit little endian file that its owner alone
// may read.
func Write(path string, d *Dataset) error {
	return os.WriteFile(path, Encode(d, ExplicitLE), 0o600)
}
