package train

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFillPool_KeepsSeedOrderAndReadsItsCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.samples")
	calls := func(seed uint64) ([]uint64, error) { return []uint64{seed, seed * 10}, nil }
	p, err := fillPool(context.Background(), path, 5, 3, calls)
	want := []uint64{5, 50, 6, 60, 7, 70}
	if err != nil || !slices.Equal(p.samples, want) {
		t.Fatalf("got %v, %v", p, err)
	}
	p, err = fillPool(context.Background(), path, 5, 3, func(uint64) ([]uint64, error) { return nil, errors.New("made again") })
	if err != nil || !slices.Equal(p.samples, want) {
		t.Fatalf("from the cache: %v, %v", p, err)
	}
}

func TestFillPool_PassesOnTheFirstError(t *testing.T) {
	boom := errors.New("boom")
	_, err := fillPool(context.Background(), filepath.Join(t.TempDir(), "x"), 0, 4, func(seed uint64) ([]int, error) {
		if seed == 2 {
			return nil, boom
		}
		return []int{1}, nil
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
}

func contains(err error, part string) bool { return strings.Contains(err.Error(), part) }
