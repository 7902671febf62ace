package dicom

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"columna/dicom/dataset"
)

// Walk reads every file of the paths (folders, files, zip files, what a DICOMDIR
// lists), one at a time, and hands its bytes to visit. What cannot be read, and what
// visit answers with an error, is refused; what is no DICOM file is only counted.
// It fails when ctx ends or when there are too many files. progress may be nil.
func Walk(ctx context.Context, paths []string, progress func(done, total int, what string), visit func(FileRef, []byte) error) (refused []Refusal, strangers int, err error) {
	if progress == nil {
		progress = func(int, int, string) {}
	}
	f := newFinder()
	defer f.zips.close()
	for _, p := range paths {
		if err := f.add(ctx, p); err != nil {
			return f.refused, 0, err
		}
	}
	for i := 0; i < len(f.found); i++ { // an archive or a DICOMDIR adds to the list
		if err := ctx.Err(); err != nil {
			return f.refused, strangers, err
		}
		ref := f.found[i]
		progress(i, len(f.found), filepath.Base(ref.String()))
		err := f.visit(ref, visit)
		if errors.Is(err, dataset.ErrNotDICOM) {
			strangers++
			continue
		}
		if err := f.follow(ctx, ref, err); err != nil {
			return f.refused, strangers, err
		}
	}
	progress(len(f.found), len(f.found), "")
	return f.refused, strangers, nil
}

// visit reads one source. A panic is a fault of ours, but one file must not take
// down a job.
func (f *finder) visit(ref FileRef, visit func(FileRef, []byte) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is damaged in a way that the reader does not know (%v)", r)
		}
	}()
	if f.alone[ref] || isArchive(ref) {
		if _, err := readHeaders(f.zips, ref); errors.Is(err, errArchive) || isDirectory(err) {
			return err
		}
	}
	b, err := f.zips.read(ref)
	if err != nil {
		return err
	}
	return visit(ref, b)
}

func isDirectory(err error) bool {
	var dir *directory
	return errors.As(err, &dir)
}

// isArchive reports a plain file that begins like a zip file.
func isArchive(ref FileRef) bool {
	if ref.ZipEntry != "" {
		return false
	}
	file, size, err := openFile(ref.Path)
	if err != nil {
		return false
	}
	defer file.Close()
	return (&source{file, size, func() {}}).isZip()
}
