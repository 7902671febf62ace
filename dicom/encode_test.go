package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"strconv"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// seedFile is one slice in explicit little endian, the way WriteSeries makes it.
func seedFile(v *volume.Volume, k int) *writer {
	w := newWriter()
	s := testSeries("seed", spine.T2, v)
	putStudy(w.Dataset, testStudy())
	w.series(testStudy(), s, TypicalAcquisition(spine.T2))
	w.plane(s, k)
	w.image(v, k, false, 12)
	return w
}

// plain is the file in explicit little endian.
func (w *writer) plain() []byte { return dataset.Encode(w.Dataset, dataset.ExplicitLE) }

// fileAs is the file in another transfer syntax.
func (w *writer) fileAs(syntax string, body []byte) []byte {
	meta := dataset.New()
	meta.SetText(0x00020010, "UI", syntax)
	b := append(make([]byte, 128), "DICM"...)
	return append(append(b, meta.Encode()...), body...)
}

// implicit encodes without VRs.
func (w *writer) implicit() []byte {
	var b []byte
	for _, e := range w.Elements() {
		b = binary.LittleEndian.AppendUint16(b, e.Tag.Group())
		b = binary.LittleEndian.AppendUint16(b, uint16(e.Tag))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Value)))
		b = append(b, e.Value...)
	}
	return b
}

// bigEndian encodes explicit big endian; the only binary VRs here are US and OW.
func (w *writer) bigEndian() []byte {
	var b []byte
	for _, e := range w.Elements() {
		b = binary.BigEndian.AppendUint16(b, e.Tag.Group())
		b = binary.BigEndian.AppendUint16(b, uint16(e.Tag))
		b = append(b, e.VR...)
		value := bytes.Clone(e.Value)
		if e.VR == "US" || e.VR == "OW" {
			for i := 0; i+1 < len(value); i += 2 {
				value[i], value[i+1] = value[i+1], value[i]
			}
		}
		if e.VR == "OW" {
			b = append(b, 0, 0)
			b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
		} else {
			b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
		}
		b = append(b, value...)
	}
	return b
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.BestCompression)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// encapsulate replaces the pixel data by fragments behind an empty offset table.
func (w *writer) encapsulate(fragments ...[]byte) []byte {
	w.Put(&dataset.Element{Tag: tagPixelData, VR: "OB", Fragments: fragments})
	return w.Encode()
}

// encodeRLE packs 16-bit samples into two segments of runs and literals.
func encodeRLE(px []byte) []byte {
	head := make([]byte, 64)
	binary.LittleEndian.PutUint32(head, 2)
	out := head
	for s := range 2 {
		binary.LittleEndian.PutUint32(out[4+4*s:], uint32(len(out)))
		for i := 1 - s; i < len(px); {
			n := 1
			for i+2*n < len(px) && px[i+2*n] == px[i] && n < 128 {
				n++
			}
			if n > 1 {
				out = append(out, byte(int8(1-n)), px[i])
			} else {
				out = append(out, 0, px[i])
			}
			i += 2 * n
		}
		if len(out)%2 == 1 {
			out = append(out, 0)
		}
	}
	return out
}

// encodeLossless is JPEG process 14 with a flat Huffman table: category n has
// the five-bit code n.
func encodeLossless(samples []uint16, rows, cols, predictor, restart int) []byte {
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
	out = append(out, 0xFF, 0xDA, 0, 8, 1, 1, 0, byte(predictor), 0, 0)
	d := &losslessJPEG{predictor: predictor}
	var bits string
	flush := func() {
		for len(bits)%8 != 0 {
			bits += "1"
		}
		for ; len(bits) > 0; bits = bits[8:] {
			x, _ := strconv.ParseUint(bits[:8], 2, 8)
			if out = append(out, byte(x)); x == 0xFF {
				out = append(out, 0)
			}
		}
	}
	freshRow, marker := 0, 0
	for n, s := range samples {
		x, y := n%cols, n/cols
		var p uint16
		switch {
		case restart > 0 && n > 0 && n%restart == 0:
			flush()
			out = append(out, 0xFF, byte(0xD0+marker%8))
			marker++
			freshRow, p = y, 1<<15
		case n == 0:
			p = 1 << 15
		case y == freshRow:
			p = samples[n-1]
		case x == 0:
			p = samples[n-cols]
		default:
			p = d.predict(samples[n-1], samples[n-cols], samples[n-cols-1])
		}
		bits += differenceBits(s - p)
	}
	flush()
	return append(out, 0xFF, 0xD9)
}

