package store

import (
	"context"
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

// AppendJournal keeps an entry; when it returns, a killed process has it still.
func (db *DB) AppendJournal(ctx context.Context, caseID int64, base, kind string, data []byte) (seq int64, err error) {
	if data == nil {
		data = []byte{}
	}
	err = db.update(ctx, "write the journal", func(t *tx) error {
		seq, err = t.insert("INSERT INTO journal (case_id, base, kind, data, created_at) VALUES (?,?,?,?,?)", caseID, base, kind, data, t.at)
		return err
	})
	return seq, err
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
