package dataset

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// Element is one data element. What was parsed points into the file's bytes.
type Element struct {
	Tag         Tag
	VR          string
	Value       []byte
	Items       []*Dataset // of a sequence
	Fragments   [][]byte   // of encapsulated pixel data
	OffsetTable []byte     // the basic offset table before the fragments

	unread  int  // length of a value that was left in the file
	removed bool // from its data set
}

// Size is the length of the value in the file. It is more than len(Value) where
// ParseHeader left the value unread.
func (e *Element) Size() int { return max(len(e.Value), e.unread) }

// Dataset is the elements of a file or an item, each tag once.
type Dataset struct {
	parsed    []Element        // by rising tag
	added     map[Tag]*Element // of other tags, put in later
	bigEndian bool
	charset   []string
}

// New is an empty data set whose texts are UTF-8 once SpecificCharacterSet says
// so.
func New() *Dataset { return &Dataset{} }

// Find returns the element of a tag, nil if there is none.
func (d *Dataset) Find(t Tag) *Element {
	if i, ok := d.at(t); ok && !d.parsed[i].removed {
		return &d.parsed[i]
	}
	return d.added[t]
}

// at finds a tag among the parsed elements.
func (d *Dataset) at(t Tag) (int, bool) {
	i := sort.Search(len(d.parsed), func(i int) bool { return d.parsed[i].Tag >= t })
	return i, i < len(d.parsed) && d.parsed[i].Tag == t
}

// Put adds an element or replaces the one of its tag.
func (d *Dataset) Put(e *Element) {
	d.Remove(e.Tag)
	if i, ok := d.at(e.Tag); ok && e == &d.parsed[i] {
		e.removed = false
		return
	}
	if d.added == nil {
		d.added = map[Tag]*Element{}
	}
	d.added[e.Tag] = e
}

// Remove takes out an element.
func (d *Dataset) Remove(t Tag) {
	if i, ok := d.at(t); ok {
		d.parsed[i].removed = true
	}
	delete(d.added, t)
}

// Elements lists all elements by rising tag.
func (d *Dataset) Elements() []*Element {
	all := make([]*Element, 0, len(d.parsed)+len(d.added))
	for i := range d.parsed {
		if !d.parsed[i].removed {
			all = append(all, &d.parsed[i])
		}
	}
	for _, e := range d.added {
		all = append(all, e)
	}
	if len(d.added) > 0 {
		slices.SortFunc(all, func(a, b *Element) int { return cmp.Compare(a.Tag, b.Tag) })
	}
	return all
}

// Items are the items of a sequence, nil if there is none.
func (d *Dataset) Items(t Tag) []*Dataset {
	if e := d.Find(t); e != nil {
		return e.Items
	}
	return nil
}

// Item is the first item of a sequence, an empty data set if there is none, so
// that a path through sequences needs no checks on its way.
func (d *Dataset) Item(t Tag) *Dataset {
	if items := d.Items(t); len(items) > 0 {
		return items[0]
	}
	return New()
}

// ByteOrder is that of binary values, pixel data included.
func (d *Dataset) ByteOrder() binary.ByteOrder {
	if d.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
