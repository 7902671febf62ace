package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// What can become of a fine-tuned model.
const (
	ModelInstalled  = "install"
	ModelRefused    = "refuse"
	ModelRolledBack = "rollback"
)

// ModelChange is a line of the history of the models in use.
type ModelChange struct {
	Action   string // one of the above
	Net      string
	SHA256   string // of the model that was installed, refused or brought back
	Parent   string // of the model in use before
	Reason   string // in a sentence
	Document string // the gate's report as JSON; "" of a rollback
	Author   string
	At       time.Time
}

// RecordModel adds a line to the history of the models, and to the audit.
func (db *DB) RecordModel(ctx context.Context, c ModelChange) error {
	if !slices.Contains([]string{ModelInstalled, ModelRefused, ModelRolledBack}, c.Action) {
		return fmt.Errorf("record a model: %q is nothing that can become of one", c.Action)
	}
	return db.update(ctx, "record a model", func(t *tx) error {
		id, err := t.insert("INSERT INTO model_changes (action, net, sha256, parent, reason, document, author, created_at) VALUES (?,?,?,?,?,?,?,?)",
			c.Action, c.Net, c.SHA256, c.Parent, c.Reason, c.Document, c.Author, t.at)
		if err != nil {
			return err
		}
		return t.auditRow(c.Author, "model "+c.Action, 0, "model_changes", id, c.Net+" "+c.SHA256+": "+c.Reason)
	})
}

// ModelChanges reads the history of the models, newest first.
func (db *DB) ModelChanges(ctx context.Context) (out []ModelChange, err error) {
	const q = "SELECT action, net, sha256, parent, reason, document, author, created_at FROM model_changes ORDER BY id DESC"
	err = db.view(ctx, "read the history of the models", func(t *tx) error {
		return t.each(q, nil, func(scan func(...any) error) error {
			var c ModelChange
			var at string
			err := scan(&c.Action, &c.Net, &c.SHA256, &c.Parent, &c.Reason, &c.Document, &c.Author, &at)
			c.At = parseTime(at)
			out = append(out, c)
			return err
		})
	})
	return out, err
}

// FreezeHoldout keeps the rule by which patients are held out of fine-tuning. There
// is one, for ever: a second call gives back the first one's document.
func (db *DB) FreezeHoldout(ctx context.Context, document, sha256, author string) (kept string, err error) {
	err = db.update(ctx, "freeze the hold-out", func(t *tx) error {
		if kept, err = t.holdout(); err != ErrNotFound {
			return err
		}
		id, err := t.insert("INSERT INTO holdouts (id, sha256, document, author, created_at) VALUES (1,?,?,?,?)", sha256, document, author, t.at)
		if err != nil {
			return err
		}
		kept = document
		return t.auditRow(author, "freeze the hold-out", 0, "holdouts", id, sha256)
	})
	return kept, err
}

// Holdout reads the frozen rule; ErrNotFound before there is one.
func (db *DB) Holdout(ctx context.Context) (document string, err error) {
	err = db.view(ctx, "read the hold-out", func(t *tx) error {
		document, err = t.holdout()
		return err
	})
	return document, err
}

func (t *tx) holdout() (document string, err error) {
	err = t.one("SELECT document FROM holdouts WHERE id = 1", nil, &document)
	return document, err
}

// Accepted is a case whose reading a person has accepted, with the version of the mask
// that was accepted.
type Accepted struct {
	CaseID    int64
	PatientID string
	Version   int // 0: the reader accepted a mask that nobody had corrected
	MaskSHA   string
	At        time.Time // of the acceptance
}

// AcceptedCases lists the cases whose latest reader state is accepted or adjudicated,
// oldest case first. The accepted version is the last that was saved before: what was
// painted since is nobody's word yet.
func (db *DB) AcceptedCases(ctx context.Context) (out []Accepted, err error) {
	const q = `SELECT c.id, c.patient_id, s.created_at, coalesce(v.version, 0), coalesce(v.mask_sha, '')
		FROM cases c
		JOIN reader_states s ON s.id = (SELECT max(id) FROM reader_states WHERE case_id = c.id)
		LEFT JOIN corrections v ON v.id = (SELECT id FROM corrections WHERE case_id = c.id AND created_at <= s.created_at ORDER BY version DESC LIMIT 1)
		WHERE s.state IN ('accepted', 'adjudicated')
		AND coalesce((SELECT deleted FROM case_deletions WHERE case_id = c.id ORDER BY id DESC LIMIT 1), 0) = 0
		ORDER BY c.id`
	err = db.view(ctx, "list accepted cases", func(t *tx) error {
		return t.each(q, nil, func(scan func(...any) error) error {
			var a Accepted
			var at string
			err := scan(&a.CaseID, &a.PatientID, &at, &a.Version, &a.MaskSHA)
			a.At = parseTime(at)
			out = append(out, a)
			return err
		})
	})
	return out, err
}
