package dicom

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"columna/dicom/dataset"
)

// fragments are the pieces of compressed pixel data (PS3.5 A.4) with where each
// frame begins, as far as the file says so.
type fragments struct {
	pieces  [][]byte
	offsets []uint64 // of the frames' first items from the first of all
}

// fragments reads the offsets of the extended table (PS3.3 C.7.6.3.1.8), else
// of the basic one.
func (f *file) fragments(e *dataset.Element) fragments {
	out := fragments{pieces: e.Fragments}
	if extended := f.Find(tagExtendedOffsets); extended != nil && len(extended.Value) >= 8 {
		for b := extended.Value; len(b) >= 8; b = b[8:] {
			out.offsets = append(out.offsets, binary.LittleEndian.Uint64(b))
		}
		return out
	}
	for b := e.OffsetTable; len(b) >= 4; b = b[4:] {
		out.offsets = append(out.offsets, uint64(binary.LittleEndian.Uint32(b)))
	}
	return out
}

func (f fragments) check(frames int) error {
	if len(f.pieces) == 0 {
		return fmt.Errorf("the compressed pixel data are empty: the file is cut off or damaged")
	}
	if len(f.pieces) < frames {
		return fmt.Errorf("%d compressed fragments for %d frames: the file is cut off or damaged", len(f.pieces), frames)
	}
	return nil
}

// frame joins the fragments of frame n of so many. One fragment a frame is the
// rule; a single frame may be spread over many; else an offset table or the
// codestreams' own beginnings tell.
func (f fragments) frame(n, frames int) ([]byte, error) {
	if len(f.pieces) == frames {
		return f.pieces[n], nil
	}
	if frames == 1 {
		return bytes.Join(f.pieces, nil), nil
	}
	starts := f.byOffset()
	if len(starts) != frames {
		starts = f.byMarker()
	}
	if len(starts) != frames || starts[0] != 0 {
		return nil, fmt.Errorf("%d compressed fragments cannot be shared out over %d frames", len(f.pieces), frames)
	}
	end := len(f.pieces)
	if n+1 < frames {
		end = starts[n+1]
	}
	return bytes.Join(f.pieces[starts[n]:end], nil), nil
}

// byOffset lists the fragments that begin where the table says, in file order.
func (f fragments) byOffset() []int {
	var starts []int
	at := uint64(0)
	for i, piece := range f.pieces {
		if len(starts) < len(f.offsets) && f.offsets[len(starts)] == at {
			starts = append(starts, i)
		}
		at += 8 + uint64(len(piece)) // an item's header is eight bytes
	}
	return starts
}

// byMarker lists the fragments that begin as a JPEG, JPEG-LS or JPEG 2000 stream does.
func (f fragments) byMarker() []int {
	var starts []int
	for i, piece := range f.pieces {
		if bytes.HasPrefix(piece, []byte{0xFF, 0xD8, 0xFF}) || bytes.HasPrefix(piece, []byte{0xFF, 0x4F, 0xFF, 0x51}) {
			starts = append(starts, i)
		}
	}
	return starts
}
