-- What a person said a series is. The latest row of (case, uid, block) counts; an
-- empty word leaves what import recognised. Series are imported anew without
-- touching it.
CREATE TABLE series_corrections (
  id         INTEGER PRIMARY KEY,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  uid        TEXT NOT NULL,
  block      INTEGER NOT NULL,
  sequence   TEXT NOT NULL,
  plane      TEXT NOT NULL,
  author     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX series_corrections_case ON series_corrections(case_id, uid, block);
CREATE TRIGGER series_corrections_kept BEFORE DELETE ON series_corrections BEGIN SELECT RAISE(ABORT, 'corrections of series are never removed'); END;
CREATE TRIGGER series_corrections_fixed BEFORE UPDATE ON series_corrections BEGIN SELECT RAISE(ABORT, 'corrections of series are never changed'); END;
