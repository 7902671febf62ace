package nifti

import (
	"encoding/binary"
	"errors"
	"fmt"

	"columna/internal/files"
	"columna/volume"
)

// Header sizes of NIfTI-1 and NIfTI-2 (their first four bytes).
const (
	size1 = 348
	size2 = 540
)

// maxOffset bounds what may stand between header and voxels: extensions.
const maxOffset = 1 << 28

// header is what is needed of either version.
type header struct {
	headerBytes int64 // read so far
	order       binary.ByteOrder
	grid        volume.Grid
	kind        files.Kind
	scale       files.Scale
	voxOffset   int64
	pair        bool // voxels in a separate .img
	unplaced    bool // the orientation is a guess
	warnings    []string
}

// kinds are the datatypes that are grey values.
func kinds() map[int]files.Kind {
	return map[int]files.Kind{2: files.Uint8, 256: files.Int8, 4: files.Int16, 512: files.Uint16, 8: files.Int32, 768: files.Uint32,
		1024: files.Int64, 1280: files.Uint64, 16: files.Float32, 64: files.Float64}
}

// readHeader reads and checks the header; the order is that of the file.
func readHeader(s *files.Source) (h header, err error) {
	f, err := readFields(s)
	if err != nil {
		return h, err
	}
	h.headerBytes, h.order = int64(len(f.b)), f.o
	if h.pair, err = f.magic(); err != nil {
		return h, err
	}
	if h.kind, err = kindOf(f.short(70, 12)); err != nil {
		return h, err
	}
	if err = h.readGrid(f); err != nil {
		return h, err
	}
	if h.voxOffset, err = f.offset(h.pair); err != nil {
		return h, err
	}
	h.scale, err = f.scale()
	return h, err
}

// kindOf refuses what is no grey value, by its name.
func kindOf(datatype int) (files.Kind, error) {
	if k, ok := kinds()[datatype]; ok {
		return k, nil
	}
	names := map[int]string{1: "1-bit", 128: "RGB", 2304: "RGBA", 32: "complex", 1792: "complex", 2048: "complex", 1536: "float128"}
	if name, ok := names[datatype]; ok {
		return 0, fmt.Errorf("the voxels are %s; save them as whole numbers, float32 or float64", name)
	}
	return 0, fmt.Errorf("NIfTI has no datatype %d", datatype)
}

// scale reads slope and intercept; a slope of 0 or one that is no number means
// that the values stand as they are (nifti1.h).
func (f fields) scale() (files.Scale, error) {
	slope, inter := f.float(112, 176), f.float(116, 184)
	if slope == 0 || !finite(slope) {
		return files.Scale{Slope: 1}, nil
	}
	if !finite(inter) {
		return files.Scale{}, fmt.Errorf("the values have the slope %g but the intercept %g", slope, inter)
	}
	return files.Scale{Slope: slope, Inter: inter}, nil
}

// magic reports whether the voxels are in a separate file.
func (f fields) magic() (pair bool, err error) {
	if f.v2 { // the last bytes tell a transfer as text, which changes line ends
		switch string(f.b[4:12]) {
		case "n+2\x00\r\n\x1a\n":
			return false, nil
		case "ni2\x00\r\n\x1a\n":
			return true, nil
		}
		return false, errors.New("the NIfTI-2 magic is missing or was changed on the way: copy the file again as binary")
	}
	switch string(f.b[344:347]) {
	case "n+1":
		return false, nil
	case "ni1":
		return true, nil
	}
	return false, errors.New("the NIfTI magic is missing: an ANALYZE 7.5 file has no patient orientation and cannot be used")
}

// offset is where the voxels start in their file. Extensions before them are
// passed over.
func (f fields) offset(pair bool) (int64, error) {
	least := int64(len(f.b)) + 4
	if pair {
		least = 0
	}
	at := int64(-1)
	if f.v2 {
		at = int64(f.o.Uint64(f.b[168:]))
	} else if x := f.float(108, 0); x >= 0 && x <= maxOffset {
		at = int64(x)
	}
	if at == 0 {
		return least, nil // some writers leave it out
	}
	if at < least || at > maxOffset {
		return 0, fmt.Errorf("the voxels cannot start at byte %d of the file", at)
	}
	return at, nil
}

// size reads the dimensions. What a fourth and further ones count must be one.
func (f fields) size() (size [3]int, err error) {
	n := f.dim(0)
	if n < 2 || n > 7 {
		return size, fmt.Errorf("the image has %d dimensions; 2 to 7 are possible", n)
	}
	size, voxels := [3]int{1, 1, 1}, int64(1)
	for d := int64(1); d <= n; d++ {
		side := f.dim(int(d))
		switch {
		case d > 3 && side > 1:
			return size, fmt.Errorf("the image has %d volumes in dimension %d; save the one you mean as a 3D image", side, d)
		case d > 3:
		case side < 1 || side > 1<<16:
			return size, fmt.Errorf("dimension %d has %d voxels; 1 to 65536 are possible", d, side)
		default: // at most 2^48 after three sides
			size[d-1] = int(side)
			voxels *= side
		}
	}
	if voxels > maxVoxels {
		return size, fmt.Errorf("an image of %v voxels is larger than the limit of %d", size, maxVoxels)
	}
	return size, nil
}
