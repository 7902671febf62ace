// Package deid takes the patient's identity out of DICOM files: the Basic
// Application Level Confidentiality Profile with options. A second scan, which
// shares nothing with the first but the parser, then looks for every identifying
// value of the source in the new file's bytes; one found, and the file is refused.
//
// What the profile's table does not list is kept only where it is known to be
// technical: private and unknown attributes, free text and names never are.
//
// Source: PS3.15 Annex E, Table E.1-1.
package deid

import (
	"cmp"
	"errors"
	"fmt"

	"columna/dicom/dataset"
)

// Dates is what becomes of dates and times.
type Dates string

const (
	// RemoveDates takes them out.
	RemoveDates Dates = "remove"
	// ShiftDates moves all dates of a patient by the same number of days into the
	// past and keeps times of day (Retain Longitudinal Temporal Information with
	// Modified Dates). Dates and times of birth go all the same.
	ShiftDates Dates = "shift"
)

// Options are the profile's. The zero value removes dates, characteristics and
// descriptions and is the safest.
type Options struct {
	Dates               Dates
	KeepCharacteristics bool   // sex, age, size, weight (Retain Patient Characteristics)
	CleanDescriptors    bool   // keep the words of descriptions that are on an allow-list
	AllowBurnedIn       bool   // the user has looked at images that could show text or a face
	PatientName         string // instead of the pseudonym
	PatientID           string // instead of the pseudonym made with the key
}

// Profile de-identifies with one key and one set of options. It is immutable.
type Profile struct {
	options Options
	key     Key
	table   table
}

// New makes a profile.
func New(key Key, o Options) (*Profile, error) {
	o.Dates = cmp.Or(o.Dates, RemoveDates)
	if o.Dates != RemoveDates && o.Dates != ShiftDates {
		return nil, fmt.Errorf("dates can be %q or %q, not %q", ShiftDates, RemoveDates, o.Dates)
	}
	if len(key) < 16 {
		return nil, errors.New("the key for new identities is shorter than 16 bytes")
	}
	for _, word := range []string{o.PatientName, o.PatientID} {
		if !plainWord(word) {
			return nil, fmt.Errorf("the new identity %q must be at most 64 ASCII letters, digits, spaces, dots, carets or dashes", word)
		}
	}
	t, err := readTable(tableCSV)
	if err != nil {
		return nil, err
	}
	return &Profile{o, key, t}, nil
}

// Result is a file without identity.
type Result struct {
	File      []byte // explicit little endian, or the source's compressed syntax
	PatientID string // the new one
	SeriesUID string // the new one
	SOPUID    string // the new one
	Patient   string // the source's key of the patient: for telling patients apart, never for output
	Old       Names
}

// Names are the source's identity, for a mapping file.
type Names struct{ PatientID, StudyUID, SeriesUID, SOPUID string }

// Clean de-identifies a DICOM file. It fails, with nothing to write, if the file
// cannot be judged, if its pixels may show text, or if anything of the source's
// identity is still found in the result.
func (p *Profile) Clean(b []byte) (*Result, error) {
	src, err := dataset.Parse(b)
	if err != nil {
		return nil, err
	}
	if err := refuse(src.Dataset, p.options); err != nil {
		return nil, err
	}
	c := newCleaner(p, src)
	d, err := c.file()
	if err != nil {
		return nil, err
	}
	out := dataset.Encode(d, syntaxOf(src))
	if err := scan(b, out, p.table, p.options); err != nil {
		return nil, err
	}
	return &Result{File: out, PatientID: d.Text(tagPatientID), SeriesUID: d.Text(tagSeriesUID), SOPUID: d.Text(tagSOPInstance),
		Patient: c.patient, Old: Names{src.Text(tagPatientID), src.Text(tagStudyUID), src.Text(tagSeriesUID), src.Text(tagSOPInstance)}}, nil
}

// CleanDataset de-identifies a data set that was made here and not yet written,
// such as a segmentation or a report.
func (p *Profile) CleanDataset(d *dataset.Dataset, syntax string) (*Result, error) {
	return p.Clean(dataset.Encode(d, syntax))
}

// syntaxOf is what the result is written in: the compressed syntax of the source,
// or explicit little endian.
func syntaxOf(src *dataset.File) string {
	if e := src.Find(tagPixelData); e != nil && len(e.Fragments) > 0 {
		return src.Syntax
	}
	return dataset.ExplicitLE
}

// patientKey tells patients apart: by ID, else by name, else by study. The issuer of
// an ID does not count: objects made from images often lack it, and must stay with
// them.
func patientKey(d *dataset.Dataset) string {
	if id := d.Text(tagPatientID); id != "" {
		return "id\x00" + id
	}
	if name := d.Text(tagPatientName); name != "" {
		return "name\x00" + name + "\x00" + d.Text(0x00100030)
	}
	return "study\x00" + d.Text(tagStudyUID)
}

// NewUID is what Clean makes of a UID, for tables that go with the files.
func (p *Profile) NewUID(old string) string { return p.key.mapped(old) }

// NewPatient is what Clean makes of name and ID of the patient of a study.
func (p *Profile) NewPatient(id, name, studyUID string) (newName, newID string) {
	d := dataset.New()
	d.SetText(tagPatientID, "LO", id)
	d.SetText(tagPatientName, "PN", name)
	d.SetText(tagStudyUID, "UI", studyUID)
	return p.patient(patientKey(d))
}

// patient is the new name and ID of a patient.
func (p *Profile) patient(key string) (name, id string) {
	id = cmp.Or(p.options.PatientID, p.key.pseudonym(key))
	return cmp.Or(p.options.PatientName, id), id
}

// The tags that the profile looks at by name.
const (
	tagCharacterSet dataset.Tag = 0x00080005
	tagImageType    dataset.Tag = 0x00080008
	tagSOPClass     dataset.Tag = 0x00080016
	tagSOPInstance  dataset.Tag = 0x00080018
	tagModality     dataset.Tag = 0x00080060
	tagPatientName  dataset.Tag = 0x00100010
	tagPatientID    dataset.Tag = 0x00100020
	tagStudyUID     dataset.Tag = 0x0020000D
	tagSeriesUID    dataset.Tag = 0x0020000E
	tagSamples      dataset.Tag = 0x00280002
	tagPhotometric  dataset.Tag = 0x00280004
	tagFrames       dataset.Tag = 0x00280008
	tagRows         dataset.Tag = 0x00280010
	tagColumns      dataset.Tag = 0x00280011
	tagBits         dataset.Tag = 0x00280100
	tagStored       dataset.Tag = 0x00280101
	tagHighBit      dataset.Tag = 0x00280102
	tagContent      dataset.Tag = 0x0040A730
	tagPixelData    dataset.Tag = 0x7FE00010
)
