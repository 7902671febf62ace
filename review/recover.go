package review

import (
	"context"
	"fmt"

	"columna/annotate"
)

// replay makes the journal's entries again on the mask they were made on. Entries
// of another mask are left where they are and reported.
func (s *Session) replay(ctx context.Context) error {
	entries, err := s.desk.db.Journal(ctx, s.id)
	if err != nil {
		return err
	}
	others := 0
	for _, e := range entries {
		if e.Base != s.base {
			others++
			continue
		}
		if err := s.editor.Replay(e.Kind, e.Data); err != nil {
			return s.rescue(ctx, err)
		}
		s.dirty = true
		s.recovered++
		s.count(e.Kind)
	}
	if s.recovered > 0 {
		s.notices = append(s.notices, fmt.Sprintf("%d edits that were not saved have been brought back. Save or undo them.", s.recovered))
	}
	if others > 0 {
		s.notices = append(s.notices, fmt.Sprintf("%d edits in the journal belong to another mask and were left out.", others))
	}
	return nil
}

// count follows what a replayed entry does to the history.
func (s *Session) count(kind string) {
	switch kind {
	case annotate.KindEdit:
		s.live, s.liveRedo = s.live+1, 0
	case annotate.KindUndo:
		s.live, s.liveRedo = s.live-1, s.liveRedo+1
	case annotate.KindRedo:
		s.live, s.liveRedo = s.live+1, s.liveRedo-1
	}
}

// rescue keeps what could be replayed of a damaged journal as a version, which
// also empties the journal, so that the damage does not come back.
func (s *Session) rescue(ctx context.Context, cause error) error {
	s.notices = append(s.notices, fmt.Sprintf("The journal is damaged after %d edits (%v); the edits before that were saved as a version.", s.recovered, cause))
	if s.recovered == 0 {
		return s.desk.db.DiscardJournal(ctx, s.id, s.desk.config.Author, "damaged: "+cause.Error())
	}
	_, err := s.SaveCorrection(ctx, "recovered from a damaged journal")
	return err
}

// Recovered is the number of unsaved edits that opening brought back.
func (s *Session) Recovered() int { return s.recovered }

// Discard throws the edits away that no version holds.
func (s *Session) Discard(ctx context.Context) error {
	if s.editor == nil {
		return nil
	}
	if err := s.desk.db.DiscardJournal(ctx, s.id, s.desk.config.Author, "discarded by the reader"); err != nil {
		return err
	}
	s.editor, s.recovered = nil, 0
	if err := s.restoreMask(ctx); err != nil {
		return err
	}
	if s.editor != nil {
		s.tell(Change{Mask: s.editor.Mask().Bounds()})
	}
	return nil
}
