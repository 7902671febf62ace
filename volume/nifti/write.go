package nifti

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"columna/internal/files"
	"columna/volume"
)

// Write saves a volume in the smallest type that holds its values as they are:
// uint8, int16, uint16 or float32. It is NIfTI-1, or NIfTI-2 where a side is too
// long for that, gzip-compressed where the name ends in .gz. The file appears whole
// or not at all.
func Write(path string, v *volume.Volume) error {
	return writeFile(path, func(w io.Writer) error { return Encode(w, v) })
}

// WriteLabels saves a label map as uint8, in the manner of Write.
func WriteLabels(path string, m *volume.LabelMap) error {
	return writeFile(path, func(w io.Writer) error { return EncodeLabels(w, m) })
}

// Encode writes an uncompressed image.
func Encode(w io.Writer, v *volume.Volume) error {
	if err := v.Validate(); err != nil {
		return err
	}
	return encode(w, v, files.Smallest(v.Data), binary.LittleEndian)
}

// EncodeLabels writes an uncompressed uint8 image.
func EncodeLabels(w io.Writer, m *volume.LabelMap) error {
	if err := m.Validate(); err != nil {
		return err
	}
	if _, err := w.Write(headerBytes(m.Grid, files.Uint8, binary.LittleEndian)); err != nil {
		return err
	}
	_, err := w.Write(m.Data)
	return err
}

// order is a byte order of both uses.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func encode(w io.Writer, v *volume.Volume, k files.Kind, o order) error {
	if _, err := w.Write(headerBytes(v.Grid, k, o)); err != nil {
		return err
	}
	const part = 1 << 13
	buf := make([]byte, 0, part*k.Bytes())
	for at := 0; at < len(v.Data); at += part {
		buf = k.Append(buf[:0], o, v.Data[at:min(at+part, len(v.Data))])
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, encode func(io.Writer) error) error {
	lower := strings.ToLower(path)
	err := errors.New("the name must end in .nii or .nii.gz")
	switch {
	case strings.HasSuffix(lower, ".nii"):
		err = files.Write(path, encode)
	case strings.HasSuffix(lower, ".nii.gz"):
		err = files.Write(path, func(w io.Writer) error { return compressed(w, encode) })
	}
	if err != nil {
		return fmt.Errorf("write NIfTI %s: %w", path, err)
	}
	return nil
}

func compressed(w io.Writer, encode func(io.Writer) error) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := encode(z); err != nil {
		return err
	}
	return z.Close()
}

// draft is a header being written: numbers go to NIfTI-1 or NIfTI-2 offsets.
type draft struct {
	b  []byte
	o  binary.ByteOrder
	v2 bool
}

func (d draft) float(offset1, offset2 int, x float64) {
	if d.v2 {
		d.o.PutUint64(d.b[offset2:], math.Float64bits(x))
		return
	}
	d.o.PutUint32(d.b[offset1:], math.Float32bits(float32(x)))
}

// short writes an int16 in both versions.
func (d draft) short(offset1, offset2, x int) {
	at := offset1
	if d.v2 {
		at = offset2
	}
	d.o.PutUint16(d.b[at:], uint16(x))
}

func (d draft) code(offset1, offset2, x int) {
	if d.v2 {
		d.o.PutUint32(d.b[offset2:], uint32(x))
		return
	}
	d.o.PutUint16(d.b[offset1:], uint16(x))
}

func (d draft) dim(n, x int) {
	if d.v2 {
		d.o.PutUint64(d.b[16+8*n:], uint64(x))
		return
	}
	d.o.PutUint16(d.b[40+2*n:], uint16(x))
}

func (d draft) pixdim(n int, x float64) { d.float(76+4*n, 104+8*n, x) }

