// Package encode compresses small frames for tests: plainly, slowly, by another
// road than the decoders take back.
package encode

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
)

// RLE packs 16-bit samples into two segments of runs and literals (PS3.5 Annex G).
func RLE(samples []uint16) []byte {
	out := make([]byte, 64)
	binary.LittleEndian.PutUint32(out, 2)
	for s, shift := range []int{8, 0} {
		binary.LittleEndian.PutUint32(out[4+4*s:], uint32(len(out)))
		at := func(i int) byte { return byte(samples[i] >> shift) }
		for i := 0; i < len(samples); {
			n := 1
			for i+n < len(samples) && at(i+n) == at(i) && n < 128 {
				n++
			}
			out = append(out, byte(int8(1-n)), at(i)) // one byte is a literal run of one
			i += n
		}
		if len(out)%2 == 1 {
			out = append(out, 0)
		}
	}
	return out
}

// JPEGLossless is process 14 of T.81 for 16-bit samples with a flat Huffman
// table: category n has the five-bit code n. restart counts samples, 0 for none.
func JPEGLossless(samples []uint16, cols, predictor, restart int) []byte {
	w := &bitWriter{out: losslessHeaders(len(samples)/cols, cols, predictor, restart)}
	freshRow := 0
	for n, s := range samples {
		x, y := n%cols, n/cols
		var p uint16
		switch {
		case restart > 0 && n > 0 && n%restart == 0:
			w.restart(n/restart - 1)
			freshRow, p = y, 1<<15
		case n == 0:
			p = 1 << 15
		case y == freshRow:
			p = samples[n-1]
		case x == 0:
			p = samples[n-cols]
		default:
			p = predict(predictor, int(samples[n-1]), int(samples[n-cols]), int(samples[n-cols-1]))
		}
		w.bits += differenceBits(s - p)
		w.drain()
	}
	w.flush()
	return append(w.out, 0xFF, 0xD9)
}

func losslessHeaders(rows, cols, predictor, restart int) []byte {
	out := []byte{0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 16, byte(rows >> 8), byte(rows), byte(cols >> 8), byte(cols), 1, 1, 0x11, 0}
	out = append(out, 0xFF, 0xC4, 0, 19+17, 0)
	counts := make([]byte, 16)
	counts[4] = 17
	out = append(out, counts...)
	for c := range 17 {
		out = append(out, byte(c))
	}
	if restart > 0 {
		out = append(out, 0xFF, 0xDD, 0, 4, byte(restart>>8), byte(restart))
	}
	return append(out, 0xFF, 0xDA, 0, 8, 1, 1, 0, byte(predictor), 0, 0)
}

// bitWriter is a JPEG's entropy-coded segment, the bits written out as digits.
type bitWriter struct {
	out  []byte
	bits string
}

func (w *bitWriter) drain() {
	for ; len(w.bits) >= 8; w.bits = w.bits[8:] {
		x, _ := strconv.ParseUint(w.bits[:8], 2, 8)
		if w.out = append(w.out, byte(x)); x == 0xFF {
			w.out = append(w.out, 0)
		}
	}
}

func (w *bitWriter) flush() {
	for len(w.bits)%8 != 0 {
		w.bits += "1"
	}
	w.drain()
}

func (w *bitWriter) restart(n int) {
	w.flush()
	w.out = append(w.out, 0xFF, byte(0xD0+n%8))
}

// predict is table H.1 of T.81; a is left, b above, c above left.
func predict(predictor, a, b, c int) uint16 {
	return uint16([]int{0, a, b, c, a + b - c, a + (b-c)>>1, b + (a-c)>>1, (a + b) >> 1}[predictor])
}

// differenceBits is category and offset of a difference (T.81 table H.2).
func differenceBits(diff uint16) string {
	if diff == 0x8000 {
		return "10000"
	}
	return sized(int(int16(diff)), 5)
}

// sizeOf is the number of bits of a value's magnitude.
func sizeOf(v int) int { return bits.Len(uint(max(v, -v))) }

// offset tells a value among those of its size; negative ones count up to the
// top (T.81 F.1.2.1).
func offset(v, size int) string {
	if size == 0 {
		return ""
	}
	if v < 0 {
		v += 1<<size - 1
	}
	return fmt.Sprintf("%0*b", size, v)
}
