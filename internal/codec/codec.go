// Package codec turns one compressed frame of pixels into samples. It knows no
// DICOM files: it is given a frame's bytes, the transfer syntax they are in and
// the shape that the header promises, and holds the bytes to it.
//
// RLE, JPEG lossless and 8-bit JPEG are decoded in Go. The other syntaxes run in
// a WebAssembly module that can reach nothing but its own bounded memory, with a
// deadline for each frame. Sources: PS3.5 section 8.2 and Annex A.4.
package codec

import (
	"context"
	"fmt"
	"sync"
)

// Transfer syntaxes of compressed pixels (PS3.6 Annex A).
const (
	RLE                 = "1.2.840.10008.1.2.5"
	JPEGBaseline        = "1.2.840.10008.1.2.4.50" // process 1
	JPEGExtended        = "1.2.840.10008.1.2.4.51" // processes 2 and 4
	JPEGSpectral        = "1.2.840.10008.1.2.4.53" // processes 6 and 8, retired
	JPEGProgressive     = "1.2.840.10008.1.2.4.55" // processes 10 and 12, retired
	JPEGLossless        = "1.2.840.10008.1.2.4.57" // process 14
	JPEGLosslessSV1     = "1.2.840.10008.1.2.4.70" // process 14, predictor 1
	JPEGLS              = "1.2.840.10008.1.2.4.80"
	JPEGLSNear          = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless    = "1.2.840.10008.1.2.4.90"
	JPEG2000            = "1.2.840.10008.1.2.4.91"
	HTJ2KLossless       = "1.2.840.10008.1.2.4.201"
	HTJ2KLosslessRPCL   = "1.2.840.10008.1.2.4.202"
	HTJ2K               = "1.2.840.10008.1.2.4.203"
	maxFrameBytes       = 256 << 20
	maxSide             = 65535
	maxSamplesPerPixel  = 4
	mostPixelsInOneByte = 1 << 16 // of any codec here, on an image of one colour
)

// Frame is what the header says of one frame.
type Frame struct {
	Rows, Columns int
	BitsAllocated int // 8, 16 or 32 for each sample
	BitsStored    int
	Samples       int // of a pixel: 1 for grey, 3 for colour
	Signed        bool
}

// Size is the number of bytes of the decoded frame.
func (f Frame) Size() int { return f.pixels() * f.Samples * f.width() }

func (f Frame) pixels() int { return f.Rows * f.Columns }

// width is the bytes of one sample.
func (f Frame) width() int { return f.BitsAllocated / 8 }

func (f Frame) check() error {
	switch {
	case f.Rows < 1 || f.Columns < 1 || f.Rows > maxSide || f.Columns > maxSide:
		return fmt.Errorf("a frame of %dx%d is out of range", f.Columns, f.Rows)
	case f.BitsAllocated != 8 && f.BitsAllocated != 16 && f.BitsAllocated != 32:
		return fmt.Errorf("%d bits allocated: only 8, 16 and 32 are decoded", f.BitsAllocated)
	case f.BitsStored < 1 || f.BitsStored > f.BitsAllocated:
		return fmt.Errorf("%d bits stored of %d allocated", f.BitsStored, f.BitsAllocated)
	case f.Samples < 1 || f.Samples > maxSamplesPerPixel:
		return fmt.Errorf("%d samples in a pixel: out of range", f.Samples)
	case f.Size() > maxFrameBytes:
		return fmt.Errorf("a frame of %dx%d is larger than %d MiB", f.Columns, f.Rows, maxFrameBytes>>20)
	}
	return nil
}

// Supports reports whether Decode knows the transfer syntax.
func Supports(uid string) bool { return familyOf(uid) != unknown }

// Ready says in one sentence what is missing to decode the transfer syntax on
// this computer, nil where nothing is. It looks only whether the file is there.
func Ready(uid string) error {
	switch familyOf(uid) {
	case unknown:
		return fmt.Errorf("transfer syntax %s is not decoded here", uid)
	case rle, jpegDCT8, jpegLossless:
		return nil
	}
	_, err := modulePath()
	return err
}

