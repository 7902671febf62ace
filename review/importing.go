package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// ImportResult lists the cases that an import found, known ones included, and
// what it did not take.
type ImportResult struct {
	Cases         []ImportedCase
	Segmentations []ImportedSegmentation
	Refused       []dicom.Refusal
}

// ImportedCase is a case as the worklist knows it now. The series have no
// volumes; Grids lie beside them.
type ImportedCase struct {
	ID    int64
	Study spine.Study
	Grids []volume.Grid
}

// Import takes studies into the worklist: DICOM folders, files and zip files, NIfTI
// or MetaImage volumes whose name tells the sequence, and studies of archives as
// dicomweb:NAME/STUDYUID. It copies no images but those of an archive, which it keeps
// beside the database. A DICOM segmentation becomes a version of the mask of its
// study's case.
func (d *Desk) Import(ctx context.Context, paths []string, p Progress) (ImportResult, error) {
	local, got, err := d.retrieveAll(ctx, paths, p)
	if err != nil {
		return ImportResult{}, err
	}
	result, err := d.importLocal(ctx, local, p)
	if err != nil {
		return result, err
	}
	return result, d.recordRetrieved(ctx, got, &result)
}

// importLocal is Import of what lies on this machine.
func (d *Desk) importLocal(ctx context.Context, paths []string, p Progress) (ImportResult, error) {
	var result ImportResult
	others, volumes, err := sortPaths(ctx, paths)
	if err != nil {
		return result, err
	}
	var ids []int64
	if len(others) > 0 {
		if ids, err = d.importDICOM(ctx, others, &result, p); err != nil {
			return result, err
		}
	}
	for n, path := range volumes {
		p.say("reading "+filepath.Base(path), float64(n)/float64(len(volumes)))
		id, err := d.addVolume(ctx, path, "")
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if err != nil {
			result.Refused = append(result.Refused, dicom.Refusal{Path: path, Reason: err.Error()})
			continue
		}
		ids = append(ids, id)
	}
	p.say("import", 1)
	return result, d.describe(ctx, ids, &result)
}

// ImportVolume takes one NIfTI or MetaImage volume whose sequence the user names.
func (d *Desk) ImportVolume(ctx context.Context, path string, s spine.Sequence) (ImportResult, error) {
	var result ImportResult
	path, err := filepath.Abs(path)
	if err != nil {
		return result, err
	}
	id, err := d.addVolume(ctx, path, s)
	if err != nil {
		return result, fmt.Errorf("import %s: %w", path, err)
	}
	return result, d.describe(ctx, []int64{id}, &result)
}

// sortPaths makes paths absolute, so that they hold tomorrow, and finds the
// volume files among them and in their folders.
func sortPaths(ctx context.Context, paths []string) (others, volumes []string, err error) {
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return nil, nil, err
		}
		if isVolumeFile(path) {
			volumes = append(volumes, path)
			continue
		}
		others = append(others, path)
		err = filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && isVolumeFile(file) {
				volumes = append(volumes, file)
			}
			return ctx.Err() // what cannot be walked is refused by the DICOM import
		})
		if err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(volumes)
	return others, slices.Compact(volumes), nil
}

// importDICOM reads headers and stores the studies.
func (d *Desk) importDICOM(ctx context.Context, paths []string, result *ImportResult, p Progress) (ids []int64, err error) {
	found, err := dicom.Import(ctx, paths, func(done, total int, what string) {
		p.say(strings.TrimSpace("reading "+what), float64(done)/float64(max(total, 1)))
	})
	if err != nil {
		return nil, err
	}
	for _, r := range found.Refused {
		if !isVolumeFile(r.Path) && !isVoxelFile(r.Path) {
			result.Refused = append(result.Refused, r)
		}
	}
	for n := range found.Studies {
		id, err := d.addStudy(ctx, found.Studies[n], found)
		if errors.Is(err, store.ErrOtherPatient) {
			first := dicom.Key(&found.Studies[n].Series[0])
			result.Refused = append(result.Refused, dicom.Refusal{Path: found.Files[first][0].String(), Reason: store.ErrOtherPatient.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	own, err := d.importSegmentations(ctx, found.Segmentations, result)
	return append(ids, own...), err
}

// addStudy stores a study with the places of its slices.
func (d *Desk) addStudy(ctx context.Context, study spine.Study, found *dicom.Result) (int64, error) {
	study.Series = slices.Clone(study.Series)
	files := make([][]store.FileRef, len(study.Series))
	for n := range study.Series {
		s := &study.Series[n]
		key := dicom.Key(s)
		s.Volume = &volume.Volume{Grid: found.Grids[key]} // size and place, no pixels yet
		for _, f := range found.Files[key] {
			files[n] = append(files[n], store.FileRef(f))
		}
	}
	return d.db.AddCase(ctx, &study, files, d.author)
}

// describe adds the cases to the result, each once, as they are stored.
func (d *Desk) describe(ctx context.Context, ids []int64, result *ImportResult) error {
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		c, err := d.db.FindCase(ctx, id)
		if err != nil {
			return err
		}
		result.Cases = append(result.Cases, ImportedCase{ID: id, Study: c.Study, Grids: c.Grids})
	}
	return nil
}
