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

// KeyObjectsClass is Key Object Selection Document Storage (PS3.4 B.5).
const KeyObjectsClass = "1.2.840.10008.5.1.4.1.1.88.59"

// KeyObjects is a selection of what of a study is worth looking at (PS3.3 A.35.4,
// PS3.16 TID 2010).
type KeyObjects struct {
	Source   *dicom.Source // patient and study
	Selected []Reference   // in the order to look at them; an image may be named frame by frame
	Words    string        // why they were selected
	Author   string        // who selected them, "" where that is not to be told
	At       time.Time
}

// WriteKeyObjects saves a selection as a file of its owner's alone, which appears whole
// or not at all.
func WriteKeyObjects(path string, k *KeyObjects) error {
	b, err := EncodeKeyObjects(k)
	if err != nil {
		return err
	}
	return files.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// EncodeKeyObjects is the selection as a DICOM file. The same selection gives the same
// bytes.
func EncodeKeyObjects(k *KeyObjects) ([]byte, error) {
	if k.Source == nil || len(k.Selected) == 0 {
		return nil, errors.New("a selection needs a study and something selected")
	}
	w := &writer{Report: &Report{Source: k.Source, At: k.At}, codes: table()}
	d := w.selection(k)
	k.Source.Derive(d)
	d.Remove(tagFrameOfRef) // no module of a selection's
	d.Remove(tagPositionRef)
	sum := sha256.Sum256(append([]byte(k.At.UTC().Format(time.RFC3339Nano)), d.Encode()...))
	d.SetText(tagSOPClass, "UI", KeyObjectsClass)
	d.SetText(tagSOPInstance, "UI", dicom.NewUID("selection "+string(sum[:])))
	d.SetText(tagModality, "CS", "KO")
	d.SetText(tagSeriesUID, "UI", dicom.NewUID("selection series "+string(sum[:])))
	d.SetIntegers(0x00200011, 4000+k.Source.SeriesNumber%1000) // SeriesNumber
	d.SetText(0x0008103E, "LO", "Columna key images")          // SeriesDescription
	d.SetSequence(tagPerformedStep)
	d.SetIntegers(tagInstanceNumber, 1)
	w.putDates(d)
	d.SetSequence(tagEvidence, w.evidence())
	return dataset.Encode(d, dataset.ExplicitLE), nil
}

// selection is the content (TID 2010).
func (w *writer) selection(k *KeyObjects) *dataset.Dataset {
	items := []*dataset.Dataset{coded(modifies, w.language, w.english)}
	if k.Author != "" {
		items = append(items, w.byPerson(k.Author)...)
	}
	items = append(items, words(contains, w.keyWords, k.Words))
	for _, r := range k.Selected {
		w.refer(r)
		items = append(items, image(contains, code{}, r.Image))
	}
	return container("", w.ofInterest, "2010", items...)
}
