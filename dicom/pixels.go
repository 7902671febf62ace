package dicom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math"

	"columna/dicom/dataset"
)

// pixelFormat is the image pixel module (PS3.3 C.7.6.3) of a grey image.
type pixelFormat struct {
	rows, cols, frames    int
	allocated, stored     int // bits
	shift                 int // of the lowest stored bit
	signed, inverted      bool
	slope, intercept      float64
	syntax                string
	order                 binary.ByteOrder
	vr                    string
	native                []byte
	nativeBytes           int // of native, which a header scan leaves unread
	fragments             [][]byte
	hasRescale, lossyJPEG bool
}

// frameBytes is the size of one decoded frame.
func (f *pixelFormat) frameBytes() int { return f.rows * f.cols * f.allocated / 8 }

// pixels reads and checks the description of the pixel data; it decodes
// nothing, so it is cheap and is what import runs on every file.
func (f *file) pixels() (*pixelFormat, error) {
	e := f.Find(tagPixelData)
	if e == nil {
		return nil, fmt.Errorf("no pixel data: the file holds no image")
	}
	p := &pixelFormat{syntax: f.Syntax, order: f.ByteOrder(), vr: e.VR, native: e.Value, fragments: e.Fragments, slope: 1}
	p.nativeBytes = e.Size()
	if err := f.sizes(p); err != nil {
		return nil, err
	}
	if err := f.bits(p); err != nil {
		return nil, err
	}
	if s, ok := f.Number(tagSlope); ok && s != 0 {
		p.slope, p.hasRescale = s, true
	}
	p.intercept = f.Float(tagIntercept)
	if math.Abs(p.slope) > maxRescale || math.Abs(p.intercept) > maxRescale {
		return nil, fmt.Errorf("rescale slope %g and intercept %g are out of range", p.slope, p.intercept)
	}
	return p, p.checkData()
}

// sizes fills in rows, columns and frames.
func (f *file) sizes(p *pixelFormat) error {
	var okR, okC bool
	p.rows, okR = f.Integer(tagRows)
	p.cols, okC = f.Integer(tagColumns)
	if !okR || !okC || p.rows < 1 || p.cols < 1 || p.rows > 16384 || p.cols > 16384 {
		return fmt.Errorf("image size %dx%d is missing or out of range", p.cols, p.rows)
	}
	p.frames = 1
	if n, ok := f.Integer(tagFrames); ok {
		p.frames = n
	}
	if p.frames < 1 || p.frames > maxFrames {
		return fmt.Errorf("%d frames: out of range", p.frames)
	}
	return nil
}

// bits fills in the sample layout and refuses colour.
func (f *file) bits(p *pixelFormat) error {
	if n, ok := f.Integer(tagSamples); ok && n != 1 {
		return fmt.Errorf("a colour image (%d samples per pixel): Columna reads grey MR images", n)
	}
	photometric := f.Text(tagPhotometric)
	switch photometric {
	case "MONOCHROME2", "":
	case "MONOCHROME1":
		p.inverted = true
	default:
		return fmt.Errorf("photometric interpretation %s: Columna reads grey MR images", photometric)
	}
	p.allocated, _ = f.Integer(tagBitsAllocated)
	if p.allocated != 8 && p.allocated != 16 && p.allocated != 32 {
		return fmt.Errorf("%d bits allocated per pixel: only 8, 16 and 32 are read", p.allocated)
	}
	p.stored = p.allocated
	if n, ok := f.Integer(tagBitsStored); ok && n >= 1 && n <= p.allocated {
		p.stored = n
	}
	if high, ok := f.Integer(tagHighBit); ok && high >= p.stored && high < p.allocated {
		p.shift = high - p.stored + 1
	}
	rep, _ := f.Integer(tagPixelRep)
	p.signed = rep == 1
	if int64(p.frameBytes())*int64(p.frames) > maxPixelBytes {
		return fmt.Errorf("%d frames of %dx%d: more than %d MiB of pixels", p.frames, p.cols, p.rows, maxPixelBytes>>20)
	}
	return nil
}

// checkData refuses syntaxes without a decoder here and data that are too short.
func (p *pixelFormat) checkData() error {
	switch p.syntax {
	case dataset.ImplicitLE, dataset.ExplicitLE, dataset.ExplicitBE, dataset.Deflated:
		if want := p.frameBytes() * p.frames; p.nativeBytes < want {
			return fmt.Errorf("pixel data are %d bytes, %d are needed: the file is cut off or damaged", p.nativeBytes, want)
		}
		return nil
	case dataset.RLELossless, dataset.JPEGLossless, dataset.JPEGLosslessSV1, dataset.JPEGBaseline:
		if len(p.fragments) == 0 {
			return fmt.Errorf("the compressed pixel data are empty: the file is cut off or damaged")
		}
		if len(p.fragments) < p.frames {
			return fmt.Errorf("%d compressed fragments for %d frames: the file is cut off or damaged", len(p.fragments), p.frames)
		}
		if p.syntax == dataset.JPEGBaseline && p.allocated != 8 {
			return fmt.Errorf("JPEG baseline with %d bits allocated: only 8 are read", p.allocated)
		}
		return nil
	}
	return fmt.Errorf("%s is not decoded here: export the series uncompressed (explicit little endian)", dataset.SyntaxName(p.syntax))
}

