package codec

import (
	"encoding/binary"
	"fmt"
)

// losslessJPEG decodes the lossless process of ITU-T T.81 (SOF3, Huffman) for
// one component: processes 14 and 14 SV1 of DICOM.
type losslessJPEG struct {
	data       []byte
	at         int
	rows, cols int
	precision  int
	restart    int // samples between restart markers, 0 none
	predictor  int
	transform  int // point transform: low bits left out
	tables     [4]*huffman
	table      int

	hold uint32 // bits not yet used, in the high end of have bits
	have int
}

// huffman is a table in the canonical form of T.81 F.2.2.3.
type huffman struct {
	maxCode [17]int32
	offset  [17]int32
	symbols []byte
}

// decodeJPEGLossless decodes a grey frame.
func decodeJPEGLossless(data []byte, f Frame) ([]byte, error) {
	d := &losslessJPEG{data: data}
	if err := d.headers(); err != nil {
		return nil, fmt.Errorf("JPEG lossless: %w", err)
	}
	if d.rows != f.Rows || d.cols != f.Columns || d.precision > f.BitsAllocated {
		return nil, fmt.Errorf("JPEG lossless: a second frame header")
	}
	samples, err := d.scan()
	if err != nil {
		return nil, fmt.Errorf("JPEG lossless: %w", err)
	}
	width := f.width()
	out := make([]byte, len(samples)*width)
	for i, s := range samples {
		if width == 1 {
			out[i] = byte(s)
		} else {
			binary.LittleEndian.PutUint16(out[i*width:], s)
		}
	}
	return out, nil
}

// headers walks the marker segments up to the start of the scan.
func (d *losslessJPEG) headers() error {
	if len(d.data) < 4 || d.data[0] != 0xFF || d.data[1] != 0xD8 {
		return fmt.Errorf("no start of image")
	}
	d.at = 2
	for {
		marker, body, err := d.segment()
		if err != nil {
			return err
		}
		switch marker {
		case 0xC3:
			err = d.frameHeader(body)
		case 0xC4:
			err = d.huffmanTables(body)
		case 0xDD:
			if len(body) < 2 {
				return fmt.Errorf("a short restart segment")
			}
			d.restart = int(binary.BigEndian.Uint16(body))
		case 0xDA:
			return d.scanHeader(body)
		case 0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF:
			return fmt.Errorf("the stream is JPEG process SOF%d, not lossless Huffman", marker-0xC0)
		}
		if err != nil {
			return err
		}
	}
}

// segment reads one marker with its body.
func (d *losslessJPEG) segment() (marker byte, body []byte, err error) {
	for d.at+4 <= len(d.data) {
		if d.data[d.at] != 0xFF {
			return 0, nil, fmt.Errorf("a marker is missing at byte %d", d.at)
		}
		marker = d.data[d.at+1]
		if marker == 0xFF {
			d.at++
			continue
		}
		n := int(binary.BigEndian.Uint16(d.data[d.at+2:]))
		if n < 2 || d.at+2+n > len(d.data) {
			return 0, nil, fmt.Errorf("a segment runs past the end of the data")
		}
		body = d.data[d.at+4 : d.at+2+n]
		d.at += 2 + n
		return marker, body, nil
	}
	return 0, nil, fmt.Errorf("the data end before the scan")
}

func (d *losslessJPEG) frameHeader(b []byte) error {
	if len(b) < 9 {
		return fmt.Errorf("a short frame header")
	}
	d.precision = int(b[0])
	d.rows, d.cols = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if b[5] != 1 {
		return fmt.Errorf("%d components: only grey images are read", b[5])
	}
	if d.precision < 2 || d.precision > 16 {
		return fmt.Errorf("a precision of %d bits is out of range", d.precision)
	}
	return nil
}

// huffmanTables reads a DHT segment (T.81 B.2.4.2).
func (d *losslessJPEG) huffmanTables(b []byte) error {
	for len(b) >= 17 {
		slot := b[0] & 0x0F
		total := 0
		for _, n := range b[1:17] {
			total += int(n)
		}
		if slot > 3 || total > 256 || len(b) < 17+total {
			return fmt.Errorf("a damaged Huffman table")
		}
		h := &huffman{symbols: b[17 : 17+total]}
		code, index := int32(0), int32(0)
		for n := 1; n <= 16; n++ {
			count := int32(b[n])
			h.offset[n] = index - code
			code += count
			index += count
			h.maxCode[n] = code - 1
			if count == 0 {
				h.maxCode[n] = -1
			}
			code <<= 1
		}
		d.tables[slot] = h
		b = b[17+total:]
	}
	return nil
}

