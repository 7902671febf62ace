package deid

import (
	"strings"

	"columna/dicom/dataset"
)

// kind is a family of objects whose attributes have the same types.
type kind int

const (
	otherObject kind = iota
	classicMR
	multiFrame // Enhanced MR and segmentations: the Multi-frame Functional Groups Module
	report     // structured reports and key object selections: the SR Document modules
)

// kindOf tells the family of a SOP class (PS3.4 B.5).
func kindOf(class string) kind {
	const storage = "1.2.840.10008.5.1.4.1.1."
	switch rest, ok := strings.CutPrefix(class, storage); {
	case !ok:
		return otherObject
	case rest == "4":
		return classicMR
	case rest == "4.1", rest == "4.3", rest == "66.4", rest == "66.7":
		return multiFrame
	case strings.HasPrefix(rest, "88."):
		return report
	}
	return otherObject
}

// attributeType is the type of an attribute with a combined action: 1 must have a
// value, 2 may be empty, 3 may be absent (PS3.5 7.4). 0 is unknown. Conditional
// types count as met. From PS3.3 A.4 (MR), A.36 (Enhanced MR), A.51 (Segmentation)
// and A.35 (SR); what these modules do not list is optional in them.
func (k kind) attributeType(t dataset.Tag) int {
	if t == 0x00081110 { // ReferencedStudySequence C.7.2.1, of every object
		return 3
	}
	if k == otherObject {
		return 0
	}
	switch t {
	case 0x00080023, 0x00080033: // ContentDate, ContentTime: C.7.6.1, C.7.6.16, C.17.2
		if k == classicMR {
			return 2
		}
		return 1
	case 0x0008002A, 0x00181000: // AcquisitionDateTime C.8.13.1, DeviceSerialNumber C.7.5.2
		if k == multiFrame {
			return 1
		}
	case 0x00400555, 0x00700084: // AcquisitionContextSequence C.7.6.14, ContentCreatorName 10.9
		if k == multiFrame {
			return 2
		}
	case 0x00081111: // ReferencedPerformedProcedureStepSequence C.17.1
		if k == report {
			return 2
		}
	case 0x00180010: // ContrastBolusAgent C.7.6.4
		return 2
	case 0x00189516, 0x00189517: // Start and EndAcquisitionDateTime
		return 3
	}
	return 3
}

// resolve chooses among combined actions: the mildest that leaves the object
// valid where its types are known, else the one that is valid for every type.
func (a action) resolve(t dataset.Tag, k kind) action {
	if !strings.Contains(string(a), "/") || a == refsUID {
		return a
	}
	has := func(one action) bool { return strings.Contains(string(a), string(one)) }
	typ := k.attributeType(t)
	switch {
	case typ == 3 && has(remove):
		return remove
	case typ >= 2 && has(empty):
		return empty
	case has(dummy):
		return dummy
	}
	return empty
}
