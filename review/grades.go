package review

import (
	"context"

	"columna/spine"
	"columna/store"
)

// fillAI puts the AI's findings into the cells.
func (s *Session) fillAI() {
	for c := range s.grades {
		for l := range s.grades[c] {
			s.grades[c][l].AI = spine.GradeFinding{Condition: spine.Condition(c), Level: spine.Level(l), Grade: spine.Ungraded}
		}
	}
	if s.analysis == nil {
		return
	}
	for _, g := range s.analysis.Grades {
		s.grades[g.Condition][g.Level].AI = g
	}
}

// restoreGrades reads the reader's grades that count.
func (s *Session) restoreGrades(ctx context.Context) error {
	for c := range s.grades {
		for l := range s.grades[c] {
			s.grades[c][l].Reader = spine.Ungraded
		}
	}
	grades, err := s.desk.db.Grades(ctx, s.id)
	if err != nil {
		return err
	}
	for _, g := range grades {
		cell := &s.grades[g.Condition][g.Level]
		cell.Reader, cell.Reason = g.Grade, g.Reason
	}
	return nil
}

// Grades is the worksheet, by condition and level.
func (s *Session) Grades() [spine.ConditionCount][spine.LevelCount]Cell { return s.grades }

// SetGrade keeps the reader's grade of a cell; spine.Ungraded takes it back.
func (s *Session) SetGrade(ctx context.Context, c spine.Condition, l spine.Level, g spine.Grade, reason string) error {
	finding := spine.GradeFinding{Condition: c, Level: l, Grade: g, Reason: reason}
	if err := s.desk.db.SetGrade(ctx, s.id, store.ReaderGrade{GradeFinding: finding, Author: s.desk.config.Author}); err != nil {
		return err
	}
	s.grades[c][l].Reader, s.grades[c][l].Reason = g, reason
	if err := s.began(ctx); err != nil {
		return err
	}
	s.tell(Change{Grades: true})
	return nil
}

// GradeHistory reads every grade ever given, oldest first.
func (s *Session) GradeHistory(ctx context.Context) ([]store.ReaderGrade, error) {
	return s.desk.db.GradeHistory(ctx, s.id)
}

// State is how far the reading has come.
func (s *Session) State() spine.ReaderState { return s.state }

// SetState keeps how far the reading has come.
func (s *Session) SetState(ctx context.Context, state spine.ReaderState) error {
	change := store.StateChange{State: state, Author: s.desk.config.Author}
	if err := s.desk.db.SetState(ctx, s.id, change); err != nil {
		return err
	}
	s.state = state
	s.tell(Change{State: true})
	return nil
}

// began marks an unread case as being read.
func (s *Session) began(ctx context.Context) error {
	if s.state != spine.Unread {
		return nil
	}
	return s.SetState(ctx, spine.InReview)
}
