package deid

import (
	"fmt"
	"strings"

	"columna/dicom/dataset"
)

// cleaner is the walk over one file. It builds a new data set and takes over only
// what is allowed.
type cleaner struct {
	*Profile
	src     *dataset.File
	kind    kind
	patient string // key of the source's patient
	days    int
	signed  bool   // pixels are
	known   []name // what identifies the patient elsewhere in the file
	content bool   // structured content was cleaned
	inDummy int    // depth inside sequences that are kept as dummies
}

func newCleaner(p *Profile, src *dataset.File) *cleaner {
	c := &cleaner{Profile: p, src: src, kind: kindOf(src.Text(tagSOPClass)), patient: patientKey(src.Dataset)}
	c.days = p.key.daysBack(c.patient)
	c.known = p.names(src)
	representation, _ := src.Integer(0x00280103)
	c.signed = representation == 1
	return c
}

// file is the whole new data set.
func (c *cleaner) file() (*dataset.Dataset, error) {
	d := c.dataset(c.src.Dataset)
	if err := c.pixels(d); err != nil {
		return nil, err
	}
	c.mark(d)
	return d, nil
}

func (c *cleaner) dataset(src *dataset.Dataset) *dataset.Dataset {
	d := dataset.New()
	for _, e := range src.Elements() {
		if out := c.element(src, e); out != nil {
			d.Put(out)
		}
	}
	cleanCode(d)
	return d
}

// cleanCode takes the meaning off a code of a scheme that nobody publishes: it
// could be anybody's words.
func cleanCode(d *dataset.Dataset) {
	scheme, meaning := d.Find(0x00080102), d.Find(0x00080104)
	if scheme != nil && meaning != nil && !knownScheme(d.Text(0x00080102)) {
		d.SetText(0x00080104, "LO", removedWord)
	}
}

// element is what becomes of one attribute, nil if it goes.
func (c *cleaner) element(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	t := e.Tag
	if t.Group() < 8 || t.Private() || uint16(t) == 0 { // commands, meta, DICOMDIR; private; group lengths
		return nil
	}
	e = typed(d, e)
	if c.src.Syntax == dataset.ImplicitLE {
		e.VR = implicit(t, e.VR, c.signed)
	}
	a, listed := c.table.find(t)
	if !listed {
		return c.unlisted(d, e)
	}
	a = a.resolve(t, c.kind)
	switch {
	case c.options.KeepCharacteristics && characteristic(t):
		if e.VR == "US" { // PregnancyStatus
			return c.numbers(d, e)
		}
		return c.text(d, e)
	case c.options.Dates == ShiftDates && isTime(e.VR) && !neverShifted(t):
		return shift(e, c.days)
	case c.options.CleanDescriptors && descriptor(t):
		return c.described(d, e, a)
	}
	return c.act(d, e, a)
}

// act does what the table says.
func (c *cleaner) act(d *dataset.Dataset, e *dataset.Element, a action) *dataset.Element {
	switch a {
	case empty:
		return &dataset.Element{Tag: e.Tag, VR: e.VR}
	case dummy:
		if e.VR == "SQ" {
			return c.dummies(e)
		}
		if e.VR == "UI" {
			return c.uids(d, e)
		}
		return dummyOf(e)
	case mapUID:
		return c.uids(d, e)
	case refsUID:
		return c.sequence(e)
	}
	return nil
}

// unlisted keeps an attribute outside the table only if its kind of value cannot
// hold an identity or is known to be technical.
func (c *cleaner) unlisted(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	switch e.VR {
	case "SQ":
		return c.sequence(e)
	case "UI":
		return c.uids(d, e)
	case "DA", "TM", "DT":
		if c.options.Dates == ShiftDates {
			return shift(e, c.days)
		}
		return nil
	case "PN", "AE", "AS", "UR", "UN":
		return nil
	case "OB", "OW", "OF", "OD", "OL", "OV":
		if bulk(e.Tag) {
			return littleEndian(d, e)
		}
		return nil
	case "LT", "ST", "UT":
		return c.freeText(d, e)
	case "LO", "SH", "UC":
		return c.shortText(d, e)
	case "US", "SS", "UL", "SL", "FL", "FD", "AT", "SV", "UV":
		return c.numbers(d, e)
	}
	return c.text(d, e) // CS, DS, IS
}

// freeText is removed, but for what must be there.
func (c *cleaner) freeText(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	if a, ok := needed(e.Tag); ok {
		return c.described(d, e, a)
	}
	return nil
}

// shortText keeps what is known to be technical.
func (c *cleaner) shortText(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	if a, ok := needed(e.Tag); ok {
		return c.described(d, e, a)
	}
	switch {
	case !technical(e.Tag):
		return nil
	case c.inDummy > 0:
		return dummyOf(e)
	}
	return c.text(d, e)
}

// described keeps the allowed words of a description, and does what the table
// says if there are none.
func (c *cleaner) described(d *dataset.Dataset, e *dataset.Element, a action) *dataset.Element {
	if c.options.CleanDescriptors && e.VR != "SQ" {
		words := strings.Join(d.Texts(e.Tag), " ")
		if !c.named(words) {
			if s := cleanWords(words); s != "" {
				return text(e.Tag, e.VR, s)
			}
		}
	}
	return c.act(d, e, a)
}

// sequence cleans every item.
func (c *cleaner) sequence(e *dataset.Element) *dataset.Element {
	out := &dataset.Element{Tag: e.Tag, VR: "SQ"}
	for _, item := range e.Items {
		out.Items = append(out.Items, c.dataset(item))
	}
	return out
}

