-- Rows are never changed or removed, but for the marks named here; triggers hold that.
-- Times are RFC 3339 in UTC. Places are LPS+ millimetres.

CREATE TABLE cases (
  id           INTEGER PRIMARY KEY,
  study_uid    TEXT NOT NULL UNIQUE,
  patient_id   TEXT NOT NULL,
  patient_name TEXT NOT NULL,
  sex          TEXT NOT NULL,
  age          TEXT NOT NULL, -- DICOM AS
  date         TEXT NOT NULL, -- DICOM DA
  description  TEXT NOT NULL,
  field_t      REAL NOT NULL, -- tesla, 0 unknown
  created_at   TEXT NOT NULL
) STRICT;

-- A case is deleted while its latest row here says so.
CREATE TABLE case_deletions (
  id         INTEGER PRIMARY KEY,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  deleted    INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  author     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX case_deletions_case ON case_deletions(case_id);

-- One row per import of a series block; the latest of (case, uid, block) counts.
CREATE TABLE series (
  id           INTEGER PRIMARY KEY,
  case_id      INTEGER NOT NULL REFERENCES cases(id),
  uid          TEXT NOT NULL,
  block        INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  description  TEXT NOT NULL,
  sequence     TEXT NOT NULL,
  plane        TEXT NOT NULL,
  confidence   REAL NOT NULL,
  frame_uid    TEXT NOT NULL,
  sop_class    TEXT NOT NULL,
  warnings     TEXT NOT NULL, -- JSON list
  size_i       INTEGER NOT NULL, -- voxels, 0 unknown
  size_j       INTEGER NOT NULL,
  size_k       INTEGER NOT NULL,
  affine       TEXT NOT NULL, -- JSON, 12 numbers by rows, or ''
  files_sha    TEXT NOT NULL, -- of its slices, so that the audit covers them
  created_at   TEXT NOT NULL
) STRICT;
CREATE INDEX series_case ON series(case_id, uid, block);

-- Where the slices of a series were found, in the order of k.
CREATE TABLE slices (
  series_id   INTEGER NOT NULL REFERENCES series(id),
  k           INTEGER NOT NULL,
  path        TEXT NOT NULL,
  zip_entry   TEXT NOT NULL,
  sop_uid     TEXT NOT NULL,
  frame       INTEGER NOT NULL,
  position_mm REAL NOT NULL, -- along the normal
  PRIMARY KEY (series_id, k)
) STRICT, WITHOUT ROWID;

CREATE TABLE masks (
  id         INTEGER PRIMARY KEY,
  sha256     TEXT NOT NULL, -- of the blob
  size_i     INTEGER NOT NULL,
  size_j     INTEGER NOT NULL,
  size_k     INTEGER NOT NULL,
  blob       BLOB NOT NULL  -- see mask.go
) STRICT;

CREATE TABLE analyses (
  id         INTEGER PRIMARY KEY,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  mask_id    INTEGER REFERENCES masks(id),
  mask_sha   TEXT NOT NULL, -- masks.sha256, so that the audit covers the mask; '' without one
  mask_uid   TEXT NOT NULL, -- series whose grid the mask lies on
  document   TEXT NOT NULL, -- JSON: models with hashes, grades, lesions, flags, seconds
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX analyses_case ON analyses(case_id);

CREATE TABLE corrections (
  id          INTEGER PRIMARY KEY,
  case_id     INTEGER NOT NULL REFERENCES cases(id),
  version     INTEGER NOT NULL CHECK (version >= 1),
  parent_id   INTEGER REFERENCES corrections(id), -- NULL: made on the analysis or on nothing
  analysis_id INTEGER REFERENCES analyses(id),
  mask_id     INTEGER NOT NULL REFERENCES masks(id),
  mask_sha    TEXT NOT NULL,
  mask_uid    TEXT NOT NULL,
  author      TEXT NOT NULL,
  reason      TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  UNIQUE (case_id, version)
) STRICT;

CREATE TABLE grades (
  id         INTEGER PRIMARY KEY,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  condition  TEXT NOT NULL, -- RSNA 2024's words
  level      TEXT NOT NULL,
  grade      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  author     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX grades_case ON grades(case_id);

CREATE TABLE reader_states (
  id         INTEGER PRIMARY KEY,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  state      TEXT NOT NULL CHECK (state IN ('unread', 'in_review', 'accepted', 'needs_second_reader', 'adjudicated')),
  author     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX reader_states_case ON reader_states(case_id);

-- Strokes not yet in a correction. Scratch: emptied when one is saved.
CREATE TABLE journal (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id    INTEGER NOT NULL REFERENCES cases(id),
  base       TEXT NOT NULL, -- the mask the strokes were made on
  kind       TEXT NOT NULL, -- edit, undo, redo
  data       BLOB NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX journal_case ON journal(case_id);

-- Hash chain: hash = SHA-256 over prev and every other column, see audit.go.
CREATE TABLE audit (
  id         INTEGER PRIMARY KEY,
  created_at TEXT NOT NULL,
  author     TEXT NOT NULL,
  action     TEXT NOT NULL,
  case_id    INTEGER NOT NULL, -- 0: none
  entity     TEXT NOT NULL,    -- table of the row that was added, or ''
  entity_id  INTEGER NOT NULL,
  digest     TEXT NOT NULL,    -- SHA-256 of that row's content
  detail     TEXT NOT NULL,
  prev       TEXT NOT NULL,
  hash       TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX audit_case ON audit(case_id);
CREATE INDEX audit_entity ON audit(entity, entity_id);

-- Derived: what the worklist shows, kept beside the truth so that a page of a
-- hundred thousand cases is one index walk. `columna check` compares, a rebuild
-- is always possible.
CREATE TABLE worklist (
  case_id      INTEGER PRIMARY KEY REFERENCES cases(id),
  patient_id   TEXT NOT NULL,
  patient_name TEXT NOT NULL,
  age          TEXT NOT NULL,
  sex          TEXT NOT NULL,
  date         TEXT NOT NULL,
  sequences    TEXT NOT NULL, -- space separated
  ai_state     TEXT NOT NULL,
  worst_grade  INTEGER NOT NULL,
  flags        INTEGER NOT NULL,
  state        TEXT NOT NULL,
  changed_at   TEXT NOT NULL,
  search       TEXT NOT NULL  -- lower case
) STRICT;
CREATE INDEX worklist_changed ON worklist(changed_at, case_id);
CREATE INDEX worklist_date ON worklist(date, case_id);
CREATE INDEX worklist_name ON worklist(patient_name, case_id);
CREATE INDEX worklist_patient ON worklist(patient_id, case_id);
CREATE INDEX worklist_worst ON worklist(worst_grade, case_id);
CREATE INDEX worklist_flags ON worklist(flags, case_id);
CREATE INDEX worklist_search ON worklist(search, state); -- read whole, for being narrow
CREATE INDEX worklist_state ON worklist(state, case_id);

CREATE TRIGGER cases_kept BEFORE DELETE ON cases BEGIN SELECT RAISE(ABORT, 'cases are never removed'); END;
CREATE TRIGGER cases_fixed BEFORE UPDATE ON cases BEGIN SELECT RAISE(ABORT, 'cases are never changed'); END;
CREATE TRIGGER case_deletions_kept BEFORE DELETE ON case_deletions BEGIN SELECT RAISE(ABORT, 'marks are never removed'); END;
CREATE TRIGGER case_deletions_fixed BEFORE UPDATE ON case_deletions BEGIN SELECT RAISE(ABORT, 'marks are never changed'); END;
CREATE TRIGGER series_kept BEFORE DELETE ON series BEGIN SELECT RAISE(ABORT, 'series are never removed'); END;
CREATE TRIGGER series_fixed BEFORE UPDATE ON series BEGIN SELECT RAISE(ABORT, 'series are never changed'); END;
CREATE TRIGGER slices_kept BEFORE DELETE ON slices BEGIN SELECT RAISE(ABORT, 'slices are never removed'); END;
CREATE TRIGGER slices_fixed BEFORE UPDATE ON slices BEGIN SELECT RAISE(ABORT, 'slices are never changed'); END;
CREATE TRIGGER masks_kept BEFORE DELETE ON masks BEGIN SELECT RAISE(ABORT, 'masks are never removed'); END;
CREATE TRIGGER masks_fixed BEFORE UPDATE ON masks BEGIN SELECT RAISE(ABORT, 'masks are never changed'); END;
CREATE TRIGGER analyses_kept BEFORE DELETE ON analyses BEGIN SELECT RAISE(ABORT, 'analyses are never removed'); END;
CREATE TRIGGER analyses_fixed BEFORE UPDATE ON analyses BEGIN SELECT RAISE(ABORT, 'analyses are never changed'); END;
CREATE TRIGGER corrections_kept BEFORE DELETE ON corrections BEGIN SELECT RAISE(ABORT, 'corrections are never removed'); END;
CREATE TRIGGER corrections_fixed BEFORE UPDATE ON corrections BEGIN SELECT RAISE(ABORT, 'corrections are never changed'); END;
CREATE TRIGGER grades_kept BEFORE DELETE ON grades BEGIN SELECT RAISE(ABORT, 'grades are never removed'); END;
CREATE TRIGGER grades_fixed BEFORE UPDATE ON grades BEGIN SELECT RAISE(ABORT, 'grades are never changed'); END;
CREATE TRIGGER reader_states_kept BEFORE DELETE ON reader_states BEGIN SELECT RAISE(ABORT, 'states are never removed'); END;
CREATE TRIGGER reader_states_fixed BEFORE UPDATE ON reader_states BEGIN SELECT RAISE(ABORT, 'states are never changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is never shortened'); END;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END;
