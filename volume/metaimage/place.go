package metaimage

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"columna/volume"
)

// readGrid reads size and place. Three dimensions, or more of one voxel.
func (h *header) readGrid(keys map[string]string) error {
	dims, err := strconv.Atoi(keys["NDims"])
	if err != nil || dims < 3 || dims > 7 {
		return fmt.Errorf("the image has %q dimensions; 3 are needed", keys["NDims"])
	}
	if h.grid.Size, err = readSize(keys, dims); err != nil {
		return err
	}
	if h.grid.Affine, err = h.readAffine(keys, dims); err != nil {
		return err
	}
	if err := h.grid.Validate(); err != nil {
		return fmt.Errorf("the orientation cannot be used: %w", err)
	}
	h.compareLetters(keys["AnatomicalOrientation"])
	return nil
}

func readSize(keys map[string]string, dims int) (size [3]int, err error) {
	sides, err := numbers(keys, dims, "DimSize")
	if err != nil {
		return size, err
	}
	if sides == nil {
		return size, errors.New("DimSize is missing")
	}
	voxels := 1.0
	for a, n := range sides {
		switch {
		case n != math.Trunc(n) || n < 1 || n > 1<<16:
			return size, fmt.Errorf("a side of %g voxels is not possible", n)
		case a > 2 && n > 1:
			return size, fmt.Errorf("the image has %g volumes in dimension %d; save the one you mean as a 3D image", n, a+1)
		case a <= 2:
			size[a] = int(n)
			voxels *= n
		}
	}
	if voxels > maxVoxels {
		return size, fmt.Errorf("an image of %v voxels is larger than the limit of %d", size, maxVoxels)
	}
	return size, nil
}

// readAffine joins the keys as ITK's MetaImageIO does: the numbers of
// TransformMatrix are the direction of i, then of j, then of k; Offset is the
// centre of the first voxel; CenterOfRotation moves nothing.
func (h *header) readAffine(keys map[string]string, dims int) (a volume.Affine, err error) {
	unit, err := unitMM(keys["DistanceUnits"])
	if err != nil {
		return a, err
	}
	spacing, err := h.spacing(keys, dims)
	if err != nil {
		return a, err
	}
	direction, err := h.direction(keys, dims)
	if err != nil {
		return a, err
	}
	origin, err := h.origin(keys, dims)
	if err != nil {
		return a, err
	}
	for r := range 3 {
		for c := range 3 {
			a[r][c] = direction[dims*c+r] * spacing[c] * unit
		}
		a[r][3] = origin[r] * unit
	}
	return a, nil
}

// spacing is 1 where it is not given.
func (h *header) spacing(keys map[string]string, dims int) ([]float64, error) {
	out, err := numbers(keys, dims, "ElementSpacing", "ElementSize")
	if out != nil || err != nil {
		for _, mm := range out {
			if mm <= 0 {
				return nil, fmt.Errorf("a voxel spacing of %g is not possible", mm)
			}
		}
		return out, err
	}
	h.doubt = errors.New("ElementSpacing is missing, so nothing can be measured: save it again with a spacing")
	h.warn("the file gives no voxel spacing: 1 mm is assumed, measurements may be wrong")
	return slices.Repeat([]float64{1}, dims), nil
}

// direction is the identity where it is not given.
func (h *header) direction(keys map[string]string, dims int) ([]float64, error) {
	out, err := numbers(keys, dims*dims, "TransformMatrix", "Rotation", "Orientation")
	if out != nil || err != nil {
		return out, err
	}
	h.doubt = errors.New("TransformMatrix is missing, so left and right are unknown: save it again with an orientation")
	h.warn("the file does not say how it lies in the patient (no TransformMatrix): left and right, front and back are a guess")
	out = make([]float64, dims*dims)
	for n := range dims {
		out[n*(dims+1)] = 1
	}
	return out, nil
}

// origin is 0 where it is not given.
func (h *header) origin(keys map[string]string, dims int) ([]float64, error) {
	out, err := numbers(keys, dims, "Offset", "Origin", "Position")
	if out != nil || err != nil {
		return out, err
	}
	h.doubt = errors.New("Offset is missing, so its place beside other series is unknown: save it again with an offset")
	h.warn("the file does not say where it lies (no Offset): other series cannot be linked with it")
	return make([]float64, dims), nil
}

// unitMM is how many millimetres a DistanceUnits has.
func unitMM(name string) (float64, error) {
	switch name {
	case "", "?", "mm":
		return 1, nil
	case "um":
		return 1e-3, nil
	case "cm":
		return 10, nil
	}
	return 0, fmt.Errorf("a DistanceUnits of %q is not known: save it again in mm", name)
}

// compareLetters says where AnatomicalOrientation, which ITK does not read, speaks
// against the matrix.
func (h *header) compareLetters(letters string) {
	letters = strings.ToUpper(letters)
	if len(letters) == 3 && strings.Trim(letters, "RLAPSI") == "" && letters != from(h.grid) {
		h.warn("AnatomicalOrientation says %s, TransformMatrix says %s: TransformMatrix is used, as in ITK", letters, from(h.grid))
	}
}

// numbers reads count finite numbers of the first of the keys that is there; nil
// where none is.
func numbers(keys map[string]string, count int, names ...string) ([]float64, error) {
	for _, name := range names {
		text, ok := keys[name]
		if !ok {
			continue
		}
		words := strings.Fields(text)
		if len(words) != count {
			return nil, fmt.Errorf("%s has %d numbers instead of %d", name, len(words), count)
		}
		out := make([]float64, count)
		for n, w := range words {
			x, err := strconv.ParseFloat(w, 64)
			if err != nil || math.IsNaN(x) || math.Abs(x) > 1e6 {
				return nil, fmt.Errorf("%s has the impossible number %q", name, w)
			}
			out[n] = x
		}
		return out, nil
	}
	return nil, nil
}
