package review

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// OpenCase loads a case with its images, results and unsaved strokes. A series
// whose files are gone stays without images and carries a warning; a case of which
// no series can be read is an error.
func (d *Desk) OpenCase(ctx context.Context, id int64, p Progress) (*Session, error) {
	began := time.Now()
	c, err := d.db.FindCase(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no case %d: columna list shows the cases", id)
	}
	if err != nil {
		return nil, err
	}
	if err := loadAll(ctx, c, p.orNone()); err != nil {
		return nil, err
	}
	s := &Session{desk: d, id: id, study: &c.Study, loadSeconds: time.Since(began).Seconds()}
	if err := s.restore(ctx); err != nil {
		return nil, err
	}
	p.orNone()("open", 1)
	return s, nil
}

// loadAll reads every series of a case, a few at a time.
func loadAll(ctx context.Context, c *store.Case, p Progress) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	done, loaded := 0, 0
	var first error
	next := make(chan int)
	for range min(4, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for n := range next {
				err := loadSeries(ctx, &c.Study.Series[n], c.Files[n])
				mu.Lock()
				done++
				if err == nil {
					loaded++
				} else if first == nil {
					first = err
				}
				p("loading "+c.Study.Series[n].Description, 0.95*float64(done)/float64(len(c.Files)))
				mu.Unlock()
			}
		})
	}
	for n := range c.Study.Series {
		if ctx.Err() != nil {
			break
		}
		next <- n
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if loaded == 0 && first != nil {
		return fmt.Errorf("no image of case %d can be read: %w", c.ID, first)
	}
	return nil
}

// loadSeries reads one series; where it fails the series says so.
func loadSeries(ctx context.Context, s *spine.Series, files []store.FileRef) error {
	v, err := readFiles(ctx, files)
	if err != nil {
		s.Volume = nil
		s.Warnings = append(s.Warnings, "its images cannot be read: "+err.Error())
		return err
	}
	s.Volume = v
	return nil
}

func readFiles(ctx context.Context, files []store.FileRef) (*volume.Volume, error) {
	if len(files) == 1 && files[0].ZipEntry == "" && isVolumeFile(files[0].Path) {
		return readVolumeFile(files[0].Path)
	}
	refs := make([]dicom.FileRef, len(files))
	for n, f := range files {
		refs[n] = dicom.FileRef{Path: f.Path, ZipEntry: f.ZipEntry, SOPUID: f.SOPUID, PositionMM: f.PositionMM}
	}
	return dicom.LoadSeries(ctx, refs)
}
