// Package review is the workflow that the window and the commands share: import,
// analyse, correct, grade, sign. A Desk is an open worklist; a Session is one
// open case and the only mutable state of the app. The package knows no toolkit.
//
// A Desk may be used from several goroutines. A Session belongs to one goroutine,
// the window's; long work (Desk.Analyse, Desk.Heatmap,
// Desk.ClassifyLesion) runs elsewhere and its result is handed to the Session.
package review

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"columna/inference"
	"columna/models"
	"columna/store"
)

// Config says where a desk stands and who sits at it.
type Config struct {
	DBPath  string // "" for the user's own database
	Threads int    // of the networks, 0 for all cores
	// Provider is where the networks run, one of inference.Providers; Notice hears in
	// one sentence why they run on the CPU instead.
	Provider string
	Notice   func(sentence string)
	Author   string // signs what is stored
	// Models replaces the networks in use by name.
	Models map[string]*models.Model
}

// Progress hears how far long work has come: what is done now and the fraction
// of the whole, 0..1. It may be nil. It is called from one goroutine at a time.
type Progress func(stage string, fraction float64)

// say calls p where there is one.
func (p Progress) say(stage string, fraction float64) {
	if p != nil {
		p(stage, fraction)
	}
}

// Desk is an open worklist with its networks.
type Desk struct {
	db      *store.DB
	author  string
	library models.Library
	reader  *reader
	typed   typed
}

// Words of the store that the window and the commands use too.
type (
	CaseRow     = store.Row
	Filter      = store.Filter
	SortKey     = store.SortKey
	Version     = store.Correction
	ReaderGrade = store.ReaderGrade
	StateChange = store.StateChange
	AuditEntry  = store.AuditEntry
	KeyImage    = store.KeyImage
)

// The AI states of a worklist row.
const (
	AINone     = store.AINone
	AIAnalysed = store.AIAnalysed
)

// The columns that the worklist can be sorted by.
const (
	ByChanged = store.ByChanged
	ByDate    = store.ByDate
	ByName    = store.ByName
	ByPatient = store.ByPatient
	ByWorst   = store.ByWorst
	ByFlags   = store.ByFlags
	ByState   = store.ByState
)

// ErrConflict means that somebody else saved a version of the case meanwhile.
var ErrConflict = store.ErrConflict

// ErrNotFound means that there is no such case or version.
var ErrNotFound = store.ErrNotFound

// Open opens the worklist; the networks are loaded when they are first needed.
func Open(ctx context.Context, c Config) (*Desk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := DatabasePath(c.DBPath)
	if err != nil {
		return nil, err
	}
	c.DBPath = path
	if c.Author == "" {
		c.Author = "reader"
	}
	db, err := store.Open(c.DBPath)
	if err != nil {
		return nil, err
	}
	library := ModelLibrary(c.DBPath)
	return &Desk{db: db, author: c.Author, library: library, reader: newReader(inference.Config{
		Models: c.Models, Library: library, Threads: c.Threads, Provider: c.Provider, Notice: c.Notice})}, nil
}

// DatabasePath is the name given, or columna.db in the user's data folder where
// none is.
func DatabasePath(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	dir := os.Getenv("XDG_DATA_HOME")
	if home, err := os.UserHomeDir(); dir == "" && err == nil && runtime.GOOS == "linux" {
		dir = filepath.Join(home, ".local", "share")
	}
	if dir == "" {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("there is no folder for the database, name one with --db: %w", err)
		}
	}
	return filepath.Join(dir, "columna", "columna.db"), nil
}

// ModelLibrary is the folder of the models that were fine-tuned on the cases of a
// database, beside it.
func ModelLibrary(db string) models.Library { return models.Library{Dir: beside(db, "models")} }

// beside is a folder that belongs to a database.
func beside(db, what string) string { return strings.TrimSuffix(db, filepath.Ext(db)) + "-" + what }

// Close ends running work and closes networks and database.
func (d *Desk) Close() error {
	d.reader.close()
	return d.db.Close()
}

// Worklist reads a page of the cases and how many there are in all.
func (d *Desk) Worklist(ctx context.Context, f Filter) (rows []CaseRow, total int, err error) {
	return d.db.Worklist(ctx, f)
}

// Check verifies the database and returns what is wrong in sentences.
func (d *Desk) Check(ctx context.Context) ([]string, error) { return d.db.Check(ctx) }

// Backup copies the database to a new file while work goes on.
func (d *Desk) Backup(ctx context.Context, path string) error { return d.db.Backup(ctx, path) }

// Audit reads the newest lines of a case's history (0: of all), newest first.
func (d *Desk) Audit(ctx context.Context, caseID int64, limit int) ([]AuditEntry, error) {
	return d.db.Audit(ctx, caseID, limit)
}

// DeleteCase takes a case off the worklist; nothing of it is removed.
func (d *Desk) DeleteCase(ctx context.Context, id int64, reason string) error {
	return d.db.DeleteCase(ctx, id, d.author, reason)
}

// RestoreCase brings a deleted case back.
func (d *Desk) RestoreCase(ctx context.Context, id int64, reason string) error {
	return d.db.RestoreCase(ctx, id, d.author, reason)
}

// Record adds a line to a case's history, such as an export.
func (d *Desk) Record(ctx context.Context, caseID int64, action, detail string) error {
	return d.db.Record(ctx, caseID, d.author, action, detail)
}
