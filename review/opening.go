package review

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// OpenCase loads a case: images, the latest analysis, the latest version of the
// mask, grades, and the strokes that no version holds yet. A series that cannot
// be read is left out and named in Session.Warnings; a case of which nothing can
// be read is an error.
func (d *Desk) OpenCase(ctx context.Context, id int64, p Progress) (*Session, error) {
	c, err := d.db.FindCase(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &Session{desk: d, id: id, study: &c.Study}
	if err := s.loadImages(ctx, c, p); err != nil {
		return nil, fmt.Errorf("open case %d: %w", id, err)
	}
	p.say("results", 0.95)
	if err := s.loadResults(ctx); err != nil {
		return nil, fmt.Errorf("open case %d: %w", id, err)
	}
	p.say("open", 1)
	return s, nil
}

// loadImages reads the series in parallel and keeps those that could be read.
func (s *Session) loadImages(ctx context.Context, c *store.Case, p Progress) error {
	failed := loadAll(ctx, c, p)
	if err := ctx.Err(); err != nil {
		return err
	}
	read := c.Study.Series[:0:0]
	for n := range c.Study.Series {
		series := c.Study.Series[n]
		if failed[n] != nil {
			s.warnings = append(s.warnings, fmt.Sprintf("series %q is left out: %v", series.Description, failed[n]))
			continue
		}
		read = append(read, series)
	}
	if len(read) == 0 {
		return errors.Join(append([]error{errors.New("none of its series can be read")}, failed...)...)
	}
	c.Study.Series = read
	return nil
}

// loadAll loads every series, as many at once as there are cores, and returns
// what went wrong by the index of the series.
func loadAll(ctx context.Context, c *store.Case, p Progress) []error {
	failed := make([]error, len(c.Study.Series))
	next := make(chan int)
	var wait sync.WaitGroup
	var mu sync.Mutex // guards done and keeps progress to one goroutine at a time
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(failed)) {
		wait.Go(func() {
			for n := range next {
				failed[n] = loadOne(ctx, c, n)
				mu.Lock()
				done++
				p.say("loading "+c.Study.Series[n].Description, 0.9*float64(done)/float64(len(failed)))
				mu.Unlock()
			}
		})
	}
	for n := range failed {
		next <- n
	}
	close(next)
	wait.Wait()
	return failed
}

// loadOne loads series n and holds it to what was imported.
func loadOne(ctx context.Context, c *store.Case, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	files, series := c.Files[n], &c.Study.Series[n]
	v, err := loadSeries(ctx, files)
	if err != nil {
		return err
	}
	if g := c.Grids[n]; g.Size != [3]int{} && !volume.SameGrid(g, v.Grid) {
		return fmt.Errorf("the files in %s hold other images than those imported: import them again", filepath.Dir(files[0].Path))
	}
	series.Volume = v
	if isVolumeFile(files[0].Path) {
		series.SOPUIDs = nil
		return nil
	}
	series.SOPUIDs, series.Frames, series.Gaps = dicom.Slices(dicomFiles(files), series.SOPClassUID, v.Size[2])
	return nil
}

// loadResults reads what is stored of the case beside the images.
func (s *Session) loadResults(ctx context.Context) error {
	db := s.desk.db
	a, id, err := db.FindAnalysis(ctx, s.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.analysis, s.analysisID = a, id
	if s.state, err = db.State(ctx, s.id); err != nil {
		return err
	}
	graded, err := db.Grades(ctx, s.id)
	if err != nil {
		return err
	}
	s.cells = emptyCells()
	s.fillAI()
	for _, g := range graded {
		cell := &s.cells[g.Condition][g.Level]
		cell.Reader, cell.Reason = g.Grade, g.Reason
	}
	return s.loadMask(ctx)
}

// findSeries finds the loaded series of a UID on whose grid a mask lies, which
// tells its blocks apart; without such a block, the first.
func findSeries(study *spine.Study, uid string, g volume.Grid) *spine.Series {
	for n := range study.Series {
		if s := &study.Series[n]; s.UID == uid && volume.SameGrid(s.Volume.Grid, g) {
			return s
		}
	}
	return findBlock(study, uid, "")
}

// findBlock finds a loaded block of a series by its number in digits, "" for the
// first that there is.
func findBlock(study *spine.Study, uid, block string) *spine.Series {
	n := slices.IndexFunc(study.Series, func(s spine.Series) bool {
		return s.UID == uid && (block == "" || block == strconv.Itoa(s.Block))
	})
	if n < 0 {
		return nil
	}
	return &study.Series[n]
}
