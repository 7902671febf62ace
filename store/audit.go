package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// AuditEntry is one line of the audit. Each carries the hash of the line before,
// so that a line cannot be changed, taken out or put in unseen.
type AuditEntry struct {
	ID     int64
	At     time.Time
	Author string
	Action string // import, analyse, correct, grade, state, delete, restore, ...
	CaseID int64  // 0: none
	Entity string // table of the row that was added, or ""
	RowID  int64
	Digest string // SHA-256 of that row's content
	Detail string
	Hash   string
}

// Record adds a line of the caller's own, such as an export.
func (db *DB) Record(ctx context.Context, caseID int64, author, action, detail string) error {
	return db.update(ctx, "record in the audit", func(t *tx) error {
		return t.audit(entry{author: author, action: action, caseID: caseID, detail: detail})
	})
}

// Audit reads the newest lines of a case (0: of all), newest first.
func (db *DB) Audit(ctx context.Context, caseID int64, limit int) ([]AuditEntry, error) {
	var out []AuditEntry
	err := db.view(ctx, "read the audit", func(t *tx) error {
		const q = `SELECT id, created_at, author, action, case_id, entity, entity_id, digest, detail, hash
			FROM audit WHERE ? = 0 OR case_id = ? ORDER BY id DESC LIMIT ?`
		return t.each(q, []any{caseID, caseID, limit}, func(scan func(...any) error) error {
			var e AuditEntry
			var at string
			err := scan(&e.ID, &at, &e.Author, &e.Action, &e.CaseID, &e.Entity, &e.RowID, &e.Digest, &e.Detail, &e.Hash)
			e.At = parseTime(at)
			out = append(out, e)
			return err
		})
	})
	return out, err
}

// entry is a line about to be added.
type entry struct {
	author, action string
	caseID         int64
	entity         string
	rowID          int64
	digest         string
	detail         string
}

// audit adds a line to the chain.
func (t *tx) audit(e entry) error {
	var last int64
	prev := ""
	err := t.one("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", nil, &last, &prev)
	if err != nil && err != ErrNotFound {
		return err
	}
	id := last + 1
	hash := e.hash(id, t.at, prev)
	return t.exec(`INSERT INTO audit (id, created_at, author, action, case_id, entity, entity_id, digest, detail, prev, hash)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		id, t.at, e.author, e.action, e.caseID, e.entity, e.rowID, e.digest, e.detail, prev, hash)
}

// hash covers every column, each with its length before it.
func (e entry) hash(id int64, at, prev string) string {
	return digest(prev, fmt.Sprint(id), at, e.author, e.action, fmt.Sprint(e.caseID),
		e.entity, fmt.Sprint(e.rowID), e.digest, e.detail)
}

// digest is the SHA-256, in hex, of strings each with its length before it.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// digestRow is the digest of all columns of one row as SQLite prints them.
func (t *tx) digestRow(table string, id int64) (string, error) {
	rows, err := t.QueryContext(t.ctx, "SELECT * FROM "+table+" WHERE id = ?", id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", ErrNotFound
	}
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for n := range values {
		into[n] = &values[n]
	}
	if err := rows.Scan(into...); err != nil {
		return "", err
	}
	parts := []string{table}
	for n, c := range columns {
		parts = append(parts, c, plain(values[n]))
	}
	return digest(parts...), rows.Err()
}

// plain prints a column's value so that different values differ.
func plain(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case []byte:
		return "blob:" + string(x)
	case string:
		return "text:" + x
	}
	return fmt.Sprintf("%T:%v", v, v)
}

// auditRow adds a line for a row just inserted.
func (t *tx) auditRow(author, action string, caseID int64, table string, id int64, detail string) error {
	d, err := t.digestRow(table, id)
	if err != nil {
		return err
	}
	return t.audit(entry{author: author, action: action, caseID: caseID, entity: table, rowID: id, digest: d, detail: detail})
}
