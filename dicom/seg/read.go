package seg

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// FirstExtra is the label of the first segment that is none of Columna's structures;
// the others follow it.
const FirstExtra = 100

// Segmentation is a segmentation that was read.
type Segmentation struct {
	StudyUID, PatientID, SeriesUID, SOPUID string
	FrameOfReferenceUID, Description       string
	SourceSeries                           []string // SeriesInstanceUIDs that it refers to
	Segments                               []Segment
	// Parts are the frames as label maps: one, unless frames have several directions.
	// A part reaches only as far as its frames.
	Parts    []*volume.LabelMap
	Warnings []string
}

// ErrOther is the answer to a DICOM file that is no segmentation.
var ErrOther = errors.New("not a DICOM segmentation")

// maxFileBytes bounds what is read into memory.
const maxFileBytes = 512 << 20

// Read reads a segmentation file.
func Read(path string) (*Segmentation, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, fmt.Errorf("read %s: not a regular file of at most %d MiB", path, maxFileBytes>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

// IsFile reports whether a file begins like a DICOM segmentation that can be read.
func IsFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	head, err := dataset.ParseHeader(f, info.Size())
	if err != nil {
		return false
	}
	class := head.Text(tagSOPClass)
	return class == dicom.SegmentationStorage || class == dicom.LabelMapSegmentationStorage
}

// Parse reads a segmentation from the bytes of a file.
func Parse(b []byte) (*Segmentation, error) {
	f, err := dataset.Parse(b)
	if err != nil {
		return nil, err
	}
	return From(f)
}

// From reads a segmentation from a parsed file.
func From(f *dataset.File) (*Segmentation, error) {
	switch f.Text(tagSOPClass) {
	case dicom.SegmentationStorage, dicom.LabelMapSegmentationStorage:
	case dicom.SurfaceSegmentationStorage:
		return nil, errors.New("a surface segmentation is not read: export the segmentation as binary")
	default:
		return nil, ErrOther
	}
	px, err := openSamples(f)
	if err != nil {
		return nil, err
	}
	r := &reader{f: f, px: px, out: &Segmentation{
		StudyUID: f.Text(tagStudyUID), PatientID: f.Text(tagPatientID), SeriesUID: f.Text(tagSeriesUID),
		SOPUID: f.Text(tagSOPInstance), FrameOfReferenceUID: f.Text(tagFrameOfRef), Description: text(f.Text(tagSeriesDesc), 64),
	}}
	for _, item := range f.Items(tagReferencedSeries) {
		r.out.SourceSeries = append(r.out.SourceSeries, item.Text(tagSeriesUID))
	}
	for _, step := range []func() error{r.readKind, r.readSegments, r.readPlanes, r.readParts} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// reader is a segmentation on its way.
type reader struct {
	f       *dataset.File
	px      *samples
	out     *Segmentation
	labels  bool          // samples are segment numbers
	least   int           // the smallest sample that counts
	labelOf map[int]uint8 // of a segment number
	planes  []plane       // of the frames that count, later segments last
}

func (r *reader) warn(format string, args ...any) {
	r.out.Warnings = append(r.out.Warnings, fmt.Sprintf(format, args...))
}

// readKind tells what a sample means (PS3.3 C.8.20.2.3).
func (r *reader) readKind() error {
	kind := r.f.Text(tagSegType)
	r.least = 1
	switch {
	case kind == "BINARY":
	case kind == "LABELMAP" && r.px.bits > 1:
		r.labels = true
	case kind == "FRACTIONAL" && r.px.bits > 1:
		most, ok := r.f.Integer(tagMaxFraction)
		if !ok || most < 1 {
			most = 1<<r.px.bits - 1
		}
		r.least = (most + 1) / 2
		r.warn("the segmentation is fractional: voxels of at least one half were taken")
	default:
		return fmt.Errorf("segmentation type %q with %d bits a sample is not read", kind, r.px.bits)
	}
	return nil
}

// readSegments names the segments and gives them labels.
func (r *reader) readSegments() error {
	r.labelOf = map[int]uint8{}
	first := map[uint8]int{}
	next := FirstExtra
	for _, d := range r.f.Items(tagSegments) {
		s := segmentOf(d)
		if _, again := r.labelOf[s.Number]; again {
			return fmt.Errorf("segment number %d stands twice", s.Number)
		}
		s.Label = uint8(s.Structure)
		switch {
		case r.labels && s.Number == 0:
			s.Label = 0 // the background, which LABELMAP may describe
		case s.Structure == spine.Background && next > math.MaxUint8:
			r.warn("segment %d %q was left out: there are more structures than labels", s.Number, s.Name)
		case s.Structure == spine.Background:
			s.Label = uint8(next)
			next++
		case first[s.Label] > 0:
			r.warn("segments %d and %d are both %s and were joined", first[s.Label], s.Number, s.Structure)
		}
		if s.Label > 0 && first[s.Label] == 0 {
			first[s.Label] = s.Number
		}
		r.labelOf[s.Number] = s.Label
		r.out.Segments = append(r.out.Segments, s)
	}
	if len(r.out.Segments) == 0 {
		return errors.New("the segmentation describes no segment")
	}
	return nil
}

func segmentOf(d *dataset.Dataset) Segment {
	s := Segment{Name: text(d.Text(tagSegLabel), 64), Structure: structureOf(d)}
	s.Number, _ = d.Integer(tagSegNumber)
	s.Origin = Origin{Type: AlgorithmType(d.Text(tagAlgorithmType)), Name: d.Text(tagAlgorithmName),
		Version: d.Item(tagAlgorithmID).Text(tagAlgorithmVersion)}
	return s
}

// maxNamed is how many names a sentence bears.
const maxNamed = 12

// Extra names the segments that are none of Columna's structures, "" if there are none.
func (s *Segmentation) Extra() string {
	var names []string
	for _, x := range s.Segments {
		if x.Label >= FirstExtra {
			names = append(names, x.Name)
		}
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// Mask is the segmentation on a grid of its own; an error where its frames have
// several directions and make no single volume.
func (s *Segmentation) Mask() (*volume.LabelMap, error) {
	if len(s.Parts) != 1 {
		return nil, fmt.Errorf("the segmentation's frames lie in %d directions and make no single volume", len(s.Parts))
	}
	return s.Parts[0], nil
}

// On is the segmentation on another grid of the patient, by nearest neighbour.
func (s *Segmentation) On(g volume.Grid) *volume.LabelMap {
	out := s.Parts[0].Resample(g)
	for _, p := range s.Parts[1:] {
		for n, l := range p.Resample(g).Data {
			if l != 0 {
				out.Data[n] = l
			}
		}
	}
	return out
}

// readPlanes places the frames that belong to a segment.
func (r *reader) readPlanes() error {
	shared, perFrame := r.f.Item(tagSharedGroups), r.f.Items(tagFrameGroups)
	for n := range r.px.frames {
		own := dataset.New()
		if n < len(perFrame) {
			own = perFrame[n]
		}
		p, err := planeOf(groups{own, shared, r.f.Dataset})
		if err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
		p.frame = n
		if !r.labels {
			if p.segment, err = r.segmentAt(groups{own, shared}); err != nil {
				return fmt.Errorf("frame %d: %w", n+1, err)
			}
		}
		r.planes = append(r.planes, p)
	}
	slices.SortStableFunc(r.planes, func(a, b plane) int { return cmp.Compare(a.segment, b.segment) })
	return nil
}

// segmentAt is the number of the segment that a frame belongs to.
func (r *reader) segmentAt(g groups) (int, error) {
	n, ok := g.find(tagSegIdentity).Integer(tagSegReference)
	if !ok && len(r.out.Segments) == 1 {
		n = r.out.Segments[0].Number
	}
	if _, known := r.labelOf[n]; !known {
		return 0, errors.New("it does not say which segment it belongs to")
	}
	return n, nil
}
