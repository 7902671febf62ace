package codec

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"columna/internal/encode"
)

func TestDecode_GivesBackEverySyntax(t *testing.T) {
	needModule(t)
	d := newDecoder(t)
	for _, s := range allStreams(t, d, 48, 64) {
		got, err := d.Decode(t.Context(), s.uid, s.data, s.frame)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if off := furthest(got, s); off > s.off {
			t.Errorf("%s: off by %d, allowed %d", s.name, off, s.off)
		}
	}
}

func TestDecode_JPEGLosslessKnowsAllPredictorsAndRestarts(t *testing.T) {
	px := picture(12, 17, 4)
	for i := range px {
		px[i] *= 16
	}
	px[5] = px[4] + 0x8000 // the one difference of sixteen bits
	for predictor := 1; predictor <= 7; predictor++ {
		for _, restart := range []int{0, 34} {
			data := encode.JPEGLossless(px, 17, predictor, restart)
			got, err := newDecoder(t).Decode(t.Context(), JPEGLossless, data, grey16(12, 17))
			if err != nil || !bytes.Equal(got, littleEndian(px)) {
				t.Errorf("predictor %d, restart %d: %v", predictor, restart, err)
			}
		}
	}
}

func TestDecode_InterleavesThePlanesOfColour(t *testing.T) {
	f := Frame{Rows: 8, Columns: 16, BitsAllocated: 8, BitsStored: 8, Samples: 3}
	want := make([]byte, f.Size())
	for i := range want {
		want[i] = byte(i * i)
	}
	data := binary.LittleEndian.AppendUint32(nil, 3) // an RLE of literal runs, plane after plane
	var planes []byte
	for s := range 3 {
		data = binary.LittleEndian.AppendUint32(data, uint32(64+len(planes)))
		planes = append(planes, 127)
		for p := range 128 {
			planes = append(planes, want[3*p+s])
		}
		planes = append(planes, 128) // no operation, to an even length
	}
	data = append(append(data, make([]byte, 64-len(data))...), planes...)
	d := newDecoder(t)
	if got, err := d.Decode(t.Context(), RLE, data, f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("RLE: %v", err)
	}
	for _, function := range []string{"EncodeJpegLs", "EncodeJpeg2000", "EncodeHtJpeg2000"} {
		uid := map[string]string{"EncodeJpegLs": JPEGLS, "EncodeJpeg2000": JPEG2000Lossless, "EncodeHtJpeg2000": HTJ2KLossless}[function]
		data := encodeBy(t, d, function, f, want, false)
		if got, err := d.Decode(t.Context(), uid, data, f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", function, err)
		}
	}
}

func TestDecode_RefusesAStreamThatIsCutOff(t *testing.T) {
	needModule(t)
	d := newDecoder(t)
	for _, s := range allStreams(t, d, 48, 64) {
		for _, part := range []int{2, 10} {
			cut := s.data[:len(s.data)-len(s.data)/part]
			if strings.HasPrefix(s.name, "JPEG-LS") {
				cut = append(bytes.Clone(cut), 0xFF, 0xD9) // an end marker saves the deadline
			}
			if _, err := d.Decode(t.Context(), s.uid, cut, s.frame); err == nil {
				t.Errorf("%s: without its last 1/%d it was decoded", s.name, part)
			}
		}
		if got, err := d.Decode(t.Context(), s.uid, s.data, s.frame); err != nil || furthest(got, s) > s.off {
			t.Errorf("%s: after an error the whole stream gives %v", s.name, err)
		}
	}
}

func TestDecode_HoldsTheStreamToTheHeader(t *testing.T) {
	needModule(t)
	d := newDecoder(t)
	for _, s := range allStreams(t, d, 48, 64) {
		wrong := map[string]func(*Frame){
			"rows":    func(f *Frame) { f.Rows *= 2 },
			"columns": func(f *Frame) { f.Columns-- },
			"colour":  func(f *Frame) { f.Samples = 3 },
		}
		if s.name != "JPEG baseline" && !strings.Contains(s.name, "8 bits") {
			wrong["bits"] = func(f *Frame) { f.BitsAllocated, f.BitsStored = 8, 8 }
		}
		for what, change := range wrong {
			f := s.frame
			if change(&f); s.name == "RLE" && what == "columns" {
				continue // RLE knows no sizes: more than fills the image is padding
			}
			if _, err := d.Decode(t.Context(), s.uid, s.data, f); err == nil {
				t.Errorf("%s: decoded with other %s", s.name, what)
			}
		}
	}
}

