package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"

	"columna/volume"
)

// A stored mask is: "CLMK", version 1, three sizes (uint32), twelve numbers of
// the affine by rows (float64, LPS+ mm), the SHA-256 of the labels, the length of
// the runs (uint32), the runs under zstd. A run is a label byte and a varint
// count. Little endian. Every version is kept whole: 18 KB for a lumbar series,
// where chains of differences would be smaller but break at their first fault.
const (
	maskMagic   = "CLMK\x01"
	maskHeader  = len(maskMagic) + 3*4 + 12*8 + sha256.Size + 4
	maxMask     = 1 << 26 // voxels, so that a forged blob cannot ask for more
	maxRunBytes = 1 << 26
	zstdWindow  = 8 << 20 // the encoder may say so whatever the length
)

// EncodeMask packs a label map.
func EncodeMask(m *volume.LabelMap) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("store mask: %w", err)
	}
	if len(m.Data) > maxMask {
		return nil, fmt.Errorf("store mask: %d voxels are more than the limit of %d", len(m.Data), maxMask)
	}
	runs := encodeRuns(m.Data)
	if len(runs) > maxRunBytes {
		return nil, fmt.Errorf("store mask: %d bytes of runs are more than the limit of %d: this is noise, not a mask", len(runs), maxRunBytes)
	}
	b := append(make([]byte, 0, maskHeader+len(runs)/4), maskMagic...)
	for _, n := range m.Size {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	for _, row := range m.Affine {
		for _, x := range row {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	sum := sha256.Sum256(m.Data)
	b = append(b, sum[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(runs)))
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("store mask: %w", err)
	}
	defer z.Close()
	return z.EncodeAll(runs, b), nil
}

// DecodeMask unpacks what EncodeMask packed and refuses anything else. Memory is
// bounded by the runs first (64 MiB) and by the voxels then (64 MiB).
func DecodeMask(b []byte) (*volume.LabelMap, error) {
	if len(b) < maskHeader || string(b[:len(maskMagic)]) != maskMagic {
		return nil, fmt.Errorf("read mask: the stored bytes are not a mask of version 1")
	}
	g, rest, err := maskGrid(b[len(maskMagic):])
	if err != nil {
		return nil, fmt.Errorf("read mask: %w", err)
	}
	sum, rest := rest[:sha256.Size], rest[sha256.Size:]
	length, packed := binary.LittleEndian.Uint32(rest), rest[4:]
	if uint64(length) > 2*uint64(g.Len()) { // a run of one voxel has two bytes, longer ones fewer a voxel
		return nil, fmt.Errorf("read mask: %d bytes of runs are too many for %d voxels", length, g.Len())
	}
	runs, err := unzip(packed, int(length))
	if err != nil {
		return nil, fmt.Errorf("read mask: %w", err)
	}
	data, err := decodeRuns(runs, g.Len())
	if err != nil {
		return nil, fmt.Errorf("read mask: %w", err)
	}
	if got := sha256.Sum256(data); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("read mask: the labels are damaged: their SHA-256 is %s, not %s", hex.EncodeToString(got[:4]), hex.EncodeToString(sum[:4]))
	}
	return &volume.LabelMap{Grid: g, Data: data}, nil
}

// maskGrid reads sizes and affine.
func maskGrid(b []byte) (g volume.Grid, rest []byte, err error) {
	voxels := uint64(1)
	for a := range g.Size {
		n := binary.LittleEndian.Uint32(b)
		if n < 1 || n > 1<<16 {
			return g, nil, fmt.Errorf("a side of %d voxels is not possible", n)
		}
		voxels *= uint64(n)
		g.Size[a], b = int(n), b[4:]
	}
	if voxels > maxMask {
		return g, nil, fmt.Errorf("%v voxels are more than the limit of %d", g.Size, maxMask)
	}
	for r := range g.Affine {
		for c := range g.Affine[r] {
			g.Affine[r][c], b = math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:]
		}
	}
	return g, b, g.Validate()
}

// unzip decompresses to exactly length bytes.
func unzip(packed []byte, length int) ([]byte, error) {
	if length < 1 || length > maxRunBytes {
		return nil, fmt.Errorf("%d bytes of runs are not possible", length)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(length, zstdWindow))))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	runs, err := z.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("the compressed labels are damaged: %w", err)
	}
	if len(runs) != length {
		return nil, fmt.Errorf("the compressed labels are damaged: %d bytes instead of %d", len(runs), length)
	}
	return runs, nil
}

func encodeRuns(data []uint8) []byte {
	var out []byte
	for start := 0; start < len(data); {
		end := start + 1
		for end < len(data) && data[end] == data[start] {
			end++
		}
		out = append(out, data[start])
		out = binary.AppendUvarint(out, uint64(end-start))
		start = end
	}
	return out
}

// decodeRuns adds the counts up before it takes memory for the voxels.
func decodeRuns(runs []byte, voxels int) ([]uint8, error) {
	total := 0
	err := eachRun(runs, func(_ uint8, count int) bool {
		total += count
		return total <= voxels
	})
	if err != nil {
		return nil, err
	}
	if total != voxels {
		return nil, fmt.Errorf("the runs do not make %d voxels", voxels)
	}
	data := make([]uint8, voxels)
	at := 0
	err = eachRun(runs, func(label uint8, count int) bool {
		part := data[at : at+count]
		if label != 0 {
			for n := range part {
				part[n] = label
			}
		}
		at += count
		return true
	})
	return data, err
}

// eachRun calls f for each run until it says false.
func eachRun(runs []byte, f func(label uint8, count int) bool) error {
	for len(runs) > 0 {
		count, n := binary.Uvarint(runs[1:])
		if n <= 0 || count == 0 || count > maxMask {
			return fmt.Errorf("a run of %d voxels is not possible", count)
		}
		if !f(runs[0], int(count)) {
			return nil
		}
		runs = runs[1+n:]
	}
	return nil
}

// addMask stores a mask and returns its row and the SHA-256 of its blob.
func (t *tx) addMask(m *volume.LabelMap) (id int64, sha string, err error) {
	blob, err := EncodeMask(m)
	if err != nil {
		return 0, "", err
	}
	sum := sha256.Sum256(blob)
	sha = hex.EncodeToString(sum[:])
	id, err = t.insert("INSERT INTO masks (sha256, size_i, size_j, size_k, blob) VALUES (?,?,?,?,?)",
		sha, m.Size[0], m.Size[1], m.Size[2], blob)
	return id, sha, err
}

// mask reads a stored mask and checks it.
func (t *tx) mask(id int64) (*volume.LabelMap, error) {
	var want string
	var size [3]int
	var blob []byte
	err := t.one("SELECT sha256, size_i, size_j, size_k, blob FROM masks WHERE id = ?", []any{id}, &want, &size[0], &size[1], &size[2], &blob)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(blob); hex.EncodeToString(sum[:]) != want {
		return nil, fmt.Errorf("mask %d is damaged: its SHA-256 is wrong", id)
	}
	m, err := DecodeMask(blob)
	if err != nil {
		return nil, fmt.Errorf("mask %d: %w", id, err)
	}
	if m.Size != size {
		return nil, fmt.Errorf("mask %d is damaged: %v voxels instead of %v", id, m.Size, size)
	}
	return m, nil
}
