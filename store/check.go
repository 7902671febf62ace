package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// audited are the tables each row of which has its line in the audit.
var audited = [...]string{"cases", "case_deletions", "series", "series_corrections", "analyses", "corrections", "grades", "reader_states", "archives", "model_changes", "holdouts", "key_images", "key_image_marks"}

// Check verifies the database: SQLite's own structure and references, the audit
// chain, that every row is what the audit says it was, every mask, and the
// worklist. It returns what is wrong, in sentences; none is good.
func (db *DB) Check(ctx context.Context) (problems []string, err error) {
	err = db.view(ctx, "check the database", func(t *tx) error {
		for _, part := range []func() ([]string, error){t.checkStructure, t.checkChain, t.checkRows, t.checkMasks, t.checkFiles, t.checkVersions, t.checkWorklist} {
			found, err := part()
			if err != nil {
				return err
			}
			problems = append(problems, found...)
		}
		return nil
	})
	return problems, err
}

// checkStructure asks SQLite.
func (t *tx) checkStructure() (problems []string, err error) {
	err = t.each("PRAGMA integrity_check(20)", nil, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		if s != "ok" {
			problems = append(problems, "SQLite: "+s)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = t.each("PRAGMA foreign_key_check", nil, func(scan func(...any) error) error {
		var table, parent string
		var row, key *int64
		err := scan(&table, &row, &parent, &key)
		problems = append(problems, fmt.Sprintf("a row of %s refers to a row of %s that is not there", table, parent))
		return err
	})
	return problems, err
}

// checkChain computes the hash chain of the audit again.
func (t *tx) checkChain() (problems []string, err error) {
	const q = "SELECT id, created_at, author, action, case_id, entity, entity_id, digest, detail, prev, hash FROM audit ORDER BY id"
	last, before := "", int64(0)
	err = t.each(q, nil, func(scan func(...any) error) error {
		var e entry
		var id int64
		var at, prev, hash string
		if err := scan(&id, &at, &e.author, &e.action, &e.caseID, &e.entity, &e.rowID, &e.digest, &e.detail, &prev, &hash); err != nil {
			return err
		}
		if id != before+1 || prev != last {
			problems = append(problems, fmt.Sprintf("audit line %d does not follow the line before it: lines were removed or put in", id))
		}
		if e.hash(id, at, prev) != hash {
			problems = append(problems, fmt.Sprintf("audit line %d was changed after it was written", id))
		}
		last, before = hash, id
		return nil
	})
	return problems, err
}

// checkRows compares every row of record with its digest in the audit, both
// ways, so that neither can be changed, lost or added alone.
func (t *tx) checkRows() (problems []string, err error) {
	for _, table := range audited {
		want := map[int64]string{}
		err := t.each("SELECT entity_id, digest FROM audit WHERE entity = ?", []any{table}, func(scan func(...any) error) error {
			var id int64
			var d string
			err := scan(&id, &d)
			want[id] = d
			return err
		})
		if err != nil {
			return nil, err
		}
		var ids []int64
		err = t.each("SELECT id FROM "+table, nil, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		found, err := t.compareRows(table, ids, want)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

func (t *tx) compareRows(table string, ids []int64, want map[int64]string) (problems []string, err error) {
	for _, id := range ids {
		d, known := want[id]
		delete(want, id)
		if !known {
			problems = append(problems, fmt.Sprintf("row %d of %s is not in the audit", id, table))
			continue
		}
		got, err := t.digestRow(table, id)
		if err != nil {
			return nil, err
		}
		if got != d {
			problems = append(problems, fmt.Sprintf("row %d of %s was changed after it was written", id, table))
		}
	}
	for id := range want {
		problems = append(problems, fmt.Sprintf("row %d of %s is in the audit but gone", id, table))
	}
	return problems, nil
}

// ids reads a column of ids.
func (t *tx) ids(query string) (ids []int64, err error) {
	err = t.each(query, nil, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// checkMasks unpacks every mask.
func (t *tx) checkMasks() (problems []string, err error) {
	ids, err := t.ids("SELECT id FROM masks")
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := t.mask(id); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems, nil
}

// checkFiles compares the slices of every series, and the masks' sums, with what
// the audited rows say of them.
func (t *tx) checkFiles() (problems []string, err error) {
	want := map[int64]string{}
	err = t.each("SELECT id, files_sha FROM series", nil, func(scan func(...any) error) error {
		var id int64
		var sha string
		err := scan(&id, &sha)
		want[id] = sha
		return err
	})
	if err != nil {
		return nil, err
	}
	for id, sha := range want {
		files, err := t.files(id)
		if err != nil {
			return nil, err
		}
		if filesDigest(files) != sha {
			problems = append(problems, fmt.Sprintf("the files of series row %d were changed after it was written", id))
		}
	}
	for _, table := range [...]string{"analyses", "corrections"} {
		q := "SELECT r.id FROM " + table + " r JOIN masks m ON m.id = r.mask_id WHERE m.sha256 <> r.mask_sha"
		err := t.each(q, nil, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			problems = append(problems, fmt.Sprintf("the mask of row %d of %s was changed after it was written", id, table))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// checkVersions looks for gaps in the chains of corrections.
func (t *tx) checkVersions() (problems []string, err error) {
	const q = `SELECT c.case_id, c.version FROM corrections c LEFT JOIN corrections p ON p.id = c.parent_id
		WHERE (c.version = 1) <> (c.parent_id IS NULL) OR c.version > 1 AND (p.case_id <> c.case_id OR p.version <> c.version - 1)`
	err = t.each(q, nil, func(scan func(...any) error) error {
		var id int64
		var version int
		err := scan(&id, &version)
		problems = append(problems, fmt.Sprintf("correction %d of case %d does not follow its parent", version, id))
		return err
	})
	return problems, err
}

// checkWorklist derives every line again.
func (t *tx) checkWorklist() (problems []string, err error) {
	lines := map[int64]Row{}
	const q = `SELECT case_id, patient_id, patient_name, age, sex, date, sequences, ai_state, worst_grade, flags, state, changed_at FROM worklist`
	err = t.each(q, nil, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		lines[r.ID] = r
		return err
	})
	if err != nil {
		return nil, err
	}
	const live = `SELECT id FROM cases WHERE coalesce((SELECT deleted FROM case_deletions WHERE case_id = cases.id ORDER BY id DESC LIMIT 1), 0) = 0`
	cases, err := t.ids(live)
	if err != nil {
		return nil, err
	}
	for _, id := range cases {
		want, _, err := t.derive(id)
		if err != nil {
			problems = append(problems, fmt.Sprintf("case %d cannot be read: %v", id, err))
			delete(lines, id)
			continue
		}
		if got, ok := lines[id]; !ok || !sameLine(got, want) {
			problems = append(problems, fmt.Sprintf("the worklist line of case %d is out of date", id))
		}
		delete(lines, id)
	}
	for id := range lines {
		problems = append(problems, fmt.Sprintf("the worklist shows case %d, which is deleted", id))
	}
	return problems, nil
}

func sameLine(a, b Row) bool {
	key := func(r Row) string {
		r.Changed = time.Time{}
		return fmt.Sprintf("%d|%s|%s|%s|%s|%s|%s|%s|%d|%d|%s", r.ID, r.PatientID, r.PatientName, r.Age, r.Sex, r.Date,
			strings.Join(r.Sequences, " "), r.AIState, r.WorstGrade, r.Flags, r.State)
	}
	return key(a) == key(b)
}

// Backup copies the database, as it is at this moment, to a new file that only
// its owner can read. Work may go on meanwhile.
func (db *DB) Backup(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	f.Close() // VACUUM INTO accepts an empty file and keeps its mode
	if _, err := db.write.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		os.Remove(path)
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}
