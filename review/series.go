package review

import (
	"context"
	"fmt"

	"columna/spine"
	"columna/store"
	"columna/volume"
)

// SeriesID names a series block of a case.
type SeriesID struct {
	UID   string
	Block int // AllBlocks for every block
}

// AllBlocks stands for every block of a series.
const AllBlocks = -1

// CaseSeries reads a case's series, as import found them and people corrected
// them, with their grids; no image is opened.
func (d *Desk) CaseSeries(ctx context.Context, caseID int64) ([]spine.Series, []volume.Grid, error) {
	c, err := d.db.FindCase(ctx, caseID)
	if err != nil {
		return nil, nil, err
	}
	return c.Study.Series, c.Grids, nil
}

// CorrectSeries stores what a series of a case is; both words empty take every
// correction of it back. It holds for every later import of the series.
func (d *Desk) CorrectSeries(ctx context.Context, caseID int64, id SeriesID, q spine.Sequence, p spine.Plane) error {
	series, _, err := d.CaseSeries(ctx, caseID)
	if err != nil {
		return err
	}
	found := false
	for _, s := range series {
		if s.UID != id.UID || id.Block != AllBlocks && s.Block != id.Block {
			continue
		}
		found = true
		c := store.SeriesCorrection{UID: s.UID, Block: s.Block, Sequence: q, Plane: p, Author: d.author}
		if err := d.db.CorrectSeries(ctx, caseID, c); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("case %d has no such series: columna series %d lists them", caseID, caseID)
	}
	return nil
}

// CorrectSeries is Desk.CorrectSeries for the open case: the study shows it at once.
func (s *Session) CorrectSeries(ctx context.Context, id SeriesID, q spine.Sequence, p spine.Plane) error {
	if err := s.desk.CorrectSeries(ctx, s.id, id, q, p); err != nil {
		return err
	}
	stored, _, err := s.desk.CaseSeries(ctx, s.id)
	if err != nil {
		return err
	}
	for n := range s.study.Series {
		open := &s.study.Series[n]
		for _, now := range stored {
			if now.UID == open.UID && now.Block == open.Block {
				open.Sequence, open.Plane, open.Confidence, open.CorrectedBy = now.Sequence, now.Plane, now.Confidence, now.CorrectedBy
			}
		}
	}
	s.changed(Change{Series: true})
	return nil
}
