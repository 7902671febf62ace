package volume

import (
	"fmt"
	"math"
)

// Labels reads a volume's values as labels. They must be whole numbers from 0 to
// 255, to a thousandth (files may carry a rounded slope).
func (v *Volume) Labels() (*LabelMap, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	m := NewLabelMap(v.Grid)
	for n, x := range v.Data {
		r := math.Round(float64(x))
		if !(math.Abs(float64(x)-r) <= 1e-3 && r >= 0 && r <= 255) {
			i, j, k := v.Coords(n)
			return nil, fmt.Errorf("voxel (%d, %d, %d) has the value %g: labels are whole numbers from 0 to 255", i, j, k, x)
		}
		m.Data[n] = uint8(r)
	}
	return m, nil
}

// Grey turns labels into the same numbers as grey values.
func (m *LabelMap) Grey() *Volume {
	v := New(m.Grid)
	for n, l := range m.Data {
		v.Data[n] = float32(l)
	}
	return v
}
