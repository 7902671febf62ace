package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// File is a parsed DICOM file: its data set, its meta header (group 0002) and
// the transfer syntax it was read by.
type File struct {
	*Dataset
	Meta   *Dataset
	Syntax string
}

// ErrNotDICOM is the answer to bytes that are something else altogether.
var ErrNotDICOM = errors.New("not a DICOM file")

// Parse reads a whole DICOM file from memory. Files without the preamble, the
// meta header or the group length are read where their first bytes leave no
// doubt about the encoding.
func Parse(b []byte) (*File, error) {
	body, err := skipPreamble(b)
	if err != nil {
		return nil, err
	}
	meta, body, err := parseMeta(body)
	if err != nil {
		return nil, err
	}
	syntax := meta.Text(tagTransferSyntax)
	if syntax == "" {
		syntax = guessSyntax(body)
	}
	enc, err := encodingOf(syntax)
	if err != nil {
		return nil, err
	}
	if enc.deflated {
		if body, err = inflate(body); err != nil {
			return nil, err
		}
	}
	if enc.explicit && !looksExplicit(body, enc.order) && guessSyntax(body) == ImplicitLE {
		enc = encoding{order: binary.LittleEndian} // a known writer's fault: implicit data under an explicit syntax
	}
	p := &parser{b: body, enc: enc}
	ds, err := p.dataset(len(body), 0)
	if err != nil && (ds == nil || ds.elements[tagPixelData] == nil) {
		return nil, err // damage after the pixel data costs nothing
	}
	return &File{Dataset: ds, Meta: meta, Syntax: syntax}, nil
}

// Sniff returns an error unless head, the first bytes of a file, could begin a
// DICOM file. 132 bytes are enough to tell.
func Sniff(head []byte) error {
	_, err := skipPreamble(head)
	return err
}

// skipPreamble returns the bytes from the first data element on.
func skipPreamble(b []byte) ([]byte, error) {
	if len(b) >= 132 && string(b[128:132]) == "DICM" {
		return b[132:], nil
	}
	if len(b) >= 4 && string(b[:4]) == "DICM" {
		return b[4:], nil
	}
	if plausibleStart(b) {
		return b, nil
	}
	return nil, ErrNotDICOM
}

// plausibleStart reports whether b could begin with an element of group 0002 or
// 0008, in either byte order.
func plausibleStart(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		group, elem := order.Uint16(b), order.Uint16(b[2:])
		if (group == 2 || group == 8) && elem <= 0x1190 {
			if isVR(b[4:6]) {
				return true
			}
			if order == binary.LittleEndian && int64(binary.LittleEndian.Uint32(b[4:])) <= int64(len(b)-8) {
				return true
			}
		}
	}
	return false
}

// parseMeta reads the group 0002 elements, always explicit little endian, by
// their tags and not by the group length, which is often wrong.
func parseMeta(b []byte) (*Dataset, []byte, error) {
	p := &parser{b: b, enc: encoding{order: binary.LittleEndian, explicit: true}}
	ds := New()
	for p.left() >= 8 && binary.LittleEndian.Uint16(p.b[p.at:]) == 2 {
		if !isVR(p.b[p.at+4 : p.at+6]) {
			p.enc.explicit = false
		}
		e, err := p.element(0)
		if err != nil {
			return nil, nil, fmt.Errorf("meta header: %w", err)
		}
		ds.elements[e.Tag] = e
	}
	return ds, p.b[p.at:], nil
}

// guessSyntax tells the encoding from the first element: the byte order by the
// group, explicit by two capital letters where the VR would be.
func guessSyntax(b []byte) string {
	switch {
	case len(b) < 8:
		return ImplicitLE
	case b[0] == 0 && b[1] != 0 && isVR(b[4:6]):
		return ExplicitBE
	case isVR(b[4:6]):
		return ExplicitLE
	}
	return ImplicitLE
}

// looksExplicit reports whether the first element has a VR.
func looksExplicit(b []byte, order binary.ByteOrder) bool {
	return len(b) < 8 || isVR(b[4:6])
}

func isVR(b []byte) bool {
	return b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z'
}

// longVR reports whether explicit elements of this VR have two reserved bytes
// and a 32-bit length (PS3.5 7.1.2). VRs unknown to this edition are of that
// form too.
func longVR(vr string) bool {
	switch vr {
	case "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN",
		"SH", "SL", "SS", "ST", "TM", "UI", "UL", "US":
		return false
	}
	return true
}

// parser walks over bytes. Everything it returns points into them.
type parser struct {
	b     []byte
	at    int
	enc   encoding
	count int // elements and items so far
}

func (p *parser) left() int { return len(p.b) - p.at }

// spend counts an element or item against the file's budget.
func (p *parser) spend(depth int) error {
	if p.count++; p.count > maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	if depth > maxDepth {
		return fmt.Errorf("sequences nested deeper than %d", maxDepth)
	}
	return nil
}

