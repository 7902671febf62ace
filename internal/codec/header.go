package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// header is what a codestream says of its image.
type header struct {
	rows, columns, components, precision int
	codestream                           []byte // without a wrapping file format
	planar                               bool   // the samples of a pixel lie in separate scans
	ended                                bool   // an end marker follows the scan
}

// agrees holds the codestream to the DICOM header. A precision other than the
// bits stored is tolerated while it fits into the bits allocated: many writers
// encode 12 bits as 16.
func (h *header) agrees(f Frame) error {
	switch {
	case h.rows != f.Rows || h.columns != f.Columns:
		return fmt.Errorf("the compressed image is %dx%d, the header says %dx%d", h.columns, h.rows, f.Columns, f.Rows)
	case h.components != f.Samples:
		return fmt.Errorf("the compressed image has %d samples in a pixel, the header says %d", h.components, f.Samples)
	case h.precision < 1 || h.precision > f.BitsAllocated:
		return fmt.Errorf("the compressed image has %d bits, the header says %d", h.precision, f.BitsAllocated)
	}
	return nil
}

func readHeader(kind family, data []byte) (*header, error) {
	if kind == jpeg2000 || kind == htj2k {
		return readSIZ(data)
	}
	return readMarkers(kind, data)
}

// readMarkers walks over a JPEG or JPEG-LS stream's segments to its first scan
// (T.81 B.1.1, T.87 C.2).
func readMarkers(kind family, data []byte) (h *header, err error) {
	if !bytes.HasPrefix(data, []byte{0xFF, 0xD8}) {
		return nil, fmt.Errorf("the JPEG data do not begin with a start of image")
	}
	for at := 2; at+4 <= len(data); {
		marker := data[at+1]
		if data[at] != 0xFF {
			return nil, fmt.Errorf("a JPEG marker is missing at byte %d", at)
		}
		if marker == 0xFF { // fill byte
			at++
			continue
		}
		n := int(binary.BigEndian.Uint16(data[at+2:]))
		if n < 2 || at+2+n > len(data) {
			return nil, fmt.Errorf("a JPEG segment runs past the end of the data")
		}
		body := data[at+4 : at+2+n]
		switch {
		case marker == 0xDA && h != nil && n > 2:
			h.planar = int(body[0]) < h.components
			h.ended = bytes.Contains(data[at:], []byte{0xFF, 0xD9})
			return h, nil
		case isSOF(marker) && h != nil || marker == 0xDA:
			return nil, fmt.Errorf("the JPEG has not one frame header before its scan")
		case isSOF(marker):
			if h, err = frameHeader(kind, marker, body, data); err != nil {
				return nil, err
			}
		}
		at += 2 + n
	}
	return nil, fmt.Errorf("the JPEG data end before the scan: the file is cut off")
}

// isSOF: DHT, JPG and DAC lie between the frame headers.
func isSOF(marker byte) bool {
	return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC || marker == 0xF7
}

func frameHeader(kind family, marker byte, body, data []byte) (*header, error) {
	if len(body) < 6 {
		return nil, fmt.Errorf("a short JPEG frame header")
	}
	if !kind.takes(marker) {
		return nil, fmt.Errorf("the stream is of another JPEG process (marker %X) than its transfer syntax says", marker)
	}
	return &header{
		precision: int(body[0]), rows: int(binary.BigEndian.Uint16(body[1:])), columns: int(binary.BigEndian.Uint16(body[3:])),
		components: int(body[5]), codestream: data,
	}, nil
}

// takes reports whether a frame header belongs to the family: Huffman coding
// alone, lossless where the transfer syntax is.
func (k family) takes(marker byte) bool {
	switch k {
	case jpegLossless:
		return marker == 0xC3
	case jpegLS:
		return marker == 0xF7
	}
	return marker <= 0xC2
}

