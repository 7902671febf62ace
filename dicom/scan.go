package dicom

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"columna/dicom/dataset"
)

// scanned is what one source gave.
type scanned struct {
	slices []*slice // a frame each
	err    error
}

// scan reads the headers of all sources listed, on all cores, and those of the
// archives and DICOMDIRs among them after that. Slices come in the order of their
// sources.
func (f *finder) scan(ctx context.Context, progress func(done, total int, what string)) ([]*slice, error) {
	var all []*slice
	for from := 0; from < len(f.found); {
		refs, before := f.found[from:], from
		out, err := scanAll(ctx, f.zips, refs, func(done int, what string) {
			progress(before+done, len(f.found), what)
		})
		if err != nil {
			return nil, err
		}
		from = len(f.found)
		for i, s := range out {
			if all = append(all, s.slices...); len(all) > maxImages {
				return nil, fmt.Errorf("more than %d images: import fewer folders at a time", maxImages)
			}
			if err := f.follow(ctx, refs[i], s.err); err != nil {
				return nil, err
			}
		}
	}
	progress(len(f.found), len(f.found), "")
	return all, nil
}

// follow lists what an archive or a DICOMDIR leads to, and refuses the rest.
func (f *finder) follow(ctx context.Context, ref FileRef, err error) error {
	var dir *directory
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errArchive) && ref.ZipEntry == "":
		a, err := f.zips.acquire(ref.Path)
		if err != nil {
			f.refuse(ref.Path, err)
			return nil
		}
		defer f.zips.release(a)
		return f.addEntries(ctx, ref.Path, a)
	case errors.As(err, &dir):
		if f.alone[ref] {
			return f.addListed(ref.Path, dir)
		}
		return nil // its folder or archive is searched as a whole
	}
	if errors.Is(err, errSegmentation) {
		f.segmentations = append(f.segmentations, ref)
		return nil
	}
	f.refuse(dataset.Printable(ref.String()), err)
	return nil
}

// errSegmentation marks a label map, which is no image.
var errSegmentation = errors.New("a segmentation")

// scanAll reads headers on all cores and tells how many are done.
func scanAll(ctx context.Context, z *zips, refs []FileRef, progress func(done int, what string)) ([]scanned, error) {
	workers := runtime.GOMAXPROCS(0)
	chunk := min(16, 1+len(refs)/(16*workers)) // of files, so that many small ones are cheap to hand out
	out := make([]scanned, len(refs))
	finished := make(chan int, workers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(refs)) {
		wg.Go(func() {
			for from := int(next.Add(int64(chunk))) - chunk; from < len(refs); from = int(next.Add(int64(chunk))) - chunk {
				for i := from; i < min(from+chunk, len(refs)) && ctx.Err() == nil; i++ {
					out[i].slices, out[i].err = readHeaders(z, refs[i])
				}
				select {
				case finished <- from:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for done := 0; done < len(refs) && ctx.Err() == nil; {
		select {
		case from := <-finished:
			for _, ref := range refs[from:min(from+chunk, len(refs))] {
				progress(done, filepath.Base(ref.String()))
				done++
			}
		case <-ctx.Done():
		}
	}
	wg.Wait()
	return out, ctx.Err()
}

// readHeaders reads one source into its slices. A panic in a decoder is a fault of
// ours, but one file must not take down an import.
func readHeaders(z *zips, ref FileRef) (out []*slice, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("the file is damaged in a way that the reader does not know (%v)", r)
		}
	}()
	src, err := z.open(ref)
	if err != nil {
		return nil, err
	}
	defer src.close()
	f, err := src.header()
	if err != nil {
		return nil, err
	}
	if f.Text(tagSOPClass) == sopDirectory || f.Find(tagDirectoryRecords) != nil {
		return nil, f.directory()
	}
	switch f.Text(tagSOPClass) {
	case SegmentationStorage, SurfaceSegmentationStorage, LabelMapSegmentationStorage:
		return nil, errSegmentation
	}
	if out, err = readSlices(f); err != nil {
		return nil, err
	}
	doubts := f.doubts()
	for _, s := range out {
		s.ref.Path, s.ref.ZipEntry, s.doubts = ref.Path, ref.ZipEntry, doubts
	}
	return out, nil
}

// doubts are the warnings of the file that a reader of the image should know.
func (f *file) doubts() (out []string) {
	for _, w := range f.Warnings {
		if w.Doubt {
			out = append(out, w.What)
		}
	}
	return out
}
