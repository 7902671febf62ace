package store

import (
	"context"
	"fmt"
	"slices"

	"columna/spine"
)

// SeriesCorrection is what a person says a series is. An empty word leaves what
// import recognised; both empty take a correction back.
type SeriesCorrection struct {
	UID      string
	Block    int
	Sequence spine.Sequence
	Plane    spine.Plane
	Author   string
}

// CorrectSeries stores what a series of a case is. It outlives every import of the
// same series. ErrNotFound where the case has no such series.
func (db *DB) CorrectSeries(ctx context.Context, caseID int64, c SeriesCorrection) error {
	if c.Sequence != "" && !slices.Contains(spine.Sequences(), c.Sequence) {
		return fmt.Errorf("%q is no sequence: choose from %v", c.Sequence, spine.Sequences())
	}
	if c.Plane != "" && !slices.Contains(spine.Planes(), c.Plane) {
		return fmt.Errorf("%q is no plane: choose from %v", c.Plane, spine.Planes())
	}
	return db.update(ctx, "correct a series", func(t *tx) error {
		if err := t.mustExist(caseID); err != nil {
			return err
		}
		var known int
		err := t.one("SELECT count(*) FROM series WHERE case_id = ? AND uid = ? AND block = ?", []any{caseID, c.UID, c.Block}, &known)
		if err == nil && known == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		id, err := t.insert("INSERT INTO series_corrections (case_id, uid, block, sequence, plane, author, created_at) VALUES (?,?,?,?,?,?,?)",
			caseID, c.UID, c.Block, string(c.Sequence), string(c.Plane), c.Author, t.at)
		if err != nil {
			return err
		}
		if err := t.auditRow(c.Author, "series", caseID, "series_corrections", id, c.detail()); err != nil {
			return err
		}
		return t.refreshWorklist(caseID)
	})
}

// detail is the correction in words, for the audit.
func (c SeriesCorrection) detail() string {
	words := "as recognised"
	if c.Sequence != "" || c.Plane != "" {
		words = fmt.Sprintf("%s %s", c.Sequence, c.Plane)
	}
	return fmt.Sprintf("%s/%d: %s", c.UID, c.Block, words)
}

// latestSeries are the rows of a case that count, where each series stood first,
// and what a person said of it. It takes the case's id twice.
const latestSeries = `series
	JOIN (SELECT max(id) AS last, min(id) AS first FROM series WHERE case_id = ? GROUP BY uid, block) ON id = last
	LEFT JOIN (SELECT uid AS said_uid, block AS said_block, sequence AS said_sequence, plane AS said_plane, author AS said_by, max(id)
		FROM series_corrections WHERE case_id = ? GROUP BY uid, block) ON said_uid = uid AND said_block = block`

// saidSequence and saidPlane are a series' words with a person's above import's.
const (
	saidSequence = "coalesce(nullif(said_sequence, ''), sequence)"
	saidPlane    = "coalesce(nullif(said_plane, ''), plane)"
	saidBy       = "CASE WHEN coalesce(said_sequence, '') || coalesce(said_plane, '') = '' THEN '' ELSE said_by END"
)
