package dicom

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// Acquisition is the physics of a series to be written: times in ms, angle in
// degrees. A zero TI means no inversion.
type Acquisition struct {
	TR, TE, TI, FlipAngle float64
	EchoTrain             int
	ScanOptions           string
}

// TypicalAcquisition is a textbook spin-echo protocol of a sequence at 1.5 T.
// WriteSeries uses it, so that a series of a known sequence is recognised again.
func TypicalAcquisition(s spine.Sequence) Acquisition {
	switch s {
	case spine.T1:
		return Acquisition{TR: 600, TE: 10, FlipAngle: 90, EchoTrain: 3}
	case spine.T2:
		return Acquisition{TR: 3500, TE: 100, FlipAngle: 90, EchoTrain: 16}
	case spine.T2FS:
		return Acquisition{TR: 3500, TE: 90, FlipAngle: 90, EchoTrain: 16, ScanOptions: "FS"}
	case spine.STIR:
		return Acquisition{TR: 4000, TE: 45, TI: 160, FlipAngle: 90, EchoTrain: 12}
	case spine.PD:
		return Acquisition{TR: 2500, TE: 30, FlipAngle: 90, EchoTrain: 6}
	}
	return Acquisition{TR: 500, TE: 15, FlipAngle: 25, EchoTrain: 1}
}

// WriteSeries writes a series with the typical acquisition of its sequence.
func WriteSeries(dir string, study *spine.Study, s *spine.Series) error {
	return WriteSeriesAs(dir, study, s, TypicalAcquisition(s.Sequence))
}