func TestDecode_RefusesForgedSizesBeforeAllocating(t *testing.T) {
	f := grey16(16384, 8192) // 256 MiB
	for _, s := range ownStreams(8, 8) {
		for _, marker := range []byte{0xC3, 0xC1, 0xC0} {
			if at := bytes.Index(s.data, []byte{0xFF, marker, 0, 11}); at > 0 {
				binary.BigEndian.PutUint16(s.data[at+5:], uint16(f.Rows))
				binary.BigEndian.PutUint16(s.data[at+7:], uint16(f.Columns))
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := newDecoder(t).Decode(t.Context(), s.uid, s.data, f)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; err == nil || grown > 1<<20 {
			t.Errorf("%s: %d bytes allocated, %v", s.name, grown, err)
		}
	}
}

func TestDecode_StopsAtTheDeadlineAndWhenAsked(t *testing.T) {
	needModule(t)
	px, d := picture(512, 512, 1), newDecoder(t)
	data := encodeBy(t, d, "EncodeJpeg2000", grey16(512, 512), littleEndian(px), false)
	m, err := d.start()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, err := d.Decode(ctx, JPEG2000Lossless, data, grey16(512, 512)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled frame: %v", err)
	}
	m.limit = -500 * time.Millisecond // less than what the pixels add
	if _, err := d.Decode(t.Context(), JPEG2000Lossless, data, grey16(512, 512)); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a frame over its time: %v", err)
	}
	m.limit = frameDeadline
	if got, err := d.Decode(t.Context(), JPEG2000Lossless, data, grey16(512, 512)); err != nil || !bytes.Equal(got, littleEndian(px)) {
		t.Errorf("the next frame: %v", err)
	}
}

func TestDecoder_ServesManyAtOnceUntilClosed(t *testing.T) {
	needModule(t)
	px, d := picture(64, 64, 2), newDecoder(t)
	data := encodeBy(t, d, "EncodeJpegLs", grey16(64, 64), littleEndian(px), false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 4 {
				if got, err := d.Decode(t.Context(), JPEGLS, data, grey16(64, 64)); err != nil || !bytes.Equal(got, littleEndian(px)) {
					t.Errorf("together: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode(t.Context(), JPEGLS, data, grey16(64, 64)); err == nil {
		t.Error("a closed decoder decodes")
	}
}

func TestReady_SaysWhatIsMissingAndHowToGetIt(t *testing.T) {
	t.Setenv(ModuleVariable, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, uid := range []string{JPEGLS, JPEG2000, JPEGExtended, HTJ2K} {
		if err := Ready(uid); err == nil || !strings.Contains(err.Error(), "make setup") {
			t.Errorf("%s: %v", uid, err)
		}
	}
	for _, uid := range []string{RLE, JPEGBaseline, JPEGLossless, JPEGLosslessSV1} {
		if err := Ready(uid); err != nil {
			t.Errorf("%s: %v", uid, err)
		}
	}
	t.Setenv(ModuleVariable, filepath.Join(t.TempDir(), "none"))
	if err := Ready(JPEGLS); err == nil || !strings.Contains(err.Error(), ModuleVariable) {
		t.Error(err)
	}
}

func TestDecoder_RefusesAModuleThatWasNotTested(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.wasm")
	if err := os.WriteFile(other, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(ModuleVariable, other)
	data := encode.JPEG12(picture(8, 8, 1), 8)
	if _, err := newDecoder(t).Decode(t.Context(), JPEGExtended, data, grey16(8, 8)); err == nil || !strings.Contains(err.Error(), "tested version") {
		t.Error(err)
	}
}

func TestDiskCache_IsDoneWithoutWhereItCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", blocked)
	if diskCache() != nil {
		t.Error("a cache inside a file")
	}
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	cache := diskCache()
	if cache == nil {
		t.Fatal("no cache")
	}
	defer cache.Close(t.Context())
	if info, err := os.Stat(filepath.Join(home, "columna", "compiled")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache of code that will be run is open to others: %v %v", info, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	needModule(b)
	d := newDecoder(b)
	for _, s := range allStreams(b, d, 512, 512) {
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(s.frame.Size()))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := d.Decode(context.Background(), s.uid, s.data, s.frame); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
