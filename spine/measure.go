package spine

// Measure is what a mask shows at a level, in the plane of its disc; a zero was not
// measured.
type Measure struct {
	Level        Level
	CanalAreaMM2 float64 // cross-section of the canal's label
	CanalAPMM    float64 // its depth in the midline, from front to back
	DiscHeightMM float64 // of the disc in its middle
}
