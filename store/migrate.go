package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sort"
)

//go:embed migrations/*.sql
var embedded embed.FS

// applicationID marks a SQLite file as Columna's ("COLU").
const applicationID = 0x434F4C55

// migrate brings a database to the newest layout, one transaction a step. The
// files of dir are the steps, numbered by their order; user_version counts those
// made.
func migrate(ctx context.Context, db *sql.DB, files fs.FS, dir string) error {
	names, err := fs.Glob(files, dir+"/*.sql")
	if err != nil {
		return err
	}
	sort.Strings(names)
	version, err := layout(ctx, db)
	if err != nil {
		return err
	}
	if version > len(names) {
		return fmt.Errorf("it was written by a newer Columna (layout %d, this one knows %d): use that one", version, len(names))
	}
	for n := version; n < len(names); n++ {
		step, err := fs.ReadFile(files, names[n])
		if err != nil {
			return err
		}
		if err := migrateStep(ctx, db, n, string(step)); err != nil {
			return fmt.Errorf("migration %s: %w", names[n], err)
		}
	}
	return nil
}

// layout reads the layout's number; 0 is an empty file.
func layout(ctx context.Context, db *sql.DB) (int, error) {
	var id, version, tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if tables > 0 && id != applicationID {
		return 0, fmt.Errorf("it is a SQLite file of another program: choose another name")
	}
	return version, nil
}

// migrateStep makes step n (from 0) unless another process has just made it.
func migrateStep(ctx context.Context, db *sql.DB, n int, step string) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback()
	var version int
	if err := t.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != n {
		return nil
	}
	mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, n+1)
	if _, err := t.ExecContext(ctx, step+"\n;"+mark); err != nil {
		return err
	}
	return t.Commit()
}
