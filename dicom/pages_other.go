//go:build !linux

package dicom

// inLargePages leaves the choice of pages to systems that make it themselves.
func inLargePages(n int) []float32 { return make([]float32, n) }
