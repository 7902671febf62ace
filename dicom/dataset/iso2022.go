package dataset

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const escape = 0x1B

// codeSet is a set of characters of one or two bytes. x/text has those of two
// bytes in their EUC forms alone: prefix comes before each character there, and
// bytes of G0 want their high bit set.
type codeSet struct {
	enc    encoding.Encoding // nil for ASCII
	width  int
	prefix string
}

// high are the sets of G1, bytes from 0x80 on, by the number in their name.
func high(number string) codeSet {
	switch number {
	case "13":
		return codeSet{japanese.ShiftJIS, 1, ""} // whose single bytes are JIS X 0201
	case "100":
		return codeSet{charmap.ISO8859_1, 1, ""}
	case "101":
		return codeSet{charmap.ISO8859_2, 1, ""}
	case "109":
		return codeSet{charmap.ISO8859_3, 1, ""}
	case "110":
		return codeSet{charmap.ISO8859_4, 1, ""}
	case "126":
		return codeSet{charmap.ISO8859_7, 1, ""}
	case "127":
		return codeSet{charmap.ISO8859_6, 1, ""}
	case "138":
		return codeSet{charmap.ISO8859_8, 1, ""}
	case "144":
		return codeSet{charmap.ISO8859_5, 1, ""}
	case "148":
		return codeSet{charmap.ISO8859_9, 1, ""}
	case "166":
		return codeSet{charmap.Windows874, 1, ""} // TIS 620-2533 and a few signs more
	case "203":
		return codeSet{charmap.ISO8859_15, 1, ""}
	case "149":
		return codeSet{korean.EUCKR, 2, ""}
	case "58":
		return codeSet{simplifiedchinese.GBK, 2, ""} // holds GB 2312
	}
	return codeSet{}
}

// switches are the escape sequences (PS3.3 tables C.12-3 and C.12-4) with the
// number of the set they bring, "" for ASCII.
func switches() [][2]string {
	return [][2]string{
		{"(B", ""}, {"(J", ""}, {")I", "13"}, {"-A", "100"}, {"-B", "101"}, {"-C", "109"}, {"-D", "110"},
		{"-F", "126"}, {"-G", "127"}, {"-H", "138"}, {"-L", "144"}, {"-M", "148"}, {"-T", "166"}, {"-b", "203"},
		{"$B", "87"}, {"$@", "87"}, {"$(D", "159"}, {"$)C", "149"}, {"$)A", "58"},
	}
}

// iso2022 decodes values with code extensions (PS3.5 6.1.2.5): escape sequences
// switch the sets of low bytes (G0) and high bytes (G1), delimiters switch back.
type iso2022 struct {
	g0, g1  codeSet
	first   codeSet // G1 at the start
	out     strings.Builder
	pending []byte // of the set run
	run     codeSet
	ok      bool
}

// decodeISO2022 decodes by the named sets, of which the first holds at the start.
func decodeISO2022(b []byte, sets []string) (string, bool) {
	d := &iso2022{ok: true}
	for _, name := range sets { // a set of high bytes further on serves files that forget to switch
		if d.first = high(name[strings.LastIndexByte(name, ' ')+1:]); d.first.enc != nil {
			break
		}
	}
	d.g1 = d.first
	for len(b) > 0 && d.ok {
		b = b[d.step(b):]
	}
	d.flush()
	return d.out.String(), d.ok
}

// step decodes what comes first and tells its length.
func (d *iso2022) step(b []byte) int {
	switch c := b[0]; {
	case c == escape:
		return 1 + d.switchSet(b[1:])
	case c >= 0x80:
		return d.character(d.g1, b)
	case c > 0x20 && d.g0.enc != nil:
		return d.character(d.g0, b)
	case strings.IndexByte("\\^=\r\n\f\t", c) >= 0:
		d.g0, d.g1 = codeSet{}, d.first
	}
	return d.character(codeSet{width: 1}, b)
}

// switchSet follows an escape sequence, nowhere if it is unknown.
func (d *iso2022) switchSet(b []byte) int {
	for _, s := range switches() {
		if !bytes.HasPrefix(b, []byte(s[0])) {
			continue
		}
		switch s[1] {
		case "":
			d.g0 = codeSet{}
		case "87":
			d.g0 = codeSet{japanese.EUCJP, 2, ""}
		case "159":
			d.g0 = codeSet{japanese.EUCJP, 2, "\x8F"}
		default:
			d.g1 = high(s[1])
		}
		return len(s[0])
	}
	return 0
}

// character takes one character of a set.
func (d *iso2022) character(set codeSet, b []byte) int {
	if set.width == 0 || len(b) < set.width {
		d.ok = false
		return len(b)
	}
	if set != d.run {
		d.flush()
		d.run = set
	}
	d.pending = append(d.pending, set.prefix...)
	for _, c := range b[:set.width] {
		if set.width == 2 {
			c |= 0x80
		}
		d.pending = append(d.pending, c)
	}
	return set.width
}

// flush decodes what is pending.
func (d *iso2022) flush() {
	if d.run.enc == nil {
		d.out.Write(d.pending)
	} else if s, ok := decodeBy(d.run.enc, d.pending); ok {
		d.out.WriteString(s)
	} else {
		d.ok = false
	}
	d.pending = d.pending[:0]
}
