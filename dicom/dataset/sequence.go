package dataset

import (
	"encoding/binary"
	"fmt"
)

// sequence reads the items of a sequence.
func (p *parser) sequence(e *Element, length uint32, depth int) error {
	open, end := length == undefinedLength, p.bound
	if !open {
		if int64(length) > int64(p.left()) {
			return fmt.Errorf("sequence %v claims %d bytes where %d are left: the file is cut off or damaged", e.Tag, length, p.left())
		}
		end = p.at + int(length)
	}
	for p.at < end {
		if err := p.spend(depth); err != nil {
			return err
		}
		before := p.at
		h, err := p.header()
		switch {
		case err != nil:
			return err
		case h.tag == tagItem:
			item, err := p.item(h.length, end, depth)
			if err != nil {
				return err
			}
			e.Items = append(e.Items, item)
		case h.tag == tagSequenceEnd && open && !p.itemFollows(end):
			return nil
		case h.tag == tagSequenceEnd || h.tag == tagItemEnd:
			p.warn(faultStrayEnd, e.Tag)
		case open && h.tag > e.Tag:
			p.warn(faultSequenceEnd, e.Tag)
			p.at = before
			return nil
		default:
			return fmt.Errorf("sequence %v holds %v where an item must stand", e.Tag, h.tag)
		}
	}
	switch {
	case p.at > end:
		return fmt.Errorf("the items of %v run past its end", e.Tag)
	case open && p.at >= p.size:
		return fmt.Errorf("sequence %v is not closed: the file is cut off", e.Tag)
	case open:
		p.warn(faultSequenceEnd, e.Tag)
	}
	return nil
}

// itemFollows reports a sequence's delimiter that stands for an item's.
func (p *parser) itemFollows(end int) bool {
	b := p.peek(8)
	if b == nil || p.at+8 > end {
		return false
	}
	t := p.tagAt(b)
	return t == tagItem || t == tagSequenceEnd
}

// item reads the elements of one item that must end by the offset end.
func (p *parser) item(length uint32, end, depth int) (*Dataset, error) {
	if length == undefinedLength {
		return p.dataset(end, depth, true)
	}
	if int64(length) > int64(end-p.at) {
		return nil, fmt.Errorf("an item claims %d bytes where %d are left: the file is cut off or damaged", length, end-p.at)
	}
	return p.dataset(p.at+int(length), depth, false)
}

// unknownSequence reads a sequence of unknown VR and undefined length. It is
// implicit little endian inside (PS3.5 6.2.2), unless its first element has a VR.
func (p *parser) unknownSequence(e *Element, depth int) error {
	outer := p.enc
	if first := p.peek(16); first == nil || !knownVR(first[12:14]) {
		p.enc = layout{order: binary.LittleEndian}
	}
	err := p.sequence(e, undefinedLength, depth+1)
	p.enc = outer
	e.VR = "SQ"
	return err
}

// known gives an unknown element of n bytes the VR of the dictionary, as PS3.5
// 6.2.2 allows; a sequence that cannot be read stays as it is.
func (p *parser) known(e *Element, n, depth int) bool {
	vr := e.Tag.VR()
	switch {
	case vr == "UN" || p.enc.order == binary.BigEndian || !longVR(vr) && n > maxShortValue:
		return false
	case vr != "SQ":
		e.VR = vr
		return false
	}
	b := p.peek(n)
	if b == nil {
		return false
	}
	inside := &parser{window: wholeWindow(b), log: p.log, bound: n, charset: p.charset, enc: layout{order: binary.LittleEndian}}
	inside.enc.explicit = n >= 16 && knownVR(b[12:14])
	seq := Element{Tag: e.Tag, VR: "SQ"}
	if err := inside.sequence(&seq, uint32(n), depth+1); err != nil {
		return false
	}
	*e = seq
	p.at += n
	return true
}

// encapsulated reads the fragments of compressed pixel data. A missing end
// delimiter is tolerated: some scanners leave it out.
func (p *parser) encapsulated(e *Element) error {
	for first := true; p.left() >= 8; first = false {
		if err := p.spend(0); err != nil {
			return err
		}
		h, err := p.header()
		if err != nil {
			return err
		}
		if h.tag == tagSequenceEnd {
			return nil
		}
		if h.tag != tagItem {
			return fmt.Errorf("compressed pixel data hold %v where a fragment must stand", h.tag)
		}
		if int64(h.length) > int64(p.left()) {
			return fmt.Errorf("a fragment of the pixel data claims %d bytes where %d are left: the file is cut off or damaged", h.length, p.left())
		}
		if b := p.value(int(h.length)); first {
			e.OffsetTable = b
		} else {
			e.Fragments = append(e.Fragments, b)
		}
	}
	p.warn(faultPixelEnd, e.Tag)
	p.at = p.size
	return nil
}
