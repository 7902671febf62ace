package deid

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"columna/dicom/dataset"
)

// The second scan. It shares the parser and the table with the walk, and none of
// its decisions: it asks only whether what identified the source can be found in
// the result.
//
// What is searched, and where:
//
//   - Identities: all names (PN), UIDs and, of attributes in the table, IDs,
//     addresses, texts and (unless they are shifted) dates. Of six characters or
//     more they are searched in every byte of the file, pixels included, in the
//     bytes of the source's character set and in UTF-8; shorter ones, from three on
//     for parts of names and four on for the rest, and numbers under eight digits,
//     as whole words in the texts.
//   - Descriptions, private and unknown values: machines repeat their technical
//     values in them. They count where they stand in a value that the source did
//     not have under the same tag; of sixteen characters or more, anywhere, unless
//     the source said the very same in a standard attribute outside the table, such
//     as the meaning of a code.
//
// Not searched: UIDs that the standard defines, terms that every file may hold
// (commonTerm, and codedTerm as a value of CS), numbers under four digits.

// clue is one identifying value of the source.
type clue struct {
	from   dataset.Tag
	value  string // ASCII letters in lower case
	strong bool   // an identity, not a description
}

// Leak is the answer to a file whose result still held an identity.
type Leak struct{ Tag dataset.Tag }

func (l *Leak) Error() string {
	return fmt.Sprintf("a value of %v was still found in the result, so it was not written", l.Tag)
}

// scan compares the bytes of source and result.
func scan(src, out []byte, t table, o Options) error {
	f, err := dataset.Parse(src)
	if err != nil {
		return err
	}
	result, err := dataset.Parse(out)
	if err != nil {
		return fmt.Errorf("the result cannot be read back: %w", err)
	}
	if !bytes.Equal(out[:128], make([]byte, 128)) {
		return &Leak{}
	}
	s := &detective{table: t, options: o, seen: map[string]bool{}, allowed: map[string]bool{}}
	for _, t := range []dataset.Tag{0x00020012, 0x00020013} { // the writing program, which may have been this one
		if f.Meta.Text(t) == result.Meta.Text(t) {
			f.Meta.Remove(t)
		}
	}
	s.interview(f.Meta, false)
	s.interview(f.Dataset, false)
	s.permit(f.Dataset)
	return s.search(out, result)
}

// detective holds the clues of one file.
type detective struct {
	table   table
	options Options
	clues   []clue
	seen    map[string]bool
	allowed map[string]bool // what the source had in standard attributes: values, and tags with values
}

// interview collects clues at any depth; gone means that an outer sequence is in
// the table.
func (s *detective) interview(d *dataset.Dataset, gone bool) {
	for _, e := range d.Elements() {
		_, listed := s.table.find(e.Tag)
		for _, item := range e.Items {
			s.interview(item, gone || listed || e.Tag.Private())
		}
		if len(e.Value) == 0 || len(e.Value) > 1<<16 || uint16(e.Tag) == 0 {
			continue
		}
		s.question(d, e, listed, gone)
	}
}

// question turns one element into clues.
func (s *detective) question(d *dataset.Dataset, e *dataset.Element, listed, gone bool) {
	vr := e.VR
	if known := e.Tag.VR(); known != "UN" {
		vr = known
	}
	private := e.Tag.Private()
	switch {
	case s.kept(e.Tag, vr):
	case vr == "PN" || e.VR == "PN":
		s.person(d, e)
	case vr == "UI" || e.VR == "UI":
		s.each(d, e, true, 6)
	case private && uint16(e.Tag) < 0x100: // a private creator names a maker
	case private || vr == "UN" || !listed && (gone || hides(vr)):
		s.each(d, e, false, 6)
	case listed && (strings.HasPrefix(vr, "O") || vr == "SQ" || vr == "CS" || vr == "DS" || vr == "IS" || vr == "AS"):
	case listed && (descriptor(e.Tag) || vr == "LT" || vr == "ST" || vr == "UT"):
		s.each(d, e, false, 6)
	case listed && len(e.Value) > 3:
		s.each(d, e, true, 4)
	}
}

// kept reports what the options leave in the file on purpose.
func (s *detective) kept(t dataset.Tag, vr string) bool {
	if s.options.Dates == ShiftDates && (vr == "DA" || vr == "DT" || vr == "TM") {
		return vr == "TM" || t != 0x00100030
	}
	return s.options.KeepCharacteristics && characteristic(t)
}

// hides reports text that the profile removes though the table does not list it.
func hides(vr string) bool {
	switch vr {
	case "LT", "ST", "UT", "UR", "AE":
		return true
	}
	return false
}

