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

// BeginStroke opens a stroke. Without a mask it starts an empty one on the grid
// of MaskSeries.
func (s *Session) BeginStroke(stroke annotate.Stroke) error {
	if s.editor == nil {
		base := s.MaskSeries()
		s.start(volume.NewLabelMap(base.Volume.Grid), base.UID, fromNothing(base))
	}
	return s.editor.Begin(stroke)
}

// StrokeTo draws from where the stroke had come to a patient point.
func (s *Session) StrokeTo(mm volume.Vec3) {
	if s.editor == nil || !s.editor.Drawing() {
		return
	}
	s.changed(Change{Mask: s.editor.MoveTo(mm)})
}

// EndStroke closes the stroke and writes it to the journal: when it returns
// without error, a killed process has the stroke still.
func (s *Session) EndStroke(ctx context.Context) error {
	if s.editor == nil {
		return nil
	}
	d, ok := s.editor.End()
	if !ok {
		return nil
	}
	return s.edited(ctx, d)
}

// CancelStroke closes the stroke and takes back what it drew.
func (s *Session) CancelStroke() {
	if s.editor == nil || !s.editor.Drawing() {
		return
	}
	s.editor.Cancel()
	s.changed(Change{Mask: s.editor.Mask().Bounds()})
}

// Fill relabels the island under a point; see annotate.Editor.Fill.
func (s *Session) Fill(ctx context.Context, mm volume.Vec3, label spine.Structure) error {
	if s.editor == nil {
		return nil
	}
	d, ok := s.editor.Fill(mm, label)
	if !ok {
		return nil
	}
	return s.edited(ctx, d)
}

// TakeAIMask makes the mask equal to the networks', as one undoable edit.
func (s *Session) TakeAIMask(ctx context.Context) error {
	if s.AIMask() == nil {
		return errors.New("there is no mask of the AI: analyse the case first")
	}
	if err := s.replace(ctx, s.AIMask(), "taken from the AI"); err != nil {
		return err
	}
	s.journal.origin = s.analysisID
	return nil
}

// TakeVersion makes the mask equal to a saved version's, as one undoable edit.
func (s *Session) TakeVersion(ctx context.Context, version int) error {
	c, err := s.desk.db.FindCorrection(ctx, s.id, version)
	if err != nil {
		return err
	}
	return s.replace(ctx, c.Mask, fmt.Sprintf("taken from version %d", version))
}

func (s *Session) replace(ctx context.Context, mask *volume.LabelMap, reason string) error {
	d, changed, err := s.editor.Replace(mask, reason)
	if err != nil || !changed {
		return err
	}
	return s.edited(ctx, d)
}

// edited journals an edit that the editor has just made. An edit that cannot be
// kept is taken back, so that the screen never shows more than the disk knows.
func (s *Session) edited(ctx context.Context, d annotate.Delta) error {
	err := s.write(ctx, annotate.KindEdit, d)
	s.journal.did(d)
	if err != nil {
		s.editor.Undo()
		s.journal.undid()
		s.journal.plain = true
		err = fmt.Errorf("the edit was taken back, it cannot be kept: %w", err)
	}
	s.changed(Change{Mask: d.Changed()})
	return err
}

// Undo takes the latest edit back, saved or not; false where there is none.
func (s *Session) Undo(ctx context.Context) (bool, error) {
	if s.editor == nil || !s.editor.CanUndo() {
		return false, nil
	}
	d := s.journal.done[len(s.journal.done)-1]
	if err := s.write(ctx, annotate.KindUndo, d); err != nil {
		return false, err
	}
	s.editor.Undo()
	s.journal.undid()
	s.changed(Change{Mask: d.Changed()})
	return true, nil
}

// Redo makes the latest undone edit again; false where there is none.
func (s *Session) Redo(ctx context.Context) (bool, error) {
	if s.editor == nil || !s.editor.CanRedo() {
		return false, nil
	}
	d := s.journal.undone[len(s.journal.undone)-1]
	if err := s.write(ctx, annotate.KindRedo, d); err != nil {
		return false, err
	}
	s.editor.Redo()
	s.journal.redid()
	s.changed(Change{Mask: d.Changed()})
	return true, nil
}

// CanUndo reports whether Undo would change something.
func (s *Session) CanUndo() bool { return s.editor != nil && s.editor.CanUndo() }

// CanRedo reports whether Redo would change something.
func (s *Session) CanRedo() bool { return s.editor != nil && s.editor.CanRedo() }

// Dirty reports whether the mask holds edits that no version has.
func (s *Session) Dirty() bool { return s.journal.dirty() }

// Recovered counts the journal entries of an earlier session that were played
// again when the case was opened.
func (s *Session) Recovered() int { return s.journal.recovered }

// SaveCorrection stores the mask as a new version, whose parent is the version
// that was open. ErrConflict where somebody else saved one meanwhile.
func (s *Session) SaveCorrection(ctx context.Context, reason string) (version int, err error) {
	if s.editor == nil {
		return 0, errors.New("there is no mask to save: analyse the case or paint one first")
	}
	if s.editor.Drawing() {
		return 0, errDrawing
	}
	version, err = s.desk.db.SaveCorrection(ctx, store.Correction{
		CaseID: s.id, Parent: s.journal.version, AnalysisID: s.journal.origin, MaskUID: s.maskUID, Journal: s.journal.last,
		Mask: s.editor.Mask(), Author: s.desk.author, Reason: reason,
	})
	if err != nil {
		return 0, err
	}
	s.journal.saved(version)
	s.changed(Change{State: true})
	return version, nil
}

// DiscardStrokes goes back to the mask without the strokes that no version holds.
func (s *Session) DiscardStrokes(ctx context.Context, reason string) error {
	if s.editor != nil && s.editor.Drawing() {
		return errDrawing
	}
	if err := s.clearJournal(ctx, reason); err != nil {
		return err
	}
	if err := s.openLatest(ctx); err != nil {
		return err
	}
	if s.editor != nil {
		s.changed(Change{Mask: s.editor.Mask().Bounds()})
	} else {
		s.changed(Change{Analysis: true})
	}
	return nil
}

// Versions lists the saved versions of the mask, oldest first, without masks.
func (s *Session) Versions(ctx context.Context) ([]Version, error) {
	return s.desk.db.Corrections(ctx, s.id)
}
