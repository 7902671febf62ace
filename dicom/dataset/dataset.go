// Package dataset is DICOM's encoding: it parses untrusted bytes into data sets
// within fixed bounds and writes data sets as files. It knows elements, not
// images: what a slice, a segmentation or a report is, its callers know.
//
// A length is never trusted, values point into the bytes they were read from,
// and whatever cannot be read is answered with one sentence.
//
// Sources: PS3.5 (encoding), PS3.6 (dictionary), PS3.10 (files).
package dataset

import (
	"fmt"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Limits of one file. They are far above any MR series and far below what would
// hurt the machine.
const (
	maxInflateBytes = 256 << 20
	maxElements     = 500_000 // elements, items and fragments together
	maxDepth        = 16      // nested sequences
	maxText         = 1 << 16 // bytes of a text; ParseHeader leaves longer values unread
	maxShortValue   = 0xFFFE  // bytes behind a 16-bit length
)

// Transfer syntaxes (PS3.5 A, PS3.6 A).
const (
	ImplicitLE             = "1.2.840.10008.1.2"
	ExplicitLE             = "1.2.840.10008.1.2.1"
	Deflated               = "1.2.840.10008.1.2.1.99"
	ExplicitBE             = "1.2.840.10008.1.2.2"
	JPEGBaseline           = "1.2.840.10008.1.2.4.50"
	JPEGExtended           = "1.2.840.10008.1.2.4.51"
	JPEGLossless           = "1.2.840.10008.1.2.4.57"
	JPEGLosslessSV1        = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless         = "1.2.840.10008.1.2.4.80"
	JPEGLSNearLossless     = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless       = "1.2.840.10008.1.2.4.90"
	JPEG2000               = "1.2.840.10008.1.2.4.91"
	HTJ2KLossless          = "1.2.840.10008.1.2.4.201"
	HTJ2KLosslessRPCL      = "1.2.840.10008.1.2.4.202"
	HTJ2K                  = "1.2.840.10008.1.2.4.203"
	RLELossless            = "1.2.840.10008.1.2.5"
	undefinedLength        = 0xFFFFFFFF
	groupItem              = 0xFFFE
	tagItem            Tag = 0xFFFEE000
	tagItemEnd         Tag = 0xFFFEE00D
	tagSequenceEnd     Tag = 0xFFFEE0DD
)

// Tags that the encoding itself looks at.
const (
	tagMetaLength     Tag = 0x00020000
	tagTransferSyntax Tag = 0x00020010
	tagCharacterSet   Tag = 0x00080005
	tagPixelData      Tag = 0x7FE00010
)

// Tag is a data element tag as group<<16 | element.
type Tag uint32

// String is "(gggg,eeee)", with the dictionary's keyword where it has one.
func (t Tag) String() string {
	s := fmt.Sprintf("(%04x,%04x)", t.Group(), uint16(t))
	if k := t.Keyword(); k != "" {
		s += " " + k
	}
	return s
}

// Keyword is the dictionary's, such as PatientName, "" where it has none.
func (t Tag) Keyword() string {
	info, err := tag.Find(tag.Tag{Group: t.Group(), Element: uint16(t)})
	if err != nil {
		return ""
	}
	return info.Keyword
}

// Group is the upper half.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Private reports an odd group.
func (t Tag) Private() bool { return t.Group()%2 == 1 }

// VR is the value representation by the standard's dictionary, "UN" where it has
// none.
func (t Tag) VR() string {
	info, err := tag.Find(tag.Tag{Group: t.Group(), Element: uint16(t)})
	if err != nil || len(info.VRs) == 0 {
		return "UN"
	}
	return info.VRs[0]
}
