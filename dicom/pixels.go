package dicom

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"columna/dicom/dataset"
	"columna/internal/codec"
)

// pixelFormat is the image pixel module (PS3.3 C.7.6.3).
type pixelFormat struct {
	rows, cols, frames int
	samples            int // of a pixel
	planar             bool
	photometric        string
	allocated, stored  int // bits
	shift              int // of the lowest stored bit
	signed, inverted   bool
	slope, intercept   float64
	syntax             string
	order              binary.ByteOrder
	vr                 string
	native             []byte
	nativeBytes        int  // of native, which a header scan leaves unread
	bitmap             bool // eight pixels to a byte; allocated is then of what frame gives
	fragments          fragments
	tables             *greyTables // shared by the slices of a job; nil: none are kept
}

// frameBytes is the size of one decoded frame.
func (p *pixelFormat) frameBytes() int { return p.rows * p.cols * p.samples * p.allocated / 8 }

// halved reports whether two pixels share their colour: the samples are two of
// luminance and one each of blue and red (YBR_FULL_422, PS3.3 C.7.6.3.1.2).
func (p *pixelFormat) halved() bool {
	return p.photometric == "YBR_FULL_422" && p.samples == 3 && p.allocated == 8 && p.cols%2 == 0
}

// nativeFrameBytes is the size of one uncompressed frame in the file.
func (p *pixelFormat) nativeFrameBytes() int {
	if p.halved() {
		return p.rows * p.cols * 2
	}
	return p.frameBytes()
}

// pixels reads and checks the description of a grey image's pixel data; it
// decodes nothing, so it is cheap and is what import runs on every file.
func (f *file) pixels() (*pixelFormat, error) {
	p, err := f.pixelFormat()
	if err != nil {
		return nil, err
	}
	if p.samples != 1 {
		return nil, fmt.Errorf("a colour image (%d samples per pixel): Columna reads grey MR images", p.samples)
	}
	if p.bitmap {
		return nil, fmt.Errorf("1 bit per pixel: a mask, not an MR image")
	}
	if p.photometric != "MONOCHROME1" && p.photometric != "MONOCHROME2" && p.photometric != "" {
		return nil, fmt.Errorf("photometric interpretation %s: Columna reads grey MR images", p.photometric)
	}
	return p, nil
}

// pixelFormat describes the pixel data of any image, grey or not.
func (f *file) pixelFormat() (*pixelFormat, error) {
	e := f.Find(tagPixelData)
	if e == nil {
		return nil, fmt.Errorf("no pixel data: the file holds no image")
	}
	p := &pixelFormat{syntax: f.Syntax, order: f.ByteOrder(), vr: e.VR, native: e.Value, slope: 1,
		photometric: f.Text(tagPhotometric), fragments: f.fragments(e)}
	p.nativeBytes, p.inverted = e.Size(), p.photometric == "MONOCHROME1"
	if err := f.sizes(p); err != nil {
		return nil, err
	}
	if err := f.bits(p); err != nil {
		return nil, err
	}
	if s, ok := f.Number(tagSlope); ok && s != 0 {
		p.slope = s
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

// bits fills in the sample layout.
func (f *file) bits(p *pixelFormat) error {
	p.samples = 1
	if n, ok := f.Integer(tagSamples); ok {
		p.samples = n
	}
	if p.samples != 1 && p.samples != 3 {
		return fmt.Errorf("%d samples per pixel: only 1 and 3 are read", p.samples)
	}
	planar, _ := f.Integer(tagPlanar)
	p.planar = p.samples > 1 && planar == 1
	p.allocated, _ = f.Integer(tagBitsAllocated)
	if p.bitmap = p.allocated == 1; p.bitmap {
		p.allocated = 8
	}
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
		if p.photometric == "YBR_FULL_422" && !p.halved() {
			return fmt.Errorf("colour with half the samples (YBR_FULL_422) that is not of 8 bits or has an odd number of columns")
		}
		want := p.nativeFrameBytes() * p.frames
		if p.bitmap {
			want = (want + 7) / 8
		}
		if p.nativeBytes < want {
			return fmt.Errorf("pixel data are %d bytes, %d are needed: the file is cut off or damaged", p.nativeBytes, want)
		}
		return nil
	}
	if p.bitmap {
		return fmt.Errorf("a compressed mask of 1 bit per pixel is not decoded")
	}
	if !codec.Supports(p.syntax) {
		return fmt.Errorf("%s is not decoded here: export the series uncompressed (explicit little endian)", dataset.SyntaxName(p.syntax))
	}
	if err := codec.Ready(p.syntax); err != nil {
		return err
	}
	return p.fragments.check(p.frames)
}

// frame decodes frame n into little-endian samples of the allocated size.
func (p *pixelFormat) frame(ctx context.Context, d *codec.Decoder, n int) ([]byte, error) {
	if !codec.Supports(p.syntax) {
		size := p.nativeFrameBytes()
		switch {
		case p.bitmap:
			return unpackBits(p.native, n*size, size), nil
		case p.halved():
			return shareColour(p.littleEndian(p.native[n*size : (n+1)*size])), nil
		}
		return p.nativeFrame(p.native[n*size : (n+1)*size]), nil
	}
	data, err := p.fragments.frame(n, p.frames)
	if err != nil {
		return nil, err
	}
	return d.Decode(ctx, p.syntax, data, codec.Frame{Rows: p.rows, Columns: p.cols, Samples: p.samples,
		BitsAllocated: p.allocated, BitsStored: p.stored, Signed: p.signed})
}

// nativeFrame brings uncompressed samples to little endian, pixel by pixel.
func (p *pixelFormat) nativeFrame(b []byte) []byte {
	b = p.littleEndian(b)
	if !p.planar {
		return b
	}
	width, plane := p.allocated/8, len(b)/p.samples
	out := make([]byte, 0, len(b))
	for at := 0; at < plane; at += width {
		for s := range p.samples {
			out = append(out, b[s*plane+at:][:width]...)
		}
	}
	return out
}

// shareColour gives each pixel of a pair the colour of both.
func shareColour(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*6)
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, b[0], b[2], b[3], b[1], b[2], b[3])
	}
	return out
}