func (d *losslessJPEG) scanHeader(b []byte) error {
	if len(b) < 6 || b[0] != 1 {
		return fmt.Errorf("a scan of several components")
	}
	d.table = int(b[2] >> 4)
	d.predictor, d.transform = int(b[3]), int(b[5]&0x0F)
	if d.table > 3 || d.tables[d.table] == nil {
		return fmt.Errorf("the scan names a Huffman table that is not there")
	}
	if d.predictor < 1 || d.predictor > 7 || d.rows == 0 || d.cols == 0 || d.transform >= d.precision {
		return fmt.Errorf("the scan header is out of range")
	}
	return nil
}

// scan decodes every sample (T.81 H.1.2).
func (d *losslessJPEG) scan() ([]uint16, error) {
	if len(d.data)-d.at < d.rows*d.cols/32 { // a code has at least one bit; be lenient by four
		return nil, fmt.Errorf("the data are too short for %dx%d: the file is cut off", d.cols, d.rows)
	}
	out := make([]uint16, d.rows*d.cols)
	start := uint16(1) << (d.precision - d.transform - 1)
	fresh := true // at the start and after a restart, prediction begins anew
	freshRow := 0
	for n := range out {
		if d.restart > 0 && n > 0 && n%d.restart == 0 {
			d.skipRestart()
			fresh, freshRow = true, n/d.cols
		}
		diff, err := d.difference()
		if err != nil {
			return nil, err
		}
		x, y := n%d.cols, n/d.cols
		var p uint16
		switch {
		case fresh:
			p, fresh = start, false
		case y == freshRow:
			p = out[n-1]
		case x == 0:
			p = out[n-d.cols]
		default:
			p = d.predict(out[n-1], out[n-d.cols], out[n-d.cols-1])
		}
		out[n] = p + diff
	}
	if d.transform > 0 {
		for i := range out {
			out[i] <<= d.transform
		}
	}
	return out, nil
}

// predict is table H.1 of T.81; a is left, b above, c above left.
func (d *losslessJPEG) predict(a, b, c uint16) uint16 {
	x, y, z := int32(a), int32(b), int32(c)
	switch d.predictor {
	case 1:
		return a
	case 2:
		return b
	case 3:
		return c
	case 4:
		return uint16(x + y - z)
	case 5:
		return uint16(x + (y-z)>>1)
	case 6:
		return uint16(y + (x-z)>>1)
	}
	return uint16((x + y) >> 1)
}

// difference decodes one Huffman-coded difference, modulo 2^16.
func (d *losslessJPEG) difference() (uint16, error) {
	h := d.tables[d.table]
	code := int32(0)
	for n := 1; n <= 16; n++ {
		bit, ok := d.bits(1)
		if !ok {
			return 0, fmt.Errorf("the data end inside the image: the file is cut off")
		}
		code = code<<1 | int32(bit)
		if h.maxCode[n] >= 0 && code <= h.maxCode[n] {
			at := code + h.offset[n]
			if at < 0 || int(at) >= len(h.symbols) {
				break
			}
			return d.extend(int(h.symbols[at]))
		}
	}
	return 0, fmt.Errorf("an unknown Huffman code: the file is damaged")
}

// extend reads the size bits of a difference (T.81 F.2.2.1, H.1.2.2).
func (d *losslessJPEG) extend(size int) (uint16, error) {
	switch {
	case size == 0:
		return 0, nil
	case size == 16:
		return 0x8000, nil
	case size > 16:
		return 0, fmt.Errorf("a difference of %d bits: the file is damaged", size)
	}
	v, ok := d.bits(size)
	if !ok {
		return 0, fmt.Errorf("the data end inside the image: the file is cut off")
	}
	x := int32(v)
	if x < 1<<(size-1) {
		x -= 1<<size - 1
	}
	return uint16(x), nil
}

// bits reads n <= 16 bits, stuffed zero bytes left out. At a marker or the end
// it fails, once the held bits are used up.
func (d *losslessJPEG) bits(n int) (uint32, bool) {
	for d.have < n {
		if d.at >= len(d.data) {
			return 0, false
		}
		c := d.data[d.at]
		if c == 0xFF {
			if d.at+1 >= len(d.data) || d.data[d.at+1] != 0 {
				return 0, false
			}
			d.at++
		}
		d.at++
		d.hold = d.hold<<8 | uint32(c)
		d.have += 8
	}
	d.have -= n
	return d.hold >> d.have & (1<<n - 1), true
}

// skipRestart drops the rest of the byte and steps over an RSTn marker.
func (d *losslessJPEG) skipRestart() {
	d.have, d.hold = 0, 0
	if d.at+1 < len(d.data) && d.data[d.at] == 0xFF && d.data[d.at+1]&0xF8 == 0xD0 {
		d.at += 2
	}
}
