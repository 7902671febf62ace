package nifti

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"columna/volume"
)

// NIfTI datatypes that are written.
const (
	typeUint8   = 2
	typeFloat32 = 16
)

// Write saves a volume as float32 NIfTI-1, gzip-compressed where the name ends
// in .gz. The file appears whole or not at all.
func Write(path string, v *volume.Volume) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("write NIfTI %s: %w", path, err)
	}
	return writeFile(path, func(w io.Writer) error { return Encode(w, v) })
}

// WriteLabels saves a label map as uint8 NIfTI-1, in the manner of Write.
func WriteLabels(path string, m *volume.LabelMap) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("write NIfTI %s: %w", path, err)
	}
	return writeFile(path, func(w io.Writer) error { return EncodeLabels(w, m) })
}

// Encode writes an uncompressed float32 image.
func Encode(w io.Writer, v *volume.Volume) error {
	h, err := headerBytes(v.Grid, typeFloat32)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<14)
	for _, x := range v.Data {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		if len(buf) == cap(buf) {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err = w.Write(buf)
	return err
}

// EncodeLabels writes an uncompressed uint8 image.
func EncodeLabels(w io.Writer, m *volume.LabelMap) error {
	h, err := headerBytes(m.Grid, typeUint8)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	_, err = w.Write(m.Data)
	return err
}

// writeFile writes beside the target and renames. Images are patient data, so the
// file is its owner's alone.
func writeFile(path string, encode func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".columna-*")
	if err != nil {
		return fmt.Errorf("write NIfTI %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write NIfTI %s: %w", path, err)
		}
	}()
	if err = encodeTo(f, strings.HasSuffix(path, ".gz"), encode); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func encodeTo(f io.Writer, compressed bool, encode func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<16)
	if !compressed {
		if err := encode(b); err != nil {
			return err
		}
		return b.Flush()
	}
	z, err := gzip.NewWriterLevel(b, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := encode(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return b.Flush()
}

// headerBytes is the NIfTI-1 header with its empty extension mark, 352 bytes.
// The sform always holds the affine; the qform repeats it for older tools where
// it can, that is without shear.
func headerBytes(g volume.Grid, datatype int) ([]byte, error) {
	for _, n := range g.Size {
		if n > math.MaxInt16 {
			return nil, fmt.Errorf("a side of %d voxels does not fit NIfTI-1 (at most %d)", n, math.MaxInt16)
		}
	}
	h := make([]byte, size1+4)
	o := binary.LittleEndian
	short := func(at, v int) { o.PutUint16(h[at:], uint16(v)) }
	float := func(at int, v float64) { o.PutUint32(h[at:], math.Float32bits(float32(v))) }
	o.PutUint32(h, size1)
	bits := map[int]int{typeUint8: 8, typeFloat32: 32}[datatype]
	short(40, 3)
	for n := 1; n <= 7; n++ {
		short(40+2*n, 1)
	}
	spacing := g.SpacingMM()
	float(76, 1)
	for a := range 3 {
		short(42+2*a, g.Size[a])
		float(80+4*a, spacing[a])
	}
	short(70, datatype)
	short(72, bits)
	float(108, float64(len(h)))
	float(112, 1)
	h[123] = 2 // millimetres
	copy(h[148:228], "Columna, not a medical device")
	ras := flipXY(g.Affine)
	short(254, 1) // sform: scanner coordinates
	for r := range 3 {
		for c := range 4 {
			float(280+16*r+4*c, ras[r][c])
		}
	}
	putQform(h, ras, short, float)
	copy(h[344:], "n+1\x00")
	return h, nil
}

// putQform writes the quaternion of the affine, or leaves the qform unset.
func putQform(h []byte, ras volume.Affine, short func(int, int), float func(int, float64)) {
	u, v, w := ras.Column(0).Unit(), ras.Column(1).Unit(), ras.Column(2).Unit()
	if math.Abs(u.Dot(v)) > 1e-4 || math.Abs(v.Dot(w)) > 1e-4 || math.Abs(w.Dot(u)) > 1e-4 {
		return
	}
	if ras.Determinant() < 0 {
		w = w.Scale(-1)
		float(76, -1)
	}
	q := quaternion(u, v, w)
	short(252, 1)
	for n := range 3 {
		float(256+4*n, q[n])
		float(268+4*n, ras[n][3])
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