// frame decodes frame n into little-endian samples of the allocated size.
func (p *pixelFormat) frame(n int) ([]byte, error) {
	size := p.frameBytes()
	if len(p.fragments) == 0 {
		return p.nativeFrame(p.native[n*size : (n+1)*size]), nil
	}
	data, err := p.frameData(n)
	if err != nil {
		return nil, err
	}
	switch p.syntax {
	case dataset.RLELossless:
		return decodeRLE(data, p.rows*p.cols, p.allocated/8)
	case dataset.JPEGBaseline:
		return decodeJPEGBaseline(data, p.rows, p.cols)
	}
	return decodeJPEGLossless(data, p.rows, p.cols, p.allocated)
}

// frameData joins the fragments of frame n. One fragment a frame is the rule; a
// single frame may be spread over many, and in several frames each JPEG begins
// with its start-of-image marker.
func (p *pixelFormat) frameData(n int) ([]byte, error) {
	if len(p.fragments) == p.frames {
		return p.fragments[n], nil
	}
	if p.frames == 1 {
		return bytes.Join(p.fragments, nil), nil
	}
	var starts []int
	for i, f := range p.fragments {
		if bytes.HasPrefix(f, []byte{0xFF, 0xD8}) {
			starts = append(starts, i)
		}
	}
	if len(starts) != p.frames {
		return nil, fmt.Errorf("%d compressed fragments cannot be shared out over %d frames", len(p.fragments), p.frames)
	}
	end := len(p.fragments)
	if n+1 < len(starts) {
		end = starts[n+1]
	}
	return bytes.Join(p.fragments[starts[n]:end], nil), nil
}

// nativeFrame brings uncompressed samples to little endian.
func (p *pixelFormat) nativeFrame(b []byte) []byte {
	width := p.allocated / 8
	if width == 1 && p.vr == "OW" && p.order == binary.BigEndian {
		width = 2 // bytes travel in 16-bit words
	}
	if width == 1 || p.order != binary.BigEndian {
		return b
	}
	out := make([]byte, len(b))
	for i := 0; i+width <= len(b); i += width {
		for k := range width {
			out[i+k] = b[i+width-1-k]
		}
	}
	if len(b)%width != 0 {
		out[len(b)-1] = b[len(b)-1]
	}
	return out
}

// values turns the samples of one frame into grey values: stored bits masked,
// sign extended, MONOCHROME1 turned round, rescaled (PS3.3 C.7.6.3.1, C.11.1).
func (p *pixelFormat) values(samples []byte, out []float32) {
	switch p.allocated {
	case 8:
		for i := range out {
			out[i] = p.value(uint32(samples[i]))
		}
	case 16:
		for i := range out {
			out[i] = p.value(uint32(binary.LittleEndian.Uint16(samples[2*i:])))
		}
	default:
		for i := range out {
			out[i] = p.value(binary.LittleEndian.Uint32(samples[4*i:]))
		}
	}
}

// value is the grey value of one stored sample.
func (p *pixelFormat) value(u uint32) float32 {
	drop := 32 - p.stored
	u = u >> p.shift << drop
	x := int64(u >> drop)
	if p.signed {
		x = int64(int32(u) >> drop)
	}
	if p.inverted {
		x = p.top() - x
	}
	return float32(float64(x)*p.slope + p.intercept)
}

// top is the sample that MONOCHROME1 turns into zero.
func (p *pixelFormat) top() int64 {
	if p.signed {
		return -1
	}
	return int64(1)<<p.stored - 1
}

// decodeJPEGBaseline decodes 8-bit JPEG (process 1) by the standard library.
func decodeJPEGBaseline(data []byte, rows, cols int) ([]byte, error) {
	if len(data) < rows*cols/256 { // a flat block of 64 pixels takes two bits at least
		return nil, fmt.Errorf("the JPEG is too short for the image: the file is cut off or damaged")
	}
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("JPEG baseline data cannot be read: %w", err)
	}
	if cfg.Width != cols || cfg.Height != rows {
		return nil, fmt.Errorf("the JPEG is %dx%d, the header says %dx%d", cfg.Width, cfg.Height, cols, rows)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("JPEG baseline data cannot be read: %w", err)
	}
	grey, ok := img.(*image.Gray)
	if !ok {
		return nil, fmt.Errorf("the JPEG is in colour, the header says grey")
	}
	out := make([]byte, 0, rows*cols)
	for y := range rows {
		out = append(out, grey.Pix[y*grey.Stride:][:cols]...)
	}
	return out, nil
}