// differenceBits is category and offset of a difference (T.81 table H.2).
func differenceBits(diff uint16) string {
	if diff == 0x8000 {
		return "10000"
	}
	v := int(int16(diff))
	size := 0
	for a := max(v, -v); a > 0; a >>= 1 {
		size++
	}
	code := strconv.FormatInt(int64(32|size), 2)[1:]
	if size == 0 {
		return code
	}
	if v < 0 {
		v += 1<<size - 1
	}
	return code + strconv.FormatInt(int64(1<<size|v), 2)[1:]
}

// seeds is one slice in every transfer syntax that is read losslessly.
func seeds(v *volume.Volume) map[string][]byte {
	px := bytes.Clone(seedFile(v, 1).Find(tagPixelData).Value)
	samples := make([]uint16, len(px)/2)
	for i := range samples {
		samples[i] = binary.LittleEndian.Uint16(px[2*i:])
	}
	w := func() *writer { return seedFile(v, 1) }
	return map[string][]byte{
		"explicit":      w().plain(),
		"implicit":      w().fileAs(dataset.ImplicitLE, w().implicit()),
		"big endian":    w().fileAs(dataset.ExplicitBE, w().bigEndian()),
		"deflated":      w().fileAs(dataset.Deflated, deflate(w().Encode())),
		"rle":           w().fileAs(dataset.RLELossless, w().encapsulate(encodeRLE(px))),
		"jpeg lossless": w().fileAs(dataset.JPEGLossless, w().encapsulate(encodeLossless(samples, v.Size[1], v.Size[0], 5, 0))),
		"no preamble":   w().Encode(),
		"bare implicit": w().implicit(),
	}
}

func TestFrame_IsTheSameInEveryTransferSyntax(t *testing.T) {
	v := pattern(sagittalGrid([3]int{19, 13, 3}), 9)
	for name, b := range seeds(v) {
		s, data, err := loadBytes(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, x := range data {
			if x != v.Data[v.Index(0, 0, 1)+i] {
				t.Errorf("%s: pixel %d is %g, want %g", name, i, x, v.Data[v.Index(0, 0, 1)+i])
				break
			}
		}
		if s.study.patientName != "Müller^Jürgen" {
			t.Errorf("%s: patient %q", name, s.study.patientName)
		}
	}
}

func TestDecodeJPEGLossless_KnowsAllPredictorsAndRestarts(t *testing.T) {
	v := pattern(sagittalGrid([3]int{17, 12, 1}), 4)
	samples := make([]uint16, len(v.Data))
	for i, x := range v.Data {
		samples[i] = uint16(x) * 16
	}
	samples[5] = samples[4] + 0x8000 // the one difference of sixteen bits
	for predictor := 1; predictor <= 7; predictor++ {
		for _, restart := range []int{0, 34} {
			got, err := decodeJPEGLossless(encodeLossless(samples, 12, 17, predictor, restart), 12, 17, 16)
			if err != nil {
				t.Errorf("predictor %d, restart %d: %v", predictor, restart, err)
				continue
			}
			for i, want := range samples {
				if binary.LittleEndian.Uint16(got[2*i:]) != want {
					t.Errorf("predictor %d, restart %d: sample %d differs", predictor, restart, i)
					break
				}
			}
		}
	}
}

// loadBytes is loadSlice without a disk.
func loadBytes(b []byte) (*slice, []float32, error) {
	f, err := parse(b)
	if err != nil {
		return nil, nil, err
	}
	all, err := readSlices(f)
	if err != nil {
		return nil, nil, err
	}
	px, err := f.pixels()
	if err != nil {
		return nil, nil, err
	}
	samples, err := px.frame(0)
	if err != nil {
		return nil, nil, err
	}
	data := make([]float32, px.rows*px.cols)
	px.values(samples, data)
	return all[0], data, nil
}
