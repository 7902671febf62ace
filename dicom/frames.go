package dicom

import (
	"fmt"
	"slices"

	"columna/dicom/dataset"
)

// header is the data sets that together describe one frame, the most particular
// first: the frame's own functional groups, those that all frames share, and the
// file itself (PS3.3 C.7.6.16). A classic image has the file alone. An attribute
// is read where it is found first.
type header []*dataset.Dataset

// frameGroups are the functional groups that Columna reads (PS3.3 C.7.6.16.2,
// C.8.13.5). Others may hold the same tags with another meaning.
func frameGroups() []dataset.Tag {
	return []dataset.Tag{
		0x00209111, // FrameContentSequence
		0x00209113, // PlanePositionSequence
		0x00209116, // PlaneOrientationSequence
		0x00289110, // PixelMeasuresSequence
		0x00289145, // PixelValueTransformationSequence
		0x00189226, // MRImageFrameTypeSequence
		0x00189112, // MRTimingAndRelatedParametersSequence
		0x00189114, // MREchoSequence
		0x00189115, // MRModifierSequence
		0x00189117, // MRDiffusionSequence
		0x00209310, // TemporalPositionSequence
		0x00189341, // ContrastBolusUsageSequence
		0x00209170, // UnassignedSharedConvertedAttributesSequence
		0x00209171, // UnassignedPerFrameConvertedAttributesSequence
	}
}

const (
	tagSharedGroups   dataset.Tag = 0x52009229
	tagPerFrameGroups dataset.Tag = 0x52009230
)

// header describes frame n, counted from 0.
func (f *file) header(n int) header {
	var h header
	if own := f.Items(tagPerFrameGroups); n < len(own) {
		h = appendGroups(h, own[n])
	}
	h = appendGroups(h, f.Item(tagSharedGroups))
	return append(h, f.Dataset)
}

func appendGroups(h header, item *dataset.Dataset) header {
	for _, t := range frameGroups() {
		if groups := item.Items(t); len(groups) > 0 {
			h = append(h, groups[0])
		}
	}
	return h
}

// holding is the first data set that has an attribute; one without it where
// there is none.
func (h header) holding(t dataset.Tag) *dataset.Dataset {
	if n := slices.IndexFunc(h, func(d *dataset.Dataset) bool { return d.Find(t) != nil }); n >= 0 {
		return h[n]
	}
	return h[len(h)-1]
}

func (h header) Find(t dataset.Tag) *dataset.Element       { return h.holding(t).Find(t) }
func (h header) Text(t dataset.Tag) string                 { return h.holding(t).Text(t) }
func (h header) Texts(t dataset.Tag) []string              { return h.holding(t).Texts(t) }
func (h header) Numbers(t dataset.Tag) []float64           { return h.holding(t).Numbers(t) }
func (h header) Number(t dataset.Tag) (x float64, ok bool) { return h.holding(t).Number(t) }
func (h header) Float(t dataset.Tag) float64               { return h.holding(t).Float(t) }
func (h header) Integer(t dataset.Tag) (n int, ok bool)    { return h.holding(t).Integer(t) }

// either is the number of the first of two attributes that is there: the
// multi-frame one before the classic one.
func (h header) either(a, b dataset.Tag) (x float64, ok bool) {
	if x, ok = h.Number(a); ok {
		return x, true
	}
	return h.Number(b)
}

// checkFrames holds the number of frames to the groups that describe them.
func (f *file) checkFrames(frames int) error {
	if n := len(f.Items(tagPerFrameGroups)); frames > 1 && n != frames {
		return fmt.Errorf("%d frames are described for %d in the file: the frames cannot be placed in the patient", n, frames)
	}
	return nil
}
