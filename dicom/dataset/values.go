package dataset

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/charset"
)

// order is the byte order of binary values.
func (d *Dataset) order() binary.ByteOrder {
	if d.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Texts returns the values of a text element, padding removed, in UTF-8. An
// absent or empty element has none.
func (d *Dataset) Texts(t Tag) []string {
	e := d.elements[t]
	if e == nil || len(e.Value) == 0 || len(e.Value) > 1<<16 {
		return nil
	}
	raw := string(e.Value)
	if t != tagCharacterSet {
		raw = decodeText(e.Value, d.charset)
	}
	parts := strings.Split(raw, `\`)
	for i, p := range parts {
		parts[i] = strings.TrimFunc(p, func(r rune) bool { return r == 0 || unicode.IsSpace(r) })
	}
	return parts
}

// Text is the first value, "" where there is none.
func (d *Dataset) Text(t Tag) string {
	if all := d.Texts(t); len(all) > 0 {
		return all[0]
	}
	return ""
}

// decodeText turns bytes of a DICOM character set into printable UTF-8. Bytes
// that the named set cannot hold are kept if they are UTF-8 and shown as Latin-1
// otherwise, which is what wrongly labelled files usually are.
func decodeText(b []byte, sets []string) (s string) {
	if isASCII(b) {
		return Printable(string(b))
	}
	defer func() {
		if recover() != nil { // the table of names in the library panics on a few
			s = Printable(latin1(b))
		}
	}()
	if len(sets) > 0 {
		if cs, err := charset.ParseSpecificCharacterSet(sets); err == nil && cs.Ideographic != nil {
			if out, err := cs.Ideographic.Bytes(b); err == nil && utf8.Valid(out) {
				return Printable(string(out))
			}
		}
	}
	if utf8.Valid(b) {
		return Printable(string(b))
	}
	return Printable(latin1(b))
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// Printable drops control characters, so that no header text can steer a
// terminal or break a table.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if unicode.IsControl(r) || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// Numbers returns the decimal strings (DS, IS) or binary numbers of an element;
// nil if any of them is no finite number.
func (d *Dataset) Numbers(t Tag) []float64 {
	e := d.elements[t]
	if e == nil || len(e.Value) == 0 {
		return nil
	}
	switch e.VR {
	case "US", "SS", "UL", "SL", "FL", "FD":
		return d.binaryNumbers(e)
	case "UN":
		return nil
	}
	var out []float64
	for _, s := range d.Texts(t) {
		x, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// binaryNumbers reads numeric VRs (PS3.5 6.2).
func (d *Dataset) binaryNumbers(e *Element) []float64 {
	o := d.order()
	size := map[string]int{"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8}[e.VR]
	var out []float64
	for b := e.Value; len(b) >= size && len(out) < 4096; b = b[size:] {
		var x float64
		switch e.VR {
		case "US":
			x = float64(o.Uint16(b))
		case "SS":
			x = float64(int16(o.Uint16(b)))
		case "UL":
			x = float64(o.Uint32(b))
		case "SL":
			x = float64(int32(o.Uint32(b)))
		case "FL":
			x = float64(math.Float32frombits(o.Uint32(b)))
		case "FD":
			x = math.Float64frombits(o.Uint64(b))
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// Number is the first value and whether there is one.
func (d *Dataset) Number(t Tag) (float64, bool) {
	if all := d.Numbers(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Float is the first value, or zero.
func (d *Dataset) Float(t Tag) float64 {
	x, _ := d.Number(t)
	return x
}

// Integer is the first value as an int if it is a whole number of a sane size.
func (d *Dataset) Integer(t Tag) (int, bool) {
	x, ok := d.Number(t)
	if !ok || x != math.Trunc(x) || math.Abs(x) > math.MaxInt32 {
		return 0, false
	}
	return int(x), true
}
