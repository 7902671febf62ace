package phantom

import "columna/spine"

// The column from T6 to the second coccygeal segment.
const (
	firstLumbar    = 7 // index of L1 in patient.vertebrae
	firstSacral    = 12
	firstCoccygeal = 17
	vertebraSum    = 19
)

// Mean lengths in mm by vertebra, after the usual tables (Panjabi 1991, 1992;
// Zindrick 1987), rounded.
var (
	bodyHeights = [vertebraSum]float64{19, 20, 21, 22, 23, 24, 25.5, 26.5, 27.3, 27.6, 27.6, 27, 28, 24, 20, 18, 16, 11, 9}
	discHeights = [vertebraSum - 1]float64{3.2, 3.4, 3.6, 4, 4.5, 4.8, 5.2, 6.2, 7.4, 8.4, 9, 7.8, 2.2, 1.4, 1, 1, 2, 1.5}
	halfWidths  = [vertebraSum]float64{13.5, 14, 14.5, 15, 16, 17.5, 19.8, 21.8, 23.2, 24.4, 25.8, 27, 26, 18, 14, 11, 9, 7, 5}
	depths      = [vertebraSum]float64{12.5, 13, 13.5, 14, 14.4, 15, 15.7, 16.2, 16.8, 17.2, 17.5, 17.4, 14.5, 9.5, 7.5, 6, 5, 4.5, 4}
	pedicleX    = [vertebraSum]float64{11.5, 12, 12, 12, 12.3, 12.8, 14, 15.3, 15.8, 16.8, 18.4, 20.8, 20, 18, 15, 12, 10, 8, 6}
	pedicleW    = [vertebraSum]float64{3, 3.1, 3.2, 3.3, 3.5, 3.7, 4, 4, 4.3, 4.8, 5.8, 7.4, 8, 7, 5, 4, 3, 1, 1}
)

// sacKnots: half depth, half width, gap in front, gap behind of the thecal sac at
// the middle of every vertebra (mm).
var sacKnots = [vertebraSum][4]float64{
	{6.2, 8, 0.8, 1.5}, {6.2, 8, 0.8, 1.5},
	{6.2, 8, 0.8, 1.5}, {6.2, 8, 0.8, 1.5}, {6.4, 8, 0.8, 1.5}, {6.8, 8.5, 0.8, 1.5}, {8, 9.6, 0.8, 1.6},
	{8.5, 10.4, 1, 2}, {8.3, 10.6, 1.2, 2.4}, {8, 10.8, 1.4, 2.8}, {7.8, 11, 1.7, 3}, {7.2, 10.6, 2.6, 3.4},
	{5, 7.6, 4.2, 3}, {2.8, 4.5, 3.4, 2.4}, {0.3, 0.5, 3, 3}, {0, 0, 2, 2}, {0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1},
}

// structureOf labels vertebra n. Levels are counted up from the sacrum, as readers
// of lumbar images without a view of C2 do: the last mobile vertebra is L5 whether
// the patient has four, five or six lumbar ones. The uppermost of six is called
// T12 and has no ribs; with four L1 has ribs. The coccyx has no label.
func structureOf(n int) spine.Structure {
	switch {
	case n < firstLumbar-1:
		return spine.VertebraAbove
	case n == firstLumbar-1:
		return spine.T12
	case n < firstSacral:
		return spine.L1 + spine.Structure(n-firstLumbar)
	case n < firstCoccygeal:
		return spine.S1
	}
	return spine.Background
}

// discOf labels the disc below vertebra n; the remnants between sacral segments
// belong to the sacrum.
func discOf(n int) spine.Structure {
	switch {
	case n < firstLumbar-1:
		return spine.DiscAbove
	case n == firstLumbar-1:
		return spine.DiscT12L1
	case n < firstSacral:
		return spine.DiscL1L2 + spine.Structure(n-firstLumbar)
	case n < firstCoccygeal-1:
		return spine.S1
	}
	return spine.Background
}

// thoracic reports whether vertebra n bears ribs.
func (p *patient) thoracic(n int) bool { return n < firstSacral-p.lumbar }
