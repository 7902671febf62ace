//go:build !linux

package dicom

// largePages leaves the choice of pages to systems that make it themselves.
func largePages([]float32) {}
