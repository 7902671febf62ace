package inference

import "columna/spine"

// The networks learned from spines of adults, or nearly so. A child's is read in
// pixels that are smaller by as much as the child is, so that it looks like theirs, and
// what is measured in millimetres to find and name its vertebrae shrinks likewise.

// stature is the height of children as a share of their height at 19, the mean of the
// medians of girls and boys (WHO Child Growth Standards 2006, Growth Reference 2007).
var stature = [...]struct{ years, share float64 }{
	{0, 0.29}, {1, 0.44}, {2, 0.51}, {4, 0.61}, {6, 0.68}, {8, 0.75}, {10, 0.81}, {12, 0.89}, {14, 0.95}, {16, 0.99},
}

// nearlyGrown: from here the networks are left to manage by themselves.
const nearlyGrown = 0.9

// Growth is how large a patient's spine should be, by which the pixels that the
// networks read it in are smaller: 1 for adults and where the age is not known.
func Growth(study *spine.Study) float64 {
	years, ok := ageYears(study.Age)
	if !ok {
		return 1
	}
	share := shareAt(years)
	if share > nearlyGrown {
		return 1
	}
	return share
}

// shareAt interpolates the table.
func shareAt(years float64) float64 {
	for n := 1; n < len(stature); n++ {
		a, b := stature[n-1], stature[n]
		if years < b.years {
			return a.share + (b.share-a.share)*(years-a.years)/(b.years-a.years)
		}
	}
	return 1
}
