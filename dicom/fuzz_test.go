package dicom

import "testing"

func FuzzParse(f *testing.F) {
	for _, b := range seeds(pattern(sagittalGrid([3]int{9, 8, 3}), 9)) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, data, err := loadBytes(b)
		if err == nil && len(data) != s.rows*s.cols {
			t.Fatalf("%d pixels for %dx%d", len(data), s.cols, s.rows)
		}
	})
}
