package store

import (
	"context"
	"fmt"

	"columna/spine"
)

// FindAnalysisByID reads one analysis of a case with its mask, be it the latest
// or not; ErrNotFound where the case has no such analysis.
func (db *DB) FindAnalysisByID(ctx context.Context, caseID, id int64) (a *spine.Analysis, err error) {
	err = db.view(ctx, fmt.Sprintf("read analysis %d of case %d", id, caseID), func(t *tx) error {
		var uid, document string
		var mask *int64
		const q = "SELECT mask_uid, document, mask_id FROM analyses WHERE case_id = ? AND id = ?"
		if err := t.one(q, []any{caseID, id}, &uid, &document, &mask); err != nil {
			return err
		}
		if a, err = decodeDocument([]byte(document)); err != nil {
			return err
		}
		a.MaskUID = uid
		if mask != nil {
			a.Mask, err = t.mask(*mask)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}
