package codec

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"columna/internal/encode"
)

// needModule skips where `make setup` has not been run; `make test` runs it.
func needModule(t testing.TB) {
	t.Helper()
	if path, err := modulePath(); err != nil {
		t.Skipf("not tested: %v %s", err, path)
	}
}

func newDecoder(t testing.TB) *Decoder {
	d := NewDecoder()
	t.Cleanup(func() { d.Close() })
	return d
}

// picture is a smooth grey image with some noise, of 12 bits.
func picture(rows, cols int, seed uint64) []uint16 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]uint16, rows*cols)
	for i := range out {
		out[i] = uint16(100 + i%cols*2000/cols + i/cols*1500/rows + r.IntN(60))
	}
	return out
}

func grey16(rows, cols int) Frame {
	return Frame{Rows: rows, Columns: cols, BitsAllocated: 16, BitsStored: 12, Samples: 1}
}

func words(b []byte) []uint16 {
	out := make([]uint16, len(b)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return out
}

func littleEndian(samples []uint16) (out []byte) {
	for _, s := range samples {
		out = binary.LittleEndian.AppendUint16(out, s)
	}
	return out
}

// encodeBy lets the module's own encoders make a stream.
func encodeBy(t testing.TB, d *Decoder, function string, f Frame, samples []byte, lossy bool) []byte {
	t.Helper()
	needModule(t)
	m, err := d.start()
	if err != nil {
		t.Fatal(err)
	}
	i, err := m.newInstance(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer i.module.Close(context.Background())
	c := &caller{ctx: context.Background(), module: i.module}
	frame := c.frame(f)
	c.call("SetDecodedBufferSize", frame, uint64(len(samples)))
	c.write(c.call("GetDecodedBuffer", frame), samples)
	p := c.call("CreateEncoderParameters")
	for name, value := range map[string]uint64{"Lossy": 0, "Predictor": 1, "AllowedLossyError": 2, "Rate": 8} {
		c.call("Set"+name, p, value)
	}
	if lossy {
		c.call("SetLossy", p, 1)
	}
	c.call(function, frame, p)
	n := c.call("GetEncodedBufferSize", frame)
	out := c.read(c.call("GetEncodedBuffer", frame), n, int(n))
	if c.err != nil {
		t.Fatal(c.err)
	}
	return out
}

// stream is a compressed picture: the frame it decodes to, and how far off it
// may be.
type stream struct {
	name, uid string
	data      []byte
	frame     Frame
	samples   []uint16
	off       int
}

// ownStreams are those that need no module to make.
func ownStreams(rows, cols int) []stream {
	px, f := picture(rows, cols, 3), grey16(rows, cols)
	grey, small := image.NewGray(image.Rect(0, 0, cols, rows)), make([]uint16, len(px))
	for i, s := range px {
		grey.Pix[i], small[i] = byte(s>>4), s>>4
	}
	var b bytes.Buffer
	jpeg.Encode(&b, grey, &jpeg.Options{Quality: 100})
	bytewise := f
	bytewise.BitsAllocated, bytewise.BitsStored = 8, 8
	return []stream{
		{"RLE", RLE, encode.RLE(px), f, px, 0},
		{"JPEG lossless", JPEGLossless, encode.JPEGLossless(px, cols, 6, 0), f, px, 0},
		{"JPEG lossless SV1", JPEGLosslessSV1, encode.JPEGLossless(px, cols, 1, 0), f, px, 0},
		{"JPEG baseline", JPEGBaseline, b.Bytes(), bytewise, small, 2},
		{"JPEG extended, 8 bits", JPEGExtended, b.Bytes(), bytewise, small, 2},
		{"JPEG extended, 8 bits in 16", JPEGExtended, b.Bytes(), f, small, 2},
		{"JPEG extended", JPEGExtended, encode.JPEG12(px, cols), f, px, 2},
	}
}

// allStreams adds what the module's encoders make.
func allStreams(t testing.TB, d *Decoder, rows, cols int) []stream {
	px, f := picture(rows, cols, 3), grey16(rows, cols)
	of := func(function string, lossy bool) []byte { return encodeBy(t, d, function, f, littleEndian(px), lossy) }
	return append(ownStreams(rows, cols), []stream{
		{"JPEG-LS", JPEGLS, of("EncodeJpegLs", false), f, px, 0},
		{"JPEG-LS near", JPEGLSNear, of("EncodeJpegLs", true), f, px, 2},
		{"JPEG 2000", JPEG2000Lossless, of("EncodeJpeg2000", false), f, px, 0},
		{"JPEG 2000 lossy", JPEG2000, of("EncodeJpeg2000", true), f, px, 200},
		{"HTJ2K", HTJ2KLossless, of("EncodeHtJpeg2000", false), f, px, 0},
	}...)
}

// furthest is the largest difference between decoded bytes and the samples.
func furthest(decoded []byte, s stream) (worst int) {
	if s.frame.width() == 1 {
		decoded = widen(decoded, 2)
	}
	for i, got := range words(decoded) {
		d := int(got) - int(s.samples[i])
		worst = max(worst, d, -d)
	}
	return worst
}
