package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"columna/volume"
)

// Bounds of the key images of a case.
const (
	maxKeyImages     = 200
	maxKeyImageBytes = 16 << 20
)

// KeyImage is a picture of a case that a reader kept.
type KeyImage struct {
	ID          int64
	Title       string // what it shows
	SeriesUID   string // the image that it was drawn from
	SOPClassUID string
	SOPUID      string // "" where that image is not DICOM's
	Frame       int    // from 1 in a multi-frame object, else 0
	Orientation string // DICOM PatientOrientation: where rows and columns run to
	PlaceLPS    volume.Vec3
	PNG         []byte
	Removed     bool
	Author      string
	At          time.Time
}

// AddKeyImage keeps a picture. A picture that is kept already is not kept twice; one
// that was removed is brought back. added tells whether the case has one more now.
func (db *DB) AddKeyImage(ctx context.Context, caseID int64, k KeyImage) (id int64, added bool, err error) {
	if len(k.PNG) == 0 || len(k.PNG) > maxKeyImageBytes {
		return 0, false, fmt.Errorf("a key image of %d bytes cannot be kept, %d MB at most", len(k.PNG), maxKeyImageBytes>>20)
	}
	err = db.update(ctx, "store key image", func(t *tx) error {
		if err := t.mustExist(caseID); err != nil {
			return err
		}
		kept, err := t.keyImages(caseID)
		if err != nil {
			return err
		}
		live := 0
		for _, old := range kept {
			if bytes.Equal(old.PNG, k.PNG) {
				id, added = old.ID, old.Removed
				return t.markKeyImage(caseID, old, false, k.Author)
			}
			if !old.Removed {
				live++
			}
		}
		if live >= maxKeyImages {
			return fmt.Errorf("the case has %d key images already: remove some first", live)
		}
		id, err = t.insert(`INSERT INTO key_images (case_id, title, series_uid, sop_class, sop_uid, frame, orientation, x_mm, y_mm, z_mm, png, author, created_at)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, caseID, k.Title, k.SeriesUID, k.SOPClassUID, k.SOPUID, k.Frame, k.Orientation,
			k.PlaceLPS[0], k.PlaceLPS[1], k.PlaceLPS[2], k.PNG, k.Author, t.at)
		if err != nil {
			return err
		}
		added = true
		if err := t.auditRow(k.Author, "key image", caseID, "key_images", id, k.Title); err != nil {
			return err
		}
		return t.refreshWorklist(caseID)
	})
	return id, added, err
}

// RemoveKeyImage takes a picture from the key images of a case, or brings it back;
// nothing is deleted. ErrNotFound where the case has none of that number.
func (db *DB) RemoveKeyImage(ctx context.Context, caseID, id int64, removed bool, author string) error {
	return db.update(ctx, "store key image", func(t *tx) error {
		kept, err := t.keyImages(caseID)
		if err != nil {
			return err
		}
		for _, k := range kept {
			if k.ID == id {
				return t.markKeyImage(caseID, k, removed, author)
			}
		}
		return ErrNotFound
	})
}

// markKeyImage says whether a picture is a key image; nothing where it has been said.
func (t *tx) markKeyImage(caseID int64, k KeyImage, removed bool, author string) error {
	if k.Removed == removed {
		return nil
	}
	mark, action := 0, "key image restored"
	if removed {
		mark, action = 1, "key image removed"
	}
	id, err := t.insert("INSERT INTO key_image_marks (key_image_id, removed, author, created_at) VALUES (?,?,?,?)", k.ID, mark, author, t.at)
	if err != nil {
		return err
	}
	if err := t.auditRow(author, action, caseID, "key_image_marks", id, k.Title); err != nil {
		return err
	}
	return t.refreshWorklist(caseID)
}

// KeyImages reads the pictures of a case, oldest first, those that were removed too.
func (db *DB) KeyImages(ctx context.Context, caseID int64) (all []KeyImage, err error) {
	err = db.view(ctx, "read key images", func(t *tx) error {
		all, err = t.keyImages(caseID)
		return err
	})
	return all, err
}

func (t *tx) keyImages(caseID int64) (all []KeyImage, err error) {
	const q = `SELECT id, title, series_uid, sop_class, sop_uid, frame, orientation, x_mm, y_mm, z_mm, png, author, created_at,
		coalesce((SELECT removed FROM key_image_marks m WHERE m.key_image_id = key_images.id ORDER BY m.id DESC LIMIT 1), 0)
		FROM key_images WHERE case_id = ? ORDER BY id`
	err = t.each(q, []any{caseID}, func(scan func(...any) error) error {
		var k KeyImage
		var at string
		err := scan(&k.ID, &k.Title, &k.SeriesUID, &k.SOPClassUID, &k.SOPUID, &k.Frame, &k.Orientation,
			&k.PlaceLPS[0], &k.PlaceLPS[1], &k.PlaceLPS[2], &k.PNG, &k.Author, &at, &k.Removed)
		k.At = parseTime(at)
		all = append(all, k)
		return err
	})
	return all, err
}
