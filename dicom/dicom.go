// Package dicom reads untrusted DICOM files into series and volumes and writes
// classic MR series back. It never writes while reading, never trusts a length,
// and answers every file it cannot read with one sentence.
//
// Sources: PS3.5 (encoding), PS3.10 (files), PS3.3 C.7.6.2 (image plane).
package dicom

import "columna/dicom/dataset"

// file is a parsed file whose image is looked at.
type file struct{ *dataset.File }

func parse(b []byte) (*file, error) {
	f, err := dataset.Parse(b)
	if err != nil {
		return nil, err
	}
	return &file{f}, nil
}

// Limits of one file and of one stack. They are far above any MR series and far
// below what would hurt the machine.
const (
	maxFileBytes   = 512 << 20
	maxPixelBytes  = 256 << 20
	maxFrames      = 4096
	maxImages      = 400_000 // of one import, frames counted
	scoutSlices    = 5       // a localizer has fewer in each plane
	maxSlicePixels = 1 << 25 // 128 MiB of grey values
	maxStackVoxels = 1 << 27 // 512 MiB
	maxRescale     = 1e20    // so that every grey value is a finite float32
)

// The tags that Columna looks at.
const (
	tagTransferSyntax  dataset.Tag = 0x00020010
	tagCharacterSet    dataset.Tag = 0x00080005
	tagImageType       dataset.Tag = 0x00080008
	tagSOPClass        dataset.Tag = 0x00080016
	tagSOPInstance     dataset.Tag = 0x00080018
	tagStudyDate       dataset.Tag = 0x00080020
	tagStudyTime       dataset.Tag = 0x00080030
	tagAccession       dataset.Tag = 0x00080050
	tagContrastKind    dataset.Tag = 0x00089209
	tagComplex         dataset.Tag = 0x00089208
	tagFrameType       dataset.Tag = 0x00089007
	tagModality        dataset.Tag = 0x00080060
	tagReferrer        dataset.Tag = 0x00080090
	tagStudyDesc       dataset.Tag = 0x00081030
	tagSeriesDesc      dataset.Tag = 0x0008103E
	tagPatientName     dataset.Tag = 0x00100010
	tagPatientID       dataset.Tag = 0x00100020
	tagBirthDate       dataset.Tag = 0x00100030
	tagPatientSex      dataset.Tag = 0x00100040
	tagPatientAge      dataset.Tag = 0x00101010
	tagContrastAgent   dataset.Tag = 0x00180010
	tagContrastAgents  dataset.Tag = 0x00180012
	tagScanningSeq     dataset.Tag = 0x00180020
	tagSequenceVariant dataset.Tag = 0x00180021
	tagScanOptions     dataset.Tag = 0x00180022
	tagAcquisitionType dataset.Tag = 0x00180023
	tagSequenceName    dataset.Tag = 0x00180024
	tagSliceThickness  dataset.Tag = 0x00180050
	tagTR              dataset.Tag = 0x00180080
	tagTE              dataset.Tag = 0x00180081
	tagTI              dataset.Tag = 0x00180082
	tagEchoNumber      dataset.Tag = 0x00180086
	tagFieldStrength   dataset.Tag = 0x00180087
	tagEchoTrain       dataset.Tag = 0x00180091
	tagProtocolName    dataset.Tag = 0x00181030
	tagFlipAngle       dataset.Tag = 0x00181314
	tagSteadyState     dataset.Tag = 0x00189017
	tagInversion       dataset.Tag = 0x00189009
	tagEchoPulse       dataset.Tag = 0x00189008
	tagPulseSequence   dataset.Tag = 0x00189005
	tagSiemensTiles    dataset.Tag = 0x0019100A
	tagFatSuppression  dataset.Tag = 0x00189025
	tagAgentGiven      dataset.Tag = 0x00189342
	tagRFEchoTrain     dataset.Tag = 0x00189240
	tagEffectiveTE     dataset.Tag = 0x00189082
	tagInversionTimes  dataset.Tag = 0x00189079
	tagExcitation      dataset.Tag = 0x00189026
	tagEchoPlanar      dataset.Tag = 0x00189018
	tagBValue          dataset.Tag = 0x00189087
	tagStudyUID        dataset.Tag = 0x0020000D
	tagSeriesUID       dataset.Tag = 0x0020000E
	tagStudyID         dataset.Tag = 0x00200010
	tagSeriesNumber    dataset.Tag = 0x00200011
	tagAcquisition     dataset.Tag = 0x00200012
	tagInstanceNumber  dataset.Tag = 0x00200013
	tagPosition        dataset.Tag = 0x00200032
	tagOrientation     dataset.Tag = 0x00200037
	tagFrameOfRef      dataset.Tag = 0x00200052
	tagTemporal        dataset.Tag = 0x00200100
	tagStackID         dataset.Tag = 0x00209056
	tagTemporalIndex   dataset.Tag = 0x00209128
	tagSamples         dataset.Tag = 0x00280002
	tagPhotometric     dataset.Tag = 0x00280004
	tagPlanar          dataset.Tag = 0x00280006
	tagFrames          dataset.Tag = 0x00280008
	tagRows            dataset.Tag = 0x00280010
	tagColumns         dataset.Tag = 0x00280011
	tagPixelSpacing    dataset.Tag = 0x00280030
	tagBitsAllocated   dataset.Tag = 0x00280100
	tagBitsStored      dataset.Tag = 0x00280101
	tagHighBit         dataset.Tag = 0x00280102
	tagPixelRep        dataset.Tag = 0x00280103
	tagIntercept       dataset.Tag = 0x00281052
	tagSlope           dataset.Tag = 0x00281053
	tagUnitedTiles     dataset.Tag = 0x00651050
	tagExtendedOffsets dataset.Tag = 0x7FE00001
	tagPixelData       dataset.Tag = 0x7FE00010
)
