// Package review is the workflow that every front end shares: import a study,
// open it, let the networks read it, correct the mask, grade, and keep all of it.
// Desk is the place of work, safe for several goroutines; Session is one open
// case and the only mutable state of the app, owned by one goroutine.
package review

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"columna/inference"
	"columna/models"
	"columna/store"
)

// Config says where the desk keeps its work and how it computes.
type Config struct {
	DBPath  string // "" is the user's own database
	Threads int    // for the networks, 0 = all
	Author  string // who signs what is stored
	// Models replaces shipped models by name.
	Models map[string]*models.Model
}

// Progress is told what is being done and how far it has come, 0 to 1. It may be
// called from other goroutines, one call at a time.
type Progress func(stage string, fraction float64)

// orNone lets callers pass nil.
func (p Progress) orNone() Progress {
	if p == nil {
		return func(string, float64) {}
	}
	return p
}

// Desk is an open database with the networks.
type Desk struct {
	config Config
	db     *store.DB

	mu       sync.Mutex
	pipeline *inference.Pipeline // opened by the first need
}

// Open opens the database, and makes it where it is missing.
func Open(ctx context.Context, c Config) (*Desk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.DBPath == "" {
		dir, err := dataDir()
		if err != nil {
			return nil, err
		}
		c.DBPath = filepath.Join(dir, "columna.db")
	}
	if c.Author == "" {
		c.Author = "unknown reader"
	}
	db, err := store.Open(c.DBPath)
	if err != nil {
		return nil, err
	}
	return &Desk{config: c, db: db}, nil
}

// dataDir is the user's data folder for Columna (XDG Base Directory on Unix).
func dataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "columna"), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "columna"), err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for the database: %w; name one with --db", err)
	}
	return filepath.Join(home, ".local", "share", "columna"), nil
}

// Close ends all work. No call may be in progress, sessions must be closed.
func (d *Desk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pipeline != nil {
		d.pipeline.Close()
		d.pipeline = nil
	}
	return d.db.Close()
}

// networks opens the pipeline once.
func (d *Desk) networks() (*inference.Pipeline, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pipeline == nil {
		p, err := inference.New(inference.Config{Models: d.config.Models, Threads: d.config.Threads})
		if err != nil {
			return nil, err
		}
		d.pipeline = p
	}
	return d.pipeline, nil
}

// Path is where the database lies.
func (d *Desk) Path() string { return d.db.Path() }

// Author is who signs what is stored.
func (d *Desk) Author() string { return d.config.Author }

// Check verifies the database; it returns what is wrong, in sentences.
func (d *Desk) Check(ctx context.Context) ([]string, error) { return d.db.Check(ctx) }

// Backup copies the database, as it is now, to a new file.
func (d *Desk) Backup(ctx context.Context, path string) error { return d.db.Backup(ctx, path) }

// Audit reads the newest lines of a case's audit (0: of all cases).
func (d *Desk) Audit(ctx context.Context, caseID int64, limit int) ([]store.AuditEntry, error) {
	return d.db.Audit(ctx, caseID, limit)
}

// CaseRow is one line of the worklist.
type CaseRow = store.Row

// Filter asks for a page of the worklist.
type Filter = store.Filter

// Worklist reads a page and the number of all cases that the filter lets through.
func (d *Desk) Worklist(ctx context.Context, f Filter) ([]CaseRow, int, error) {
	return d.db.Worklist(ctx, f)
}

// Remove takes a case off the worklist; nothing of it is destroyed.
func (d *Desk) Remove(ctx context.Context, id int64, reason string) error {
	return d.db.DeleteCase(ctx, id, d.config.Author, reason)
}
