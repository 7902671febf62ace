package files

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite_IsTheOwnersAloneAndWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	full := errors.New("disk full")
	if err := Write(name, func(w io.Writer) error { w.Write([]byte("half")); return full }); !errors.Is(err, full) {
		t.Errorf("a write that failed: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a write that failed left %v", left)
	}
	if err := Write(name, func(w io.Writer) error { _, err := w.Write([]byte("whole")); return err }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if b, _ := os.ReadFile(name); string(b) != "whole" {
		t.Errorf("%q", b)
	}
}

func kinds() []Kind {
	return []Kind{Uint8, Int8, Int16, Uint16, Int32, Uint32, Int64, Uint64, Float32, Float64}
}

func TestSamples_ReadsWhatAppendWrote(t *testing.T) {
	want := []float32{0, 1, 77, 127}
	for _, k := range kinds() {
		for _, o := range []interface {
			binary.ByteOrder
			binary.AppendByteOrder
		}{binary.LittleEndian, binary.BigEndian} {
			b := k.Append(nil, o, want)
			if len(b) != 4*k.Bytes() {
				t.Errorf("kind %d: %d bytes", k, len(b))
			}
			s, err := FromReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			got, lost, err := s.Samples(4, k, o, Scale{Slope: 2, Inter: -1})
			if err != nil || lost != 0 {
				t.Fatal(err, lost)
			}
			for n, x := range want {
				if got[n] != 2*x-1 {
					t.Errorf("kind %d %v: %g, want %g", k, o, got[n], 2*x-1)
				}
			}
		}
	}
}

func TestSamples_CountsWhatIsNoNumber(t *testing.T) {
	inf := float32(math.Inf(-1))
	b := Float64.Append(nil, binary.LittleEndian, []float32{1, float32(math.NaN()), inf, 4})
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(1e300)) // no float32
	s, err := FromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got, lost, err := s.Samples(5, Float64, binary.LittleEndian, Scale{Slope: 1})
	if err != nil || lost != 3 || got[0] != 1 || got[1] != 0 || got[2] != 0 || got[3] != 4 || got[4] != 0 {
		t.Errorf("%v, %d lost, %v", got, lost, err)
	}
}

func TestSmallest_HoldsEveryValueAsItIs(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		data []float32
		want Kind
	}{
		{nil, Uint8}, {[]float32{0, 255}, Uint8}, {[]float32{0, 256}, Int16}, {[]float32{-1, 32767}, Int16}, {[]float32{-32768}, Int16},
		{[]float32{32768}, Uint16}, {[]float32{65535}, Uint16}, {[]float32{-1, 32768}, Float32}, {[]float32{65536}, Float32},
		{[]float32{-32769}, Float32}, {[]float32{0.5}, Float32}, {[]float32{nan}, Float32}, {[]float32{3e38}, Float32},
	} {
		if got := Smallest(c.data); got != c.want {
			t.Errorf("%v: kind %d, want %d", c.data, got, c.want)
		}
	}
}

func TestSource_RefusesMoreThanTheFileCanHold(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	for _, size := range []int{100, 101} {
		if err := os.WriteFile(name, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Samples(size, Uint8, binary.LittleEndian, Scale{Slope: 1})
		if (err == nil) != (size == 100) {
			t.Errorf("%d samples of 100 bytes: %v", size, err)
		}
		s.Close()
	}
}

func TestSource_UnpacksBothKindsOfDeflate(t *testing.T) {
	plain := bytes.Repeat([]byte{7}, 300)
	var a, b bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&a), zlib.NewWriter(&b)} {
		w.Write(plain)
		w.Close()
	}
	for _, packed := range [][]byte{a.Bytes(), b.Bytes()} {
		s, err := FromReader(bytes.NewReader(append([]byte("head"), packed...)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Skip(4); err != nil {
			t.Fatal(err)
		}
		if err := s.Inflate(); err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Samples(300, Uint8, binary.LittleEndian, Scale{Slope: 1})
		if err != nil || got[299] != 7 {
			t.Errorf("%v", err)
		}
	}
}

func TestOpen_RefusesWhatIsNoFile(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}
