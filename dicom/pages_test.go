package dicom

import "testing"

func TestInLargePages_IsAsLongAsAskedAndZero(t *testing.T) {
	const large = 2 << 20 / 4
	for _, n := range []int{0, 1, large - 1, large, large + 1, 3*large - 5} {
		data := inLargePages(n)
		if len(data) != n || cap(data) != n {
			t.Errorf("%d values become %d, with room for %d", n, len(data), cap(data))
		}
		for i := range data {
			if data[i] != 0 {
				t.Fatalf("of %d values number %d is %g", n, i, data[i])
			}
			data[i] = 1
		}
	}
}
