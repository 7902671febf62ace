package nifti

import (
	"encoding/binary"
	"errors"
	"math"

	"columna/internal/files"
)

// fields reads numbers of a header at NIfTI-1 or NIfTI-2 offsets.
type fields struct {
	b  []byte
	o  binary.ByteOrder
	v2 bool
}

// readFields tells version and byte order by the header's own size field.
func readFields(s *files.Source) (fields, error) {
	var first [4]byte
	if err := s.ReadFull(first[:]); err != nil {
		return fields{}, errors.New("the file is too short for a NIfTI header")
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		n := o.Uint32(first[:])
		if n != size1 && n != size2 {
			continue
		}
		f := fields{b: make([]byte, n), o: o, v2: n == size2}
		copy(f.b, first[:])
		if err := s.ReadFull(f.b[4:]); err != nil {
			return fields{}, errors.New("the file ends inside the NIfTI header")
		}
		return f, nil
	}
	return fields{}, errors.New("this is not a NIfTI file (its first number is not 348 or 540)")
}

// float reads float32 at offset1 of version 1 or float64 at offset2 of version 2.
func (f fields) float(offset1, offset2 int) float64 {
	if f.v2 {
		return math.Float64frombits(f.o.Uint64(f.b[offset2:]))
	}
	return float64(math.Float32frombits(f.o.Uint32(f.b[offset1:])))
}

// short reads int16 at offset1 or int16 at offset2.
func (f fields) short(offset1, offset2 int) int {
	if f.v2 {
		return int(int16(f.o.Uint16(f.b[offset2:])))
	}
	return int(int16(f.o.Uint16(f.b[offset1:])))
}

// code reads int16 at offset1 or int32 at offset2.
func (f fields) code(offset1, offset2 int) int {
	if f.v2 {
		return int(int32(f.o.Uint32(f.b[offset2:])))
	}
	return int(int16(f.o.Uint16(f.b[offset1:])))
}

// dim reads dimension n, 0..7.
func (f fields) dim(n int) int64 {
	if f.v2 {
		return int64(f.o.Uint64(f.b[16+8*n:]))
	}
	return int64(int16(f.o.Uint16(f.b[40+2*n:])))
}

func (f fields) pixdim(n int) float64 { return f.float(76+4*n, 104+8*n) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
