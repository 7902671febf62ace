package dicom

import (
	"bytes"
	"encoding/binary"
	"testing"

	"columna/dicom/dataset"
)

// offsetTables are a basic and an extended table of the same offsets.
func offsetTables(offsets ...uint32) (basic, extended []byte) {
	for _, o := range offsets {
		basic = binary.LittleEndian.AppendUint32(basic, o)
		extended = binary.LittleEndian.AppendUint64(extended, uint64(o))
	}
	return basic, extended
}

func TestFragments_AreSharedOutOverFrames(t *testing.T) {
	soi, more := []byte{0xFF, 0xD8, 0xFF, 0}, []byte{1, 2, 3, 4}
	plain := []byte{5, 6, 7, 8}
	basic, extended := offsetTables(0, 24)
	for _, c := range []struct {
		name            string
		pieces          [][]byte
		basic, extended []byte
		frames          int
		second          []byte // what the last frame is, nil where it must be refused
	}{
		{name: "one each", pieces: [][]byte{soi, plain}, frames: 2, second: plain},
		{name: "all of one frame", pieces: [][]byte{soi, more}, frames: 1, second: append(bytes.Clone(soi), more...)},
		{name: "by the basic table", pieces: [][]byte{plain, more, more}, basic: basic, frames: 2, second: more},
		{name: "by the extended table", pieces: [][]byte{plain, more, more}, extended: extended, frames: 2, second: more},
		{name: "by markers", pieces: [][]byte{soi, more, soi, more}, frames: 2, second: append(bytes.Clone(soi), more...)},
		{name: "by markers, the table being false", pieces: [][]byte{soi, more, soi, more}, basic: basic[:4], frames: 2, second: append(bytes.Clone(soi), more...)},
		{name: "unknown", pieces: [][]byte{plain, more, more}, frames: 2},
		{name: "the first frame does not begin the data", pieces: [][]byte{plain, soi, soi}, frames: 2},
	} {
		f := &file{&dataset.File{Dataset: dataset.New()}}
		if c.extended != nil {
			f.SetBytes(tagExtendedOffsets, "OV", c.extended)
		}
		all := f.fragments(&dataset.Element{Fragments: c.pieces, OffsetTable: c.basic})
		got, err := all.frame(c.frames-1, c.frames)
		if (err != nil) != (c.second == nil) || !bytes.Equal(got, c.second) {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
}

func TestFragments_FewerThanFramesAreRefused(t *testing.T) {
	if (fragments{pieces: [][]byte{{1}}}).check(2) == nil || (fragments{}).check(1) == nil {
		t.Error("a frame without data passed")
	}
}
