// Package metaimage reads and writes MetaImage files (.mha, and .mhd with its raw
// file beside it), ITK's own format. Its world is LPS+ like ours. Input is not
// trusted: no allocation is larger than the bytes that are really there allow,
// and a header can name no file outside its folder.
package metaimage

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"columna/volume"
)

// maxVoxels bounds an image at 512 MiB of float32.
const maxVoxels = 1 << 27

// Read reads an image as grey values.
func Read(path string) (*volume.Volume, error) {
	v, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read MetaImage %s: %w", path, err)
	}
	return v, nil
}

// ReadLabels reads an image whose values are whole numbers from 0 to 255.
func ReadLabels(path string) (*volume.LabelMap, error) {
	v, err := Read(path)
	if err != nil {
		return nil, err
	}
	m, err := v.Labels()
	if err != nil {
		return nil, fmt.Errorf("read MetaImage %s: %w", path, err)
	}
	return m, nil
}

// Decode reads a single-file image (.mha) from a stream.
func Decode(r io.Reader) (*volume.Volume, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	h, err := readHeader(b)
	if err != nil {
		return nil, err
	}
	if h.file != "" {
		return nil, fmt.Errorf("the header says its voxels are in the file %q: open the .mhd file by its path", h.file)
	}
	return h.readVoxels(b)
}

func readFile(path string) (*volume.Volume, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<16)
	h, err := readHeader(b)
	if err != nil {
		return nil, err
	}
	if h.file == "" {
		return h.readVoxels(b)
	}
	raw, err := os.Open(filepath.Join(filepath.Dir(path), h.file))
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	b = bufio.NewReaderSize(raw, 1<<16)
	if h.skip > 0 {
		if _, err := io.CopyN(io.Discard, b, h.skip); err != nil {
			return nil, fmt.Errorf("the file of voxels ends before byte %d", h.skip)
		}
	}
	return h.readVoxels(b)
}

// readVoxels reads the values. Memory grows with the bytes that arrive.
func (h header) readVoxels(r io.Reader) (*volume.Volume, error) {
	if h.compressed {
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("the compressed voxels are damaged: %w", err)
		}
		defer z.Close()
		r = z
	}
	n := h.grid.Len()
	value, bytesEach := decoder(h.element, h.order)
	chunk := make([]byte, bytesEach*min(n, 1<<14))
	data := make([]float32, 0, min(n, 1<<20))
	for len(data) < n {
		part := chunk[:bytesEach*min(n-len(data), 1<<14)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("the voxels end after %d of %d: the file is damaged or incomplete", len(data), n)
		}
		for ; len(part) > 0; part = part[bytesEach:] {
			data = append(data, number(value(part)))
		}
	}
	return &volume.Volume{Grid: h.grid, Data: data}, nil
}

// number turns what is no number into 0, as one would spoil every mean after it.
func number(x float64) float32 {
	y := float32(x)
	if math.IsNaN(float64(y)) || math.IsInf(float64(y), 0) {
		return 0
	}
	return y
}

// decoder gives the reader of one voxel and its bytes for a MetaIO element type,
// or nil for one that is not a real number.
func decoder(element string, o binary.ByteOrder) (value func([]byte) float64, bytesEach int) {
	switch element {
	case "MET_UCHAR":
		return func(b []byte) float64 { return float64(b[0]) }, 1
	case "MET_CHAR":
		return func(b []byte) float64 { return float64(int8(b[0])) }, 1
	case "MET_SHORT":
		return func(b []byte) float64 { return float64(int16(o.Uint16(b))) }, 2
	case "MET_USHORT":
		return func(b []byte) float64 { return float64(o.Uint16(b)) }, 2
	case "MET_INT", "MET_LONG": // MetaIO's long has four bytes
		return func(b []byte) float64 { return float64(int32(o.Uint32(b))) }, 4
	case "MET_UINT", "MET_ULONG":
		return func(b []byte) float64 { return float64(o.Uint32(b)) }, 4
	case "MET_LONG_LONG":
		return func(b []byte) float64 { return float64(int64(o.Uint64(b))) }, 8
	case "MET_ULONG_LONG":
		return func(b []byte) float64 { return float64(o.Uint64(b)) }, 8
	case "MET_FLOAT":
		return func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }, 4
	case "MET_DOUBLE":
		return func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }, 8
	}
	return nil, 0
}
