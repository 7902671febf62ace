// Package seg turns label maps into DICOM Segmentation objects and reads such
// objects, Columna's own and other tools'.
//
// What it writes is a BINARY segmentation, which every viewer knows: a frame of bits
// for each structure and slice that it occurs in, coded anatomy, and references to the
// very images. It reads BINARY, FRACTIONAL and LABELMAP, places frames in the patient
// by their coordinates and answers what it cannot read with one sentence.
//
// Sources: PS3.3 A.51 and C.8.20 (segmentation), C.7.6.16 (functional groups),
// C.7.6.17 (dimensions), PS3.5 8.1.1 (bits), PS3.16 CID 7150 (categories).
package seg

import (
	"columna/dicom/dataset"
	"columna/spine"
)

// AlgorithmType says how a segment came to be (PS3.3 C.8.20.2).
type AlgorithmType string

// The algorithm types.
const (
	Automatic     AlgorithmType = "AUTOMATIC"     // by a network, as it left it
	Semiautomatic AlgorithmType = "SEMIAUTOMATIC" // by a network, corrected by a person
	Manual        AlgorithmType = "MANUAL"        // by a person
)

// Origin is who made a segment. Name and Version are the algorithm's and are empty
// for what a person drew.
type Origin struct {
	Type          AlgorithmType
	Name, Version string
}

// Segment is one structure of a segmentation.
type Segment struct {
	Number    int             // in the file
	Label     uint8           // value in the label map, 0 where it was left out
	Name      string          // SegmentLabel
	Structure spine.Structure // Background where it is none of Columna's
	Origin    Origin
}

// The tags of a segmentation.
const (
	tagSOPClass         dataset.Tag = 0x00080016
	tagSOPInstance      dataset.Tag = 0x00080018
	tagModality         dataset.Tag = 0x00080060
	tagSeriesDesc       dataset.Tag = 0x0008103E
	tagReferencedSeries dataset.Tag = 0x00081115
	tagSourceImage      dataset.Tag = 0x00082112
	tagAnatomicRegion   dataset.Tag = 0x00082218
	tagDerivationImage  dataset.Tag = 0x00089124
	tagPatientID        dataset.Tag = 0x00100020
	tagSliceThickness   dataset.Tag = 0x00180050
	tagSliceSpacing     dataset.Tag = 0x00180088
	tagStudyUID         dataset.Tag = 0x0020000D
	tagSeriesUID        dataset.Tag = 0x0020000E
	tagPosition         dataset.Tag = 0x00200032
	tagOrientation      dataset.Tag = 0x00200037
	tagFrameOfRef       dataset.Tag = 0x00200052
	tagFrameContent     dataset.Tag = 0x00209111
	tagPlanePosition    dataset.Tag = 0x00209113
	tagPlaneOrientation dataset.Tag = 0x00209116
	tagSamples          dataset.Tag = 0x00280002
	tagPhotometric      dataset.Tag = 0x00280004
	tagFrames           dataset.Tag = 0x00280008
	tagRows             dataset.Tag = 0x00280010
	tagColumns          dataset.Tag = 0x00280011
	tagPixelSpacing     dataset.Tag = 0x00280030
	tagBitsAllocated    dataset.Tag = 0x00280100
	tagBitsStored       dataset.Tag = 0x00280101
	tagHighBit          dataset.Tag = 0x00280102
	tagPixelRep         dataset.Tag = 0x00280103
	tagPixelMeasures    dataset.Tag = 0x00289110
	tagSegType          dataset.Tag = 0x00620001
	tagSegments         dataset.Tag = 0x00620002
	tagCategory         dataset.Tag = 0x00620003
	tagSegNumber        dataset.Tag = 0x00620004
	tagSegLabel         dataset.Tag = 0x00620005
	tagAlgorithmID      dataset.Tag = 0x00620007
	tagAlgorithmType    dataset.Tag = 0x00620008
	tagAlgorithmName    dataset.Tag = 0x00620009
	tagSegIdentity      dataset.Tag = 0x0062000A
	tagSegReference     dataset.Tag = 0x0062000B
	tagColour           dataset.Tag = 0x0062000D
	tagMaxFraction      dataset.Tag = 0x0062000E
	tagPropertyType     dataset.Tag = 0x0062000F
	tagTrackingID       dataset.Tag = 0x00620020
	tagTrackingUID      dataset.Tag = 0x00620021
	tagAlgorithmVersion dataset.Tag = 0x00660031
	tagAlgorithmTitle   dataset.Tag = 0x00660036
	tagCodeValue        dataset.Tag = 0x00080100
	tagCodeScheme       dataset.Tag = 0x00080102
	tagCodeMeaning      dataset.Tag = 0x00080104
	tagSharedGroups     dataset.Tag = 0x52009229
	tagFrameGroups      dataset.Tag = 0x52009230
	tagPixelData        dataset.Tag = 0x7FE00010
)