// WriteSeriesAs writes one classic MR file a slice into dir: MR Image Storage,
// explicit little endian, UTF-8. Grey values are rounded to whole numbers and
// must lie in -32768..65535. Blocks of one SeriesInstanceUID may share dir. What it
// makes is its owner's alone.
func WriteSeriesAs(dir string, study *spine.Study, s *spine.Series, a Acquisition) error {
	if s.Volume == nil {
		return fmt.Errorf("series %q has no volume to write", s.Description)
	}
	if err := s.Volume.Validate(); err != nil {
		return fmt.Errorf("series %q: %w", s.Description, err)
	}
	if study.UID == "" || s.UID == "" {
		return fmt.Errorf("series %q: the study and series UIDs must be set", s.Description)
	}
	signed, bits, err := storedBits(s.Volume.Data)
	if err != nil {
		return fmt.Errorf("series %q: %w", s.Description, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder for the series: %w", err)
	}
	for k := range s.Volume.Size[2] {
		w := newWriter()
		putStudy(w.Dataset, study)
		w.series(study, s, a)
		w.plane(s, k)
		w.image(s.Volume, k, signed, bits)
		name := filepath.Join(dir, fmt.Sprintf("IM%05d.dcm", instanceNumber(s, k)))
		if err := dataset.Write(name, w.Dataset); err != nil {
			return fmt.Errorf("slice %d: %w", k, err)
		}
	}
	return nil
}

// instanceNumber counts over the blocks of a series.
func instanceNumber(s *spine.Series, k int) int { return s.Block*1000 + k + 1 }

// sopUID is the slice's own UID, or one derived from the series.
func sopUID(s *spine.Series, k int) string {
	if k < len(s.SOPUIDs) && s.SOPUIDs[k] != "" {
		return s.SOPUIDs[k]
	}
	return NewUID(fmt.Sprintf("%s/%d/%d", s.UID, s.Block, k))
}

// NewUID derives a UID from words: the same words give the same UID (2.25 and a
// 128-bit number, PS3.5 B.2).
func NewUID(words string) string {
	sum := sha256.Sum256([]byte(words))
	return "2.25." + new(big.Int).SetBytes(sum[:16]).String()
}

// storedBits chooses the sample layout for the values.
func storedBits(data []float32) (signed bool, bits int, err error) {
	lo, hi := 0.0, 0.0
	for _, x := range data {
		r := math.Round(float64(x))
		if math.IsNaN(r) {
			return false, 0, errors.New("the volume holds values that are no numbers")
		}
		lo, hi = math.Min(lo, r), math.Max(hi, r)
	}
	switch {
	case lo >= 0 && hi <= 4095:
		return false, 12, nil
	case lo >= 0 && hi <= 65535:
		return false, 16, nil
	case lo >= -32768 && hi <= 32767:
		return true, 16, nil
	}
	return false, 0, fmt.Errorf("grey values from %g to %g do not fit 16 bits: scale them first", lo, hi)
}

// writer fills in the data set of one file.
type writer struct{ *dataset.Dataset }

func newWriter() *writer { return &writer{dataset.New()} }

func onlyWith(condition, value string) string {
	if condition == "" {
		return ""
	}
	return value
}

// clip shortens s to n characters and takes out the value separator.
func clip(s string, n int) string {
	r := []rune(strings.ReplaceAll(s, `\`, "/"))
	return string(r[:min(len(r), n)])
}

// series adds the series, equipment and MR image modules.
func (w *writer) series(study *spine.Study, s *spine.Series, a Acquisition) {
	w.SetText(tagImageType, "CS", "ORIGINAL", "PRIMARY", "OTHER")
	w.SetText(tagSOPClass, "UI", sopMR)
	w.SetText(tagModality, "CS", "MR")
	w.SetText(0x00080070, "LO", "Columna") // Manufacturer
	w.SetText(tagSeriesDesc, "LO", clip(s.Description, 64))
	w.SetText(0x00180015, "CS", "LSPINE")
	scanning := "SE"
	if a.TI > 0 {
		scanning = `SE\IR`
		w.SetDecimals(tagTI, a.TI)
	}
	if s.Sequence == spine.OtherSequence {
		scanning = "GR"
	}
	w.SetText(tagScanningSeq, "CS", scanning)
	w.SetText(tagSequenceVariant, "CS", "SK")
	w.SetText(tagScanOptions, "CS", a.ScanOptions)
	w.SetText(tagAcquisitionType, "CS", "2D")
	spacing := s.Volume.SpacingMM()
	w.SetDecimals(tagSliceThickness, spacing[2])
	w.SetDecimals(0x00180088, spacing[2]) // SpacingBetweenSlices
	w.SetDecimals(tagTR, a.TR)
	w.SetDecimals(tagTE, a.TE)
	if study.FieldT > 0 {
		w.SetDecimals(tagFieldStrength, study.FieldT)
		w.SetDecimals(0x00180084, study.FieldT*42.577478518) // ImagingFrequency, MHz of 1H
	}
	w.SetIntegers(tagEchoTrain, a.EchoTrain)
	w.SetDecimals(tagFlipAngle, a.FlipAngle)
	w.SetText(0x00185100, "CS", "HFS") // PatientPosition
	w.SetText(tagSeriesUID, "UI", s.UID)
	w.SetIntegers(tagSeriesNumber, s.Number)
	frame := s.FrameOfReferenceUID
	if frame == "" {
		frame = NewUID(study.UID + "/frame")
	}
	w.SetText(tagFrameOfRef, "UI", frame)
	w.SetText(0x00201040, "LO") // PositionReferenceIndicator
}

// plane adds what differs from slice to slice but the pixels.
func (w *writer) plane(s *spine.Series, k int) {
	g := s.Volume.Grid
	w.SetText(tagSOPInstance, "UI", sopUID(s, k))
	w.SetIntegers(tagInstanceNumber, instanceNumber(s, k))
	o := g.ToWorld(volume.Vec3{0, 0, float64(k)})
	w.SetDecimals(tagPosition, o[0], o[1], o[2])
	u, v := g.Affine.Column(0).Unit(), g.Affine.Column(1).Unit()
	w.SetDecimals(tagOrientation, u[0], u[1], u[2], v[0], v[1], v[2])
	sp := g.SpacingMM()
	w.SetDecimals(tagPixelSpacing, sp[1], sp[0]) // between rows, between columns
}

// image adds the pixel module of slice k.
func (w *writer) image(v *volume.Volume, k int, signed bool, bits int) {
	w.SetShorts(tagSamples, 1)
	w.SetText(tagPhotometric, "CS", "MONOCHROME2")
	w.SetShorts(tagRows, v.Size[1])
	w.SetShorts(tagColumns, v.Size[0])
	w.SetShorts(tagBitsAllocated, 16)
	w.SetShorts(tagBitsStored, bits)
	w.SetShorts(tagHighBit, bits-1)
	representation := 0
	if signed {
		representation = 1
	}
	w.SetShorts(tagPixelRep, representation)
	size := v.Size[0] * v.Size[1]
	px := make([]byte, 0, 2*size)
	for _, x := range v.Data[k*size : (k+1)*size] {
		px = binary.LittleEndian.AppendUint16(px, uint16(int32(math.Round(float64(x)))))
	}
	w.SetBytes(tagPixelData, "OW", px)
}
