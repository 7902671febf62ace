package store

import (
	"context"
	"fmt"
	"time"

	"columna/volume"
)

// Correction is one saved version of a mask made by a person.
type Correction struct {
	CaseID     int64
	Version    int   // 1, 2, .. of the case
	Parent     int   // the version it was made from, 0: from the AI's mask or none
	AnalysisID int64 // the analysis it goes back to, 0: none
	MaskUID    string
	Journal    int64            // the last journal entry that the mask holds, 0: none
	Mask       *volume.LabelMap // nil in lists
	Author     string
	Reason     string
	At         time.Time
}

// SaveCorrection stores a new version of a case's mask and empties the journal,
// whose strokes it holds. c.Parent must be the latest version (0: none), else
// ErrConflict, and c.Journal the last entry, else ErrElsewhere: nobody's work is
// passed over unseen.
func (db *DB) SaveCorrection(ctx context.Context, c Correction) (version int, err error) {
	err = db.update(ctx, "store correction", func(t *tx) error {
		version, err = t.saveCorrection(c)
		return err
	})
	return version, err
}

func (t *tx) saveCorrection(c Correction) (version int, err error) {
	if c.Mask == nil {
		return 0, fmt.Errorf("there is no mask")
	}
	if err := t.mustExist(c.CaseID); err != nil {
		return 0, err
	}
	var latest int
	var parent, analysis *int64
	err = t.one("SELECT id, version FROM corrections WHERE case_id = ? ORDER BY version DESC LIMIT 1", []any{c.CaseID}, &parent, &latest)
	if err != nil && err != ErrNotFound {
		return 0, err
	}
	if latest != c.Parent {
		return 0, fmt.Errorf("version %d was the start, version %d is there now: %w", c.Parent, latest, ErrConflict)
	}
	if err := t.journalEndsAt(c.CaseID, c.Journal); err != nil {
		return 0, err
	}
	if c.AnalysisID != 0 {
		analysis = &c.AnalysisID
	}
	mask, sha, err := t.addMask(c.Mask)
	if err != nil {
		return 0, err
	}
	id, err := t.insert(`INSERT INTO corrections (case_id, version, parent_id, analysis_id, mask_id, mask_sha, mask_uid, author, reason, created_at)
		VALUES (?,?,?,?,?,?,?,?,?,?)`, c.CaseID, latest+1, parent, analysis, mask, sha, c.MaskUID, c.Author, c.Reason, t.at)
	if err != nil {
		return 0, err
	}
	if err := t.exec("DELETE FROM journal WHERE case_id = ?", c.CaseID); err != nil {
		return 0, err
	}
	if err := t.auditRow(c.Author, "correct", c.CaseID, "corrections", id, c.Reason); err != nil {
		return 0, err
	}
	return latest + 1, t.refreshWorklist(c.CaseID)
}

const correctionColumns = `SELECT c.version, coalesce(p.version, 0), coalesce(c.analysis_id, 0), c.mask_uid, c.author, c.reason, c.created_at, c.mask_id
	FROM corrections c LEFT JOIN corrections p ON p.id = c.parent_id WHERE c.case_id = ?`

// scanCorrection reads a row of correctionColumns.
func scanCorrection(caseID int64, scan func(...any) error) (c Correction, mask int64, err error) {
	var at string
	err = scan(&c.Version, &c.Parent, &c.AnalysisID, &c.MaskUID, &c.Author, &c.Reason, &at, &mask)
	c.CaseID, c.At = caseID, parseTime(at)
	return c, mask, err
}

// Corrections lists the versions of a case's mask, oldest first, without masks.
func (db *DB) Corrections(ctx context.Context, caseID int64) (out []Correction, err error) {
	err = db.view(ctx, "list corrections", func(t *tx) error {
		return t.each(correctionColumns+" ORDER BY c.version", []any{caseID}, func(scan func(...any) error) error {
			c, _, err := scanCorrection(caseID, scan)
			out = append(out, c)
			return err
		})
	})
	return out, err
}

// FindCorrection reads a version with its mask; version 0 is the latest.
// ErrNotFound where there is none.
func (db *DB) FindCorrection(ctx context.Context, caseID int64, version int) (*Correction, error) {
	var c Correction
	err := db.view(ctx, fmt.Sprintf("read correction of case %d", caseID), func(t *tx) error {
		var mask int64
		q := correctionColumns + " AND (? = 0 OR c.version = ?) ORDER BY c.version DESC LIMIT 1"
		found := false
		err := t.each(q, []any{caseID, version, version}, func(scan func(...any) error) (err error) {
			found = true
			c, mask, err = scanCorrection(caseID, scan)
			return err
		})
		if err != nil {
			return err
		}
		if !found {
			return ErrNotFound
		}
		c.Mask, err = t.mask(mask)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &c, nil
}
