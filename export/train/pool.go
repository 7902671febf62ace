package train

import (
	"context"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// pool is a set of training samples made once from consecutive seeds and kept in
// memory; a file beside the run spares making them again.
type pool[T any] struct {
	samples []T
}

// fillPool makes samples first..first+count-1 in parallel, or reads them from
// path when they were made before. One seed may give several samples, or none.
func fillPool[T any](ctx context.Context, path string, first uint64, count int, make_ func(seed uint64) ([]T, error)) (*pool[T], error) {
	p := &pool[T]{}
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		if err := gob.NewDecoder(f).Decode(&p.samples); err != nil {
			return nil, fmt.Errorf("sample cache %s is damaged: remove it: %w", path, err)
		}
		return p, nil
	}
	parts, err := makeAll(ctx, first, count, make_)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		p.samples = append(p.samples, part...)
	}
	return p, p.save(path)
}

// makeAll runs make_ for every seed on all processors; results keep seed order.
func makeAll[T any](ctx context.Context, first uint64, count int, make_ func(seed uint64) ([]T, error)) ([][]T, error) {
	parts := make([][]T, count)
	errs := make([]error, count)
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := range next {
				parts[n], errs[n] = make_(first + uint64(n))
			}
		})
	}
	for n := 0; n < count && ctx.Err() == nil; n++ {
		next <- n
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return parts, ctx.Err()
}

func (p *pool[T]) save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(f).Encode(p.samples); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
