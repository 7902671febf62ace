package codec

import (
	"encoding/binary"
	"fmt"
)

// decodeRLE undoes RLE Lossless (PS3.5 Annex G): one PackBits segment for each
// byte plane of each sample, the most significant first.
func decodeRLE(data []byte, f Frame) ([]byte, error) {
	planes, width := f.Samples*f.width(), f.width()
	if len(data) < 64 {
		return nil, fmt.Errorf("the RLE header is cut off")
	}
	if n := binary.LittleEndian.Uint32(data); n != uint32(planes) || planes > 15 {
		return nil, fmt.Errorf("RLE data have %d segments where %d are needed", n, planes)
	}
	if len(data) < f.Size()/64 { // two bytes make 128 at best
		return nil, fmt.Errorf("the RLE data are too short for the image: the file is cut off or damaged")
	}
	out := make([]byte, f.Size())
	for s := range planes {
		start, end := int64(binary.LittleEndian.Uint32(data[4+4*s:])), int64(len(data))
		if s+1 < planes {
			end = int64(binary.LittleEndian.Uint32(data[8+4*s:]))
		}
		if start < 64 || start > end || end > int64(len(data)) {
			return nil, fmt.Errorf("RLE segment %d lies outside the data", s+1)
		}
		sample, plane := s/width, s%width
		if !unpackBits(data[start:end], out[sample*width+width-1-plane:], planes, f.pixels()) {
			return nil, fmt.Errorf("RLE segment %d ends before the image is full: the file is cut off or damaged", s+1)
		}
	}
	return out, nil
}

// unpackBits writes n bytes to every stride-th place of out and reports whether
// the segment held that many.
func unpackBits(src, out []byte, stride, n int) bool {
	done := 0
	for i := 0; i < len(src) && done < n; {
		control := int(int8(src[i]))
		i++
		switch {
		case control >= 0: // literal run
			for range control + 1 {
				if i >= len(src) || done >= n {
					break
				}
				out[done*stride] = src[i]
				i++
				done++
			}
		case control != -128: // repeated byte
			if i >= len(src) {
				return false
			}
			for range 1 - control {
				if done >= n {
					break
				}
				out[done*stride] = src[i]
				done++
			}
			i++
		}
	}
	return done == n
}

// UnpackRLE undoes RLE for what has no rows and columns, such as packed bits: so
// many samples of so many bytes each, which the caller has bounded.
func UnpackRLE(data []byte, samples, bytes int) ([]byte, error) {
	return decodeRLE(data, Frame{Rows: 1, Columns: samples, BitsAllocated: 8 * bytes, Samples: 1})
}
