package dicom

import (
	"fmt"

	"columna/dicom/dataset"
	"columna/spine"
)

// softwareVersion is FyneApp.toml's, which derived objects carry.
const softwareVersion = "0.1.0"

// ImageRef names a source image, or one frame of it.
type ImageRef struct {
	SOPClassUID, SOPUID string
	Frame               int // from 1 in a multi-frame object, else 0
}

// Source is what an object that is derived from a series, such as a segmentation or
// a report, takes over from it.
type Source struct {
	Header              *dataset.Dataset // the patient and study modules, texts in UTF-8
	SeriesUID           string
	SeriesNumber        int
	FrameOfReferenceUID string
	// Images are the source's images at the slices of the derived object, by k; a
	// zero ImageRef where no image lies. A series of a volume file has none.
	Images []ImageRef
}

// ReadSource describes a series as a source. Patient and study come from the header of
// ref, one of its images; where that cannot be read or belongs to another study, they
// are what the study keeps of it, and missing says why.
func ReadSource(study *spine.Study, s *spine.Series, ref FileRef) (src *Source, missing error) {
	src = &Source{SeriesUID: s.UID, SeriesNumber: s.Number, FrameOfReferenceUID: s.FrameOfReferenceUID}
	if src.FrameOfReferenceUID == "" {
		src.FrameOfReferenceUID = NewUID(study.UID + "/frame")
	}
	header, missing := readCommon(ref, study.UID)
	if missing != nil {
		header = dataset.New()
		putStudy(header, study)
	}
	src.Header = header
	return src, missing
}

// readCommon reads the patient and study modules of an image.
func readCommon(ref FileRef, studyUID string) (*dataset.Dataset, error) {
	z := newZips()
	defer z.close()
	file, err := z.open(ref)
	if err != nil {
		return nil, err
	}
	defer file.close()
	f, err := file.header()
	if err != nil {
		return nil, err
	}
	if f.Text(tagStudyUID) != studyUID {
		return nil, fmt.Errorf("%s belongs to another study now", ref)
	}
	out := dataset.New()
	out.SetText(tagCharacterSet, "CS", "ISO_IR 192")
	for _, t := range required() {
		out.SetText(t, t.VR())
	}
	for _, t := range append(required(), optional()...) {
		if e := f.Find(t); e != nil {
			copyText(out, f.Dataset, e)
		}
	}
	return out, nil
}

// required are the elements of the Patient and General Study modules that must
// stand in every object, empty where unknown (PS3.3 C.7.1.1, C.7.2.1).
func required() []dataset.Tag {
	return []dataset.Tag{tagPatientName, tagPatientID, tagBirthDate, tagPatientSex,
		tagStudyUID, tagStudyDate, tagStudyTime, tagReferrer, tagStudyID, tagAccession}
}

// optional are those of the Patient, General Study and Patient Study modules that are
// copied where the source has them, so that one study stays one.
func optional() []dataset.Tag {
	return []dataset.Tag{
		0x00080051, 0x00081032, tagStudyDesc, // issuer of the accession number, procedure code
		0x00100021, 0x00100024, 0x00100032, 0x00101001, 0x00102160, // issuer, birth time, other names, ethnic group
		0x00120062, 0x00120063, 0x00120064, // de-identification
		tagPatientAge, 0x00101020, 0x00101030, // size, weight
	}
}

// copyText copies an element of text, or a sequence of such.
func copyText(to, from *dataset.Dataset, e *dataset.Element) {
	switch e.VR {
	case "SQ":
		var items []*dataset.Dataset
		for _, item := range e.Items {
			out := dataset.New()
			for _, inner := range item.Elements() {
				copyText(out, item, inner)
			}
			items = append(items, out)
		}
		to.SetSequence(e.Tag, items...)
	case "AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT":
		to.SetText(e.Tag, e.VR, from.Texts(e.Tag)...)
	}
}

// putStudy writes the patient and study modules as far as a study knows them.
func putStudy(d *dataset.Dataset, s *spine.Study) {
	d.SetText(tagCharacterSet, "CS", "ISO_IR 192")
	d.SetText(tagStudyDate, "DA", s.Date)
	d.SetText(tagStudyTime, "TM", onlyWith(s.Date, "120000"))
	d.SetText(tagAccession, "SH")
	d.SetText(tagReferrer, "PN")
	d.SetText(tagStudyDesc, "LO", clip(s.Description, 64))
	d.SetText(tagPatientName, "PN", clip(s.PatientName, 64))
	d.SetText(tagPatientID, "LO", clip(s.PatientID, 64))
	d.SetText(tagBirthDate, "DA")
	d.SetText(tagPatientSex, "CS", s.Sex)
	if s.Age != "" {
		d.SetText(tagPatientAge, "AS", s.Age)
	}
	d.SetText(tagStudyUID, "UI", s.UID)
	d.SetText(tagStudyID, "SH", "1")
}

// Derive puts into d what every object derived from the source has of it: patient,
// study and frame of reference, and Columna as the equipment (PS3.3 C.7.1.1, C.7.2,
// C.7.4.1, C.7.5.1, C.7.5.2).
func (s *Source) Derive(d *dataset.Dataset) {
	for _, e := range s.Header.Elements() {
		d.Put(e)
	}
	d.SetText(tagFrameOfRef, "UI", s.FrameOfReferenceUID)
	d.SetText(0x00201040, "LO")                  // PositionReferenceIndicator
	d.SetText(0x00080070, "LO", "Columna")       // Manufacturer
	d.SetText(0x00081090, "LO", "Columna")       // ManufacturerModelName
	d.SetText(0x00181000, "LO", "0")             // DeviceSerialNumber: software has none
	d.SetText(0x00181020, "LO", softwareVersion) // SoftwareVersions
}

// PutReferences puts the Common Instance Reference module (PS3.3 C.12.2) on the images
// that the derived object refers to; nothing where it refers to none.
func (s *Source) PutReferences(d *dataset.Dataset, images []ImageRef) {
	seen := map[string]bool{"": true}
	var items []*dataset.Dataset
	for _, im := range images {
		if !seen[im.SOPUID] {
			seen[im.SOPUID] = true
			items = append(items, ImageRef{SOPClassUID: im.SOPClassUID, SOPUID: im.SOPUID}.Item())
		}
	}
	if len(items) == 0 {
		return
	}
	series := dataset.New()
	series.SetText(tagSeriesUID, "UI", s.SeriesUID)
	series.SetSequence(0x0008114A, items...) // ReferencedInstanceSequence
	d.SetSequence(0x00081115, series)        // ReferencedSeriesSequence
}

// Item is a reference to the image (PS3.3 table 10-3).
func (r ImageRef) Item() *dataset.Dataset {
	d := dataset.New()
	d.SetText(0x00081150, "UI", r.SOPClassUID) // ReferencedSOPClassUID
	d.SetText(0x00081155, "UI", r.SOPUID)      // ReferencedSOPInstanceUID
	if r.Frame > 0 {
		d.SetIntegers(0x00081160, r.Frame) // ReferencedFrameNumber
	}
	return d
}

// Code is an item of a code sequence (PS3.3 table 8.8-1).
func Code(value, scheme, meaning string) *dataset.Dataset {
	d := dataset.New()
	d.SetText(0x00080100, "SH", value)
	d.SetText(0x00080102, "SH", scheme)
	d.SetText(0x00080104, "LO", meaning)
	return d
}
