package files

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kind is the numeric type of a sample in a file.
type Kind int

// The kinds; every format has names of its own for them.
const (
	Uint8 Kind = iota + 1
	Int8
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float32
	Float64
)

// Bytes is the length of one sample.
func (k Kind) Bytes() int {
	switch k {
	case Uint8, Int8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	}
	return 8
}

// value gives the reader of one sample.
func (k Kind) value(o binary.ByteOrder) func([]byte) float64 {
	switch k {
	case Uint8:
		return func(b []byte) float64 { return float64(b[0]) }
	case Int8:
		return func(b []byte) float64 { return float64(int8(b[0])) }
	case Int16:
		return func(b []byte) float64 { return float64(int16(o.Uint16(b))) }
	case Uint16:
		return func(b []byte) float64 { return float64(o.Uint16(b)) }
	case Int32:
		return func(b []byte) float64 { return float64(int32(o.Uint32(b))) }
	case Uint32:
		return func(b []byte) float64 { return float64(o.Uint32(b)) }
	case Int64:
		return func(b []byte) float64 { return float64(int64(o.Uint64(b))) }
	case Uint64:
		return func(b []byte) float64 { return float64(o.Uint64(b)) }
	case Float32:
		return func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }
	}
	return func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }
}

// Scale is what a format does to its samples: x*Slope + Inter.
type Scale struct{ Slope, Inter float64 }

// Samples reads n samples and scales them, in float64, then rounds once. A result
// that is no finite float32 becomes 0, as one would spoil every mean, filter and
// network after it; lost counts them. Of a file that cannot hold n samples nothing
// is read; where its length is not known, memory grows with the bytes that arrive.
func (s *Source) Samples(n int, k Kind, o binary.ByteOrder, scale Scale) (data []float32, lost int, err error) {
	size := k.Bytes()
	if int64(n) > s.most/int64(size) {
		return nil, 0, fmt.Errorf("the header promises %d voxels of %d bytes, more than the file can hold: it is damaged or incomplete", n, size)
	}
	room := n
	if s.Packed() {
		room = min(n, 1<<18)
	}
	data = make([]float32, 0, room)
	value := k.value(o)
	chunk := make([]byte, size*min(n, 1<<14))
	for len(data) < n {
		part := chunk[:size*min(n-len(data), 1<<14)]
		if err := s.ReadFull(part); err != nil {
			return nil, 0, fmt.Errorf("the file ends after %d of %d voxels: it is damaged or incomplete", len(data), n)
		}
		for ; len(part) > 0; part = part[size:] {
			y := float32(float64(value(part)*scale.Slope) + scale.Inter) // the conversion forbids a fused multiply-add
			if y-y != 0 {                                                // NaN or infinite
				y, lost = 0, lost+1
			}
			data = append(data, y)
		}
	}
	return data, lost, s.Finish()
}

// Smallest is the smallest kind that holds every value as it is.
func Smallest(data []float32) Kind {
	lo, hi := float32(0), float32(0)
	for _, x := range data {
		if float32(int32(x)) != x || x < math.MinInt16 || x > math.MaxUint16 {
			return Float32
		}
		lo, hi = min(lo, x), max(hi, x)
	}
	switch {
	case lo >= 0 && hi <= math.MaxUint8:
		return Uint8
	case hi <= math.MaxInt16:
		return Int16
	case lo >= 0:
		return Uint16
	}
	return Float32
}

// Append adds the samples of data to b. The kind must hold them.
func (k Kind) Append(b []byte, o binary.AppendByteOrder, data []float32) []byte {
	for _, x := range data {
		switch k {
		case Uint8:
			b = append(b, uint8(x))
		case Int8:
			b = append(b, byte(int8(x)))
		case Int16:
			b = o.AppendUint16(b, uint16(int16(x)))
		case Uint16:
			b = o.AppendUint16(b, uint16(x))
		case Int32:
			b = o.AppendUint32(b, uint32(int32(x)))
		case Uint32:
			b = o.AppendUint32(b, uint32(x))
		case Int64:
			b = o.AppendUint64(b, uint64(int64(x)))
		case Uint64:
			b = o.AppendUint64(b, uint64(x))
		case Float32:
			b = o.AppendUint32(b, math.Float32bits(x))
		default:
			b = o.AppendUint64(b, math.Float64bits(float64(x)))
		}
	}
	return b
}
