package dicom

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"columna/spine"
	"columna/volume"
)

// implementationUID names this writer in the meta header (PS3.10 7.1); it is a
// UUID-derived UID (PS3.5 B.2).
const implementationUID = "2.25.181146087427317459316146170529424301257"

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
		w := &writer{}
		w.patient(study)
		w.series(study, s, a)
		w.plane(s, k)
		w.image(s.Volume, k, signed, bits)
		name := filepath.Join(dir, fmt.Sprintf("IM%05d.dcm", instanceNumber(s, k)))
		if err := os.WriteFile(name, w.file(sopUID(s, k)), 0o600); err != nil {
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

// writer collects the elements of one file.
type writer struct{ elements []element }

// text adds a text element; several values are joined by backslashes.
func (w *writer) text(t tagID, vr string, values ...string) {
	s := strings.Join(values, `\`)
	if len(s)%2 == 1 {
		if vr == "UI" {
			s += "\x00"
		} else {
			s += " "
		}
	}
	w.elements = append(w.elements, element{tag: t, vr: vr, value: []byte(s)})
}

// decimals adds a DS element, each value in at most 16 characters (PS3.5 6.2).
func (w *writer) decimals(t tagID, values ...float64) {
	out := make([]string, len(values))
	for i, x := range values {
		out[i] = decimal(x)
	}
	w.text(t, "DS", out...)
}

// decimal is the most exact DS of x.
func decimal(x float64) string {
	if x == 0 || math.Abs(x) < 1e-12 {
		return "0"
	}
	for digits := 16; ; digits-- {
		if s := strconv.FormatFloat(x, 'g', digits, 64); len(s) <= 16 {
			return s
		}
	}
}

func (w *writer) integers(t tagID, x int) { w.text(t, "IS", strconv.Itoa(x)) }

func (w *writer) short(t tagID, x int) {
	w.elements = append(w.elements, element{tag: t, vr: "US", value: binary.LittleEndian.AppendUint16(nil, uint16(x))})
}

// patient adds the patient and study modules.
func (w *writer) patient(s *spine.Study) {
	w.text(tagCharacterSet, "CS", "ISO_IR 192")
	w.text(tagStudyDate, "DA", s.Date)
	w.text(0x00080030, "TM", onlyWith(s.Date, "120000"))
	w.text(0x00080050, "SH") // AccessionNumber
	w.text(0x00080090, "PN") // ReferringPhysicianName
	w.text(tagStudyDesc, "LO", clip(s.Description, 64))
	w.text(tagPatientName, "PN", clip(s.PatientName, 64))
	w.text(tagPatientID, "LO", clip(s.PatientID, 64))
	w.text(0x00100030, "DA") // PatientBirthDate
	w.text(tagPatientSex, "CS", s.Sex)
	if s.Age != "" {
		w.text(tagPatientAge, "AS", s.Age)
	}
	w.text(tagStudyUID, "UI", s.UID)
	w.text(0x00200010, "SH", "1") // StudyID
}

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
	w.text(tagImageType, "CS", "ORIGINAL", "PRIMARY", "OTHER")
	w.text(tagSOPClass, "UI", sopMR)
	w.text(tagModality, "CS", "MR")
	w.text(0x00080070, "LO", "Columna") // Manufacturer
	w.text(tagSeriesDesc, "LO", clip(s.Description, 64))
	w.text(0x00180015, "CS", "LSPINE")
	scanning := "SE"
	if a.TI > 0 {
		scanning = `SE\IR`
		w.decimals(tagTI, a.TI)
	}
	if s.Sequence == spine.OtherSequence {
		scanning = "GR"
	}
	w.text(tagScanningSeq, "CS", scanning)
	w.text(tagSequenceVariant, "CS", "SK")
	w.text(tagScanOptions, "CS", a.ScanOptions)
	w.text(tagAcquisitionType, "CS", "2D")
	spacing := s.Volume.SpacingMM()
	w.decimals(tagSliceThickness, spacing[2])
	w.decimals(0x00180088, spacing[2]) // SpacingBetweenSlices
	w.decimals(tagTR, a.TR)
	w.decimals(tagTE, a.TE)
	if study.FieldT > 0 {
		w.decimals(tagFieldStrength, study.FieldT)
		w.decimals(0x00180084, study.FieldT*42.577478518) // ImagingFrequency, MHz of 1H
	}
	w.integers(tagEchoTrain, a.EchoTrain)
	w.decimals(tagFlipAngle, a.FlipAngle)
	w.text(0x00185100, "CS", "HFS") // PatientPosition
	w.text(tagSeriesUID, "UI", s.UID)
	w.integers(tagSeriesNumber, s.Number)
	frame := s.FrameOfReferenceUID
	if frame == "" {
		frame = NewUID(study.UID + "/frame")
	}
	w.text(tagFrameOfRef, "UI", frame)
	w.text(0x00201040, "LO") // PositionReferenceIndicator
}

// plane adds what differs from slice to slice but the pixels.
func (w *writer) plane(s *spine.Series, k int) {
	g := s.Volume.Grid
	w.text(tagSOPInstance, "UI", sopUID(s, k))
	w.integers(tagInstanceNumber, instanceNumber(s, k))
	o := g.ToWorld(volume.Vec3{0, 0, float64(k)})
	w.decimals(tagPosition, o[0], o[1], o[2])
	u, v := g.Affine.Column(0).Unit(), g.Affine.Column(1).Unit()
	w.decimals(tagOrientation, u[0], u[1], u[2], v[0], v[1], v[2])
	sp := g.SpacingMM()
	w.decimals(tagPixelSpacing, sp[1], sp[0]) // between rows, between columns
}

// image adds the pixel module of slice k.
func (w *writer) image(v *volume.Volume, k int, signed bool, bits int) {
	w.short(tagSamples, 1)
	w.text(tagPhotometric, "CS", "MONOCHROME2")
	w.short(tagRows, v.Size[1])
	w.short(tagColumns, v.Size[0])
	w.short(tagBitsAllocated, 16)
	w.short(tagBitsStored, bits)
	w.short(tagHighBit, bits-1)
	representation := 0
	if signed {
		representation = 1
	}
	w.short(tagPixelRep, representation)
	size := v.Size[0] * v.Size[1]
	px := make([]byte, 0, 2*size)
	for _, x := range v.Data[k*size : (k+1)*size] {
		px = binary.LittleEndian.AppendUint16(px, uint16(int32(math.Round(float64(x)))))
	}
	w.elements = append(w.elements, element{tag: tagPixelData, vr: "OW", value: px})
}

// file encodes the collected elements, sorted, behind preamble and meta header.
func (w *writer) file(sop string) []byte {
	meta := &writer{}
	meta.elements = append(meta.elements, element{tag: 0x00020001, vr: "OB", value: []byte{0, 1}})
	meta.text(0x00020002, "UI", sopMR)
	meta.text(0x00020003, "UI", sop)
	meta.text(tagTransferSyntax, "UI", syntaxExplicitLE)
	meta.text(0x00020012, "UI", implementationUID)
	meta.text(0x00020013, "SH", "COLUMNA")
	body := meta.encode()
	var b bytes.Buffer
	b.Write(make([]byte, 128))
	b.WriteString("DICM")
	length := &writer{elements: []element{{tag: tagMetaLength, vr: "UL", value: binary.LittleEndian.AppendUint32(nil, uint32(len(body)))}}}
	b.Write(length.encode())
	b.Write(body)
	b.Write(w.encode())
	return b.Bytes()
}

// encode is explicit little endian (PS3.5 7.1.2).
func (w *writer) encode() []byte {
	slices.SortFunc(w.elements, func(a, b element) int { return int(int64(a.tag) - int64(b.tag)) })
	var b []byte
	for _, e := range w.elements {
		b = binary.LittleEndian.AppendUint16(b, e.tag.group())
		b = binary.LittleEndian.AppendUint16(b, uint16(e.tag))
		b = append(b, e.vr...)
		if longVR(e.vr) {
			b = append(b, 0, 0)
			b = binary.LittleEndian.AppendUint32(b, uint32(len(e.value)))
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(len(e.value)))
		}
		b = append(b, e.value...)
	}
	return b
}
