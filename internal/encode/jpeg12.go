package encode

import (
	"fmt"
	"math"
)

// JPEG12 is process 4 of T.81 for 12-bit samples: quantised by one, so that what
// comes back differs by rounding alone. The tables are flat: five bits for a
// difference of DC, eight for a run and size of AC. rows and cols are multiples
// of eight.
func JPEG12(samples []uint16, cols int) []byte {
	rows := len(samples) / cols
	w := &bitWriter{out: headers12(rows, cols)}
	previous := 0
	for y := 0; y < rows; y += 8 {
		for x := 0; x < cols; x += 8 {
			c := cosines(samples[y*cols+x:], cols)
			w.bits += sized(c[0]-previous, 5)
			previous = c[0]
			w.coefficients(c[1:])
			w.drain()
		}
	}
	w.flush()
	return append(w.out, 0xFF, 0xD9)
}

func headers12(rows, cols int) []byte {
	out := []byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0}
	for range 64 {
		out = append(out, 1)
	}
	out = append(out, 0xFF, 0xC1, 0, 11, 12, byte(rows>>8), byte(rows), byte(cols>>8), byte(cols), 1, 1, 0x11, 0)
	dc := make([]byte, 16)
	dc[4] = 16
	out = append(append(out, 0xFF, 0xC4, 0, 19+16, 0x00), dc...)
	for size := range 16 {
		out = append(out, byte(size))
	}
	ac := make([]byte, 16)
	ac[7] = 240 // a segment of 259 bytes
	out = append(append(out, 0xFF, 0xC4, 1, 3, 0x10), ac...)
	for symbol := range 240 {
		out = append(out, byte(symbol%16<<4|symbol/16)) // run in the upper half, size below 15
	}
	return append(out, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0)
}

// coefficients writes the 63 AC coefficients of a block in zigzag order.
func (w *bitWriter) coefficients(c []int) {
	run := 0
	for _, v := range c {
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			w.bits += symbol12(15, 0)
		}
		size := sizeOf(v)
		w.bits += symbol12(run, size) + offset(v, size)
		run = 0
	}
	if run > 0 {
		w.bits += symbol12(0, 0)
	}
}

// symbol12 is the code of a run and size: its place in the flat table.
func symbol12(run, size int) string { return fmt.Sprintf("%08b", size*16+run) }

// sized is a value behind the code of its size.
func sized(v, bits int) string {
	size := sizeOf(v)
	return fmt.Sprintf("%0*b", bits, size) + offset(v, size)
}

// cosines is the forward transform of T.81 A.3.3 of one block, written plainly,
// in zigzag order.
func cosines(samples []uint16, cols int) [64]int {
	var out [64]int
	scale := func(k int) float64 {
		if k == 0 {
			return 1 / (2 * math.Sqrt2)
		}
		return 0.5
	}
	for n := range 64 {
		u, v := zigzag(n)
		sum := 0.0
		for y := range 8 {
			for x := range 8 {
				sum += (float64(samples[y*cols+x]) - 2048) * math.Cos(float64((2*x+1)*u)*math.Pi/16) * math.Cos(float64((2*y+1)*v)*math.Pi/16)
			}
		}
		out[n] = int(math.Round(scale(u) * scale(v) * sum))
	}
	return out
}

// zigzag walks the diagonals of a block (T.81 figure A.6).
func zigzag(n int) (u, v int) {
	for d := 0; ; d++ {
		low, high := max(0, d-7), min(d, 7)
		if count := high - low + 1; n >= count {
			n -= count
			continue
		}
		if d%2 == 0 {
			return low + n, d - low - n
		}
		return high - n, d - high + n
	}
}
