package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// parser walks over the elements of a file. Its values point into the window.
type parser struct {
	*window
	*log
	enc     layout
	bound   int       // where the data set that is being read ends at the latest
	charset []string  // of that data set
	stack   []Element // read, of data sets not yet complete
}

// spend counts an element, item or fragment against the file's budget.
func (p *parser) spend(depth int) error {
	if p.count++; p.count > maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	if depth > maxDepth {
		return fmt.Errorf("sequences nested deeper than %d", maxDepth)
	}
	return nil
}

// dataset reads elements up to the offset end or, in an open item, to the item's
// delimiter. On an error it returns what was read before it.
func (p *parser) dataset(end, depth int, open bool) (*Dataset, error) {
	charset, bound, start := p.charset, p.bound, len(p.stack)
	p.bound = end
	ds := &Dataset{bigEndian: p.enc.order == binary.BigEndian}
	err := p.elements(end, depth, open)
	ds.charset = p.charset
	p.charset, p.bound = charset, bound
	p.fill(ds, start, depth > 0)
	return ds, err
}

// fill gives a data set the elements on the stack from start on, sorted, each tag
// once. The outermost data set of a file takes the stack itself.
func (p *parser) fill(ds *Dataset, start int, inner bool) {
	all := p.stack
	read := all[start:]
	rising, twice := true, false
	for i := 1; i < len(read); i++ {
		rising = rising && read[i-1].Tag <= read[i].Tag
		twice = twice || read[i-1].Tag == read[i].Tag
	}
	if !rising {
		p.warn(faultOrder, read[0].Tag)
		slices.SortStableFunc(read, func(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) })
	}
	if ds.parsed, p.stack = read, nil; start > 0 || inner {
		ds.parsed, p.stack = slices.Clone(read), all[:start]
		clear(read)
	}
	if !rising || twice {
		p.dropTwins(ds)
	}
}

// dropTwins keeps the first element of each tag.
func (p *parser) dropTwins(ds *Dataset) {
	ds.parsed = slices.CompactFunc(ds.parsed, func(a, b Element) bool {
		if a.Tag == b.Tag {
			p.warn(faultTwice, a.Tag)
		}
		return a.Tag == b.Tag
	})
}

// elements reads the elements of one data set onto the stack.
func (p *parser) elements(end, depth int, open bool) error {
	for p.at < end {
		b := p.peek(min(8, end-p.at))
		if len(b) < 8 || depth == 0 && allZero(b) {
			if err := p.padding(b, end); err != nil {
				return err
			}
			continue
		}
		before := p.at
		e, err := p.element(depth)
		if err != nil {
			return err
		}
		if e.Tag.Group() == groupItem {
			closed, err := p.delimiter(e.Tag, before, open)
			if closed || err != nil {
				return err
			}
			continue
		}
		if p.at > end {
			return fmt.Errorf("element %v runs past the end of its item", e.Tag)
		}
		p.stack = append(p.stack, e)
		if e.Tag == tagCharacterSet {
			p.charset = charsetNames(e.Value)
		}
	}
	if open && p.at >= p.size {
		return fmt.Errorf("an item is not closed: the file is cut off")
	}
	if open {
		p.warn(faultItemEnd, 0)
	}
	return nil
}

// padding goes past zero bytes, which may stand at the end.
func (p *parser) padding(b []byte, end int) error {
	if b == nil || !allZero(b) {
		return fmt.Errorf("cut off inside an element header at byte %d", p.at)
	}
	if p.at += len(b); len(b) < 8 {
		return nil
	}
	p.skipZeros()
	if p.at < end {
		p.warn(faultZeros, 0)
	}
	return nil
}

// delimiter judges a delimiter where an element should stand, and whether it
// closes the item. Where the item's own is missing, the next of the sequence
// closes it.
func (p *parser) delimiter(t Tag, before int, open bool) (closed bool, err error) {
	switch {
	case open && t == tagItemEnd:
		return true, nil
	case open && (t == tagItem || t == tagSequenceEnd):
		p.warn(faultItemEnd, t)
		p.at = before
		return true, nil
	case t == tagItem:
		return false, fmt.Errorf("an item outside a sequence at byte %d", before)
	}
	p.warn(faultStrayEnd, t)
	return false, nil
}

