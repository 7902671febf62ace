package sr

import (
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/internal/files"
)

// Write saves a report as a file of its owner's alone, which appears whole or not at
// all.
func Write(path string, r *Report) error {
	b, err := Encode(r)
	if err != nil {
		return err
	}
	return files.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Encode is the report as a DICOM file. The same report gives the same bytes.
func Encode(r *Report) ([]byte, error) {
	if r.Source == nil || r.Study == nil {
		return nil, errors.New("a report needs a study to speak of")
	}
	w := &writer{Report: r, codes: table()}
	d := w.tree()
	r.Source.Derive(d)
	d.Remove(tagFrameOfRef) // no module of a report's; points name theirs
	d.Remove(tagPositionRef)
	w.putSeries(d)
	w.putGeneral(d)
	return dataset.Encode(d, dataset.ExplicitLE), nil
}

// writer is a report on its way to a file.
type writer struct {
	*Report
	codes
	used   []Reference // images that the tree refers to, each once
	digest string
}

// putSeries puts the SOP common and series modules. The UIDs are made of the content,
// so that another reading is another object.
func (w *writer) putSeries(d *dataset.Dataset) {
	sum := sha256.Sum256(append([]byte(w.At.UTC().Format(time.RFC3339Nano)), d.Encode()...))
	w.digest = string(sum[:])
	d.SetText(tagSOPClass, "UI", SOPClass)
	d.SetText(tagSOPInstance, "UI", dicom.NewUID("report "+w.digest))
	d.SetText(tagModality, "CS", "SR")
	d.SetText(tagSeriesUID, "UI", dicom.NewUID("report series "+w.digest))
	d.SetIntegers(0x00200011, 2000+w.Source.SeriesNumber%1000) // SeriesNumber
	d.SetText(0x0008103E, "LO", "Columna measurement report")  // SeriesDescription
	d.SetSequence(tagPerformedStep)
	w.putDates(d)
}

// putDates says when the document was made.
func (w *writer) putDates(d *dataset.Dataset) {
	date, clock := w.At.Format("20060102"), w.At.Format("150405")
	d.SetText(0x00080021, "DA", date) // SeriesDate
	d.SetText(0x00080031, "TM", clock)
	d.SetText(0x00080023, "DA", date) // ContentDate
	d.SetText(0x00080033, "TM", clock)
	d.SetText(0x00080012, "DA", date) // InstanceCreationDate
	d.SetText(0x00080013, "TM", clock)
}

// putGeneral puts the SR document general module (PS3.3 C.17.2): what is complete,
// who answers for it and what it is about.
func (w *writer) putGeneral(d *dataset.Dataset) {
	d.SetIntegers(tagInstanceNumber, 1)
	d.SetText(tagCompletion, "CS", "PARTIAL")
	if w.complete() {
		d.SetText(tagCompletion, "CS", "COMPLETE")
	}
	d.SetText(tagVerification, "CS", "UNVERIFIED")
	if name := plain(w.Verifier, 64); name != "" {
		d.SetText(tagVerification, "CS", "VERIFIED")
		v := dataset.New()
		v.SetText(tagVerifierName, "PN", name)
		v.SetText(tagVerifierOrg, "LO", "Unknown") // must stand; nobody told it
		v.SetText(tagVerifiedAt, "DT", w.VerifiedAt.Format("20060102150405"))
		v.SetSequence(tagVerifierCode)
		d.SetSequence(tagVerifiers, v)
	}
	d.SetSequence(tagPerformedCode)
	own := dataset.New()
	own.SetText(tagCodeScheme, "SH", private)
	own.SetText(0x00080115, "ST", "Columna's own concepts") // CodingSchemeName
	d.SetSequence(0x00080110, own)                          // CodingSchemeIdentificationSequence
	if w.Segmentation != nil {
		w.refer(*w.Segmentation)
	}
	if len(w.used) > 0 {
		d.SetSequence(tagEvidence, w.evidence())
	}
}

// refer notes an image that the report refers to.
func (w *writer) refer(r Reference) {
	for _, u := range w.used {
		if u.Image.SOPUID == r.Image.SOPUID {
			return
		}
	}
	r.Image.Frame = 0 // evidence is whole objects
	w.used = append(w.used, r)
}

// evidence lists what the report refers to (PS3.3 C.17.2.3), by series.
func (w *writer) evidence() *dataset.Dataset {
	var items []*dataset.Dataset
	for _, uid := range w.series() {
		var refs []*dataset.Dataset
		for _, u := range w.used {
			if u.SeriesUID == uid {
				refs = append(refs, u.Image.Item())
			}
		}
		s := dataset.New()
		s.SetText(tagSeriesUID, "UI", uid)
		s.SetSequence(tagReferencedSOP, refs...)
		items = append(items, s)
	}
	study := dataset.New()
	study.SetText(tagStudyUID, "UI", w.Source.Header.Text(tagStudyUID))
	study.SetSequence(tagRefSeries, items...)
	return study
}

// series are those of the images referred to, each once.
func (w *writer) series() (out []string) {
	seen := map[string]bool{}
	for _, u := range w.used {
		if !seen[u.SeriesUID] {
			seen[u.SeriesUID] = true
			out = append(out, u.SeriesUID)
		}
	}
	return out
}
