package review

import (
	"context"
	"errors"
	"fmt"

	"columna/dicom/deid"
	"columna/report"
	"columna/spine"
	"columna/store"
)

// WriteRSNA writes cases as the tables of the RSNA 2024 lumbar challenge into a folder
// and returns the files; no case named means every accepted one. With
// a profile they leave without identity. Images are not opened.
func (d *Desk) WriteRSNA(ctx context.Context, ids []int64, dir string, p *deid.Profile) ([]string, error) {
	if len(ids) == 0 {
		all, err := d.accepted(ctx)
		if err != nil {
			return nil, err
		}
		if ids = all; len(ids) == 0 {
			return nil, errors.New("no case has been accepted yet: name the cases to export")
		}
	}
	var cases []report.RSNACase
	for _, id := range ids {
		c, err := d.rsnaCase(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("case %d: %w", id, err)
		}
		if p != nil {
			c = namelessRSNA(p, c)
		}
		cases = append(cases, c)
	}
	names, err := report.WriteRSNA(dir, cases)
	if err != nil {
		return names, err
	}
	for _, id := range ids {
		if err := d.Record(ctx, id, "export", fmt.Sprintf("RSNA tables of %d cases", len(ids))); err != nil {
			return names, err
		}
	}
	return names, nil
}

// accepted lists the cases whose reading a person has accepted or adjudicated, oldest
// first.
func (d *Desk) accepted(ctx context.Context) (ids []int64, err error) {
	const page = 1000
	for offset := 0; ; offset += page {
		rows, _, err := d.Worklist(ctx, Filter{SortBy: ByChanged, Ascending: true, Limit: page, Offset: offset})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.State == spine.Accepted || r.State == spine.Adjudicated {
				ids = append(ids, r.ID)
			}
		}
		if len(rows) < page {
			return ids, nil
		}
	}
}

func (d *Desk) rsnaCase(ctx context.Context, id int64) (out report.RSNACase, err error) {
	c, err := d.db.FindCase(ctx, id)
	if err != nil {
		return out, err
	}
	out = report.RSNACase{ID: c.Study.UID, Study: &c.Study}
	out.Analysis, _, err = d.db.FindAnalysis(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	graded, err := d.db.Grades(ctx, id)
	for _, g := range graded {
		out.Reader = append(out.Reader, g.GradeFinding)
	}
	return out, err
}
