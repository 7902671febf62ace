-- What became of fine-tuned models. The document of install and refuse is the gate's
-- report (JSON).
CREATE TABLE model_changes (
  id         INTEGER PRIMARY KEY,
  action     TEXT NOT NULL CHECK (action IN ('install', 'refuse', 'rollback')),
  net        TEXT NOT NULL,
  sha256     TEXT NOT NULL, -- of the model that was installed, refused or brought back
  parent     TEXT NOT NULL, -- of the model in use before
  reason     TEXT NOT NULL,
  document   TEXT NOT NULL,
  author     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- The rule by which patients are held out of fine-tuning, frozen once.
CREATE TABLE holdouts (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  sha256     TEXT NOT NULL,
  document   TEXT NOT NULL, -- the file, byte for byte
  author     TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

CREATE TRIGGER model_changes_kept BEFORE DELETE ON model_changes BEGIN SELECT RAISE(ABORT, 'changes of models are never removed'); END;
CREATE TRIGGER model_changes_fixed BEFORE UPDATE ON model_changes BEGIN SELECT RAISE(ABORT, 'changes of models are never changed'); END;
CREATE TRIGGER holdouts_kept BEFORE DELETE ON holdouts BEGIN SELECT RAISE(ABORT, 'a hold-out is never removed'); END;
CREATE TRIGGER holdouts_fixed BEFORE UPDATE ON holdouts BEGIN SELECT RAISE(ABORT, 'a hold-out is never changed'); END;
