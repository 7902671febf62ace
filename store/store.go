// Package store keeps cases, results, corrections, grades, reader states and the
// audit in one SQLite file of the user's. It holds the only SQL. Nothing is
// overwritten: what changes gets a new row, what is deleted gets a mark.
//
// A DB may be used from several goroutines: there is one writer at a time, and
// readers see the last committed state.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// ErrNotFound means that there is no such case, analysis or version.
var ErrNotFound = errors.New("not found")

// ErrConflict means that somebody else saved a version in the meantime.
var ErrConflict = errors.New("another version was saved in the meantime: reopen the case")

// ErrOtherPatient means that a study is stored as another patient's.
var ErrOtherPatient = errors.New("the study is in the worklist under another patient ID: one of the two has a wrong header")

// DB is an open database.
type DB struct {
	path  string
	write *sql.DB // one connection, immediate transactions
	read  *sql.DB // several, query only
	now   func() time.Time
}

// Pragmas hold per connection, so they stand in the DSN. NORMAL in WAL mode
// survives a killed process whole; a power cut can take the last commits but
// never the file.
const pragmas = "?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=5000&_synchronous=NORMAL"

// Open opens the database at path and creates it, and the folder, where it is
// missing. The file is readable by its owner only. An older layout is migrated;
// a newer one, or a file that is not Columna's, is refused.
func Open(path string) (*DB, error) {
	db, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

func open(path string) (*DB, error) {
	if err := ownFile(path); err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := "file:" + (&url.URL{Path: absolute}).EscapedPath() + pragmas
	db := &DB{path: path, now: time.Now}
	if db.write, err = sql.Open("sqlite3", dsn+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite3", dsn+"&_query_only=on"); err != nil {
		db.write.Close()
		return nil, err
	}
	db.read.SetMaxOpenConns(4)
	if err := migrate(context.Background(), db.write, embedded, "migrations"); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// ownFile makes sure that the file exists and is its owner's alone. SQLite gives
// the -wal and -shm files the mode of the database.
func ownFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o600)
	}
	return nil
}

// Close ends all work and folds the write-ahead log into the file.
func (db *DB) Close() error {
	readErr := db.read.Close()
	return errors.Join(readErr, db.write.Close())
}

// Path is where the database lies.
func (db *DB) Path() string { return db.path }

// update runs f in one write transaction.
func (db *DB) update(ctx context.Context, what string, f func(*tx) error) error {
	t, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	at := db.now().UTC().Format(timeLayout)
	if err := f(&tx{Tx: t, ctx: ctx, at: at}); err != nil {
		t.Rollback()
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// view runs f in one read transaction, that is on one state of the database.
func (db *DB) view(ctx context.Context, what string, f func(*tx) error) error {
	t, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer t.Rollback()
	if err := f(&tx{Tx: t, ctx: ctx}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// tx is a transaction with its context and its one time.
type tx struct {
	*sql.Tx
	ctx context.Context
	at  string
}

// insert runs an INSERT and returns the new row's id.
func (t *tx) insert(query string, args ...any) (int64, error) {
	r, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// exec runs a statement.
func (t *tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	return err
}

// one reads one row; ErrNotFound without it.
func (t *tx) one(query string, args []any, into ...any) error {
	err := t.QueryRowContext(t.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// each reads every row with f.
func (t *tx) each(query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// timeLayout is RFC 3339 in UTC with all its digits, so that times sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// parseTime reads a stored time; a damaged one is the zero time.
func parseTime(s string) time.Time {
	t, _ := time.Parse(timeLayout, s)
	return t
}
