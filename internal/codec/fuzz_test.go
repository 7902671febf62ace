package codec

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A fuzzed frame is small, so that what a decoder allocates beyond its size shows.
const (
	fuzzLimit  = 200 * time.Millisecond // what the module may take for a frame
	fuzzTime   = 20 * time.Second       // and a loaded machine, with the start of an instance
	fuzzMemory = 8 << 20
)

// fuzzDecode holds a transfer syntax to its promise on any bytes: exactly the
// frame or one sentence, in bounded time and memory.
func fuzzDecode(f *testing.F, uid string, seeds []stream) {
	d := newDecoder(f)
	if familyOf(uid) != rle && familyOf(uid) != jpegLossless && uid != JPEGBaseline {
		d.start() // so that no frame pays for it
	}
	for _, s := range seeds {
		if s.uid != uid {
			continue
		}
		add := func(b []byte) {
			f.Add(b, uint8(s.frame.Rows), uint8(s.frame.Columns), s.frame.width() == 2, s.frame.Samples == 3, s.frame.Signed)
		}
		add(s.data)
		add(s.data[:len(s.data)*2/3])
		damaged := bytes.Clone(s.data)
		damaged[len(damaged)*3/4] ^= 0x41
		add(damaged)
	}
	f.Fuzz(func(t *testing.T, data []byte, rows, cols uint8, wide, colour, signed bool) {
		frame := Frame{Rows: int(rows), Columns: int(cols), BitsAllocated: 8, BitsStored: 8, Samples: 1, Signed: signed}
		if wide {
			frame.BitsAllocated, frame.BitsStored = 16, 12
		}
		if colour {
			frame.Samples = 3
		}
		d.limitTo(fuzzLimit)
		start, before := time.Now(), allocated()
		out, err := d.Decode(context.Background(), uid, data, frame)
		if err == nil && len(out) != frame.Size() {
			t.Fatalf("%d bytes for a frame of %d", len(out), frame.Size())
		}
		if err != nil && (out != nil || strings.Contains(err.Error(), "\n")) {
			t.Fatalf("%d bytes beside the error %q", len(out), err)
		}
		if took := time.Since(start); took > fuzzTime {
			t.Fatalf("took %v", took)
		}
		if grown := allocated() - before; grown > fuzzMemory {
			t.Fatalf("allocated %d bytes", grown)
		}
		if n := d.memory(); n > memoryPages<<16 {
			t.Fatalf("the module holds %d bytes", n)
		}
	})
}

// limitTo shortens the deadline of a running module.
func (d *Decoder) limitTo(limit time.Duration) {
	if d.machine != nil {
		d.machine.limit = limit
	}
}

// memory is the largest of the module's instances.
func (d *Decoder) memory() (most uint32) {
	if d.machine != nil {
		for _, i := range d.machine.idle {
			most = max(most, i.module.Memory().Size())
		}
	}
	return most
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// moduleSeeds are made by the module's encoders; without it there are none and
// the module's decoders cannot be fuzzed.
func moduleSeeds(f *testing.F) []stream {
	needModule(f)
	d := newDecoder(f)
	if _, err := d.start(); err != nil {
		f.Fatal(err)
	}
	return allStreams(f, d, 16, 24)
}

func FuzzRLE(f *testing.F)          { fuzzDecode(f, RLE, ownStreams(16, 24)) }
func FuzzJPEGLossless(f *testing.F) { fuzzDecode(f, JPEGLossless, ownStreams(16, 24)) }
func FuzzJPEGBaseline(f *testing.F) { fuzzDecode(f, JPEGBaseline, ownStreams(16, 24)) }
func FuzzJPEGExtended(f *testing.F) { fuzzDecode(f, JPEGExtended, moduleSeeds(f)) }
func FuzzJPEGLS(f *testing.F)       { fuzzDecode(f, JPEGLS, moduleSeeds(f)) }
func FuzzJPEG2000(f *testing.F)     { fuzzDecode(f, JPEG2000Lossless, moduleSeeds(f)) }
func FuzzHTJ2K(f *testing.F)        { fuzzDecode(f, HTJ2KLossless, moduleSeeds(f)) }
