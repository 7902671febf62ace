package sr

import (
	"strings"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/volume"
)

// The tags of content items.
const (
	tagSOPClass       dataset.Tag = 0x00080016
	tagSOPInstance    dataset.Tag = 0x00080018
	tagModality       dataset.Tag = 0x00080060
	tagCodeValue      dataset.Tag = 0x00080100
	tagCodeScheme     dataset.Tag = 0x00080102
	tagReferencedSOP  dataset.Tag = 0x00081199
	tagRefClass       dataset.Tag = 0x00081150
	tagRefInstance    dataset.Tag = 0x00081155
	tagRefFrame       dataset.Tag = 0x00081160
	tagRefSeries      dataset.Tag = 0x00081115
	tagPatientID      dataset.Tag = 0x00100020
	tagStudyUID       dataset.Tag = 0x0020000D
	tagSeriesUID      dataset.Tag = 0x0020000E
	tagFrameOfRef     dataset.Tag = 0x00200052
	tagPositionRef    dataset.Tag = 0x00201040
	tagUnits          dataset.Tag = 0x004008EA
	tagRelationship   dataset.Tag = 0x0040A010
	tagVerifierOrg    dataset.Tag = 0x0040A027
	tagVerifiedAt     dataset.Tag = 0x0040A030
	tagValueType      dataset.Tag = 0x0040A040
	tagConceptName    dataset.Tag = 0x0040A043
	tagContinuity     dataset.Tag = 0x0040A050
	tagVerifiers      dataset.Tag = 0x0040A073
	tagVerifierName   dataset.Tag = 0x0040A075
	tagVerifierCode   dataset.Tag = 0x0040A088
	tagPersonName     dataset.Tag = 0x0040A123
	tagUID            dataset.Tag = 0x0040A124
	tagTextValue      dataset.Tag = 0x0040A160
	tagConceptCode    dataset.Tag = 0x0040A168
	tagMeasured       dataset.Tag = 0x0040A300
	tagNumber         dataset.Tag = 0x0040A30A
	tagPerformedCode  dataset.Tag = 0x0040A372
	tagEvidence       dataset.Tag = 0x0040A375
	tagCompletion     dataset.Tag = 0x0040A491
	tagVerification   dataset.Tag = 0x0040A493
	tagTemplates      dataset.Tag = 0x0040A504
	tagContent        dataset.Tag = 0x0040A730
	tagTemplate       dataset.Tag = 0x0040DB00
	tagMapping        dataset.Tag = 0x00080105
	tagGraphicData    dataset.Tag = 0x00700022
	tagGraphicType    dataset.Tag = 0x00700023
	tagFrameOfPoint   dataset.Tag = 0x30060024
	tagPerformedStep  dataset.Tag = 0x00081111
	tagInstanceNumber dataset.Tag = 0x00200013
)

// Relationships (PS3.3 C.17.3.2.4).
const (
	contains  = "CONTAINS"
	context   = "HAS OBS CONTEXT"
	modifies  = "HAS CONCEPT MOD"
	property  = "HAS PROPERTIES"
	selection = "SELECTED FROM"
	acquired  = "HAS ACQ CONTEXT"
	inferred  = "INFERRED FROM"
)

// content is a content item with what stands under it; nil children are left out.
func content(relation, kind string, name code, children []*dataset.Dataset) *dataset.Dataset {
	d := dataset.New()
	if relation != "" {
		d.SetText(tagRelationship, "CS", relation)
	}
	d.SetText(tagValueType, "CS", kind)
	if name != (code{}) {
		d.SetSequence(tagConceptName, name.item())
	}
	var some []*dataset.Dataset
	for _, c := range children {
		if c != nil {
			some = append(some, c)
		}
	}
	if len(some) > 0 {
		d.SetSequence(tagContent, some...)
	}
	return d
}

// container is a heading; template is the number of its template, "" without one.
func container(relation string, name code, template string, children ...*dataset.Dataset) *dataset.Dataset {
	d := content(relation, "CONTAINER", name, children)
	d.SetText(tagContinuity, "CS", "SEPARATE")
	if template != "" {
		t := dataset.New()
		t.SetText(tagMapping, "CS", "DCMR")
		t.SetText(tagTemplate, "CS", template)
		d.SetSequence(tagTemplates, t)
	}
	return d
}

func coded(relation string, name, value code, children ...*dataset.Dataset) *dataset.Dataset {
	d := content(relation, "CODE", name, children)
	d.SetSequence(tagConceptCode, value.item())
	return d
}

// words is a text; nil for none.
func words(relation string, name code, s string) *dataset.Dataset {
	if s = plain(s, 1024); s == "" {
		return nil
	}
	d := content(relation, "TEXT", name, nil)
	d.SetText(tagTextValue, "UT", s)
	return d
}

func person(relation string, name code, who string) *dataset.Dataset {
	d := content(relation, "PNAME", name, nil)
	d.SetText(tagPersonName, "PN", plain(who, 64))
	return d
}

func identity(relation string, name code, uid string) *dataset.Dataset {
	d := content(relation, "UIDREF", name, nil)
	d.SetText(tagUID, "UI", uid)
	return d
}

func number(relation string, name code, x float64, unit code, children ...*dataset.Dataset) *dataset.Dataset {
	d := content(relation, "NUM", name, children)
	value := dataset.New()
	value.SetDecimals(tagNumber, x)
	value.SetSequence(tagUnits, unit.item())
	d.SetSequence(tagMeasured, value)
	return d
}

func image(relation string, name code, ref dicom.ImageRef) *dataset.Dataset {
	d := content(relation, "IMAGE", name, nil)
	d.SetSequence(tagReferencedSOP, ref.Item())
	return d
}

// pixel is a point on an image, in columns and rows from the centre of its first
// pixel. DICOM counts from that pixel's outer corner (PS3.3 C.18.6.1.1).
func pixel(relation string, name code, x, y float64, on dicom.ImageRef) *dataset.Dataset {
	d := content(relation, "SCOORD", name, []*dataset.Dataset{image(selection, code{}, on)})
	d.SetText(tagGraphicType, "CS", "POINT")
	d.SetFloats(tagGraphicData, "FL", x+0.5, y+0.5)
	return d
}

// place is a point in the patient (PS3.3 C.18.9).
func place(relation string, name code, mm volume.Vec3, frame string) *dataset.Dataset {
	d := content(relation, "SCOORD3D", name, nil)
	d.SetText(tagGraphicType, "CS", "POINT")
	d.SetFloats(tagGraphicData, "FL", mm[0], mm[1], mm[2])
	d.SetText(tagFrameOfPoint, "UI", frame)
	return d
}

// plain shortens words to what DICOM takes.
func plain(s string, n int) string {
	r := []rune(strings.TrimSpace(dataset.Printable(strings.ReplaceAll(s, `\`, "/"))))
	return string(r[:min(len(r), n)])
}