// family is one way of compressing.
type family int

const (
	unknown family = iota
	rle
	jpegDCT8
	jpegDCT
	jpegLossless
	jpegLS
	jpeg2000
	htj2k
)

func familyOf(uid string) family {
	switch uid {
	case RLE:
		return rle
	case JPEGBaseline:
		return jpegDCT8
	case JPEGExtended, JPEGSpectral, JPEGProgressive:
		return jpegDCT
	case JPEGLossless, JPEGLosslessSV1:
		return jpegLossless
	case JPEGLS, JPEGLSNear:
		return jpegLS
	case JPEG2000Lossless, JPEG2000:
		return jpeg2000
	case HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K:
		return htj2k
	}
	return unknown
}

// Decoder decodes frames, any number at a time. It starts the WebAssembly
// module at the first frame that needs it and keeps it until Close, so that a
// series pays for it once.
type Decoder struct {
	mu      sync.Mutex
	machine *machine
	failure error // of starting the machine; it is not tried again
	closed  bool
}

// NewDecoder costs nothing until a frame needs the module.
func NewDecoder() *Decoder { return &Decoder{} }

// Close gives the module's memory back. It waits for the frames in flight.
func (d *Decoder) Close() error {
	d.mu.Lock()
	m := d.machine
	d.machine, d.closed = nil, true
	d.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.close()
}

// Decode returns the frame's samples, little endian, pixel by pixel with the
// samples of a colour pixel side by side, in the colour space of the stream.
// Every length and size in data is checked against f before anything is
// decoded, and the result has exactly f.Size() bytes.
func (d *Decoder) Decode(ctx context.Context, uid string, data []byte, f Frame) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kind := familyOf(uid)
	if kind == unknown {
		return nil, Ready(uid)
	}
	if len(data) < f.Size()/mostPixelsInOneByte {
		return nil, fmt.Errorf("%d bytes are too few for the image: the file is cut off or damaged", len(data))
	}
	out, err := d.decode(ctx, kind, data, f)
	if err == nil && len(out) != f.Size() {
		return nil, fmt.Errorf("the frame came out as %d bytes, %d are needed: the file is damaged", len(out), f.Size())
	}
	return out, err
}

func (d *Decoder) decode(ctx context.Context, kind family, data []byte, f Frame) ([]byte, error) {
	if kind == rle {
		return decodeRLE(data, f)
	}
	h, err := readHeader(kind, data)
	if err != nil {
		return nil, err
	}
	if err := h.agrees(f); err != nil {
		return nil, err
	}
	switch {
	case kind == jpegLossless && f.Samples == 1:
		return decodeJPEGLossless(data, f)
	case kind == jpegDCT8 || kind == jpegDCT && h.precision == 8:
		return decodeJPEG8(data, f)
	}
	if (kind == jpegDCT || kind == jpegLossless) && !h.ended { // the decoder would fill up with grey
		return nil, fmt.Errorf("the JPEG has no end: the file is cut off or damaged")
	}
	m, err := d.start()
	if err != nil {
		return nil, err
	}
	out, err := m.decode(ctx, kind, h.codestream, f)
	if err == nil && kind == jpegLS && h.planar {
		out = interleave(out, f)
	}
	return out, err
}

// interleave brings planes to pixels; CharLS leaves separate scans as planes.
func interleave(planes []byte, f Frame) []byte {
	out, plane, width := make([]byte, 0, len(planes)), len(planes)/f.Samples, f.width()
	for at := 0; at < plane; at += width {
		for s := range f.Samples {
			out = append(out, planes[s*plane+at:][:width]...)
		}
	}
	return out
}

// start starts the module, or gives the one that runs.
func (d *Decoder) start() (*machine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if d.machine == nil && d.failure == nil {
		d.machine, d.failure = newMachine()
	}
	return d.machine, d.failure
}