// dummies keeps a sequence that must be there. The content of a report is cleaned
// item by item (Clean Structured Content); of others only numbers, codes of states
// and new UIDs stay.
func (c *cleaner) dummies(e *dataset.Element) *dataset.Element {
	if e.Tag == tagContent {
		c.content = true
		return c.sequence(e)
	}
	c.inDummy++
	defer func() { c.inDummy-- }()
	return c.sequence(e)
}

// uids maps every value but those that the standard itself defines.
func (c *cleaner) uids(_ *dataset.Dataset, e *dataset.Element) *dataset.Element {
	values := strings.Split(string(e.Value), `\`)
	for i, v := range values {
		values[i] = c.key.mapped(v)
	}
	return text(e.Tag, "UI", values...)
}

// text keeps the values of a short text, each without known names.
func (c *cleaner) text(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	if e.Tag == tagCharacterSet {
		return characterSet(d, e)
	}
	if !c.named(strings.Join(d.Texts(e.Tag), `\`)) && !c.named(string(e.Value)) {
		return &dataset.Element{Tag: e.Tag, VR: e.VR, Value: even(e.Value, ' ')}
	}
	values := d.Texts(e.Tag)
	bad := len(values) == 0
	for i, v := range values {
		if e.VR == "CS" && codedTerm(v) {
			continue
		}
		if v != "" && (c.named(v) || !plainWord(v)) {
			values[i] = dummyText(e.VR)
		}
		bad = bad || c.named(values[i])
	}
	if bad {
		return dummyOf(e)
	}
	return text(e.Tag, e.VR, values...)
}

// numbers keeps binary numbers, unless their bytes spell a known name.
func (c *cleaner) numbers(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	if c.named(string(e.Value)) {
		return nil
	}
	return littleEndian(d, e)
}

// characterSet keeps the defined terms (PS3.3 C.12.1.1.2).
func characterSet(d *dataset.Dataset, e *dataset.Element) *dataset.Element {
	for _, v := range d.Texts(e.Tag) {
		ok := v == "" || strings.HasPrefix(v, "ISO_IR ") && len(v) <= 10 || strings.HasPrefix(v, "ISO 2022 IR ") && len(v) <= 15 ||
			v == "GB18030" || v == "GBK"
		if !ok {
			return nil
		}
	}
	return &dataset.Element{Tag: e.Tag, VR: "CS", Value: even(e.Value, ' ')}
}

// mark says in the file what was done (PS3.15 E.1, PS3.16 CID 7050).
func (c *cleaner) mark(d *dataset.Dataset) {
	name, id := c.Profile.patient(c.patient)
	d.SetText(tagPatientName, "PN", name)
	d.SetText(tagPatientID, "LO", id)
	for _, t := range []dataset.Tag{0x00100030, 0x00100040} { // birth date and sex must be there (C.7.1.1)
		if d.Find(t) == nil {
			d.SetText(t, t.VR())
		}
	}
	d.SetText(0x00120062, "CS", "YES")
	d.SetText(0x00120063, "LO", method)
	d.SetSequence(0x00120064, c.methodCodes()...)
	state := "REMOVED"
	if c.options.Dates == ShiftDates {
		state = "MODIFIED"
	}
	d.SetText(0x00280303, "CS", state)
}

// method names the profile in words.
const method = "PS3.15 " + edition + " Basic Application Level Confidentiality"

// methodCodes are the profile and the options that were used.
func (c *cleaner) methodCodes() []*dataset.Dataset {
	codes := [][2]string{{"113100", "Basic Application Confidentiality Profile"}, {"113103", "Clean Graphics Option"}}
	add := func(on bool, code, meaning string) {
		if on {
			codes = append(codes, [2]string{code, meaning})
		}
	}
	add(c.content, "113104", "Clean Structured Content Option")
	add(c.options.CleanDescriptors, "113105", "Clean Descriptors Option")
	add(c.options.Dates == ShiftDates, "113107", "Retain Longitudinal Temporal Information Modified Dates Option")
	add(c.options.KeepCharacteristics, "113108", "Retain Patient Characteristics Option")
	var items []*dataset.Dataset
	for _, code := range codes {
		d := dataset.New()
		d.SetText(0x00080100, "SH", code[0])
		d.SetText(0x00080102, "SH", "DCM")
		d.SetText(0x00080104, "LO", code[1])
		items = append(items, d)
	}
	return items
}

// pixels takes out of the pixel data what is not pixels: bytes after the last
// frame, and overlays in the unused bits (retired, but old archives have them).
func (c *cleaner) pixels(d *dataset.Dataset) error {
	e := d.Find(tagPixelData)
	if e == nil {
		return nil
	}
	embedded := c.embeddedOverlay()
	if len(e.Fragments) > 0 {
		if embedded {
			return fmt.Errorf("overlays are drawn into the unused bits of compressed pixels: decompress it first")
		}
		return nil
	}
	if n := frameBytes(d); n > 0 && n < int64(len(e.Value)) {
		e.Value = even(e.Value[:n:n], 0)
	}
	if embedded {
		return clearUnusedBits(d, e)
	}
	return nil
}

// embeddedOverlay reports an overlay that lies in the pixels' bits: its position
// is not 0 (PS3.5 8.1.2).
func (c *cleaner) embeddedOverlay() bool {
	for g := dataset.Tag(0x6000); g <= 0x60FF; g += 2 {
		if n, ok := c.src.Integer(g<<16 | 0x0102); ok && n > 0 {
			return true
		}
	}
	return false
}
