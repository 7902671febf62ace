-- The DICOMweb archives that the user has named; the latest row of a name counts.
-- No credentials: they are never stored here.

CREATE TABLE archives (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  url        TEXT NOT NULL,
  ca_file    TEXT NOT NULL,
  allow_http INTEGER NOT NULL CHECK (allow_http IN (0, 1)),
  removed    INTEGER NOT NULL CHECK (removed IN (0, 1)),
  author     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX archives_name ON archives(name);

CREATE TRIGGER archives_kept BEFORE DELETE ON archives BEGIN SELECT RAISE(ABORT, 'archives are never removed'); END;
CREATE TRIGGER archives_fixed BEFORE UPDATE ON archives BEGIN SELECT RAISE(ABORT, 'archives are never changed'); END;
