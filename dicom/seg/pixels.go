package seg

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"columna/dicom/dataset"
	"columna/internal/codec"
)

// deflatedFrames is the transfer syntax of frames deflated one by one (PS3.5 A.4.13).
const deflatedFrames = "1.2.840.10008.1.2.8.1"

// Limits of one segmentation, far above any of a spine.
const (
	maxFrames = 1 << 16
	maxVoxels = 1 << 27
	maxSide   = 1 << 14
)

// samples are the pixel data of a segmentation (PS3.3 C.7.6.3).
type samples struct {
	rows, cols, frames int
	bits               int // of a sample: 1, 8 or 16
	syntax             string
	order              binary.ByteOrder
	native             []byte
	padded             bool // each frame begins at a byte, against the standard
	fragments          [][]byte
}

func (p *samples) size() int { return p.rows * p.cols }

// frameBytes is the size of a frame that begins at a byte.
func (p *samples) frameBytes() int { return (p.size()*p.bits + 7) / 8 }

// openSamples checks the description of the pixel data against their length.
func openSamples(f *dataset.File) (*samples, error) {
	p := &samples{syntax: f.Syntax, order: f.ByteOrder(), frames: 1}
	p.rows, _ = f.Integer(tagRows)
	p.cols, _ = f.Integer(tagColumns)
	p.bits, _ = f.Integer(tagBitsAllocated)
	if n, ok := f.Integer(tagFrames); ok {
		p.frames = n
	}
	e := f.Find(tagPixelData)
	switch {
	case e == nil:
		return nil, errors.New("the segmentation has no pixel data")
	case p.rows < 1 || p.cols < 1 || p.rows > maxSide || p.cols > maxSide:
		return nil, fmt.Errorf("frames of %dx%d pixels: out of range", p.cols, p.rows)
	case p.frames < 1 || p.frames > maxFrames:
		return nil, fmt.Errorf("%d frames: a segmentation has 1 to %d", p.frames, maxFrames)
	case p.bits != 1 && p.bits != 8 && p.bits != 16:
		return nil, fmt.Errorf("%d bits allocated: a segmentation has 1, 8 or 16", p.bits)
	case p.size() > maxVoxels:
		return nil, fmt.Errorf("frames of %dx%d pixels: more than %d million", p.cols, p.rows, maxVoxels/1_000_000)
	}
	p.native, p.fragments = e.Value, e.Fragments
	if len(p.fragments) > 0 {
		return p, p.checkFragments()
	}
	if p.order == binary.BigEndian && e.VR == "OW" && p.bits < 16 {
		p.native = swapped(p.native) // bytes travel in 16-bit words
	}
	return p, p.checkNative()
}

func (p *samples) checkNative() error {
	packed := (p.size()*p.frames*p.bits + 7) / 8
	if apart := p.frameBytes() * p.frames; len(p.native) >= apart && apart > packed+1 {
		p.padded = true
	}
	if len(p.native) < packed {
		return fmt.Errorf("pixel data are %d bytes, %d are needed: the file is cut off or damaged", len(p.native), packed)
	}
	return nil
}

func (p *samples) checkFragments() error {
	if p.syntax != dataset.RLELossless && p.syntax != deflatedFrames {
		return fmt.Errorf("%s is not decoded in a segmentation: save it uncompressed", dataset.SyntaxName(p.syntax))
	}
	if p.frames > 1 && len(p.fragments) != p.frames {
		return fmt.Errorf("%d compressed fragments for %d frames: the file is cut off or damaged", len(p.fragments), p.frames)
	}
	return nil
}

func swapped(b []byte) []byte {
	out := bytes.Clone(b)
	for i := 0; i+1 < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

// visit calls f with the place and the value of every sample of frame n that is not
// zero.
func (p *samples) visit(n int, f func(at, value int)) error {
	data, first := p.native, n*p.size()*p.bits
	if len(p.fragments) > 0 {
		var err error
		if data, err = p.unpack(n); err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
		first = 0
	} else if p.padded {
		first = n * p.frameBytes() * 8
	}
	switch p.bits {
	case 1:
		visitBits(data, first, p.size(), f)
	case 8:
		for at, v := range data[first/8:][:p.size()] {
			if v != 0 {
				f(at, int(v))
			}
		}
	default:
		for at := range p.size() {
			if v := p.order.Uint16(data[first/8+2*at:]); v != 0 {
				f(at, int(v))
			}
		}
	}
	return nil
}

// visitBits calls f for each of n bits from bit first on that is set.
func visitBits(data []byte, first, n int, f func(at, value int)) {
	last := first + n
	for at := first >> 3; at<<3 < last; at++ {
		for b := data[at]; b != 0; b &= b - 1 {
			if bit := at<<3 + bits.TrailingZeros8(b); bit >= first && bit < last {
				f(bit-first, 1)
			}
		}
	}
}

// unpack undoes the compression of frame n.
func (p *samples) unpack(n int) ([]byte, error) {
	data := p.fragments[n]
	if p.frames == 1 {
		data = bytes.Join(p.fragments, nil)
	}
	if p.syntax == dataset.RLELossless {
		if p.bits == 1 {
			return codec.UnpackRLE(data, p.frameBytes(), 1)
		}
		return codec.UnpackRLE(data, p.size(), p.bits/8)
	}
	out := make([]byte, p.frameBytes())
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(data)), out); err != nil {
		return nil, fmt.Errorf("deflated data cannot be inflated: %w", err)
	}
	return out, nil
}
