package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"columna/spine"
)

// AnalysisInfo names a stored analysis without its mask.
type AnalysisInfo struct {
	ID     int64
	At     time.Time
	Models []spine.ModelRef
}

// SaveAnalysis stores what the networks said, with the hashes of their weights.
// Earlier analyses stay.
func (db *DB) SaveAnalysis(ctx context.Context, caseID int64, a *spine.Analysis, author string) (id int64, err error) {
	document, err := encodeDocument(a)
	if err != nil {
		return 0, fmt.Errorf("store analysis: %w", err)
	}
	err = db.update(ctx, "store analysis", func(t *tx) error {
		if err := t.mustExist(caseID); err != nil {
			return err
		}
		var mask *int64
		sha := ""
		if a.Mask != nil {
			mask = new(int64)
			if *mask, sha, err = t.addMask(a.Mask); err != nil {
				return err
			}
		}
		id, err = t.insert("INSERT INTO analyses (case_id, mask_id, mask_sha, mask_uid, document, created_at) VALUES (?,?,?,?,?,?)",
			caseID, mask, sha, a.MaskUID, string(document), t.at)
		if err != nil {
			return err
		}
		if err := t.auditRow(author, "analyse", caseID, "analyses", id, modelNames(a.Models)); err != nil {
			return err
		}
		return t.refreshWorklist(caseID)
	})
	return id, err
}

func modelNames(models []spine.ModelRef) string {
	b, _ := json.Marshal(models) // two strings each: cannot fail
	return string(b)
}

// mustExist refuses a case that is unknown or deleted.
func (t *tx) mustExist(caseID int64) error {
	deleted, err := t.deleted(caseID)
	if err == nil && deleted {
		err = ErrNotFound
	}
	if err == ErrNotFound {
		return fmt.Errorf("case %d: %w", caseID, err)
	}
	return err
}

// FindAnalysis reads the latest analysis of a case with its mask; ErrNotFound
// where there is none yet.
func (db *DB) FindAnalysis(ctx context.Context, caseID int64) (a *spine.Analysis, id int64, err error) {
	err = db.view(ctx, fmt.Sprintf("read analysis of case %d", caseID), func(t *tx) error {
		id, a, err = t.latestDocument(caseID)
		if err != nil {
			return err
		}
		var mask *int64
		if err := t.one("SELECT mask_id FROM analyses WHERE id = ?", []any{id}, &mask); err != nil || mask == nil {
			return err
		}
		a.Mask, err = t.mask(*mask)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return a, id, nil
}

// Analyses lists the analyses of a case, oldest first.
func (db *DB) Analyses(ctx context.Context, caseID int64) (out []AnalysisInfo, err error) {
	const q = "SELECT id, created_at, document FROM analyses WHERE case_id = ? ORDER BY id"
	err = db.view(ctx, "list analyses", func(t *tx) error {
		return t.each(q, []any{caseID}, func(scan func(...any) error) error {
			var i AnalysisInfo
			var at, document string
			if err := scan(&i.ID, &at, &document); err != nil {
				return err
			}
			a, err := decodeDocument([]byte(document))
			if err != nil {
				return fmt.Errorf("analysis %d: %w", i.ID, err)
			}
			i.At, i.Models = parseTime(at), a.Models
			out = append(out, i)
			return nil
		})
	})
	return out, err
}

// latestDocument reads the latest analysis without its mask.
func (t *tx) latestDocument(caseID int64) (id int64, a *spine.Analysis, err error) {
	var uid, document string
	err = t.one("SELECT id, mask_uid, document FROM analyses WHERE case_id = ? ORDER BY id DESC LIMIT 1", []any{caseID}, &id, &uid, &document)
	if err != nil {
		return 0, nil, err
	}
	if a, err = decodeDocument([]byte(document)); err != nil {
		return 0, nil, fmt.Errorf("analysis %d: %w", id, err)
	}
	a.MaskUID = uid
	return id, a, nil
}
