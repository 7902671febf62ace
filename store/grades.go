package store

import (
	"context"
	"fmt"
	"time"

	"columna/spine"
)

// ReaderGrade is a grade that a person gave. Probabilities and Point are empty.
type ReaderGrade struct {
	spine.GradeFinding
	Author string
	At     time.Time
}

// SetGrade adds a reader's grade; it counts until the next one of its cell. A
// grade of spine.Ungraded takes the reader's grade back.
func (db *DB) SetGrade(ctx context.Context, caseID int64, g ReaderGrade) error {
	if err := validCell(g.Condition, g.Level); err != nil {
		return fmt.Errorf("store grade: %w", err)
	}
	return db.update(ctx, "store grade", func(t *tx) error {
		if err := t.mustExist(caseID); err != nil {
			return err
		}
		id, err := t.insert("INSERT INTO grades (case_id, condition, level, grade, reason, author, created_at) VALUES (?,?,?,?,?,?,?)",
			caseID, g.Condition.String(), g.Level.String(), g.Grade.String(), g.Reason, g.Author, t.at)
		if err != nil {
			return err
		}
		detail := g.Condition.String() + " " + g.Level.String() + " " + g.Grade.String()
		if err := t.auditRow(g.Author, "grade", caseID, "grades", id, detail); err != nil {
			return err
		}
		return t.refreshWorklist(caseID)
	})
}

// Grades reads the grades that count now: the latest of each cell, none where it
// was taken back.
func (db *DB) Grades(ctx context.Context, caseID int64) (out []ReaderGrade, err error) {
	err = db.view(ctx, "read grades", func(t *tx) error {
		out, err = t.currentGrades(caseID)
		return err
	})
	return out, err
}

// GradeHistory reads every grade ever given, oldest first.
func (db *DB) GradeHistory(ctx context.Context, caseID int64) (out []ReaderGrade, err error) {
	err = db.view(ctx, "read grade history", func(t *tx) error {
		out, err = t.gradeRows(caseID)
		return err
	})
	return out, err
}

func (t *tx) gradeRows(caseID int64) (out []ReaderGrade, err error) {
	const q = "SELECT condition, level, grade, reason, author, created_at FROM grades WHERE case_id = ? ORDER BY id"
	err = t.each(q, []any{caseID}, func(scan func(...any) error) error {
		var condition, level, grade, reason, author, at string
		if err := scan(&condition, &level, &grade, &reason, &author, &at); err != nil {
			return err
		}
		f, err := parseCell(condition, level, grade)
		if err != nil {
			return fmt.Errorf("a stored grade is damaged: %w", err)
		}
		f.Reason = reason
		out = append(out, ReaderGrade{f, author, parseTime(at)})
		return nil
	})
	return out, err
}

// currentGrades keeps the latest row of each cell, in worksheet order.
func (t *tx) currentGrades(caseID int64) ([]ReaderGrade, error) {
	rows, err := t.gradeRows(caseID)
	if err != nil {
		return nil, err
	}
	var latest [spine.ConditionCount][spine.LevelCount]*ReaderGrade
	for n := range rows {
		latest[rows[n].Condition][rows[n].Level] = &rows[n]
	}
	var out []ReaderGrade
	for _, row := range latest {
		for _, g := range row {
			if g != nil && g.Grade != spine.Ungraded {
				out = append(out, *g)
			}
		}
	}
	return out, nil
}
