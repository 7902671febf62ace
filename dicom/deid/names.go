package deid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"columna/dicom/dataset"
)

// name is a word that identifies somebody in this file, in lower case. A whole
// name stands for itself; a short one counts only as a word of its own.
type name struct {
	text  string
	whole bool
}

// names collects the words by which a patient, a person or a place of the file is
// known: what the table removes from names, IDs and addresses, at any depth. They
// may stand in attributes that stay, where a technician typed them.
func (p *Profile) names(f *dataset.File) []name {
	found := map[string]bool{}
	p.collect(f.Dataset, found)
	var out []name
	for s := range found {
		out = append(out, name{s, utf8.RuneCountInString(s) < 6 || digits(s)})
	}
	return out
}

func (p *Profile) collect(d *dataset.Dataset, found map[string]bool) {
	for _, e := range d.Elements() {
		for _, item := range e.Items {
			p.collect(item, found)
		}
		t := typed(d, e)
		_, listed := p.table.find(e.Tag)
		switch {
		case t.VR == "PN" || e.VR == "PN":
			for _, part := range strings.FieldsFunc(value(d, e)+`\`+string(e.Value), separatesNames) {
				addName(found, part, 3)
			}
		case listed && (t.VR == "LO" || t.VR == "SH" || t.VR == "AE" || t.VR == "UC") && !descriptor(e.Tag):
			for _, part := range strings.Split(value(d, e)+`\`+string(e.Value), `\`) {
				addName(found, part, 4)
			}
		case e.Tag == 0x00100030 || e.Tag.Private() && e.VR == "DA":
			addName(found, value(d, e), 8)
		}
	}
}

// value is an element's text in UTF-8, whatever its VR.
func value(d *dataset.Dataset, e *dataset.Element) string {
	return strings.Join(d.Texts(e.Tag), `\`)
}

func separatesNames(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`^=\,.;`, r)
}

// addName takes a word of at least so many letters, unless it is a term that every
// file may hold.
func addName(found map[string]bool, s string, least int) {
	s = lower(strings.Trim(s, " \t\r\n\x00"))
	if utf8.RuneCountInString(s) >= least || len(s) > utf8.RuneCountInString(s) && s != "" {
		if !commonTerm(s) {
			found[s] = true
		}
	}
}

// commonTerm are words that name nobody.
func commonTerm(s string) bool {
	switch s {
	case "columna", "anonymous", "anonymized", "removed", "unknown", "none", "patient", "name", "test", "phantom", "original",
		"primary", "derived", "secondary", "other", "spine", "lspine", "monochrome2", "monochrome1", "the", "and", "hfs", "hfp", "ffs":
		return true
	}
	return false
}

// lower leaves the bytes of other character sets as they are.
func lower(s string) string {
	if utf8.ValidString(s) {
		return strings.ToLower(s)
	}
	return string(lowerASCII([]byte(s)))
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789.-+") == ""
}

// named reports whether a text holds a known name.
func (c *cleaner) named(s string) bool {
	if s == "" {
		return false
	}
	s = lower(s)
	for _, n := range c.known {
		if !n.whole && strings.Contains(s, n.text) || n.whole && hasWord(s, n.text) {
			return true
		}
	}
	return false
}

// hasWord finds a word that no letter or digit touches.
func hasWord(s, word string) bool {
	for at := 0; ; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(s[:at+i])
		after, _ := utf8.DecodeRuneInString(s[at+i+len(word):])
		if !joins(before) && !joins(after) {
			return true
		}
		at += i + 1
	}
}

func joins(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
