package store

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

func TestArchives_TheLatestOfANameCounts(t *testing.T) {
	ctx := context.Background()
	db, err := Open(filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, b := Archive{"a", "https://a/dw", "/ca.pem", false}, Archive{"b", "http://127.0.0.1/dw", "", true}
	for _, x := range []Archive{b, {"a", "https://old", "", true}, a} {
		if err := db.PutArchive(ctx, x, "tester"); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := db.Archives(ctx); err != nil || !slices.Equal(all, []Archive{a, b}) {
		t.Errorf("%+v %v", all, err)
	}
	if err := db.RemoveArchive(ctx, "a", "tester"); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveArchive(ctx, "a", "tester"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if all, err := db.Archives(ctx); err != nil || !slices.Equal(all, []Archive{b}) {
		t.Errorf("%+v %v", all, err)
	}
	if problems, err := db.Check(ctx); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
