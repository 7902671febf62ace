package review

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// ImportedCase is one study that came in.
type ImportedCase struct {
	ID    int64
	Study spine.Study   // without volumes
	Grids []volume.Grid // of its series, by the same index
}

// ImportResult is what an import brought.
type ImportResult struct {
	Cases   []ImportedCase
	Refused []dicom.Refusal
}

// Import brings studies into the worklist: folders, files and zip files of DICOM,
// and NIfTI or MetaImage volumes, one study for the volumes that share a name but
// for the sequence in it. The images stay where they are. What cannot be read is
// listed in Refused.
func (d *Desk) Import(ctx context.Context, paths []string, p Progress) (ImportResult, error) {
	p = p.orNone()
	var out ImportResult
	found, err := findVolumes(ctx, paths)
	if err != nil {
		return out, err
	}
	if len(found.rest) > 0 {
		if err := d.importDICOM(ctx, found, p, &out); err != nil {
			return out, err
		}
	}
	if err := d.importVolumes(ctx, found.volumes, p, &out); err != nil {
		return out, err
	}
	p("imported", 1)
	return out, nil
}

func (d *Desk) importDICOM(ctx context.Context, found foundFiles, p Progress, out *ImportResult) error {
	r, err := dicom.Import(ctx, found.rest, func(done, total int, what string) {
		p("reading "+filepath.Base(what), 0.9*float64(done)/float64(max(total, 1)))
	})
	if err != nil {
		return err
	}
	for _, refusal := range r.Refused {
		if !slices.Contains(found.volumes, refusal.Path) {
			out.Refused = append(out.Refused, refusal)
		}
	}
	for n := range r.Studies {
		files, grids := filesOf(r, &r.Studies[n])
		if err := d.add(ctx, &r.Studies[n], files, grids, out); err != nil {
			return err
		}
	}
	return nil
}

// filesOf lists the files and grids of a study's series in their order, and takes
// the slices' UIDs into the series.
func filesOf(r *dicom.Result, study *spine.Study) (files [][]store.FileRef, grids []volume.Grid) {
	for n := range study.Series {
		s := &study.Series[n]
		var refs []store.FileRef
		for _, f := range r.Files[dicom.Key(s)] {
			refs = append(refs, store.FileRef{Path: absolute(f.Path), ZipEntry: f.ZipEntry, SOPUID: f.SOPUID, PositionMM: f.PositionMM})
		}
		files, grids = append(files, refs), append(grids, r.Grids[dicom.Key(s)])
	}
	return files, grids
}

// absolute keeps a path valid when Columna is started elsewhere.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// add stores a study. The grids ride along as volumes without values.
func (d *Desk) add(ctx context.Context, study *spine.Study, files [][]store.FileRef, grids []volume.Grid, out *ImportResult) error {
	for n := range study.Series {
		study.Series[n].Volume = &volume.Volume{Grid: grids[n]}
	}
	id, err := d.db.AddCase(ctx, study, files, d.config.Author)
	for n := range study.Series {
		study.Series[n].Volume = nil
	}
	if err != nil {
		return fmt.Errorf("import study of %s: %w", study.PatientID, err)
	}
	out.Cases = append(out.Cases, ImportedCase{ID: id, Study: *study, Grids: grids})
	return nil
}
