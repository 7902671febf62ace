package dicom

import (
	"fmt"
	"math"
	"strings"

	"columna/dicom/dataset"
	"columna/volume"
)

// SOP classes and the like (PS3.4 B.5, PS3.6 A).
const (
	sopMR         = "1.2.840.10008.5.1.4.1.1.4"
	sopEnhancedMR = "1.2.840.10008.5.1.4.1.1.4.1"
	sopDirectory  = "1.2.840.10008.1.3.10"
)

// slice is what import keeps of one image: where it lies, what it belongs to,
// and the physics that tell its sequence.
type slice struct {
	ref                            FileRef
	study                          studyWords
	seriesUID, sopClass, frameUID  string
	seriesNumber, instance         int
	description                    string
	rows, cols                     int
	origin, row, col               volume.Vec3 // of pixel (0,0), along the columns' index, along the rows' index
	spacingRow, spacingCol         float64     // mm between rows, between columns
	thickness                      float64
	temporal, stack, bValue, phase string
	physics                        physics
}

// studyWords are the words of the header that the study shows.
type studyWords struct {
	uid, patientID, patientName, sex, age, date, description string
	fieldT                                                   float64
}

// normal is the direction slices are counted along: row x column.
func (s *slice) normal() volume.Vec3 { return s.row.Cross(s.col) }

// readSlice checks that a file is one slice of a classic MR series and takes
// down its header.
func readSlice(f *file) (*slice, error) {
	if err := f.refuseKind(); err != nil {
		return nil, err
	}
	px, err := f.pixels()
	if err != nil {
		return nil, err
	}
	if px.frames != 1 {
		return nil, fmt.Errorf("%d frames in one file: only classic single-frame MR is read", px.frames)
	}
	if px.rows*px.cols > maxSlicePixels {
		return nil, fmt.Errorf("a slice of %dx%d pixels is larger than any MR image", px.cols, px.rows)
	}
	s := &slice{
		seriesUID: f.Text(tagSeriesUID), sopClass: f.Text(tagSOPClass), frameUID: f.Text(tagFrameOfRef),
		rows: px.rows, cols: px.cols,
		description: f.Text(tagSeriesDesc), thickness: f.Float(tagSliceThickness),
		temporal: f.Text(tagTemporal), stack: f.Text(tagStackID),
	}
	s.ref.SOPUID = f.Text(tagSOPInstance)
	s.study = f.studyWords()
	if s.seriesUID == "" || s.study.uid == "" || s.ref.SOPUID == "" {
		return nil, fmt.Errorf("the study, series or image UID is missing")
	}
	s.seriesNumber, _ = f.Integer(tagSeriesNumber)
	s.instance, _ = f.Integer(tagInstanceNumber)
	if b, ok := f.Number(tagBValue); ok {
		s.bValue = fmt.Sprint(b)
	}
	s.physics = f.physics()
	s.phase = strings.Join(s.physics.imageType[min(2, len(s.physics.imageType)):], `\`)
	return s, s.readGeometry(f)
}

// refuseKind turns away what is not a slice of a lumbar MR stack.
func (f *file) refuseKind() error {
	class, modality := f.Text(tagSOPClass), f.Text(tagModality)
	imageType := strings.ToUpper(strings.Join(f.Texts(tagImageType), `\`) + `\`)
	switch {
	case class == sopEnhancedMR:
		return fmt.Errorf("an enhanced multi-frame MR file is not read: export the series as classic single-frame MR")
	case modality != "" && modality != "MR":
		return fmt.Errorf("modality %s: only MR is read", modality)
	case class != "" && class != sopMR:
		return fmt.Errorf("not an MR image (SOP class %s)", dataset.SyntaxName(class))
	case strings.Contains(imageType, `MOSAIC\`):
		return fmt.Errorf("a mosaic of many slices in one image is not read")
	}
	for _, word := range []string{"LOCALIZER", "PROJECTION IMAGE", "MIP", "MAX_IP", "SCREEN SAVE", "CSA REPORT"} {
		if strings.Contains(`\`+imageType, `\`+word+`\`) {
			return fmt.Errorf("image type %s: a localizer or a derived picture, not a slice stack", strings.ToLower(word))
		}
	}
	return nil
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
func (s *slice) readGeometry(f *file) error {
	pos, ori, gap := f.Numbers(tagPosition), f.Numbers(tagOrientation), f.Numbers(tagPixelSpacing)
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
