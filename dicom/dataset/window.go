package dataset

import (
	"errors"
	"fmt"
	"io"
)

// Reading of headers: most fit the first read, and what follows a skipped value
// is the few bytes before the next.
const (
	firstRead = 8 << 10
	afterSkip = 256
	largeRead = 64 << 10
)

// window is the part of a file that is in memory while the file is parsed from
// front to back. Its values point into b, which is never written again: what
// comes next is read into fresh memory.
type window struct {
	src  io.ReaderAt // nil where b is the whole file
	b    []byte      // the bytes from base on
	base int
	size int // of the whole file
	at   int // the next byte to parse
	keep int // the longest value that is read
	next int // bytes that the next read should bring
	err  error
}

// wholeWindow has all of b at once.
func wholeWindow(b []byte) *window { return &window{b: b, size: len(b), keep: len(b)} }

// fileWindow reads src as it is needed and leaves long values where they are.
func fileWindow(src io.ReaderAt, size int) *window {
	return &window{src: src, size: size, keep: maxText, next: firstRead}
}

func (w *window) left() int { return w.size - w.at }

// peek returns the next n bytes, nil where fewer are left.
func (w *window) peek(n int) []byte {
	if n > w.left() {
		return nil
	}
	from := w.at - w.base
	if from+n > len(w.b) {
		if !w.fill(n) {
			return nil
		}
		from = 0
	}
	return w.b[from : from+n : from+n]
}

// fill brings at least n bytes from at on into memory. It reads src by rising
// offsets alone, so that a stream can stand behind it.
func (w *window) fill(n int) bool {
	if w.src == nil {
		return false
	}
	held := w.b[min(w.at-w.base, len(w.b)):]
	b := make([]byte, min(w.left(), max(n, len(held)+w.next)))
	copy(b, held)
	if got, err := w.src.ReadAt(b[len(held):], int64(w.at+len(held))); got < len(b)-len(held) {
		w.size = w.at + len(held) + got
		if err != nil && !errors.Is(err, io.EOF) {
			w.err = fmt.Errorf("cannot be read: %w", err)
		}
		b = b[:len(held)+got]
	}
	w.b, w.base = b, w.at
	w.next = min(2*w.next, largeRead)
	return n <= len(b)
}

// value returns the next n bytes and goes past them. One that is too long to
// keep is left in the file: it comes back as nil.
func (w *window) value(n int) []byte {
	var b []byte
	if n <= w.keep {
		b = w.peek(n)
	} else {
		w.next = afterSkip
	}
	w.at += n
	return b
}

// rest returns all that is left.
func (w *window) rest() []byte { return w.peek(w.left()) }

// skipZeros goes past zero bytes, eight at a time, and past fewer at the end.
func (w *window) skipZeros() {
	for w.left() > 0 {
		b := w.peek(min(8, w.left()))
		if b == nil || !allZero(b) {
			return
		}
		w.at += len(b)
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