// Dataset reads elements up to the offset end, or to an item delimiter. On an
// error it returns what was read before it.
func (p *parser) dataset(end, depth int) (*Dataset, error) {
	ds := New()
	ds.bigEndian = p.enc.order == binary.BigEndian
	for p.at < end {
		if end-p.at < 8 {
			if allZero(p.b[p.at:end]) {
				p.at = end
				return ds, nil // trailing padding
			}
			return ds, fmt.Errorf("cut off inside an element header at byte %d", p.at)
		}
		if depth == 0 && p.b[p.at] == 0 && allZero(p.b[p.at:min(end, p.at+8)]) {
			return ds, nil // trailing padding
		}
		e, err := p.element(depth)
		if err != nil {
			return ds, err
		}
		if e.Tag == tagItemEnd {
			return ds, nil
		}
		if p.at > end {
			return ds, fmt.Errorf("element %v runs past the end of its item", e.Tag)
		}
		if ds.elements[e.Tag] == nil {
			ds.elements[e.Tag] = e
		}
		if e.Tag == tagCharacterSet {
			ds.charset = ds.Texts(tagCharacterSet)
		}
	}
	return ds, nil
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// header reads tag, VR and length.
func (p *parser) header() (t Tag, vr string, length uint32, err error) {
	if p.left() < 8 {
		return 0, "", 0, fmt.Errorf("cut off inside an element header at byte %d", p.at)
	}
	h := p.b[p.at:]
	t = Tag(p.enc.order.Uint16(h))<<16 | Tag(p.enc.order.Uint16(h[2:]))
	if t.Group() == 0xFFFE {
		p.at += 8
		return t, "", p.enc.order.Uint32(h[4:]), nil
	}
	if !p.enc.explicit || !isVR(h[4:6]) { // some writers mix implicit elements in
		p.at += 8
		return t, t.VR(), p.enc.order.Uint32(h[4:]), nil
	}
	vr = string(h[4:6])
	if !longVR(vr) {
		p.at += 8
		return t, vr, uint32(p.enc.order.Uint16(h[6:])), nil
	}
	if p.left() < 12 {
		return 0, "", 0, fmt.Errorf("cut off inside the header of %v", t)
	}
	p.at += 12
	return t, vr, p.enc.order.Uint32(h[8:]), nil
}

// element reads one element with everything below it.
func (p *parser) element(depth int) (*Element, error) {
	if err := p.spend(depth); err != nil {
		return nil, err
	}
	t, vr, length, err := p.header()
	if err != nil {
		return nil, err
	}
	e := &Element{Tag: t, VR: vr}
	switch {
	case t == tagItemEnd || t == tagSequenceEnd:
		return e, nil
	case t == tagItem:
		return nil, fmt.Errorf("an item outside a sequence at byte %d", p.at-8)
	case length == undefinedLength && t == tagPixelData:
		return e, p.encapsulated(e)
	case length == undefinedLength && (vr == "UN" || p.enc.explicit && vr != "SQ"):
		return e, p.unknownSequence(e, depth) // CP-246: implicit little endian inside
	case vr == "SQ" || length == undefinedLength:
		return e, p.sequence(e, length, depth+1)
	case int64(length) > int64(p.left()):
		return nil, fmt.Errorf("element %v claims %d bytes where %d are left: the file is cut off or damaged", t, length, p.left())
	}
	e.Value = p.b[p.at : p.at+int(length) : p.at+int(length)]
	p.at += int(length)
	return e, nil
}

// unknownSequence reads a sequence of undefined length and unknown VR.
func (p *parser) unknownSequence(e *Element, depth int) error {
	outer := p.enc
	p.enc = encoding{order: binary.LittleEndian}
	err := p.sequence(e, undefinedLength, depth+1)
	p.enc = outer
	e.VR = "SQ"
	return err
}

// sequence reads the items of a sequence.
func (p *parser) sequence(e *Element, length uint32, depth int) error {
	end := len(p.b)
	if length != undefinedLength {
		if int64(length) > int64(p.left()) {
			return fmt.Errorf("sequence %v claims %d bytes where %d are left: the file is cut off or damaged", e.Tag, length, p.left())
		}
		end = p.at + int(length)
	}
	for p.at < end {
		if err := p.spend(depth); err != nil {
			return err
		}
		t, _, n, err := p.header()
		if err != nil {
			return err
		}
		if t == tagSequenceEnd {
			return nil
		}
		if t != tagItem {
			return fmt.Errorf("sequence %v holds %v where an item must stand", e.Tag, t)
		}
		item, err := p.item(n, end, depth)
		if err != nil {
			return err
		}
		e.Items = append(e.Items, item)
	}
	if length == undefinedLength {
		return fmt.Errorf("sequence %v is not closed: the file is cut off", e.Tag)
	}
	return nil
}

// item reads the elements of one item that must end by the offset end.
func (p *parser) item(length uint32, end, depth int) (*Dataset, error) {
	if length != undefinedLength {
		if int64(length) > int64(end-p.at) {
			return nil, fmt.Errorf("an item claims %d bytes where %d are left: the file is cut off or damaged", length, end-p.at)
		}
		end = p.at + int(length)
	}
	return p.dataset(end, depth)
}

// encapsulated reads the fragments of compressed pixel data. A missing end
// delimiter is tolerated: some scanners leave it out.
func (p *parser) encapsulated(e *Element) error {
	first := true
	for p.left() >= 8 {
		if err := p.spend(0); err != nil {
			return err
		}
		h := p.b[p.at:]
		t := Tag(p.enc.order.Uint16(h))<<16 | Tag(p.enc.order.Uint16(h[2:]))
		n := p.enc.order.Uint32(h[4:])
		p.at += 8
		if t == tagSequenceEnd {
			return nil
		}
		if t != tagItem {
			return fmt.Errorf("compressed pixel data hold %v where a fragment must stand", t)
		}
		if int64(n) > int64(p.left()) {
			return fmt.Errorf("a fragment of the pixel data claims %d bytes where %d are left: the file is cut off or damaged", n, p.left())
		}
		item := p.b[p.at : p.at+int(n) : p.at+int(n)]
		if first {
			e.OffsetTable = item
		} else {
			e.Fragments = append(e.Fragments, item)
		}
		first = false
		p.at += int(n)
	}
	p.at = len(p.b)
	return nil
}
