package seg

import (
	"math"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/volume"
)

// putGroups puts the functional groups and the dimensions: frames are counted by
// segment and by position (PS3.3 C.7.6.16, C.7.6.17).
func (o *Output) putGroups(d *dataset.Dataset, frames []frame) {
	organisation := dataset.New()
	organisation.SetText(0x00209164, "UI", o.uid("dimensions")) // DimensionOrganizationUID
	d.SetSequence(0x00209221, organisation)                     // DimensionOrganizationSequence
	d.SetSequence(0x00209222,                                   // DimensionIndexSequence
		o.dimension(tagSegReference, tagSegIdentity, "Segment Number"),
		o.dimension(tagPosition, tagPlanePosition, "Image Position Patient"))
	d.SetSequence(tagSharedGroups, o.shared())
	items := make([]*dataset.Dataset, len(frames))
	for n, f := range frames {
		items[n] = o.perFrame(f)
	}
	d.SetSequence(tagFrameGroups, items...)
}

func (o *Output) dimension(index, group dataset.Tag, label string) *dataset.Dataset {
	d := dataset.New()
	d.SetText(0x00209164, "UI", o.uid("dimensions"))
	d.SetBytes(0x00209165, "AT", pointer(index)) // DimensionIndexPointer
	d.SetBytes(0x00209167, "AT", pointer(group)) // FunctionalGroupPointer
	d.SetText(0x00209421, "LO", label)           // DimensionDescriptionLabel
	return d
}

// shared is what all frames have in common: orientation and spacing.
func (o *Output) shared() *dataset.Dataset {
	a, sp := o.Mask.Affine, o.Mask.SpacingMM()
	u, v := a.Column(0).Unit(), a.Column(1).Unit()
	orientation := dataset.New()
	orientation.SetDecimals(tagOrientation, u[0], u[1], u[2], v[0], v[1], v[2])
	measures := dataset.New()
	between := math.Abs(a.Column(2).Dot(u.Cross(v)))
	measures.SetDecimals(tagSliceThickness, between)
	measures.SetDecimals(tagSliceSpacing, between)
	measures.SetDecimals(tagPixelSpacing, sp[1], sp[0]) // between rows, between columns
	d := dataset.New()
	d.SetSequence(tagPlaneOrientation, orientation)
	d.SetSequence(tagPixelMeasures, measures)
	return d
}

// perFrame is what is one frame's: place in the dimensions, position, segment, source.
func (o *Output) perFrame(f frame) *dataset.Dataset {
	content := dataset.New()
	content.SetLongs(0x00209157, uint32(f.segment), uint32(f.k+1)) // DimensionIndexValues
	p := o.Mask.ToWorld(volume.Vec3{0, 0, float64(f.k)})
	position := dataset.New()
	position.SetDecimals(tagPosition, p[0], p[1], p[2])
	identity := dataset.New()
	identity.SetShorts(tagSegReference, f.segment)
	d := dataset.New()
	d.SetSequence(tagFrameContent, content)
	d.SetSequence(tagPlanePosition, position)
	d.SetSequence(tagSegIdentity, identity)
	if len(o.Source.Images) > 0 {
		d.SetSequence(tagDerivationImage, o.derivation(f)...)
	}
	return d
}

// derivation names the image that a frame lies on; no item where none does.
func (o *Output) derivation(f frame) []*dataset.Dataset {
	im := o.image(f.k)
	if im.SOPUID == "" {
		return nil
	}
	source := im.Item()
	source.SetSequence(0x0040A170, dicom.Code("121322", "DCM", "Source image for image processing operation")) // PurposeOfReferenceCodeSequence
	d := dataset.New()
	d.SetSequence(tagSourceImage, source)
	d.SetSequence(0x00089215, dicom.Code("113076", "DCM", "Segmentation")) // DerivationCodeSequence
	return []*dataset.Dataset{d}
}

// image is the source image at slice k.
func (o *Output) image(k int) dicom.ImageRef {
	if k < len(o.Source.Images) {
		return o.Source.Images[k]
	}
	return dicom.ImageRef{}
}

// imagesOf are the source images of the frames.
func (o *Output) imagesOf(frames []frame) []dicom.ImageRef {
	out := make([]dicom.ImageRef, len(frames))
	for n, f := range frames {
		out[n] = o.image(f.k)
	}
	return out
}
