package store

import (
	"errors"
	"reflect"
	"testing"

	"columna/volume"
)

func keyImage(png string) KeyImage {
	return KeyImage{Title: "T2 sagittal 9 / 17", SeriesUID: "1.2.1", SOPClassUID: "1.2.840.10008.5.1.4.1.1.4", SOPUID: "a", Frame: 3,
		Orientation: `P\F`, PlaceLPS: volume.Vec3{1.5, -2, 3}, PNG: []byte(png), Author: "A"}
}

func TestKeyImages_SurviveAndCanBeRemovedAndBroughtBack(t *testing.T) {
	db := opened(t)
	id, other := added(t, db, 1), added(t, db, 2)
	first, isNew, err := db.AddKeyImage(ctx, id, keyImage("one"))
	if err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	if again, isNew, err := db.AddKeyImage(ctx, id, keyImage("one")); err != nil || isNew || again != first {
		t.Errorf("the same picture again: %d, new %v, %v", again, isNew, err)
	}
	if _, _, err := db.AddKeyImage(ctx, id, keyImage("two")); err != nil {
		t.Fatal(err)
	}
	expect := func(removed ...bool) {
		t.Helper()
		all, err := db.KeyImages(ctx, id)
		if err != nil || len(all) != len(removed) {
			t.Fatalf("%d images, %v", len(all), err)
		}
		for n, k := range all {
			if k.Removed != removed[n] {
				t.Errorf("image %d: removed %v", n, k.Removed)
			}
		}
		clean(t, db)
	}
	expect(false, false)
	all, _ := db.KeyImages(ctx, id)
	want := keyImage("one")
	want.ID, want.At = first, all[0].At
	if !reflect.DeepEqual(all[0], want) || want.At.IsZero() {
		t.Errorf("%+v, want %+v", all[0], want)
	}
	for _, removed := range []bool{true, true, false, true} {
		if err := db.RemoveKeyImage(ctx, id, first, removed, "B"); err != nil {
			t.Fatal(err)
		}
		expect(removed, false)
	}
	if _, isNew, err := db.AddKeyImage(ctx, id, keyImage("one")); err != nil || !isNew {
		t.Errorf("a removed one kept anew: %v, %v", isNew, err)
	}
	expect(false, false)
	if err := db.RemoveKeyImage(ctx, other, first, true, "B"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another case's image: %v", err)
	}
	if lines, _ := db.Audit(ctx, id, 1); lines[0].Action != "key image restored" || lines[0].Detail != "T2 sagittal 9 / 17" {
		t.Errorf("audit %+v", lines[0])
	}
}

func TestKeyImages_AreBounded(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	if _, _, err := db.AddKeyImage(ctx, id, keyImage("")); err == nil {
		t.Error("an empty picture was kept")
	}
	if _, _, err := db.AddKeyImage(ctx, id, keyImage(string(make([]byte, maxKeyImageBytes+1)))); err == nil {
		t.Error("a picture beyond the limit was kept")
	}
	if _, _, err := db.AddKeyImage(ctx, 99, keyImage("x")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a case that is not there: %v", err)
	}
	for n := range maxKeyImages {
		if _, _, err := db.AddKeyImage(ctx, id, keyImage(string(rune('A'+n)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := db.AddKeyImage(ctx, id, keyImage("one more")); err == nil {
		t.Error("there is no end of key images")
	}
}
