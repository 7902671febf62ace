package dicom

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"columna/dicom/dataset"
	"columna/volume"
)

// SOP classes and the like (PS3.4 B.5, PS3.6 A).
const (
	sopMR                = "1.2.840.10008.5.1.4.1.1.4"
	sopEnhancedMR        = "1.2.840.10008.5.1.4.1.1.4.1"
	sopLegacyConvertedMR = "1.2.840.10008.5.1.4.1.1.4.4"
	sopDirectory         = "1.2.840.10008.1.3.10"

	// What package seg reads.
	SegmentationStorage         = "1.2.840.10008.5.1.4.1.1.66.4"
	SurfaceSegmentationStorage  = "1.2.840.10008.5.1.4.1.1.66.5"
	LabelMapSegmentationStorage = "1.2.840.10008.5.1.4.1.1.66.7"
)

// slice is what import keeps of one image, be it a file or a frame of one: where
// it lies, what it belongs to, and the physics that tell its sequence.
type slice struct {
	ref                           FileRef
	study                         studyWords
	seriesUID, sopClass, frameUID string
	seriesNumber, instance        int
	description                   string
	rows, cols                    int
	origin, row, col              volume.Vec3 // of pixel (0,0), along the columns' index, along the rows' index
	spacingRow, spacingCol        float64     // mm between rows, between columns
	thickness                     float64
	slope, intercept              float64 // from stored samples to grey values
	acquisition                   string  // AcquisitionNumber
	kind                          kind
	physics                       physics
	doubts                        []string // faults of its file that may matter
}

// kind is what separates images that could lie at one place: echo, phase or
// Dixon image, time, stack and b-value. Empty words are unknown.
type kind struct {
	te                                 float64 // ms
	echo, phase, temporal, stack, bVal string
}

// studyWords are the words of the header that the study shows.
type studyWords struct {
	uid, patientID, patientName, sex, age, date, description string
	fieldT                                                   float64
}

// normal is the direction slices are counted along: row x column.
func (s *slice) normal() volume.Vec3 { return s.row.Cross(s.col) }

// readSlices checks that a file is an image of an MR series and takes down the
// header of each of its frames; a classic file has one.
func readSlices(f *file) ([]*slice, error) {
	if err := f.refuseKind(); err != nil {
		return nil, err
	}
	px, err := f.pixels()
	if err != nil {
		return nil, err
	}
	if px.rows*px.cols > maxSlicePixels {
		return nil, fmt.Errorf("a slice of %dx%d pixels is larger than any MR image", px.cols, px.rows)
	}
	if err := f.checkFrames(px.frames); err != nil {
		return nil, err
	}
	study := f.studyWords()
	out := make([]*slice, px.frames)
	for n := range out {
		if out[n], err = readFrame(f.header(n), px, study); err != nil && px.frames > 1 {
			err = fmt.Errorf("frame %d: %w", n+1, err)
		}
		if err != nil {
			return nil, err
		}
		out[n].ref.Frame = n
	}
	return out, nil
}

// readFrame takes down the header of one image.
func readFrame(h header, px *pixelFormat, study studyWords) (*slice, error) {
	s := &slice{
		study: study, seriesUID: h.Text(tagSeriesUID), sopClass: h.Text(tagSOPClass), frameUID: h.Text(tagFrameOfRef),
		rows: px.rows, cols: px.cols, slope: px.slope, intercept: px.intercept,
		description: h.Text(tagSeriesDesc), thickness: h.Float(tagSliceThickness),
	}
	s.ref.SOPUID = h.Text(tagSOPInstance)
	if s.seriesUID == "" || s.study.uid == "" || s.ref.SOPUID == "" {
		return nil, fmt.Errorf("the study, series or image UID is missing")
	}
	s.seriesNumber, _ = h.Integer(tagSeriesNumber)
	s.instance, _ = h.Integer(tagInstanceNumber)
	s.acquisition = h.Text(tagAcquisition)
	s.physics = h.physics()
	s.kind = h.kind(&s.physics)
	if err := s.readRescale(h); err != nil {
		return nil, err
	}
	return s, s.readGeometry(h)
}

