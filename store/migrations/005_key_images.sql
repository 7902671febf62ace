-- Pictures of a case that a reader kept as key images, and whether each still is one:
-- the latest mark of an image counts, one without a mark is.
CREATE TABLE key_images (
  id          INTEGER PRIMARY KEY,
  case_id     INTEGER NOT NULL REFERENCES cases(id),
  title       TEXT NOT NULL, -- what it shows, such as "T2 sagittal 9 / 17"
  series_uid  TEXT NOT NULL, -- the image that it was drawn from
  sop_class   TEXT NOT NULL,
  sop_uid     TEXT NOT NULL, -- '' where that image is not DICOM's
  frame       INTEGER NOT NULL, -- from 1 in a multi-frame object, else 0
  orientation TEXT NOT NULL, -- DICOM PatientOrientation
  x_mm        REAL NOT NULL, -- the place in sight
  y_mm        REAL NOT NULL,
  z_mm        REAL NOT NULL,
  png         BLOB NOT NULL,
  author      TEXT NOT NULL,
  created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX key_images_case ON key_images(case_id);

CREATE TABLE key_image_marks (
  id           INTEGER PRIMARY KEY,
  key_image_id INTEGER NOT NULL REFERENCES key_images(id),
  removed      INTEGER NOT NULL CHECK (removed IN (0, 1)),
  author       TEXT NOT NULL,
  created_at   TEXT NOT NULL
) STRICT;
CREATE INDEX key_image_marks_image ON key_image_marks(key_image_id);

CREATE TRIGGER key_images_kept BEFORE DELETE ON key_images BEGIN SELECT RAISE(ABORT, 'key images are never removed'); END;
CREATE TRIGGER key_images_fixed BEFORE UPDATE ON key_images BEGIN SELECT RAISE(ABORT, 'key images are never changed'); END;
CREATE TRIGGER key_image_marks_kept BEFORE DELETE ON key_image_marks BEGIN SELECT RAISE(ABORT, 'marks are never removed'); END;
CREATE TRIGGER key_image_marks_fixed BEFORE UPDATE ON key_image_marks BEGIN SELECT RAISE(ABORT, 'marks are never changed'); END;
