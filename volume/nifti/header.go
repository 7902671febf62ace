package nifti

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"columna/volume"
)

// Header sizes of NIfTI-1 and NIfTI-2 (their first four bytes).
const (
	size1 = 348
	size2 = 540
)

// header is what is needed of either version.
type header struct {
	headerBytes int64 // read so far
	grid        volume.Grid
	datatype    int
	slope       float64 // 0: no scaling
	inter       float64
	voxOffset   int64
	pair        bool // voxels in a separate .img
}

// fields reads numbers of a header at NIfTI-1 or NIfTI-2 offsets.
type fields struct {
	b  []byte
	o  binary.ByteOrder
	v2 bool
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

// readHeader reads and checks the header; the order is that of the file.
func readHeader(r io.Reader) (header, binary.ByteOrder, error) {
	f, err := readFields(r)
	if err != nil {
		return header{}, nil, err
	}
	h := header{headerBytes: int64(len(f.b)), datatype: f.short(70, 12)}
	if h.pair, err = f.magic(); err != nil {
		return header{}, nil, err
	}
	if h.grid, err = f.grid(); err != nil {
		return header{}, nil, err
	}
	if value, _ := decoder(h.datatype, f.o); value == nil {
		return header{}, nil, fmt.Errorf("NIfTI datatype %d is not a grey value (colour and complex images cannot be read)", h.datatype)
	}
	if h.voxOffset, err = f.offset(h.pair); err != nil {
		return header{}, nil, err
	}
	h.slope, h.inter = f.float(112, 176), f.float(116, 184)
	if !finite(h.slope) {
		h.slope = 0
	}
	if !finite(h.inter) {
		h.inter = 0
	}
	return h, f.o, nil
}

// readFields tells version and byte order by the header's own size field.
func readFields(r io.Reader) (fields, error) {
	first := make([]byte, 4)
	if _, err := io.ReadFull(r, first); err != nil {
		return fields{}, fmt.Errorf("the file is too short for a NIfTI header")
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		n := o.Uint32(first)
		if n != size1 && n != size2 {
			continue
		}
		f := fields{b: make([]byte, n), o: o, v2: n == size2}
		copy(f.b, first)
		if _, err := io.ReadFull(r, f.b[4:]); err != nil {
			return fields{}, fmt.Errorf("the file ends inside the NIfTI header")
		}
		return f, nil
	}
	return fields{}, fmt.Errorf("this is not a NIfTI file (its first number is not 348 or 540)")
}

// magic reports whether the voxels are in a separate file.
func (f fields) magic() (pair bool, err error) {
	at := 344
	if f.v2 {
		at = 4
	}
	switch string(f.b[at : at+3]) {
	case "n+1", "n+2":
		return false, nil
	case "ni1", "ni2":
		return true, nil
	}
	return false, fmt.Errorf("the NIfTI magic is missing: an ANALYZE 7.5 file has no patient orientation and cannot be used")
}

// offset is where the voxels start in their file.
func (f fields) offset(pair bool) (int64, error) {
	least := int64(len(f.b)) + 4
	if pair {
		least = 0
	}
	var at int64
	if f.v2 {
		at = int64(f.o.Uint64(f.b[168:]))
	} else if x := f.float(108, 0); x >= 0 && x < 1<<40 {
		at = int64(x)
	} else {
		at = -1
	}
	if at == 0 && !pair {
		return least, nil // some writers leave it out
	}
	if at < least-4 || at > 1<<40 {
		return 0, fmt.Errorf("the voxels cannot start at byte %d", at)
	}
	return at, nil
}

// grid reads size and orientation.
func (f fields) grid() (volume.Grid, error) {
	var g volume.Grid
	n := f.dim(0)
	if n < 2 || n > 7 {
		return g, fmt.Errorf("the image has %d dimensions; 2 to 7 are possible", n)
	}
	voxels := int64(1)
	for d := int64(1); d <= n; d++ {
		size := f.dim(int(d))
		switch {
		case d <= 3 && (size < 1 || size > 1<<16):
			return g, fmt.Errorf("dimension %d has %d voxels; 1 to 65536 are possible", d, size)
		case d > 3 && size > 1:
			return g, fmt.Errorf("the image has %d volumes in dimension %d; save the one you mean as a 3D image", size, d)
		case d <= 3:
			g.Size[d-1] = int(size)
			voxels *= size
		}
	}
	if n == 2 {
		g.Size[2] = 1
	}
	if voxels > maxVoxels {
		return g, fmt.Errorf("an image of %v voxels is larger than the limit of %d", g.Size, maxVoxels)
	}
	ras, err := f.affine()
	if err != nil {
		return g, err
	}
	g.Affine = flipXY(ras)
	if err := g.Validate(); err != nil {
		return g, fmt.Errorf("the orientation cannot be used: %w", err)
	}
	return g, nil
}

// affine is the RAS+ affine in mm: the sform, else the qform. A file with
// neither does not say which side is left, so it is refused.
func (f fields) affine() (volume.Affine, error) {
	var a volume.Affine
	switch {
	case f.code(254, 348) > 0:
		for r := range 3 {
			for c := range 4 {
				a[r][c] = f.float(280+16*r+4*c, 400+32*r+8*c)
			}
		}
	case f.code(252, 344) > 0:
		a = f.qform()
	default:
		return a, fmt.Errorf("neither sform nor qform is set, so left and right are unknown: save it again with an orientation")
	}
	unit := f.unitMM()
	for r := range 3 {
		for c := range 4 {
			if a[r][c] *= unit; !finite(a[r][c]) || math.Abs(a[r][c]) > 1e6 {
				return a, fmt.Errorf("the orientation has an impossible number (%g)", a[r][c])
			}
		}
	}
	return a, nil
}

// unitMM is how many millimetres the file's unit of length has.
func (f fields) unitMM() float64 {
	var units int
	if f.v2 {
		units = int(f.o.Uint32(f.b[500:]))
	} else {
		units = int(f.b[123])
	}
	switch units & 7 {
	case 1:
		return 1000 // metre
	case 3:
		return 1e-3 // micrometre
	}
	return 1
}

// qform builds the affine of the quaternion (nifti1.h, "method 2"). A pixdim[0]
// of -1 mirrors the third axis.
func (f fields) qform() volume.Affine {
	b, c, d := f.float(256, 352), f.float(260, 360), f.float(264, 368)
	a := math.Sqrt(math.Max(0, 1-b*b-c*c-d*d))
	if n := b*b + c*c + d*d; n > 1 { // rounding: the vector part alone has length 1
		s := 1 / math.Sqrt(n)
		b, c, d = b*s, c*s, d*s
	}
	rows := [3][3]float64{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c)},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b)},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c},
	}
	step := [3]float64{math.Abs(f.pixdim(1)), math.Abs(f.pixdim(2)), math.Abs(f.pixdim(3))}
	if f.dim(0) == 2 && step[2] == 0 {
		step[2] = 1
	}
	if f.pixdim(0) < 0 {
		step[2] = -step[2]
	}
	var m volume.Affine
	for r := range 3 {
		for col := range 3 {
			m[r][col] = rows[r][col] * step[col]
		}
		m[r][3] = f.float(268+4*r, 376+8*r)
	}
	return m
}

// flipXY turns RAS+ into LPS+ and back.
func flipXY(a volume.Affine) volume.Affine {
	for c := range 4 {
		a[0][c] = -a[0][c]
		a[1][c] = -a[1][c]
	}
	return a
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
