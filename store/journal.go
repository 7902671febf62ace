package store

import (
	"context"
	"errors"
	"time"
)

// JournalEntry is one stroke, undo or redo that no correction holds yet.
type JournalEntry struct {
	Seq  int64  // grows with time
	Base string // the mask it was made on, in the caller's words
	Kind string // edit, undo, redo
	Data []byte // the edit, see annotate.Delta
	At   time.Time
}

// ErrElsewhere means that another window has edited the case since it was opened
// here.
var ErrElsewhere = errors.New("the case is being edited in another window: close it here and open it again to go on from there")

// AppendJournal keeps an entry; when it returns, a killed process has it still.
// after is the number of the entry that the caller knows to be the last (0: none),
// else ErrElsewhere: two windows never mix their strokes.
func (db *DB) AppendJournal(ctx context.Context, caseID, after int64, base, kind string, data []byte) (seq int64, err error) {
	if data == nil {
		data = []byte{}
	}
	err = db.update(ctx, "write the journal", func(t *tx) error {
		if err := t.journalEndsAt(caseID, after); err != nil {
			return err
		}
		seq, err = t.insert("INSERT INTO journal (case_id, base, kind, data, created_at) VALUES (?,?,?,?,?)", caseID, base, kind, data, t.at)
		return err
	})
	return seq, err
}

// journalEndsAt is ErrElsewhere unless the case's last entry has that number.
func (t *tx) journalEndsAt(caseID, last int64) error {
	var now int64
	err := t.one("SELECT coalesce(max(id), 0) FROM journal WHERE case_id = ?", []any{caseID}, &now)
	if err == nil && now != last {
		err = ErrElsewhere
	}
	return err
}

// Journal reads a case's entries in the order in which they were made.
func (db *DB) Journal(ctx context.Context, caseID int64) (out []JournalEntry, err error) {
	const q = "SELECT id, base, kind, data, created_at FROM journal WHERE case_id = ? ORDER BY id"
	err = db.view(ctx, "read the journal", func(t *tx) error {
		return t.each(q, []any{caseID}, func(scan func(...any) error) error {
			var e JournalEntry
			var at string
			err := scan(&e.Seq, &e.Base, &e.Kind, &e.Data, &at)
			e.At = parseTime(at)
			out = append(out, e)
			return err
		})
	})
	return out, err
}

// DiscardJournal throws a case's entries away from the one with number from on (0:
// all of them); the audit keeps that it happened and why.
func (db *DB) DiscardJournal(ctx context.Context, caseID, from int64, author, reason string) error {
	return db.update(ctx, "discard the journal", func(t *tx) error {
		r, err := t.ExecContext(ctx, "DELETE FROM journal WHERE case_id = ? AND id >= ?", caseID, from)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		return t.audit(entry{author: author, action: "discard_journal", caseID: caseID, detail: reason})
	})
}
