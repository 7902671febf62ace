package sr

import (
	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
)

// private is the scheme of codes that no standard has.
const private = "99COLUMNA"

// code is a coded concept (PS3.16 8).
type code struct{ value, scheme, meaning string }

func (c code) item() *dataset.Dataset { return dicom.Code(c.value, c.scheme, c.meaning) }

// is compares by value and scheme, as meanings vary.
func (c code) is(d *dataset.Dataset) bool {
	return d.Text(tagCodeValue) == c.value && d.Text(tagCodeScheme) == c.scheme
}

// codes are the concepts that reports are made of.
type codes struct {
	// Document and templates: PS3.16 TID 1500, 1501, 1600, 1204, 1001 to 1004, 4019.
	report, language, english, procedure, mri              code
	observerType, person, device                           code
	personName, deviceUID, deviceName, deviceMaker, serial code
	library, libraryGroup, modality, mr, region, lumbar    code
	measurements, group, trackingID, trackingUID           code
	finding, site, laterality, left, right, severity       code
	algorithm, version, comment, imageRegion               code
	ofInterest, keyWords                                   code

	// Findings and their grades.
	canal, foraminal, subarticular, lesion             code
	normalMild, moderate, severe, notGradable, noGrade code
	aiSeverity                                         code

	// Numbers.
	canalSite, area, canalAP, height, method, fromMask, fromEdited code
	mm, mm2, one                                                   code
}

// table is every code in use. SCT and DCM codes and meanings are those of PS3.16
// (CID 244 laterality, CID 3716 severity, CID 3703 "Not Evaluated", CID 7469 measurements,
// CID 6115 spinal canal, CID 4031 lumbar spine); spinal stenosis and magnetic resonance
// imaging are SNOMED CT's own. The conditions are graded as in RSNA 2024: PS3.16 has no
// concept for narrowing of a lumbar foramen or of the subarticular zone, nor for a
// grade that covers normal and mild, so these are Columna's own, with RSNA's words.
func table() codes {
	dcm := func(v, m string) code { return code{v, "DCM", m} }
	sct := func(v, m string) code { return code{v, "SCT", m} }
	own := func(v, m string) code { return code{v, private, m} }
	unit := func(v, m string) code { return code{v, "UCUM", m} }
	return codes{
		report: dcm("126000", "Imaging Measurement Report"), language: dcm("121049", "Language of Content Item and Descendants"),
		english:   code{"en", "RFC5646", "English"},
		procedure: dcm("121058", "Procedure reported"), mri: sct("113091000", "Magnetic resonance imaging"),
		observerType: dcm("121005", "Observer Type"), person: dcm("121006", "Person"), device: dcm("121007", "Device"),
		personName: dcm("121008", "Person Observer Name"), deviceUID: dcm("121012", "Device Observer UID"),
		deviceName: dcm("121013", "Device Observer Name"), deviceMaker: dcm("121014", "Device Observer Manufacturer"),
		serial:  dcm("121016", "Device Observer Serial Number"),
		library: dcm("111028", "Image Library"), libraryGroup: dcm("126200", "Image Library Group"),
		modality: dcm("121139", "Modality"), mr: dcm("MR", "Magnetic Resonance"),
		region: dcm("123014", "Target Region"), lumbar: sct("122496007", "Lumbar spine"),
		measurements: dcm("126010", "Imaging Measurements"), group: dcm("125007", "Measurement Group"),
		trackingID: dcm("112039", "Tracking Identifier"), trackingUID: dcm("112040", "Tracking Unique Identifier"),
		finding: dcm("121071", "Finding"), site: sct("363698007", "Finding Site"),
		laterality: sct("272741003", "Laterality"), left: sct("7771000", "Left"), right: sct("24028007", "Right"),
		severity: sct("246112005", "Severity"), algorithm: dcm("111001", "Algorithm Name"), version: dcm("111003", "Algorithm Version"),
		comment: dcm("121106", "Comment"), imageRegion: dcm("111030", "Image Region"),
		ofInterest: dcm("113000", "Of Interest"), keyWords: dcm("113012", "Key Object Description"),

		canal:     sct("76107001", "Spinal stenosis"),
		foraminal: own("FORAMINAL", "Lumbar neural foraminal narrowing"), subarticular: own("SUBARTICULAR", "Lumbar subarticular stenosis"),
		lesion:     sct("52988006", "Lesion"),
		normalMild: own("NORMAL_MILD", "Normal or mild"), moderate: sct("6736007", "Moderate"), severe: sct("24484000", "Severe"),
		notGradable: own("NOT_GRADABLE", "Not gradable"), noGrade: sct("373121007", "Not Evaluated"),
		aiSeverity: own("AI_SEVERITY", "Severity according to the algorithm"),

		canalSite: sct("61853006", "Vertebral canal"), area: sct("42798000", "Area"),
		canalAP: own("CANAL_AP", "Anteroposterior diameter of the spinal canal"), height: dcm("121207", "Height"),
		method: sct("370129005", "Measurement Method"), fromMask: own("AI_MASK", "From the algorithm's segmentation"),
		fromEdited: own("EDITED_MASK", "From a segmentation corrected by a reader"),
		mm:         unit("mm", "millimeter"), mm2: unit("mm2", "square millimeter"), one: unit("1", "no units"),
	}
}

// finding is the concept of a condition without its side.
func (t *codes) findingOf(c spine.Condition) code {
	switch c {
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		return t.foraminal
	case spine.LeftSubarticularStenosis, spine.RightSubarticularStenosis:
		return t.subarticular
	}
	return t.canal
}

// sideOf is the patient's side of a condition; not ok in the midline.
func (t *codes) sideOf(c spine.Condition) (side code, ok bool) {
	switch c.Side() {
	case 1:
		return t.left, true
	case -1:
		return t.right, true
	}
	return code{}, false
}

// gradeOf is the concept of a grade.
func (t *codes) gradeOf(g spine.Grade) code {
	switch g {
	case spine.NormalMild:
		return t.normalMild
	case spine.Moderate:
		return t.moderate
	case spine.Severe:
		return t.severe
	case spine.NotGradable:
		return t.notGradable
	}
	return t.noGrade
}

// probabilityOf is the concept of the probability of a grade from NormalMild to Severe.
func probabilityOf(g spine.Grade) code {
	return [...]code{
		{"P_NORMAL_MILD", private, "Probability of normal or mild"},
		{"P_MODERATE", private, "Probability of moderate"},
		{"P_SEVERE", private, "Probability of severe"},
	}[g]
}

// probabilityOfPrimary is the concept of the probability of a primary site.
func probabilityOfPrimary(c spine.LesionClass) code {
	return [...]code{
		{"P_LUNG", private, "Probability of primary in the lung"},
		{"P_BREAST", private, "Probability of primary in the breast"},
		{"P_PROSTATE", private, "Probability of primary in the prostate"},
		{"P_KIDNEY", private, "Probability of primary in the kidney"},
		{"P_GI", private, "Probability of primary in the digestive tract"},
		{"P_OTHER", private, "Probability of another primary"},
	}[c]
}

// probabilityOfInfection is the concept of the probability of a kind of spondylitis.
func probabilityOfInfection(i spine.Infection) code {
	return [...]code{
		{"P_PYOGENIC", private, "Probability of pyogenic if infection"},
		{"P_TUBERCULOUS", private, "Probability of tuberculous if infection"},
	}[i]
}

// structure is the concept of a structure, from the table that segmentations use too.
func structure(s spine.Structure) (code, bool) {
	info, ok := s.Info()
	return code{info.SNOMED, "SCT", info.Meaning}, ok
}
