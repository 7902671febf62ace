package spine

import "columna/volume"

// Sequence is the MR weighting of a series.
type Sequence string

// The sequences that Columna tells apart.
const (
	T1            Sequence = "T1"
	T2            Sequence = "T2"
	STIR          Sequence = "STIR"
	T2FS          Sequence = "T2FS"
	PD            Sequence = "PD"
	OtherSequence Sequence = "OTHER"
)

// Sequences lists them all.
func Sequences() []Sequence { return []Sequence{T1, T2, STIR, T2FS, PD, OtherSequence} }

// Plane is the anatomical plane of a series' slices.
type Plane string

// The three planes.
const (
	Sagittal Plane = "sagittal"
	Axial    Plane = "axial"
	Coronal  Plane = "coronal"
)

// Planes lists them all.
func Planes() []Plane { return []Plane{Sagittal, Axial, Coronal} }

// sure is the confidence from which a sequence and plane are taken without asking.
const sure = 0.75

// Doubtful reports a sequence or plane that a person should look at.
func (s *Series) Doubtful() bool { return s.Confidence < sure }

// Series is one stack of parallel slices and what is known of it. An axial
// series of several angled blocks is several Series that share a UID and differ
// in Block.
type Series struct {
	UID                 string
	Block               int // 0, 1, .. within one SeriesInstanceUID
	Number              int
	Description         string
	Sequence            Sequence
	Plane               Plane
	Confidence          float64 // 0..1 of sequence and plane
	CorrectedBy         string  // who said what sequence or plane it is; "" where import did
	FrameOfReferenceUID string
	SOPClassUID         string
	SOPUIDs             []string // per slice, in the order of k; of a slice between images, the nearest
	Frames              []int    // per slice, frame number from 1 in a multi-frame object; nil without such
	Gaps                []bool   // per slice, true where no image was taken and the volume is interpolated; nil without such
	Warnings            []string // gaps, non-uniform spacing, ...
	Volume              *volume.Volume
}

// Study is the series of one visit with the words of the header that the app
// shows. Dates are DICOM's YYYYMMDD or empty.
type Study struct {
	UID         string
	PatientID   string
	PatientName string
	Sex         string
	Age         string // DICOM AS, such as "054Y"
	Date        string
	Description string
	FieldT      float64 // field strength in tesla, 0 unknown
	Series      []Series
}

// Find returns the first series of a sequence and plane, or nil. T2FS answers
// for STIR where no STIR exists, as both suppress fat and show fluid bright.
func (s *Study) Find(seq Sequence, plane Plane) *Series {
	for i := range s.Series {
		if s.Series[i].Sequence == seq && s.Series[i].Plane == plane {
			return &s.Series[i]
		}
	}
	if seq == STIR {
		return s.Find(T2FS, plane)
	}
	return nil
}

// FindAll returns every series (block) of a sequence and plane.
func (s *Study) FindAll(seq Sequence, plane Plane) []*Series {
	var out []*Series
	for i := range s.Series {
		if s.Series[i].Sequence == seq && s.Series[i].Plane == plane {
			out = append(out, &s.Series[i])
		}
	}
	return out
}

// PointAt describes the place in the series nearest to a patient point.
func (s *Series) PointAt(mm volume.Vec3) Point {
	vox := s.Volume.ToVoxel(mm)
	k := min(max(int(vox[2]+0.5), 0), s.Volume.Size[2]-1)
	p := Point{SeriesUID: s.UID, XPx: vox[0], YPx: vox[1], LPS: mm}
	if k < len(s.SOPUIDs) {
		p.SOPUID = s.SOPUIDs[k]
	}
	return p
}
