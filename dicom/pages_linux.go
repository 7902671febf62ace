package dicom

import (
	"syscall"
	"unsafe"
)

// largePages asks for a volume's memory in pages of 2 MiB: touching a series page
// by page of 4 KiB takes longer than decoding it. Where the system does not grant
// it, nothing changes.
func largePages(data []float32) {
	const large = 2 << 20
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	skip := -start % large
	if n := 4 * uintptr(len(data)); n >= skip+large {
		whole := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), n)
		_ = syscall.Madvise(whole[skip:n-(n-skip)%large], syscall.MADV_HUGEPAGE)
	}
}
