// Package nifti reads and writes NIfTI images (.nii, .nii.gz and .hdr/.img
// pairs; NIfTI-1 and NIfTI-2, either byte order). NIfTI's RAS+ millimetres are
// turned into LPS+ on the way in and back on the way out. Input is not trusted:
// no allocation is larger than the bytes that are really there allow.
package nifti

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"columna/volume"
)

// maxVoxels bounds an image at 512 MiB of float32; a 16-slice lumbar series
// has about 4 million voxels.
const maxVoxels = 1 << 27

// Read reads an image as grey values (after scl_slope and scl_inter) in LPS+.
func Read(path string) (*volume.Volume, error) {
	v, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read NIfTI %s: %w", path, err)
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
		return nil, fmt.Errorf("read NIfTI %s: %w", path, err)
	}
	return m, nil
}

// Decode reads a single-file image (.nii or .nii.gz) from a stream.
func Decode(r io.Reader) (*volume.Volume, error) {
	plain, err := decompress(r)
	if err != nil {
		return nil, err
	}
	h, order, err := readHeader(plain)
	if err != nil {
		return nil, err
	}
	if h.pair {
		return nil, fmt.Errorf("the header says its voxels are in a separate .img file: open the .hdr file by its path")
	}
	return readVoxels(plain, h, order)
}

func readFile(path string) (*volume.Volume, error) {
	header, image := pairNames(path)
	f, err := os.Open(header)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := decompress(f)
	if err != nil {
		return nil, err
	}
	h, order, err := readHeader(plain)
	if err != nil {
		return nil, err
	}
	if !h.pair {
		return readVoxels(plain, h, order)
	}
	if image == "" {
		return nil, fmt.Errorf("the header says its voxels are in a separate .img file, but the name does not end in .hdr")
	}
	img, err := os.Open(image)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	voxels, err := decompress(img)
	if err != nil {
		return nil, err
	}
	h.headerBytes = 0
	return readVoxels(voxels, h, order)
}

// pairNames gives the header file and, for a .hdr/.img name, the voxel file.
func pairNames(path string) (header, image string) {
	base, gz := strings.CutSuffix(path, ".gz")
	end := ""
	if gz {
		end = ".gz"
	}
	for _, suffix := range []string{".hdr", ".img"} {
		if stem, ok := strings.CutSuffix(base, suffix); ok {
			return stem + ".hdr" + end, stem + ".img" + end
		}
	}
	return path, ""
}

// decompress looks at the first two bytes, not at the name.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(2)
	if err != nil {
		return nil, fmt.Errorf("the file is too short to be an image")
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("the gzip header is damaged: %w", err)
	}
	return bufio.NewReaderSize(z, 1<<16), nil
}

// readVoxels reads the values after the header. Memory grows with the bytes
// that arrive, so that a forged size costs its sender real bytes.
func readVoxels(r io.Reader, h header, order binary.ByteOrder) (*volume.Volume, error) {
	skip := h.voxOffset - h.headerBytes
	if _, err := io.CopyN(io.Discard, r, skip); err != nil {
		return nil, fmt.Errorf("the file ends before its voxels begin at byte %d", h.voxOffset)
	}
	n := h.grid.Len()
	value, bytesEach := decoder(h.datatype, order)
	chunk := make([]byte, bytesEach*min(n, 1<<14))
	data := make([]float32, 0, min(n, 1<<20))
	for len(data) < n {
		part := chunk[:bytesEach*min(n-len(data), 1<<14)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("the file ends after %d of %d voxels: it is damaged or incomplete", len(data), n)
		}
		for ; len(part) > 0; part = part[bytesEach:] {
			data = append(data, h.scale(value(part)))
		}
	}
	return &volume.Volume{Grid: h.grid, Data: data}, nil
}

// scale applies slope and intercept. A value that is no number becomes 0, as one
// would spoil every mean, filter and network after it.
func (h header) scale(x float64) float32 {
	if h.slope != 0 {
		x = x*h.slope + h.inter
	}
	y := float32(x)
	if math.IsNaN(float64(y)) || math.IsInf(float64(y), 0) {
		return 0
	}
	return y
}

// decoder gives the reader of one voxel and its bytes for a NIfTI datatype, or
// nil for one that is not a real number.
func decoder(datatype int, o binary.ByteOrder) (value func([]byte) float64, bytesEach int) {
	switch datatype {
	case 2:
		return func(b []byte) float64 { return float64(b[0]) }, 1
	case 256:
		return func(b []byte) float64 { return float64(int8(b[0])) }, 1
	case 4:
		return func(b []byte) float64 { return float64(int16(o.Uint16(b))) }, 2
	case 512:
		return func(b []byte) float64 { return float64(o.Uint16(b)) }, 2
	case 8:
		return func(b []byte) float64 { return float64(int32(o.Uint32(b))) }, 4
	case 768:
		return func(b []byte) float64 { return float64(o.Uint32(b)) }, 4
	case 16:
		return func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }, 4
	case 64:
		return func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }, 8
	case 1024:
		return func(b []byte) float64 { return float64(int64(o.Uint64(b))) }, 8
	case 1280:
		return func(b []byte) float64 { return float64(o.Uint64(b)) }, 8
	}
	return nil, 0
}