// person adds a name as a whole and in its parts, in both encodings.
func (s *detective) person(d *dataset.Dataset, e *dataset.Element) {
	for _, all := range []string{string(e.Value), strings.Join(d.Texts(e.Tag), `\`)} {
		s.add(e.Tag, all, true, 6)
		parts := strings.FieldsFunc(all, func(r rune) bool { return strings.ContainsRune("^=\\ ,.;\x00", r) })
		for _, p := range parts {
			s.add(e.Tag, p, true, 3)
		}
	}
}

// each adds every value of an element, in both encodings.
func (s *detective) each(d *dataset.Dataset, e *dataset.Element, strong bool, least int) {
	for _, v := range append(strings.Split(string(e.Value), `\`), d.Texts(e.Tag)...) {
		s.add(e.Tag, v, strong, least)
	}
}

func (s *detective) add(t dataset.Tag, v string, strong bool, least int) {
	v = string(lowerASCII([]byte(strings.Trim(v, " \x00\r\n\t"))))
	bare := strings.Trim(v, "0123456789.-+: ") == ""
	switch {
	case len(v) < least || standardUID.MatchString(v) || commonTerm(v) || s.seen[v]:
	case strings.Trim(v, "0.: ") == "" || v == "19000101" || v == "19000101000000":
	case bare && !strong && len(v) < 16: // a measure
	case !strong && !readable(v):
	default:
		s.seen[v] = true
		s.clues = append(s.clues, clue{t, v, strong})
	}
}

// readable tells text from binary values in private and unknown elements.
func readable(v string) bool {
	letters := 0
	for _, r := range v {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' && r != 0x1B {
			return false
		}
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters >= 3
}

// permit notes what the source said in standard attributes outside the table.
func (s *detective) permit(d *dataset.Dataset) {
	for _, e := range d.Elements() {
		for _, item := range e.Items {
			s.permit(item)
		}
		if _, listed := s.table.find(e.Tag); !listed && !e.Tag.Private() && len(e.Value) < 1<<12 {
			s.allowed[permission(e)] = true
			s.allowed[string(lowerASCII(bytes.Trim(e.Value, " \x00")))] = true
		}
	}
}

func permission(e *dataset.Element) string {
	return e.Tag.String() + "\x00" + strings.Trim(string(e.Value), " \x00")
}

// search looks for all clues.
func (s *detective) search(out []byte, result *dataset.File) error {
	everything := lowerASCII(out)
	everything = bytes.ReplaceAll(everything, []byte(strings.ToLower(method)), nil)
	runs := printableRuns(everything)
	var texts, changed []string
	s.texts(result.Dataset, &texts, &changed)
	all := string(lowerASCII([]byte(strings.Join(texts, "\n"))))
	fresh := string(lowerASCII([]byte(strings.Join(changed, "\n"))))
	for _, c := range s.clues {
		found := false
		switch {
		case !c.strong && (len(c.value) < 16 || s.allowed[c.value]):
			found = strings.Contains(fresh, c.value)
		case !anywhere(c.value):
			found = standsAlone(all, c.value)
		case printableASCII(c.value):
			found = occurs(runs, c.value)
		default:
			found = bytes.Contains(everything, []byte(c.value))
		}
		if found {
			return &Leak{c.from}
		}
	}
	return nil
}

// anywhere reports values long enough to be searched in every byte.
func anywhere(v string) bool {
	if strings.Trim(v, "0123456789.-+:") == "" {
		return len(v) >= 8
	}
	return len(v) >= 6
}

// texts lists the values of the result, and those that the source did not have.
// What mark writes is the same in every file.
func (s *detective) texts(d *dataset.Dataset, all, changed *[]string) {
	for _, e := range d.Elements() {
		for _, item := range e.Items {
			s.texts(item, all, changed)
		}
		if len(e.Value) == 0 || len(e.Value) > 1<<16 || strings.HasPrefix(e.VR, "O") ||
			e.Tag >= 0x00120062 && e.Tag <= 0x00120064 || e.Tag == 0x00280303 {
			continue
		}
		for _, v := range append(d.Texts(e.Tag), string(e.Value)) {
			if e.VR != "CS" || !codedTerm(strings.Trim(v, " ")) {
				*all = append(*all, v)
			}
		}
		if !s.allowed[permission(e)] {
			*changed = append(*changed, string(e.Value))
		}
	}
}

// occurs finds a text in the printable runs of a file. A number must begin there:
// eight digits inside the forty of a new UID are chance.
func occurs(runs, v string) bool {
	number := strings.Trim(v, "0123456789") == ""
	for at := 0; ; {
		i := strings.Index(runs[at:], v)
		if i < 0 {
			return false
		}
		at += i
		if !number || at == 0 || runs[at-1] < '0' || runs[at-1] > '9' {
			return true
		}
		at++
	}
}

// standsAlone finds a word between characters that are no letters or digits.
func standsAlone(s, word string) bool {
	for rest := s; ; {
		before, after, ok := strings.Cut(rest, word)
		if !ok {
			return false
		}
		l, _ := utf8.DecodeLastRuneInString(before)
		r, _ := utf8.DecodeRuneInString(after)
		if !letterOrDigit(l) && !letterOrDigit(r) {
			return true
		}
		rest = rest[len(before)+1:]
	}
}

func letterOrDigit(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// printableRuns are the runs of at least six printable ASCII characters, as
// strings(1) finds them.
func printableRuns(b []byte) string {
	var out []byte
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] >= ' ' && b[i] <= '~' {
			continue
		}
		if i-start >= 6 {
			out = append(append(out, b[start:i]...), 0)
		}
		start = i + 1
	}
	return string(out)
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func lowerASCII(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
