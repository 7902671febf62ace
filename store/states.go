package store

import (
	"context"
	"fmt"
	"time"

	"columna/spine"
)

// StateChange is one step of a case's reading.
type StateChange struct {
	State  spine.ReaderState
	Author string
	Reason string
	At     time.Time
}

// SetState adds a reader state.
func (db *DB) SetState(ctx context.Context, caseID int64, s StateChange) error {
	switch s.State {
	case spine.Unread, spine.InReview, spine.Accepted, spine.NeedsSecondReader, spine.Adjudicated:
	default:
		return fmt.Errorf("store reader state: %q is not one", string(s.State))
	}
	return db.update(ctx, "store reader state", func(t *tx) error {
		if err := t.mustExist(caseID); err != nil {
			return err
		}
		id, err := t.insert("INSERT INTO reader_states (case_id, state, author, reason, created_at) VALUES (?,?,?,?,?)",
			caseID, string(s.State), s.Author, s.Reason, t.at)
		if err != nil {
			return err
		}
		if err := t.auditRow(s.Author, "state", caseID, "reader_states", id, string(s.State)); err != nil {
			return err
		}
		return t.refreshWorklist(caseID)
	})
}

// State reads how far the reading of a case has come.
func (db *DB) State(ctx context.Context, caseID int64) (s spine.ReaderState, err error) {
	err = db.view(ctx, "read reader state", func(t *tx) error {
		s, err = t.state(caseID)
		return err
	})
	return s, err
}

// StateHistory reads every step, oldest first.
func (db *DB) StateHistory(ctx context.Context, caseID int64) (out []StateChange, err error) {
	const q = "SELECT state, author, reason, created_at FROM reader_states WHERE case_id = ? ORDER BY id"
	err = db.view(ctx, "read reader states", func(t *tx) error {
		return t.each(q, []any{caseID}, func(scan func(...any) error) error {
			var s StateChange
			var state, at string
			err := scan(&state, &s.Author, &s.Reason, &at)
			s.State, s.At = spine.ReaderState(state), parseTime(at)
			out = append(out, s)
			return err
		})
	})
	return out, err
}

func (t *tx) state(caseID int64) (spine.ReaderState, error) {
	var s string
	err := t.one("SELECT state FROM reader_states WHERE case_id = ? ORDER BY id DESC LIMIT 1", []any{caseID}, &s)
	if err == ErrNotFound {
		return spine.Unread, nil
	}
	return spine.ReaderState(s), err
}
