package dataset

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charsetNames are the values of SpecificCharacterSet, spelled as the standard
// spells them.
func charsetNames(value []byte) []string {
	names := strings.Split(string(value), `\`)
	for i, n := range names {
		names[i] = charsetName(n)
	}
	return names
}

// charsetName undoes the misspellings that other readers accept too.
func charsetName(s string) string {
	s = strings.ToUpper(strings.Trim(s, " \x00"))
	if strings.HasPrefix(s, "ISO_IR ") {
		return s
	}
	letters := strings.NewReplacer("_", "", "-", "", " ", "").Replace(s)
	switch {
	case strings.HasPrefix(letters, "ISO2022IR"):
		return "ISO 2022 IR " + letters[9:]
	case strings.HasPrefix(letters, "ISOIR"):
		return "ISO_IR " + letters[5:]
	case letters == "UTF8":
		return "ISO_IR 192"
	case strings.HasPrefix(letters, "ISO8859"):
		return isoNames(letters[7:])
	case letters == "ISO2022GBK" || letters == "ISO2022GB18030":
		return letters[7:]
	}
	return s
}

// isoNames are the DICOM names of the parts of ISO 8859.
func isoNames(part string) string {
	for i, p := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "11", "15"} {
		if p == part {
			return "ISO_IR " + []string{"100", "101", "109", "110", "144", "127", "126", "138", "148", "166", "203"}[i]
		}
	}
	return "ISO 8859-" + part
}

// decodeText turns bytes of the DICOM character sets (PS3.3 C.12.1.1.2) into
// printable UTF-8. Bytes that the named sets cannot hold are kept if they are
// UTF-8 and shown as Latin-1 otherwise, which is what wrongly labelled files
// usually are.
func decodeText(b []byte, sets []string) string {
	if isASCII(b) {
		return Printable(string(b))
	}
	if s, ok := decodeSets(b, sets); ok {
		return Printable(s)
	}
	if utf8.Valid(b) {
		return Printable(string(b))
	}
	return Printable(latin1(b))
}

// decodeSets decodes by the named sets, and reports whether they hold the bytes.
func decodeSets(b []byte, sets []string) (string, bool) {
	if len(sets) == 0 {
		return "", false
	}
	switch sets[0] {
	case "ISO_IR 192":
		return string(b), utf8.Valid(b)
	case "GB18030":
		return decodeBy(simplifiedchinese.GB18030, b)
	case "GBK":
		return decodeBy(simplifiedchinese.GBK, b)
	}
	return decodeISO2022(b, sets)
}

// decodeBy decodes by one encoding, if it has all the characters.
func decodeBy(enc encoding.Encoding, b []byte) (string, bool) {
	out, err := enc.NewDecoder().Bytes(b)
	return string(out), err == nil && !bytes.ContainsRune(out, utf8.RuneError)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == escape {
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
