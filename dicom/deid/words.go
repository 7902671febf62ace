package deid

import (
	"strings"
	"unicode"

	"columna/dicom/dataset"
)

// technical are the short texts (LO, SH, UC) outside the table that describe
// machine and image, not person or place. Others are removed.
func technical(t dataset.Tag) bool {
	switch t {
	case 0x00080070, 0x00081090, 0x00181020, 0x0018101A, 0x00181018, 0x00181019, // Manufacturer, model, software
		0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080119, 0x0008010D, 0x0008010B, // codes
		0x00180024, 0x00180085, 0x00181250, 0x00181251, 0x00189005, 0x00189050, 0x00189098, 0x00180040, // SequenceName, ImagedNucleus, coils
		0x00189041, 0x00189047, 0x00181210, 0x00181160, 0x00189030, // coil maker, kernel, filter
		0x00201040, 0x00209056, 0x00200012, 0x00209450, // PositionReferenceIndicator, StackID
		0x00281054, 0x00283002, 0x00283003, 0x00283004, 0x00281055, 0x00409210, // RescaleType, LUTs
		0x00620005, 0x00620009, 0x00209421, // SegmentLabel, SegmentAlgorithmName, DimensionDescriptionLabel
		0x00660031, 0x00660036, // AlgorithmVersion, AlgorithmName
		0x00700080, 0x00189077, 0x00080110, 0x00080114:
		return true
	}
	return false
}

// bulk are the values that are image, not document.
func bulk(t dataset.Tag) bool {
	switch t {
	case tagPixelData, 0x7FE00008, 0x7FE00009, 0x7FE00001, 0x7FE00002, // pixel data and offset tables
		0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, // palettes
		0x00283006, 0x00281408, // LUTData
		0x56000020, 0x00660016, 0x00660040, 0x00640009, 0x00700022, // spectra, surfaces, deformation, graphics
		0x00289520, 0x00209518, 0x00189602:
		return true
	}
	return false
}

// characteristic reports what Retain Patient Characteristics keeps as it is. The
// attributes that it would have cleaned (allergies and the like) are free text and
// stay removed.
func characteristic(t dataset.Tag) bool {
	switch t {
	case 0x00100040, 0x00101010, 0x00101020, 0x00101030, 0x00102160, 0x001021A0, 0x001021C0, 0x00102203:
		return true // sex, age, size, weight, ethnic group, smoking, pregnancy, neutered
	}
	return false
}

// descriptor reports the descriptions whose allowed words Clean Descriptors keeps.
func descriptor(t dataset.Tag) bool {
	switch t {
	case 0x00081030, 0x0008103E, 0x00181030, 0x00189424, 0x00321060, 0x00400254, 0x00082111, 0x0040A160,
		0x00620005, 0x00620006, 0x00620020:
		return true // study, series, protocol, derivation, text of a report, segments
	}
	return false
}

// allowedWords may stay in a cleaned description: sequences, planes, anatomy and
// what findings are called. A name among them would have been redacted before.
const allowedWords = ` t1 t1w t2 t2w pd pdw stir tirm tse fse se gre flair dixon space cube vista fs fatsat
 spair spir ir epi dwi adc dess fisp mprage vibe haste scout localizer loc survey sag sagittal ax axial tra transversal
 transverse cor coronal obl oblique 2d 3d mr mri lumbar lumbosacral spine lspine l-spine cspine tspine thoracic cervical
 sacrum sacral spinal canal disc disk vertebra vertebral body foramen foraminal subarticular zone left right pre post
 contrast with without and of at the above below neural stenosis narrowing normal mild moderate severe grade herniation
 spondylolisthesis modic endplate conus cord posterior elements anterior segmentation
 t12 l1 l2 l3 l4 l5 s1 t12/l1 l1/l2 l2/l3 l3/l4 l4/l5 l5/s1 t12-l1 l1-l2 l2-l3 l3-l4 l4-l5 l5-s1 `

// cleanWords keeps the allowed words of a description.
func cleanWords(s string) string {
	allowed := map[string]bool{}
	for _, w := range strings.Fields(allowedWords) {
		allowed[w] = true
	}
	var out []string
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("_,;:()[]+^", r) }) {
		if allowed[strings.ToLower(w)] {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// plainWord allows what is the same in every character set.
func plainWord(s string) bool {
	for _, r := range s {
		if r > unicode.MaxASCII || !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ._^-", r)) {
			return false
		}
	}
	return len(s) <= 64 && (s == "" || strings.Trim(s, " .") != "")
}

// needed are free texts outside the table that must be there, empty or not: their
// words go and something stays.
func needed(t dataset.Tag) (action, bool) {
	switch t {
	case 0x0040A160, 0x00620005, 0x00620006, 0x00620020, 0x00189080: // TextValue, segments, MetaboliteMapDescription
		return dummy, true
	case 0x00700081: // ContentDescription
		return empty, true
	}
	return "", false
}

// codedTerm are terms of attributes that take no others (PS3.3 C.17.3, C.7.3):
// though a person may be called so, here they are not a name.
func codedTerm(s string) bool {
	switch s {
	case "TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "UIDREF", "PNAME", "COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD", "SCOORD3D",
		"TCOORD", "CONTAINER", "TABLE", "POINT", "POLYLINE", "POLYGON", "CIRCLE", "ELLIPSE", "ELLIPSOID", "MULTIPOINT",
		"CONTAINS", "HAS PROPERTIES", "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "INFERRED FROM", "SELECTED FROM",
		"SEPARATE", "CONTINUOUS", "PARTIAL", "COMPLETE", "FINAL", "UNVERIFIED", "VERIFIED", "BINARY", "FRACTIONAL", "LABELMAP",
		"MANUAL", "AUTOMATIC", "SEMIAUTOMATIC", "AXIAL", "LOCALIZER", "ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MIXED",
		"MONOCHROME1", "MONOCHROME2", "RGB", "WHOLE BODY", "SPINE", "LSPINE", "TSPINE", "CSPINE", "HEAD", "NECK", "CHEST":
		return true
	}
	return false
}

// knownScheme reports coding schemes whose meanings are a publisher's, not a
// person's (PS3.16 8).
func knownScheme(s string) bool {
	switch s {
	case "DCM", "SCT", "SRT", "SNM3", "99SDM", "UCUM", "LN", "RADLEX", "RADELEMENT", "FMA", "UMLS", "NCIt", "MDC", "ISO3166_1", "RFC5646", "I10", "I9C", "99COLUMNA":
		return true
	}
	return false
}
