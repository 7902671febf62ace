package dicom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"columna/internal/codec"
	"columna/volume"
)

// LoadSeries reads the pixels of a stack found by Import, on all cores. files may
// stand in any order. It fails if a file is gone, has changed or cannot be decoded.
func LoadSeries(ctx context.Context, files []FileRef) (*volume.Volume, error) {
	if len(files) == 0 {
		return nil, errors.New("the series has no files")
	}
	l := newLoader(files)
	defer l.close()
	if err := l.each(ctx, l.headers); err != nil {
		return nil, err
	}
	st, err := l.stack()
	if err != nil {
		return nil, err
	}
	lay, err := st.layout()
	if err != nil {
		return nil, err
	}
	v := &volume.Volume{Grid: lay.grid, Data: inLargePages(lay.grid.Len())}
	l.place(st, lay, v)
	if err := l.each(ctx, l.pixels); err != nil {
		return nil, err
	}
	l.interpolate(st, lay, v)
	return v, nil
}

// loader is what the slices of one job share: open zip files, the decoder, whose
// start a series pays for once, grey tables and memory
// for files.
type loader struct {
	zips    *zips
	decoder *codec.Decoder
	sources [][]FileRef // the frames of one file each
	slices  [][]*slice  // of the sources
	grey    map[*slice][]float32
	count   int
	tables  greyTables
	spare   buffers
}

// buffers is memory that files are read into one after the other. The collector, which
// empties a sync.Pool, leaves it alone: touching new memory takes as long as reading.
type buffers struct {
	mu   sync.Mutex
	free [][]byte
}

// take is nil where there is none.
func (b *buffers) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) == 0 {
		return nil
	}
	last := len(b.free) - 1
	held := b.free[last]
	b.free = b.free[:last]
	return held
}

func (b *buffers) give(held []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, held)
}

func newLoader(files []FileRef) *loader {
	sources := bySource(files)
	return &loader{zips: newZips(), decoder: codec.NewDecoder(), count: len(files),
		sources: sources, slices: make([][]*slice, len(sources)), grey: map[*slice][]float32{}}
}

func (l *loader) close() {
	l.zips.close()
	l.decoder.Close()
}

// bySource puts the frames of one file together, so that it is read once.
func bySource(files []FileRef) [][]FileRef {
	var out [][]FileRef
	at := map[FileRef]int{}
	for _, ref := range files {
		key := FileRef{Path: ref.Path, ZipEntry: ref.ZipEntry}
		n, known := at[key]
		if !known {
			n = len(out)
			at[key], out = n, append(out, nil)
		}
		out[n] = append(out[n], ref)
	}
	return out
}

// each runs do for all sources, on all cores.
func (l *loader) each(ctx context.Context, do func(ctx context.Context, i int) error) error {
	return parallel(ctx, len(l.sources), func(ctx context.Context, i int) error {
		if err := do(ctx, i); err != nil {
			return fmt.Errorf("%s: %s", l.sources[i][0], sentence(err))
		}
		return nil
	})
}

// headers reads the slices of source i.
func (l *loader) headers(_ context.Context, i int) error {
	all, err := readHeaders(l.zips, l.sources[i][0])
	if err != nil {
		return err
	}
	for _, ref := range l.sources[i] {
		if ref.Frame < 0 || ref.Frame >= len(all) || ref.SOPUID != "" && all[ref.Frame].ref.SOPUID != ref.SOPUID {
			return errChanged
		}
		if err := refuseSize(all[ref.Frame], l.count); err != nil {
			return err
		}
		l.slices[i] = append(l.slices[i], all[ref.Frame])
	}
	return nil
}

var errChanged = errors.New("the file is no longer the image that was imported: import the folder again")

// stack sorts the slices along their normal.
func (l *loader) stack() (*stack, error) {
	st, first := &stack{}, l.slices[0][0]
	for i, found := range l.slices {
		for _, s := range found {
			if s.rows != first.rows || s.cols != first.cols {
				return nil, fmt.Errorf("%s: its size differs from the rest of the series: import the folder again", l.sources[i][0])
			}
			s.ref.PositionMM = s.origin.Dot(first.normal())
			st.slices = append(st.slices, s)
		}
	}
	slices.SortStableFunc(st.slices, func(a, b *slice) int { return cmp.Compare(a.ref.PositionMM, b.ref.PositionMM) })
	return st, nil
}

// place gives each slice the memory for its grey values: its own plane of the
// volume, or some apart where it only serves its neighbours.
func (l *loader) place(st *stack, lay *layout, v *volume.Volume) {
	size := v.Size[0] * v.Size[1]
	for k, p := range lay.planes {
		if s := st.slices[p.a]; p.a == p.b && l.grey[s] == nil {
			l.grey[s] = v.Data[k*size : (k+1)*size]
		}
	}
	for _, s := range st.slices {
		if l.grey[s] == nil {
			l.grey[s] = make([]float32, size)
		}
	}
}

// interpolate fills the planes that no slice has for its own.
func (l *loader) interpolate(st *stack, lay *layout, v *volume.Volume) {
	size := v.Size[0] * v.Size[1]
	for k, p := range lay.planes {
		out := v.Data[k*size : (k+1)*size]
		a, b := l.grey[st.slices[p.a]], l.grey[st.slices[p.b]]
		if p.a == p.b {
			copy(out, a)
			continue
		}
		f := float32(p.f)
		for i := range out {
			out[i] = a[i]*(1-f) + b[i]*f
		}
	}
}

// pixels decodes the slices of source i into their places.
func (l *loader) pixels(ctx context.Context, i int) error {
	held, err := l.zips.readInto(l.spare.take(), l.sources[i][0])
	if err != nil {
		return err
	}
	defer l.spare.give(held)
	f, err := parse(held)
	if err != nil {
		return err
	}
	px, err := f.pixels()
	if err != nil {
		return err
	}
	px.tables = &l.tables
	return parallel(ctx, len(l.slices[i]), func(ctx context.Context, n int) error {
		s := l.slices[i][n]
		if s.rows != px.rows || s.cols != px.cols || s.ref.Frame >= px.frames || f.Text(tagSOPInstance) != s.ref.SOPUID {
			return errChanged
		}
		return px.greyInto(ctx, l.decoder, s, l.grey[s])
	})
}

// greyInto decodes the grey values of one frame.
func (p *pixelFormat) greyInto(ctx context.Context, d *codec.Decoder, s *slice, out []float32) error {
	samples, err := p.frame(ctx, d, s.ref.Frame)
	if err != nil {
		return err
	}
	own := *p
	own.slope, own.intercept = s.slope, s.intercept
	own.values(samples, out)
	return nil
}

// parallel runs do for 0..n-1 on all cores until one fails or ctx ends; it
// returns the first error. A panic in a reader is a fault of ours, but one file
// must not take the program down.
func parallel(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				if err := guarded(func() error { return do(ctx, i) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is damaged in a way that the reader does not know (%v)", r)
		}
	}()
	return do()
}
