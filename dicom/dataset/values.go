package dataset

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Texts returns the values of a text element, padding removed, in UTF-8. An
// absent or empty element has none.
func (d *Dataset) Texts(t Tag) []string {
	s, ok := d.text(t)
	if !ok {
		return nil
	}
	parts := strings.Split(s, `\`)
	for i, p := range parts {
		parts[i] = trim(p)
	}
	return parts
}

// Text is the first value, "" where there is none.
func (d *Dataset) Text(t Tag) string {
	s, _ := d.text(t)
	s, _, _ = strings.Cut(s, `\`)
	return trim(s)
}

// text is all values as they stand, and whether there are any.
func (d *Dataset) text(t Tag) (string, bool) {
	e := d.Find(t)
	if e == nil || len(e.Value) == 0 || len(e.Value) > maxText {
		return "", false
	}
	return decodeText(e.Value, d.charset), true
}

func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r == 0 || unicode.IsSpace(r) })
}

// Printable drops control characters, so that no header text can steer a
// terminal or break a table.
func Printable(s string) string {
	if isPlain(s) {
		return s
	}
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

// isPlain reports text of ASCII letters, digits, signs and blanks alone.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7E {
			return false
		}
	}
	return true
}

// Numbers returns the decimal strings (DS, IS) or binary numbers of an element;
// nil if any of them is no finite number.
func (d *Dataset) Numbers(t Tag) []float64 {
	e := d.Find(t)
	if e == nil || len(e.Value) == 0 {
		return nil
	}
	switch e.VR {
	case "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD":
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
	o := d.ByteOrder()
	size := map[string]int{"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8}[e.VR]
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
		case "UV":
			x = float64(o.Uint64(b))
		case "SV":
			x = float64(int64(o.Uint64(b)))
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