// unpackBits gives n pixels of a bitmap from bit first on, a byte each. Frames
// follow one another without padding, the lowest bit first (PS3.5 8.1.1).
func unpackBits(packed []byte, first, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		bit := first + i
		out[i] = packed[bit/8] >> (bit % 8) & 1
	}
	return out
}

func (p *pixelFormat) littleEndian(b []byte) []byte {
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
		p.shorts(samples, out)
	default:
		for i := range out {
			out[i] = p.value(binary.LittleEndian.Uint32(samples[4*i:]))
		}
	}
}

// shorts does so for samples of 16 bits, which nearly all are: by a table of what
// the stored bits stand for, where there are more pixels than entries.
func (p *pixelFormat) shorts(samples []byte, out []float32) {
	if len(out) < 2<<p.stored {
		for i := range out {
			out[i] = p.value(uint32(binary.LittleEndian.Uint16(samples[2*i:])))
		}
		return
	}
	table := p.table()
	shift, mask := uint(p.shift)&15, uint64(1)<<p.stored-1
	for len(out) >= 4 && len(samples) >= 8 {
		u := binary.LittleEndian.Uint64(samples) >> shift
		out[0], out[1] = table[uint16(u&mask)], table[uint16(u>>16&mask)]
		out[2], out[3] = table[uint16(u>>32&mask)], table[uint16(u>>48&mask)]
		samples, out = samples[8:], out[4:]
	}
	for i := range out {
		out[i] = table[uint16(uint64(binary.LittleEndian.Uint16(samples[2*i:]))>>shift&mask)]
	}
}

// greyTable is what stored bits stand for. Its size lets the compiler see that no
// sample lies outside.
type greyTable [1 << 16]float32

// greyTables keeps the last table made: the slices of a series mostly share one.
type greyTables struct {
	mu   sync.Mutex
	of   tableKey
	last *greyTable
}

type tableKey struct {
	stored, shift    int
	signed, inverted bool
	slope, intercept float64
}

// table makes the table of the format, or takes the one that was made for it.
func (p *pixelFormat) table() *greyTable {
	key := tableKey{p.stored, p.shift, p.signed, p.inverted, p.slope, p.intercept}
	if p.tables != nil {
		p.tables.mu.Lock()
		defer p.tables.mu.Unlock()
		if p.tables.last != nil && p.tables.of == key {
			return p.tables.last
		}
	}
	t := new(greyTable)
	for u := range 1 << p.stored {
		t[u] = p.value(uint32(u) << p.shift)
	}
	if p.tables != nil {
		p.tables.of, p.tables.last = key, t
	}
	return t
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
