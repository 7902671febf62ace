package web

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"

	"columna/dicom/dataset"
)

// acceptFiles asks for the files as they are stored (PS3.18 8.7.3.5.2).
const acceptFiles = `multipart/related; type="application/dicom"; transfer-syntax=*`

// Ref names a study, a series of it, or an instance of that.
type Ref struct{ Study, Series, Instance string }

// segments are the path of what is named.
func (r Ref) segments() ([]string, error) {
	path := []string{"studies", r.Study}
	if r.Series != "" {
		path = append(path, "series", r.Series)
	}
	if r.Instance != "" {
		path = append(path, "instances", r.Instance)
	}
	for n := 1; n < len(path); n += 2 {
		if !ValidUID(path[n]) {
			return nil, errUID(path[n])
		}
	}
	if r.Instance != "" && r.Series == "" {
		return nil, errors.New("an instance is asked for with its series")
	}
	return path, nil
}

// File is a retrieved DICOM file that is what it was asked for as. Bytes are the
// sink's until it returns.
type File struct {
	Study, Series, Instance string
	Bytes                   []byte
}

// Sink takes what is retrieved; it is asked from several goroutines.
type Sink interface {
	// Has reports an instance that need not come again, Count how many there are of
	// a series.
	Has(series, instance string) bool
	Count(series string) int
	// Keep takes a file.
	Keep(File) error
}

// Retrieve reads what ref names once and hands each file to keep.
func (c *Client) Retrieve(ctx context.Context, ref Ref, keep func(File) error) error {
	path, err := ref.segments()
	if err != nil {
		return err
	}
	return c.get(ctx, c.address(url.Values{}, path...), acceptFiles, func(s *stream) error {
		err := readParts(s.Header.Get("Content-Type"), s, defaultLimits(), func(b []byte) error {
			f, err := inspect(b, ref)
			if err != nil {
				return err
			}
			return keep(f)
		})
		if errors.Is(err, errCut) {
			return c.broken(err)
		}
		return c.named(err)
	})
}

// The UIDs of a file.
const (
	tagInstanceUID dataset.Tag = 0x00080018
	tagClassUID    dataset.Tag = 0x00080016
	tagStudyUID    dataset.Tag = 0x0020000D
	tagSeriesUID   dataset.Tag = 0x0020000E
)

// inspect holds a file to what was asked for: an archive must not slip another
// patient's images in.
func inspect(b []byte, ref Ref) (File, error) {
	d, err := parse(b)
	if err != nil {
		return File{}, badParts("a file in it cannot be read: %v", err)
	}
	f := File{Study: d.Text(tagStudyUID), Series: d.Text(tagSeriesUID), Instance: d.Text(tagInstanceUID), Bytes: b}
	for _, pair := range [][2]string{{ref.Study, f.Study}, {ref.Series, f.Series}, {ref.Instance, f.Instance}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return File{}, badParts("it holds an image of another study, series or instance")
		}
	}
	if !ValidUID(f.Series) || !ValidUID(f.Instance) {
		return File{}, badParts("a file in it has no proper UIDs")
	}
	return f, nil
}

// parse reads a file's data set. A panic in the parser is a fault of ours, but one
// file must not end the program.
func parse(b []byte) (d *dataset.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, errors.New("it is damaged in a way that the reader does not know")
		}
	}()
	return dataset.Parse(b)
}

// Progress hears how many files of all have come. It is called from one goroutine
// at a time.
type Progress func(done, total int)

// Fetched says what a retrieval brought.
type Fetched struct {
	Files  int      // that came, without those that were there
	Series []Series // those that came
	Left   []Series // those of other modalities, which stayed
}

// streams is how many series are retrieved at once: the archive reads its disk
// while we write ours.
const streams = 3

// Fetch retrieves the MR series of a study into sink. What breaks is taken up where
// it broke, instance by instance, a few times; what sink has does not come again.
func (c *Client) Fetch(ctx context.Context, study string, sink Sink, p Progress) (Fetched, error) {
	all, err := c.FindSeries(ctx, study)
	if err != nil {
		return Fetched{}, err
	}
	if len(all) == 0 {
		return Fetched{}, c.fault(false, ErrNotFound, "the archive has no study %s", study)
	}
	f := &fetch{c: c, study: study, sink: sink, progress: p}
	for _, s := range all {
		if s.Modality == "MR" || s.Modality == "" {
			f.got.Series = append(f.got.Series, s)
			f.total += s.Instances
			f.done += sink.Count(s.UID)
		} else {
			f.got.Left = append(f.got.Left, s)
		}
	}
	if len(f.got.Series) == 0 {
		return f.got, c.fault(false, nil, "the study has no MR series, only %s", modalities(all))
	}
	err = f.run(ctx)
	return f.got, err
}

func modalities(all []Series) string {
	var names []string
	for _, s := range all {
		names = append(names, s.Modality)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// fetch is a retrieval under way.
type fetch struct {
	c        *Client
	study    string
	sink     Sink
	progress Progress

	mu    sync.Mutex // guards got.Files and done and keeps progress to one goroutine
	got   Fetched
	done  int
	total int
}

// run retrieves several series at a time; the first fault ends them all.
func (f *fetch) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan Series)
	var wait sync.WaitGroup
	for range min(streams, len(f.got.Series)) {
		wait.Go(func() {
			for s := range next {
				if err := f.series(ctx, s); err != nil {
					stop(err)
				}
			}
		})
	}
	largest := slices.Clone(f.got.Series) // first, so that the streams end together
	slices.SortStableFunc(largest, func(a, b Series) int { return cmp.Compare(b.Instances, a.Instances) })
	for _, s := range largest {
		if ctx.Err() != nil {
			break
		}
		next <- s
	}
	close(next)
	wait.Wait()
	return context.Cause(ctx)
}

// series retrieves one series: as a whole where nothing of it is there, else by the
// instances that are missing, until all that the archive lists have come.
func (f *fetch) series(ctx context.Context, s Series) error {
	return f.c.persist(ctx, func() error {
		if f.sink.Count(s.UID) == 0 {
			if err := f.c.Retrieve(ctx, Ref{f.study, s.UID, ""}, f.keep); err != nil {
				return err
			}
		}
		if s.Instances > 0 && f.sink.Count(s.UID) >= s.Instances {
			return nil
		}
		missing, err := f.missing(ctx, s)
		if err != nil {
			return err
		}
		for _, uid := range missing {
			if err := f.c.Retrieve(ctx, Ref{f.study, s.UID, uid}, f.keep); err != nil {
				return err
			}
			if !f.sink.Has(s.UID, uid) {
				return f.c.fault(true, nil, "the archive lists an image of series %d and does not send it", s.Number)
			}
		}
		return nil
	})
}

// missing lists the instances of a series that the sink lacks.
func (f *fetch) missing(ctx context.Context, s Series) (missing []string, err error) {
	all, err := f.c.FindInstances(ctx, f.study, s.UID)
	for _, i := range all {
		if !f.sink.Has(s.UID, i.UID) {
			missing = append(missing, i.UID)
		}
	}
	return missing, err
}

// keep hands a file on and counts it.
func (f *fetch) keep(file File) error {
	if f.sink.Has(file.Series, file.Instance) {
		return nil // sent twice
	}
	if err := f.sink.Keep(file); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got.Files++
	f.done++
	if f.progress != nil {
		f.progress(f.done, max(f.done, f.total))
	}
	return nil
}
