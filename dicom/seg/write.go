package seg

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/internal/files"
	"columna/spine"
	"columna/volume"
)

// Output is a label map to be written as a segmentation.
type Output struct {
	Source      *dicom.Source
	Mask        *volume.LabelMap           // labels are spine.Structure's
	Origins     map[spine.Structure]Origin // those missing were drawn by a person
	Description string                     // of the series
	Creator     string                     // who stands for the content
	At          time.Time

	digest string // of the output, which its UIDs are made of
}

// Write saves a segmentation as a file of its owner's alone, which appears whole or
// not at all.
func Write(path string, o Output) error {
	b, err := Encode(o)
	if err != nil {
		return err
	}
	return files.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Encode is the segmentation as a DICOM file. The same output gives the same bytes.
func Encode(o Output) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	frames, segments, err := framesOf(o.Mask)
	if err != nil {
		return nil, err
	}
	o.digest = o.sum()
	d := dataset.New()
	o.Source.Derive(d)
	o.putSeries(d)
	o.putImage(d, len(frames))
	if err := o.putSegments(d, segments); err != nil {
		return nil, err
	}
	o.putGroups(d, frames)
	o.Source.PutReferences(d, o.imagesOf(frames))
	d.SetBytes(tagPixelData, "OB", packBits(o.Mask, frames))
	return dataset.Encode(d, dataset.ExplicitLE), nil
}

// check refuses what no segmentation can hold.
func (o *Output) check() error {
	if err := o.Mask.Validate(); err != nil {
		return err
	}
	u, v := o.Mask.Affine.Column(0).Unit(), o.Mask.Affine.Column(1).Unit()
	switch {
	case math.Abs(u.Dot(v)) > 1e-4:
		return errors.New("the mask's rows and columns are not at right angles, which no DICOM image may be: resample it first")
	case o.Mask.Size[0] > math.MaxUint16 || o.Mask.Size[1] > math.MaxUint16:
		return fmt.Errorf("slices of %dx%d voxels are larger than DICOM can say", o.Mask.Size[0], o.Mask.Size[1])
	}
	return nil
}

// frame is the bits of one structure in one slice.
type frame struct {
	segment int // from 1
	label   uint8
	k       int
}

// framesOf lists the frames that are not empty, by segment and then by slice, and
// the labels of the segments.
func framesOf(m *volume.LabelMap) (frames []frame, segments []uint8, err error) {
	present := make([][256]bool, m.Size[2])
	size := m.Size[0] * m.Size[1]
	for k := range present {
		for _, l := range m.Data[k*size : (k+1)*size] {
			present[k][l] = true
		}
	}
	for l := 1; l < 256; l++ {
		began := len(frames)
		for k := range present {
			if present[k][l] {
				frames = append(frames, frame{len(segments) + 1, uint8(l), k})
			}
		}
		if len(frames) > began {
			segments = append(segments, uint8(l))
		}
	}
	if len(frames) == 0 {
		return nil, nil, errors.New("the mask is empty: there is no structure to write")
	}
	return frames, segments, nil
}

// packBits is the pixel data: one bit a voxel, the lowest of a byte first, frames
// following each other without a gap (PS3.5 8.1.1).
func packBits(m *volume.LabelMap, frames []frame) []byte {
	size := m.Size[0] * m.Size[1]
	out := make([]byte, (len(frames)*size+7)/8)
	start := make([][256]int, m.Size[2]) // of the frame of a label, in bits
	for n, f := range frames {
		start[f.k][f.label] = n * size
	}
	for k := range start {
		for n, l := range m.Data[k*size : (k+1)*size] {
			if l != 0 {
				bit := start[k][l] + n
				out[bit>>3] |= 1 << (bit & 7)
			}
		}
	}
	return out
}

// putSeries puts the SOP common and series modules.
func (o *Output) putSeries(d *dataset.Dataset) {
	d.SetText(tagSOPClass, "UI", dicom.SegmentationStorage)
	d.SetText(tagSOPInstance, "UI", o.uid("instance"))
	d.SetText(tagModality, "CS", "SEG")
	d.SetText(tagSeriesUID, "UI", o.uid("series"))
	d.SetIntegers(0x00200011, 1000+o.Source.SeriesNumber%1000) // SeriesNumber
	d.SetText(tagSeriesDesc, "LO", text(o.Description, 64))
	date, clock := o.At.Format("20060102"), o.At.Format("150405")
	d.SetText(0x00080021, "DA", date) // SeriesDate
	d.SetText(0x00080031, "TM", clock)
	d.SetText(0x00080023, "DA", date) // ContentDate
	d.SetText(0x00080033, "TM", clock)
	d.SetText(0x00080012, "DA", date) // InstanceCreationDate
	d.SetText(0x00080013, "TM", clock)
}

// putImage puts the image, pixel and segmentation image modules but the segments.
func (o *Output) putImage(d *dataset.Dataset, frames int) {
	d.SetText(0x00080008, "CS", "DERIVED", "PRIMARY") // ImageType
	d.SetIntegers(0x00200013, 1)                      // InstanceNumber
	d.SetText(0x00700080, "CS", "SEGMENTATION")       // ContentLabel
	d.SetText(0x00700081, "LO", text(o.Description, 64))
	d.SetText(0x00700084, "PN", personName(o.Creator)) // ContentCreatorName
	d.SetIntegers(tagFrames, frames)
	d.SetShorts(tagSamples, 1)
	d.SetText(tagPhotometric, "CS", "MONOCHROME2")
	d.SetShorts(tagRows, o.Mask.Size[1])
	d.SetShorts(tagColumns, o.Mask.Size[0])
	d.SetShorts(tagBitsAllocated, 1)
	d.SetShorts(tagBitsStored, 1)
	d.SetShorts(tagHighBit, 0)
	d.SetShorts(tagPixelRep, 0)
	d.SetText(0x00282110, "CS", "00") // LossyImageCompression
	d.SetText(tagSegType, "CS", "BINARY")
	d.SetText(0x00620013, "CS", "NO") // SegmentsOverlap
}

// sum tells this output from every other.
func (o *Output) sum() string {
	h := sha256.New()
	fmt.Fprintln(h, o.Source.SeriesUID, o.At.UnixNano(), o.Mask.Size, o.Mask.Affine)
	h.Write(o.Mask.Data)
	return string(h.Sum(nil))
}

// uid is a UID of something in this output.
func (o *Output) uid(what string) string { return dicom.NewUID(what + " " + o.digest) }

// personName is a name of one part, such as a login, as a family name (PS3.5 6.2.1).
func personName(s string) string {
	if s = text(s, 63); s != "" && !strings.Contains(s, "^") {
		s += "^"
	}
	return s
}

// text shortens a reader's words to what DICOM takes.
func text(s string, n int) string {
	r := []rune(dataset.Printable(strings.ReplaceAll(s, `\`, "/")))
	return string(r[:min(len(r), n)])
}

// pointer is the value of an attribute that names attributes.
func pointer(t dataset.Tag) []byte {
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, t.Group()), uint16(t))
}
