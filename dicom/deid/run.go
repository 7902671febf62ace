package deid

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"columna/dicom"
)

// Report is what a run did.
type Report struct {
	Files    int             `json:"files"` // written
	Patients int             `json:"patients"`
	Series   int             `json:"series"`
	Refused  []dicom.Refusal `json:"refused"`
	Others   int             `json:"other_files"` // no DICOM: not copied
}

// Run de-identifies everything in the paths (folders, files, zip files) into a
// new or empty folder: a folder a patient, a folder a series, names that say
// nothing. mapping, if not nil, receives CSV rows that lead back: it identifies
// patients. Run fails when ctx ends; what was written by then is whole.
func (p *Profile) Run(ctx context.Context, paths []string, dir string, mapping io.Writer, progress func(done, total int, what string)) (*Report, error) {
	if err := emptyFolder(dir); err != nil {
		return nil, err
	}
	w := &run{Profile: p, dir: dir, patients: map[string]string{}, series: map[string]int{}, images: map[string]int{}}
	if mapping != nil {
		w.mapping = csv.NewWriter(mapping)
		w.mapping.Write([]string{"source", "file", "patient_id", "new_patient_id", "study_uid", "new_study_uid", "series_uid", "new_series_uid", "sop_instance_uid", "new_sop_instance_uid"})
	}
	refused, others, err := dicom.Walk(ctx, paths, progress, w.visit)
	if w.mapping != nil {
		w.mapping.Flush()
		err = errors.Join(err, w.mapping.Error())
	}
	if refused == nil {
		refused = []dicom.Refusal{}
	}
	return &Report{w.files, len(w.patients), len(w.series), refused, others}, err
}

// emptyFolder makes a folder, or takes one with nothing in it: new files among old
// ones could not be told from originals.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("the folder cannot be read: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name a new folder", dir)
	}
	return nil
}

// run is the state of one Run.
type run struct {
	*Profile
	dir      string
	files    int
	patients map[string]string // source's patient -> new ID
	series   map[string]int    // new series UID -> number of its folder
	images   map[string]int    // files in a series so far
	mapping  *csv.Writer
}

// visit writes one file.
func (w *run) visit(ref dicom.FileRef, b []byte) error {
	r, err := w.Clean(b)
	if errors.Is(err, ErrDirectory) {
		return nil
	}
	if err != nil {
		return err
	}
	if w.options.PatientID+w.options.PatientName != "" && len(w.patients) > 0 && w.patients[r.Patient] == "" {
		return errors.New("another patient than the files before: one new name or ID fits one patient, run each alone")
	}
	w.patients[r.Patient] = r.PatientID
	if w.series[r.SeriesUID] == 0 {
		w.series[r.SeriesUID] = len(w.series) + 1
	}
	w.images[r.SeriesUID]++
	name := filepath.Join(r.PatientID, fmt.Sprintf("S%04d", w.series[r.SeriesUID]), fmt.Sprintf("IM%05d.dcm", w.images[r.SeriesUID]))
	if err := writeWhole(filepath.Join(w.dir, name), r.File); err != nil {
		return err
	}
	w.files++
	if w.mapping == nil {
		return nil
	}
	return w.mapping.Write([]string{ref.String(), name, r.Old.PatientID, r.PatientID, r.Old.StudyUID, w.key.uid(r.Old.StudyUID),
		r.Old.SeriesUID, r.SeriesUID, r.Old.SOPUID, r.SOPUID})
}

// writeWhole writes a new file, its owner's alone, or nothing.
func writeWhole(name string, b []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	f, err := os.CreateTemp(dir, ".columna-*")
	if err != nil {
		return fmt.Errorf("the file cannot be written: %w", err)
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("the file cannot be written: %w", err)
	}
	return nil
}
