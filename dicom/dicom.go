// Package dicom reads untrusted DICOM files into series and volumes and writes
// classic MR series back. It never writes while reading, never trusts a length,
// and answers every file it cannot read with one sentence.
//
// Sources: PS3.5 (encoding), PS3.10 (files), PS3.3 C.7.6.2 (image plane).
package dicom

import (
	"fmt"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Limits of one file and of one stack. They are far above any MR series and far
// below what would hurt the machine.
const (
	maxFileBytes    = 512 << 20
	maxInflateBytes = 256 << 20
	maxElements     = 200_000 // elements and items together
	maxDepth        = 16      // nested sequences
	maxPixelBytes   = 256 << 20
	maxFrames       = 4096
	maxSlicePixels  = 1 << 25 // 128 MiB of grey values
	maxStackVoxels  = 1 << 27 // 512 MiB
	maxRescale      = 1e20    // so that every grey value is a finite float32
)

// tagID is a data element tag as group<<16 | element.
type tagID uint32

// The tags that Columna looks at.
const (
	tagItem            tagID = 0xFFFEE000
	tagItemEnd         tagID = 0xFFFEE00D
	tagSequenceEnd     tagID = 0xFFFEE0DD
	tagMetaLength      tagID = 0x00020000
	tagTransferSyntax  tagID = 0x00020010
	tagCharacterSet    tagID = 0x00080005
	tagImageType       tagID = 0x00080008
	tagSOPClass        tagID = 0x00080016
	tagSOPInstance     tagID = 0x00080018
	tagStudyDate       tagID = 0x00080020
	tagModality        tagID = 0x00080060
	tagStudyDesc       tagID = 0x00081030
	tagSeriesDesc      tagID = 0x0008103E
	tagPatientName     tagID = 0x00100010
	tagPatientID       tagID = 0x00100020
	tagPatientSex      tagID = 0x00100040
	tagPatientAge      tagID = 0x00101010
	tagContrastAgent   tagID = 0x00180010
	tagScanningSeq     tagID = 0x00180020
	tagSequenceVariant tagID = 0x00180021
	tagScanOptions     tagID = 0x00180022
	tagAcquisitionType tagID = 0x00180023
	tagSequenceName    tagID = 0x00180024
	tagSliceThickness  tagID = 0x00180050
	tagTR              tagID = 0x00180080
	tagTE              tagID = 0x00180081
	tagTI              tagID = 0x00180082
	tagFieldStrength   tagID = 0x00180087
	tagEchoTrain       tagID = 0x00180091
	tagProtocolName    tagID = 0x00181030
	tagFlipAngle       tagID = 0x00181314
	tagFatSuppression  tagID = 0x00189025
	tagEchoPlanar      tagID = 0x00189018
	tagBValue          tagID = 0x00189087
	tagStudyUID        tagID = 0x0020000D
	tagSeriesUID       tagID = 0x0020000E
	tagSeriesNumber    tagID = 0x00200011
	tagInstanceNumber  tagID = 0x00200013
	tagPosition        tagID = 0x00200032
	tagOrientation     tagID = 0x00200037
	tagFrameOfRef      tagID = 0x00200052
	tagTemporal        tagID = 0x00200100
	tagStackID         tagID = 0x00209056
	tagSamples         tagID = 0x00280002
	tagPhotometric     tagID = 0x00280004
	tagFrames          tagID = 0x00280008
	tagRows            tagID = 0x00280010
	tagColumns         tagID = 0x00280011
	tagPixelSpacing    tagID = 0x00280030
	tagBitsAllocated   tagID = 0x00280100
	tagBitsStored      tagID = 0x00280101
	tagHighBit         tagID = 0x00280102
	tagPixelRep        tagID = 0x00280103
	tagIntercept       tagID = 0x00281052
	tagSlope           tagID = 0x00281053
	tagPixelData       tagID = 0x7FE00010
)

// String is "(gggg,eeee)", with the dictionary's keyword where it has one.
func (t tagID) String() string {
	s := fmt.Sprintf("(%04x,%04x)", uint16(t>>16), uint16(t))
	if info, err := tag.Find(tag.Tag{Group: uint16(t >> 16), Element: uint16(t)}); err == nil {
		s += " " + info.Keyword
	}
	return s
}

func (t tagID) group() uint16 { return uint16(t >> 16) }

func (t tagID) private() bool { return t.group()%2 == 1 }

// dictionaryVR is the value representation of a tag by the standard's
// dictionary, "UN" where it has none or leaves a choice of binary forms.
func dictionaryVR(t tagID) string {
	info, err := tag.Find(tag.Tag{Group: t.group(), Element: uint16(t)})
	if err != nil || len(info.VRs) == 0 {
		return "UN"
	}
	return info.VRs[0]
}

// element is one data element. Values are slices of the file's bytes and are
// not copied.
type element struct {
	tag       tagID
	vr        string
	value     []byte
	items     []*dataset // of a sequence
	fragments [][]byte   // of encapsulated pixel data, the offset table left out
}

// dataset is the elements of a file or an item.
type dataset struct {
	elements  map[tagID]*element
	bigEndian bool
	charset   []string
}
