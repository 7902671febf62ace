//go:build linux || darwin

package codec

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// withMemory lets instances take their memory from the system, which gives pages
// as they are touched. From Go's heap the module's 256 MiB would be cleared for
// each instance and counted by the collector.
func withMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, most uint64) experimental.LinearMemory { return mapMemory(int(most)) }))
}

// mapped is address space for the most that an instance may have.
type mapped struct{ b []byte }

func mapMemory(n int) experimental.LinearMemory {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return &heap{}
	}
	return &mapped{b}
}

func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size]
}

// Free is called once by the runtime, when nothing runs on the memory any more.
func (m *mapped) Free() {
	if m.b != nil {
		syscall.Munmap(m.b)
		m.b = nil
	}
}

// heap is what remains where address space is short.
type heap struct{ b []byte }

func (h *heap) Reallocate(size uint64) []byte {
	if grow := int(size) - len(h.b); grow > 0 {
		h.b = append(h.b, make([]byte, grow)...)
	}
	return h.b[:size]
}

func (h *heap) Free() { h.b = nil }
