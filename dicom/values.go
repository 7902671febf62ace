package dicom

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/charset"
)

func newDataset() *dataset { return &dataset{elements: map[tagID]*element{}} }

// order is the byte order of binary values.
func (d *dataset) order() binary.ByteOrder {
	if d.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// texts returns the values of a text element, padding removed, in UTF-8. An
// absent or empty element has none.
func (d *dataset) texts(t tagID) []string {
	e := d.elements[t]
	if e == nil || len(e.value) == 0 || len(e.value) > 1<<16 {
		return nil
	}
	raw := string(e.value)
	if t != tagCharacterSet {
		raw = decodeText(e.value, d.charset)
	}
	parts := strings.Split(raw, `\`)
	for i, p := range parts {
		parts[i] = strings.TrimFunc(p, func(r rune) bool { return r == 0 || unicode.IsSpace(r) })
	}
	return parts
}

// text is the first value, "" where there is none.
func (d *dataset) text(t tagID) string {
	if all := d.texts(t); len(all) > 0 {
		return all[0]
	}
	return ""
}

// decodeText turns bytes of a DICOM character set into printable UTF-8. Bytes
// that the named set cannot hold are kept if they are UTF-8 and shown as Latin-1
// otherwise, which is what wrongly labelled files usually are.
func decodeText(b []byte, sets []string) (s string) {
	if isASCII(b) {
		return printable(string(b))
	}
	defer func() {
		if recover() != nil { // the table of names in the library panics on a few
			s = printable(latin1(b))
		}
	}()
	if len(sets) > 0 {
		if cs, err := charset.ParseSpecificCharacterSet(sets); err == nil && cs.Ideographic != nil {
			if out, err := cs.Ideographic.Bytes(b); err == nil && utf8.Valid(out) {
				return printable(string(out))
			}
		}
	}
	if utf8.Valid(b) {
		return printable(string(b))
	}
	return printable(latin1(b))
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

// printable drops control characters, so that no header text can steer a
// terminal or break a table.
func printable(s string) string {
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

// numbers returns the decimal strings (DS, IS) or binary numbers of an element;
// nil if any of them is no finite number.
func (d *dataset) numbers(t tagID) []float64 {
	e := d.elements[t]
	if e == nil || len(e.value) == 0 {
		return nil
	}
	switch e.vr {
	case "US", "SS", "UL", "SL", "FL", "FD":
		return d.binaryNumbers(e)
	case "UN":
		return nil
	}
	var out []float64
	for _, s := range d.texts(t) {
		x, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// binaryNumbers reads numeric VRs (PS3.5 6.2).
func (d *dataset) binaryNumbers(e *element) []float64 {
	o := d.order()
	size := map[string]int{"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8}[e.vr]
	var out []float64
	for b := e.value; len(b) >= size && len(out) < 4096; b = b[size:] {
		var x float64
		switch e.vr {
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

// number is the first value and whether there is one.
func (d *dataset) number(t tagID) (float64, bool) {
	if all := d.numbers(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// float is the first value, or zero.
func (d *dataset) float(t tagID) float64 {
	x, _ := d.number(t)
	return x
}

// integer is the first value as an int if it is a whole number of a sane size.
func (d *dataset) integer(t tagID) (int, bool) {
	x, ok := d.number(t)
	if !ok || x != math.Trunc(x) || math.Abs(x) > math.MaxInt32 {
		return 0, false
	}
	return int(x), true
}