// header is what stands before a value.
type header struct {
	tag    Tag
	vr     string
	length uint32
}

// header reads tag, VR and length.
func (p *parser) header() (header, error) {
	b := p.peek(8)
	if b == nil {
		return header{}, fmt.Errorf("cut off inside an element header at byte %d", p.at)
	}
	h := header{tag: p.tagAt(b)}
	switch {
	case h.tag.Group() == groupItem:
		h.length = p.enc.order.Uint32(b[4:])
	case !p.enc.explicit && !p.named(h.tag, b):
		h.vr, h.length = h.tag.VR(), p.enc.order.Uint32(b[4:])
	case p.enc.explicit && !isVR(b[4:6]):
		p.unnamed(&h, b)
	default:
		h.vr, h.length = nameOfVR(b[4:6]), uint32(p.enc.order.Uint16(b[6:]))
		if longVR(h.vr) {
			return p.longHeader(h)
		}
	}
	p.at += 8
	return h, nil
}

func (p *parser) tagAt(b []byte) Tag {
	return Tag(p.enc.order.Uint16(b))<<16 | Tag(p.enc.order.Uint16(b[2:]))
}

func (p *parser) longHeader(h header) (header, error) {
	b := p.peek(12)
	if b == nil {
		return header{}, fmt.Errorf("cut off inside the header of %v", h.tag)
	}
	p.at += 12
	h.length = p.enc.order.Uint32(b[8:])
	return h, nil
}

// named reports an element with a VR in an implicit data set: the letters would
// make a length that the file does not have.
func (p *parser) named(t Tag, b []byte) bool {
	n := p.enc.order.Uint32(b[4:])
	if !knownVR(b[4:6]) || n == undefinedLength || int64(n) <= int64(p.left()-8) {
		return false
	}
	p.warn(faultExplicit, t)
	return true
}

// unnamed reads the header of an element whose VR is no letters in an explicit
// data set: some writers mix implicit elements in, others write blanks.
func (p *parser) unnamed(h *header, b []byte) {
	h.vr, h.length = h.tag.VR(), p.enc.order.Uint32(b[4:])
	short := uint32(p.enc.order.Uint16(b[6:]))
	if fits := int64(h.length) <= int64(p.left()-8) || h.length == undefinedLength; !fits && int(short) <= p.left()-8 {
		h.length = short
		p.warn(faultVR, h.tag)
		return
	}
	p.warn(faultImplicit, h.tag)
}

// element reads one element with everything below it.
func (p *parser) element(depth int) (Element, error) {
	if err := p.spend(depth); err != nil {
		return Element{}, err
	}
	h, err := p.header()
	if err != nil {
		return Element{}, err
	}
	e := Element{Tag: h.tag, VR: h.vr}
	switch {
	case h.tag.Group() == groupItem:
		return e, nil
	case h.length == undefinedLength && h.tag == tagPixelData:
		err = p.encapsulated(&e)
	case h.length == undefinedLength && (h.vr == "UN" || p.enc.explicit && h.vr != "SQ"):
		err = p.unknownSequence(&e, depth)
	case h.vr == "SQ" || h.length == undefinedLength:
		err = p.sequence(&e, h.length, depth+1)
	case int64(h.length) > int64(p.left()):
		err = fmt.Errorf("element %v claims %d bytes where %d are left: the file is cut off or damaged", h.tag, h.length, p.left())
	default:
		p.plain(&e, int(h.length), depth)
	}
	return e, err
}

// plain reads an element of n bytes.
func (p *parser) plain(e *Element, n, depth int) {
	if n%2 == 1 {
		p.warn(faultOddLength, e.Tag)
	}
	if e.VR == "UN" && n > 0 && p.known(e, n, depth) {
		return
	}
	if e.Value = p.value(n); e.Value == nil {
		e.unread = n
	}
}
