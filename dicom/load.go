package dicom

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"columna/internal/codec"
)

// loader is what the slices of one job share: open zip files and the decoder,
// whose start a series pays for once.
type loader struct {
	zips    *zips
	decoder *codec.Decoder
}

func newLoader() *loader { return &loader{zips: newZips(), decoder: codec.NewDecoder()} }

func (l *loader) close() {
	l.zips.close()
	l.decoder.Close()
}

// image is a slice with its grey values.
type image struct {
	*slice
	grey []float32
}

// load reads the frames of one source that belong to a stack of count slices,
// with their pixels.
func (l *loader) load(ctx context.Context, refs []FileRef, count int) ([]image, error) {
	b, err := l.zips.read(refs[0])
	if err != nil {
		return nil, err
	}
	f, err := parse(b)
	if err != nil {
		return nil, err
	}
	all, err := readSlices(f)
	if err != nil {
		return nil, err
	}
	px, err := f.pixels()
	if err != nil {
		return nil, err
	}
	out := make([]image, len(refs))
	return out, parallel(ctx, len(refs), func(ctx context.Context, i int) (err error) {
		ref := refs[i]
		if ref.Frame < 0 || ref.Frame >= len(all) || ref.SOPUID != "" && all[ref.Frame].ref.SOPUID != ref.SOPUID {
			return errors.New("the file is no longer the image that was imported: import the folder again")
		}
		out[i].slice = all[ref.Frame]
		if err := refuseSize(out[i].slice, count); err != nil {
			return err
		}
		out[i].grey, err = px.grey(ctx, l.decoder, out[i].slice)
		return err
	})
}

// grey decodes the grey values of one frame.
func (p *pixelFormat) grey(ctx context.Context, d *codec.Decoder, s *slice) ([]float32, error) {
	samples, err := p.frame(ctx, d, s.ref.Frame)
	if err != nil {
		return nil, err
	}
	own := *p
	own.slope, own.intercept = s.slope, s.intercept
	out := make([]float32, p.rows*p.cols)
	own.values(samples, out)
	return out, nil
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
