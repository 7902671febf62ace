package dicom

import (
	"syscall"
	"unsafe"
)

// inLargePages is a volume's memory in pages of 2 MiB from its first value to its last:
// touching a series page by page of 4 KiB takes longer than decoding it. Where the
// system does not grant it, nothing changes.
func inLargePages(n int) []float32 {
	const large = 2 << 20
	if 4*n < large {
		return make([]float32, n)
	}
	whole := make([]float32, n+2*large/4) // what is beyond the volume is never touched
	start := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	skip := int(-start % large)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(whole))), 4*len(whole))
	end := skip + (4*n+large-1)/large*large
	_ = syscall.Madvise(bytes[skip:end], syscall.MADV_HUGEPAGE)
	return whole[skip/4:][:n:n]
}