// readSIZ reads the image size of a JPEG 2000 codestream (T.800 A.5.1). The
// components must all be sampled at every pixel.
func readSIZ(data []byte) (*header, error) {
	stream, err := unwrapJP2(data)
	if err != nil {
		return nil, err
	}
	if len(stream) < 45 || !bytes.HasPrefix(stream, []byte{0xFF, 0x4F, 0xFF, 0x51}) {
		return nil, fmt.Errorf("the JPEG 2000 data do not begin with an image size")
	}
	word := func(at int) int64 { return int64(binary.BigEndian.Uint32(stream[at:])) }
	components := int(binary.BigEndian.Uint16(stream[40:]))
	if components < 1 || components > maxSamplesPerPixel || len(stream) < 42+3*components {
		return nil, fmt.Errorf("the JPEG 2000 data have %d components: out of range", components)
	}
	h := &header{components: components, codestream: stream}
	for c := range components {
		ssiz := stream[42+3*c:]
		if ssiz[1] != 1 || ssiz[2] != 1 {
			return nil, fmt.Errorf("a subsampled JPEG 2000 component is not decoded")
		}
		h.precision = max(h.precision, int(ssiz[0]&0x7F)+1)
	}
	right, bottom, left, top := word(8), word(12), word(16), word(20)
	if left >= right || top >= bottom || right-left > maxSide || bottom-top > maxSide {
		return nil, fmt.Errorf("the JPEG 2000 image size is out of range")
	}
	h.columns, h.rows = int(right-left), int(bottom-top)
	if err := checkTiles(word(24), word(28), right-word(32), bottom-word(36)); err != nil {
		return nil, err
	}
	return h, checkTileParts(stream)
}

// maxTiles is far above what any scanner writes: a forged tile size makes a
// decoder allocate for each.
const maxTiles = 4096

func checkTiles(width, height, right, bottom int64) error {
	if width < 1 || height < 1 || right < 1 || bottom < 1 {
		return fmt.Errorf("the JPEG 2000 tile size is out of range")
	}
	if across, down := (right+width-1)/width, (bottom+height-1)/height; across > maxTiles || down > maxTiles || across*down > maxTiles {
		return fmt.Errorf("the JPEG 2000 image has more than %d tiles", maxTiles)
	}
	return nil
}

// checkTileParts finds a stream that is cut off: the decoders of HTJ2K would
// fill up what is missing. Each tile part tells its length (T.800 A.4.2).
func checkTileParts(stream []byte) error {
	at := 2
	for at+4 <= len(stream) && stream[at] == 0xFF && stream[at+1] != 0x90 {
		at += 2 + int(binary.BigEndian.Uint16(stream[at+2:]))
	}
	parts := 0
	for ; at+12 <= len(stream) && stream[at] == 0xFF && stream[at+1] == 0x90; parts++ {
		n := int64(binary.BigEndian.Uint32(stream[at+6:]))
		if n == 0 {
			return nil // to the end
		}
		if n < 14 || int64(at)+n > int64(len(stream)) {
			return fmt.Errorf("a tile of the JPEG 2000 image runs past the end of the data: the file is cut off or damaged")
		}
		at += int(n)
	}
	if parts == 0 {
		return fmt.Errorf("the JPEG 2000 data hold no tile: the file is cut off or damaged")
	}
	return nil
}

// unwrapJP2 takes the codestream out of the boxes of a JP2 file (T.800 Annex I),
// which PS3.5 A.4.4 forbids and some writers leave around it.
func unwrapJP2(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("\x00\x00\x00\x0CjP  ")) {
		return data, nil
	}
	for len(data) >= 8 {
		n, kind := int64(binary.BigEndian.Uint32(data)), string(data[4:8])
		if n == 0 {
			n = int64(len(data)) // to the end
		}
		if n < 8 || n > int64(len(data)) {
			break
		}
		if kind == "jp2c" {
			return data[8:n], nil
		}
		data = data[n:]
	}
	return nil, fmt.Errorf("the JP2 boxes hold no codestream")
}
