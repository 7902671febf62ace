package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// File is a parsed DICOM file: its data set, its meta header (group 0002) and
// the transfer syntax it was read by.
type File struct {
	*Dataset
	Meta     *Dataset
	Syntax   string
	Warnings []Warning // what was tolerated
}

// ErrNotDICOM is the answer to bytes that are something else altogether.
var ErrNotDICOM = errors.New("not a DICOM file")

// Parse reads a whole DICOM file from memory. It is as tolerant as other readers
// are and says in Warnings what it tolerated. A file that is cut off is refused,
// unless all of its pixel data are there.
func Parse(b []byte) (*File, error) { return parse(wholeWindow(b)) }

// ParseHeader reads a DICOM file of a known size but leaves its long values where
// they are: such an element has a Size and no Value, encapsulated pixel data have
// Fragments without bytes. What would make Parse refuse the file makes it refuse
// the file too. src is read by rising offsets alone.
func ParseHeader(src io.ReaderAt, size int64) (*File, error) {
	return parse(fileWindow(src, int(size)))
}

func parse(w *window) (*File, error) {
	f, err := parseFile(w)
	if w.err != nil {
		return nil, w.err
	}
	return f, err
}

func parseFile(w *window) (*File, error) {
	p := &parser{window: w, log: &log{}, bound: w.size, stack: make([]Element, 0, 96)}
	if err := p.skipPreamble(); err != nil {
		return nil, err
	}
	meta, err := p.meta()
	if err != nil {
		return nil, err
	}
	syntax, err := p.settle(meta.Text(tagTransferSyntax))
	if err != nil {
		return nil, err
	}
	ds, err := p.dataset(p.size, 0, false)
	if err != nil && ds.Find(tagPixelData) == nil {
		return nil, err
	}
	if err != nil {
		p.warn(faultTail, tagPixelData)
	}
	return &File{Dataset: ds, Meta: meta, Syntax: syntax, Warnings: p.warnings}, nil
}

// Sniff returns an error unless head, the first bytes of a file, could begin a
// DICOM file. 132 bytes are enough to tell.
func Sniff(head []byte) error {
	_, err := preamble(head)
	return err
}

// preamble is the length of what stands before the first element.
func preamble(head []byte) (int, error) {
	switch {
	case len(head) >= 132 && string(head[128:132]) == "DICM":
		return 132, nil
	case len(head) >= 4 && string(head[:4]) == "DICM":
		return 4, nil
	case plausibleStart(head):
		return 0, nil
	}
	return 0, ErrNotDICOM
}

func (p *parser) skipPreamble() error {
	n, err := preamble(p.peek(min(132, p.left())))
	if err != nil {
		return err
	}
	if n < 132 {
		p.warn(faultPreamble, 0)
	}
	p.at += n
	return nil
}

// plausibleStart reports whether b could begin with an element of the groups that
// data sets begin with, in either byte order. Files of ACR-NEMA, DICOM's
// forerunner, begin so.
func plausibleStart(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		group, elem := order.Uint16(b), order.Uint16(b[2:])
		if (group == 2 || group == 4 || group == 8) && elem <= 0x1500 {
			if knownVR(b[4:6]) || order.Uint32(b[4:]) <= 1024 {
				return true
			}
		}
	}
	return false
}

// meta reads the group 0002 elements, always little endian, by their tags and not
// by the group length, which is often wrong.
func (p *parser) meta() (*Dataset, error) {
	p.enc = layout{order: binary.LittleEndian, explicit: true}
	start, declared := 0, -1
	for {
		h := p.peek(min(8, p.left()))
		if len(h) < 8 || binary.LittleEndian.Uint16(h) != 2 {
			break
		}
		p.enc.explicit = isVR(h[4:6])
		e, err := p.element(0)
		if err != nil {
			return nil, fmt.Errorf("meta header: %w", err)
		}
		p.stack = append(p.stack, e)
		if e.Tag == tagMetaLength && len(e.Value) == 4 {
			start, declared = p.at, int(binary.LittleEndian.Uint32(e.Value))
		}
	}
	if declared >= 0 && declared != p.at-start {
		p.warn(faultMetaLength, tagMetaLength)
	}
	ds := &Dataset{}
	p.fill(ds, 0, true)
	return ds, nil
}

// settle finds how the data set is encoded: by the transfer syntax that the
// meta header names, corrected by the first element.
func (p *parser) settle(named string) (syntax string, err error) {
	var known bool
	p.enc, known = encodingOf(named)
	switch {
	case named == "":
		p.warn(faultMeta, tagTransferSyntax)
	case !known:
		p.warn(faultUnknownSyntax, tagTransferSyntax)
	}
	if p.enc.deflated && !plausibleStart(p.peek(min(16, p.left()))) {
		return named, p.inflate()
	}
	found := p.enc.seenIn(p.peek(min(8, p.left())))
	if named == "" {
		named = found.syntax()
	} else if found != p.enc {
		p.warn(faultSyntax, tagTransferSyntax)
		if isNative(named) {
			named = found.syntax()
		}
	}
	p.enc = found
	return named, nil
}

// inflate puts the inflated data set in place of the deflated.
func (p *parser) inflate() error {
	body, faults, err := inflate(p.rest())
	for _, what := range faults {
		p.warn(what, 0)
	}
	if err == nil {
		p.window = wholeWindow(body)
		p.enc = p.enc.seenIn(p.peek(min(8, p.left())))
	}
	return err
}

// isVR reports two capital letters, which a value representation is and the low
// half of a length seldom.
func isVR(b []byte) bool {
	return b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z'
}

// vrs are the value representations of PS3.5 6.2.
const vrs = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"

func knownVR(b []byte) bool { return isVR(b) && strings.Contains(vrs, string(b[:2])) }

// nameOfVR is the two letters without memory of their own.
func nameOfVR(b []byte) string {
	if i := strings.Index(vrs, string(b[:2])); i >= 0 {
		return vrs[i : i+2]
	}
	return string(b[:2])
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