// kind takes down what separates images at one place.
func (h header) kind(p *physics) kind {
	words := append(slices.Clone(p.imageType[min(2, len(p.imageType)):]), p.complex)
	k := kind{te: p.te, echo: h.Text(tagEchoNumber), stack: h.Text(tagStackID),
		phase: strings.Trim(strings.Join(words, `\`), `\`)}
	if t, ok := h.either(tagTemporalIndex, tagTemporal); ok {
		k.temporal = fmt.Sprintf("%06g", t)
	}
	if b, ok := h.Number(tagBValue); ok {
		k.bVal = fmt.Sprintf("%06g", b)
	}
	return k
}

// readRescale reads the frame's own rescale (PS3.3 C.7.6.16.2.9).
func (s *slice) readRescale(h header) error {
	if x, ok := h.Number(tagSlope); ok && x != 0 {
		s.slope = x
	}
	s.intercept = h.Float(tagIntercept)
	if math.Abs(s.slope) > maxRescale || math.Abs(s.intercept) > maxRescale {
		return fmt.Errorf("rescale slope %g and intercept %g are out of range", s.slope, s.intercept)
	}
	return nil
}

// refuseKind turns away what is not a slice of a lumbar MR stack.
func (f *file) refuseKind() error {
	class, modality := f.Text(tagSOPClass), f.Text(tagModality)
	switch {
	case modality != "" && modality != "MR":
		return fmt.Errorf("modality %s: only MR is read", modality)
	case class != "" && class != sopMR && class != sopEnhancedMR && class != sopLegacyConvertedMR:
		return fmt.Errorf("not an MR image (SOP class %s)", dataset.SyntaxName(class))
	case f.mosaic():
		return fmt.Errorf("a mosaic of many slices tiled into one image is not read: export the series as Enhanced MR or with mosaic switched off")
	}
	imageType := `\` + strings.ToUpper(strings.Join(f.Texts(tagImageType), `\`)) + `\`
	for _, word := range []string{"LOCALIZER", "PROJECTION IMAGE", "MIP", "MIN_IP", "MAX_IP", "SCREEN SAVE", "CSA REPORT"} {
		if strings.Contains(imageType, `\`+word+`\`) {
			return fmt.Errorf("image type %s: a localizer or a derived picture, not a slice stack", strings.ToLower(word))
		}
	}
	return nil
}

// mosaic reports many slices tiled into one frame, as Siemens and United Imaging
// store echo-planar series: by ImageType, or by the vendor's own number of tiles
// where a copy has lost that word.
func (f *file) mosaic() bool {
	for _, word := range f.Texts(tagImageType) {
		if strings.Contains(strings.ToUpper(word), "MOSAIC") {
			return true
		}
	}
	for tiles, creator := range map[dataset.Tag]dataset.Tag{tagSiemensTiles: 0x00190010, tagUnitedTiles: 0x00650010} {
		maker := strings.ToUpper(f.Text(creator))
		n, _ := f.Integer(tiles)
		if n > 1 && (strings.HasPrefix(maker, "SIEMENS") || strings.Contains(maker, "UNITED IMAGING")) {
			return true
		}
	}
	return false
}

func (f *file) studyWords() studyWords {
	return studyWords{
		uid: f.Text(tagStudyUID), patientID: f.Text(tagPatientID),
		patientName: f.Text(tagPatientName), sex: f.Text(tagPatientSex), age: f.Text(tagPatientAge),
		date: f.Text(tagStudyDate), description: f.Text(tagStudyDesc), fieldT: tesla(f.Float(tagFieldStrength)),
	}
}

// tesla undoes the habit of some scanners of writing gauss.
func tesla(x float64) float64 {
	if x > 100 {
		return x / 10000
	}
	return x
}

// readGeometry reads the image plane module. Orientation is made orthonormal if
// it is so within 1 %, refused otherwise.
func (s *slice) readGeometry(h header) error {
	pos, ori, gap := h.Numbers(tagPosition), h.Numbers(tagOrientation), h.Numbers(tagPixelSpacing)
	if len(pos) != 3 || len(ori) != 6 {
		return fmt.Errorf("position or orientation in the patient is missing: the slice cannot be placed")
	}
	if len(gap) != 2 || gap[0] < 0.01 || gap[1] < 0.01 || gap[0] > 100 || gap[1] > 100 {
		return fmt.Errorf("pixel spacing is missing or out of range: nothing could be measured")
	}
	s.origin = volume.Vec3{pos[0], pos[1], pos[2]}
	if s.origin.Norm() > 1e5 {
		return fmt.Errorf("the position in the patient is out of range")
	}
	u, v := volume.Vec3{ori[0], ori[1], ori[2]}, volume.Vec3{ori[3], ori[4], ori[5]}
	if math.Abs(u.Norm()-1) > 1e-2 || math.Abs(v.Norm()-1) > 1e-2 || math.Abs(u.Dot(v)) > 1e-2 {
		return fmt.Errorf("the orientation's directions are not of length one and at right angles")
	}
	s.row = u.Unit()
	s.col = v.Sub(s.row.Scale(v.Dot(s.row))).Unit()
	s.spacingRow, s.spacingCol = gap[0], gap[1]
	return nil
}