// headerBytes is the header with its empty extension mark: NIfTI-1 where the sides
// fit. The sform always holds the affine; the qform repeats it for older tools
// where it can, that is without shear.
func headerBytes(g volume.Grid, k files.Kind, o binary.ByteOrder) []byte {
	d := draft{b: make([]byte, size1+4), o: o}
	if max(g.Size[0], g.Size[1], g.Size[2]) > math.MaxInt16 {
		d = draft{b: make([]byte, size2+4), o: o, v2: true}
	}
	d.o.PutUint32(d.b, uint32(len(d.b)-4))
	d.format()
	d.dim(0, 3)
	for n := 1; n <= 7; n++ {
		d.dim(n, 1)
	}
	spacing := g.SpacingMM()
	d.pixdim(0, 1)
	for a := range 3 {
		d.dim(a+1, g.Size[a])
		d.pixdim(a+1, spacing[a])
	}
	d.short(70, 12, datatypeOf(k))
	d.short(72, 14, 8*k.Bytes())
	d.float(112, 176, 1) // slope
	ras := flipXY(g.Affine)
	d.code(254, 348, 1) // sform: scanner coordinates
	for r := range 3 {
		for c := range 4 {
			d.float(280+16*r+4*c, 400+32*r+8*c, ras[r][c])
		}
	}
	d.qform(ras)
	return d.b
}

// format fills in what says how to read the rest.
func (d draft) format() {
	const words, millimetres = "Columna, not a medical device", 2
	if d.v2 {
		copy(d.b[4:], "n+2\x00\r\n\x1a\n")
		d.o.PutUint64(d.b[168:], uint64(len(d.b)))
		copy(d.b[240:320], words)
		d.o.PutUint32(d.b[500:], millimetres)
		return
	}
	copy(d.b[344:], "n+1\x00")
	d.float(108, 0, float64(len(d.b)))
	d.b[123] = millimetres
	copy(d.b[148:228], words)
}

func datatypeOf(k files.Kind) int {
	for datatype, kind := range kinds() {
		if kind == k {
			return datatype
		}
	}
	return 0
}

// qform writes the quaternion of the affine, or leaves the qform unset.
func (d draft) qform(ras volume.Affine) {
	u, v, w := ras.Column(0).Unit(), ras.Column(1).Unit(), ras.Column(2).Unit()
	if math.Abs(u.Dot(v)) > 1e-4 || math.Abs(v.Dot(w)) > 1e-4 || math.Abs(w.Dot(u)) > 1e-4 {
		return
	}
	if ras.Determinant() < 0 {
		w = w.Scale(-1)
		d.pixdim(0, -1)
	}
	q := quaternion(u, v, w)
	d.code(252, 344, 1)
	for n := range 3 {
		d.float(256+4*n, 352+8*n, q[n])
		d.float(268+4*n, 376+8*n, ras[n][3])
	}
}

// quaternion gives b, c, d of the rotation with columns u, v, w; a >= 0 is
// implied. The largest component is found first, for accuracy (Shepperd 1978).
func quaternion(u, v, w volume.Vec3) volume.Vec3 {
	trace := [4]float64{u[0] + v[1] + w[2], u[0] - v[1] - w[2], v[1] - u[0] - w[2], w[2] - u[0] - v[1]}
	big := 0
	for n := range trace {
		if trace[n] > trace[big] {
			big = n
		}
	}
	s := 2 * math.Sqrt(1+trace[big])
	var q [4]float64
	switch big {
	case 0:
		q = [4]float64{s * s / 4, v[2] - w[1], w[0] - u[2], u[1] - v[0]}
	case 1:
		q = [4]float64{v[2] - w[1], s * s / 4, v[0] + u[1], w[0] + u[2]}
	case 2:
		q = [4]float64{w[0] - u[2], v[0] + u[1], s * s / 4, w[1] + v[2]}
	default:
		q = [4]float64{u[1] - v[0], w[0] + u[2], w[1] + v[2], s * s / 4}
	}
	if q[0] < 0 {
		s = -s
	}
	return volume.Vec3{q[1] / s, q[2] / s, q[3] / s}
}
