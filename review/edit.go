package review

import (
	"context"
	"errors"
	"fmt"

	"columna/annotate"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// errNoMask is returned by edits before the first analysis.
var errNoMask = errors.New("there is no mask to edit yet: analyse the study first")

// BeginStroke opens a stroke of brush or eraser.
func (s *Session) BeginStroke(stroke annotate.Stroke) error {
	if s.editor == nil {
		return errNoMask
	}
	return s.editor.Begin(stroke)
}

// StrokeTo draws to a point in the patient (LPS+ mm).
func (s *Session) StrokeTo(mm volume.Vec3) {
	if s.editor == nil || !s.editor.Drawing() {
		return
	}
	if box := s.editor.MoveTo(mm); !box.Empty() {
		s.tell(Change{Mask: box})
	}
}

// EndStroke makes the stroke one step of the history and writes it to the
// journal: from here on a killed process has it still.
func (s *Session) EndStroke(ctx context.Context) error {
	if s.editor == nil || !s.editor.Drawing() {
		return nil
	}
	delta, ok := s.editor.End()
	if !ok {
		return nil
	}
	return s.keep(ctx, delta)
}

// CancelStroke takes back what the open stroke drew.
func (s *Session) CancelStroke() {
	if s.editor != nil && s.editor.Drawing() {
		s.editor.Cancel()
		s.tell(Change{Mask: s.editor.Changed()})
	}
}

// Fill relabels the island under a point, or fills the hole around it.
func (s *Session) Fill(ctx context.Context, mm volume.Vec3, label spine.Structure) (bool, error) {
	if s.editor == nil {
		return false, errNoMask
	}
	delta, ok := s.editor.Fill(mm, label)
	if !ok {
		return false, nil
	}
	return true, s.keep(ctx, delta)
}

// Restore makes the mask that of a saved version, or of the latest analysis for
// version 0, as one step that can be undone.
func (s *Session) Restore(ctx context.Context, version int) (bool, error) {
	if s.editor == nil {
		return false, errNoMask
	}
	mask, reason := s.AIMask(), "taken from the AI"
	if version > 0 {
		c, err := s.desk.db.FindCorrection(ctx, s.id, version)
		if err != nil {
			return false, fmt.Errorf("version %d: %w", version, err)
		}
		mask, reason = c.Mask, fmt.Sprintf("taken from version %d", version)
	}
	if mask == nil {
		return false, errors.New("there is no analysis to take the mask from")
	}
	delta, ok, err := s.editor.Replace(mask, reason)
	if err != nil || !ok {
		return false, err
	}
	return true, s.keep(ctx, delta)
}

// keep journals an edit that was made and reports it.
func (s *Session) keep(ctx context.Context, delta annotate.Delta) error {
	box := s.editor.Changed()
	data, err := delta.MarshalBinary()
	if err == nil {
		err = s.journal(ctx, annotate.KindEdit, data)
	}
	s.live, s.liveRedo = s.live+1, 0
	s.tell(Change{Mask: box})
	return err
}

// journal writes an entry. Where that fails the edit stands on screen, and the
// reader is told that it is not safe yet.
func (s *Session) journal(ctx context.Context, kind string, data []byte) error {
	s.dirty = true
	if _, err := s.desk.db.AppendJournal(ctx, s.id, s.base, kind, data); err != nil {
		return fmt.Errorf("the edit is not safe on disk yet, save the mask: %w", err)
	}
	return nil
}

// Undo takes the latest edit back; false where there is none.
func (s *Session) Undo(ctx context.Context) (bool, error) {
	return s.step(ctx, annotate.KindUndo, &s.live, &s.liveRedo)
}

// Redo makes the latest undone edit again; false where there is none.
func (s *Session) Redo(ctx context.Context) (bool, error) {
	return s.step(ctx, annotate.KindRedo, &s.liveRedo, &s.live)
}

// step undoes or redoes. An edit from before the last save is not in the journal,
// so its reversal is written there as an edit of its own; from is the number of
// edits that a replay could step over the same way, to the number it could then
// step back.
func (s *Session) step(ctx context.Context, kind string, from, to *int) (bool, error) {
	if s.editor == nil || s.editor.Drawing() {
		return false, nil
	}
	native := *from > 0
	var before *volume.LabelMap
	if !native {
		before = s.editor.Mask().Clone()
	}
	move := s.editor.Undo
	if kind == annotate.KindRedo {
		move = s.editor.Redo
	}
	box, ok := move()
	if !ok {
		return false, nil
	}
	var err error
	if native {
		*from, *to = *from-1, *to+1
		err = s.journal(ctx, kind, nil)
	} else {
		err = s.journalDifference(ctx, kind, before)
	}
	s.tell(Change{Mask: box})
	return true, err
}

// journalDifference writes what has changed since before as an edit. To a replay
// it is one more edit; it can be undone there only if it is on top of the
// history here as well, which holds for a redo.
func (s *Session) journalDifference(ctx context.Context, kind string, before *volume.LabelMap) error {
	delta, ok, err := annotate.New(before).Replace(s.editor.Mask(), kind)
	if err != nil || !ok {
		return err
	}
	s.liveRedo = 0
	if kind == annotate.KindRedo {
		s.live++
	}
	data, err := delta.MarshalBinary()
	if err != nil {
		return err
	}
	return s.journal(ctx, annotate.KindEdit, data)
}

// CanUndo reports whether Undo would change something.
func (s *Session) CanUndo() bool { return s.editor != nil && s.editor.CanUndo() }

// CanRedo reports whether Redo would change something.
func (s *Session) CanRedo() bool { return s.editor != nil && s.editor.CanRedo() }

// Dirty reports whether there are edits that no saved version holds.
func (s *Session) Dirty() bool { return s.dirty }

// SaveCorrection stores the mask as a new version and returns its number. The
// history stays, so that edits from before can still be undone.
func (s *Session) SaveCorrection(ctx context.Context, reason string) (version int, err error) {
	if s.editor == nil {
		return 0, errNoMask
	}
	version, err = s.desk.db.SaveCorrection(ctx, store.Correction{CaseID: s.id, Parent: s.version, AnalysisID: s.analysisID,
		MaskUID: s.maskUID, Mask: s.editor.Mask(), Author: s.desk.config.Author, Reason: reason})
	if err != nil {
		return 0, err
	}
	s.version = version
	s.rebase()
	return version, s.began(ctx)
}

// Versions lists the saved versions of the mask, oldest first, without masks.
func (s *Session) Versions(ctx context.Context) ([]store.Correction, error) {
	return s.desk.db.Corrections(ctx, s.id)
}
