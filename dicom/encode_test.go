package dicom

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"testing"

	"columna/dicom/dataset"
	"columna/internal/codec"
	"columna/internal/encode"
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
		"rle":           w().fileAs(dataset.RLELossless, w().encapsulate(encode.RLE(samples))),
		"jpeg lossless": w().fileAs(dataset.JPEGLossless, w().encapsulate(encode.JPEGLossless(samples, v.Size[0], 5, 0))),
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

// loadBytes is load without a disk.
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
	d := codec.NewDecoder()
	defer d.Close()
	data := make([]float32, px.rows*px.cols)
	return all[0], data, px.greyInto(context.Background(), d, all[0], data)
}

func TestShorts_AreWhatValueSays(t *testing.T) {
	samples := make([]byte, 2*65536)
	for i := range 65536 {
		binary.LittleEndian.PutUint16(samples[2*i:], uint16(i))
	}
	got := make([]float32, 65536)
	for n := range 16 * 16 * 8 {
		p := pixelFormat{allocated: 16, stored: 1 + n%16, signed: n&1024 > 0, inverted: n&512 > 0, slope: 1}
		if p.shift = n / 16 % 16; p.shift > 16-p.stored {
			continue
		}
		if n&256 > 0 {
			p.slope, p.intercept = 0.37, -11
		}
		p.shorts(samples, got)
		for i := 0; i < 65536; i += 7 {
			if want := p.value(uint32(i)); got[i] != want {
				t.Fatalf("%+v: sample %d gives %g, want %g", p, i, got[i], want)
			}
		}
	}
}
