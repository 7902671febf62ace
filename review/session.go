package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"

	"columna/annotate"
	"columna/inference"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// Change says what a call changed.
type Change struct {
	Mask     volume.Box // voxels of the mask that changed, empty if none
	Grades   bool
	Analysis bool
	State    bool
}

// Cell is one cell of the worksheet: what the AI says and what the reader says.
type Cell struct {
	AI     spine.GradeFinding // Grade is Ungraded where there is no analysis
	Reader spine.Grade        // Ungraded where the reader has said nothing
	Reason string             // the reader's
}

// Session is one open case. It belongs to one goroutine.
type Session struct {
	// OnChange, if set, is told of every change after it was made.
	OnChange func(Change)

	desk        *Desk
	id          int64
	study       *spine.Study
	loadSeconds float64

	analysis   *spine.Analysis // the latest, nil before the first
	analysisID int64
	grades     [spine.ConditionCount][spine.LevelCount]Cell
	state      spine.ReaderState

	editor    *annotate.Editor // nil while there is no mask
	maskUID   string           // series on whose grid the mask lies
	base      string           // names the mask that the journal starts from
	version   int              // latest saved correction, 0 none
	dirty     bool             // strokes that no correction holds
	live      int              // edits that a replayed journal can undo, too
	liveRedo  int              // and redo
	recovered int              // strokes found in the journal when opening
	notices   []string
	anatomy   *inference.Anatomy // of the mask as it is, nil when it has changed
}

// restore reads everything that the store knows of the case.
func (s *Session) restore(ctx context.Context) error {
	a, id, err := s.desk.db.FindAnalysis(ctx, s.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.analysis, s.analysisID = a, id
	s.fillAI()
	if err := s.restoreGrades(ctx); err != nil {
		return err
	}
	if s.state, err = s.desk.db.State(ctx, s.id); err != nil {
		return err
	}
	return s.restoreMask(ctx)
}

// restoreMask starts from the latest correction, else from the AI's mask, and
// makes the strokes again that were not saved.
func (s *Session) restoreMask(ctx context.Context) error {
	c, err := s.desk.db.FindCorrection(ctx, s.id, 0)
	switch {
	case err == nil:
		s.version = c.Version
		s.setMask(c.Mask, c.MaskUID)
	case !errors.Is(err, store.ErrNotFound):
		return err
	case s.analysis != nil && s.analysis.Mask != nil:
		s.setMask(s.analysis.Mask, s.analysis.MaskUID)
	default:
		return nil
	}
	return s.replay(ctx)
}

// setMask starts editing a mask anew.
func (s *Session) setMask(m *volume.LabelMap, uid string) {
	s.editor, s.maskUID = annotate.New(m), uid
	s.rebase()
}

// rebase makes the mask as it is the one that the journal starts from.
func (s *Session) rebase() {
	sum := sha256.Sum256(s.editor.Mask().Data)
	s.base = hex.EncodeToString(sum[:16])
	s.dirty, s.live, s.liveRedo, s.anatomy = false, 0, 0, nil
}

// CaseID is the case's number in the worklist.
func (s *Session) CaseID() int64 { return s.id }

// Study is the case's study with its volumes.
func (s *Session) Study() *spine.Study { return s.study }

// Mask is the mask as the reader has it now, nil while there is none. Only the
// session writes it.
func (s *Session) Mask() *volume.LabelMap {
	if s.editor == nil {
		return nil
	}
	return s.editor.Mask()
}

// MaskSeries is the series on whose grid the mask lies, or would lie; nil if it
// is not there or has no images.
func (s *Session) MaskSeries() *spine.Series {
	if s.editor == nil {
		return inference.MaskSeries(s.study)
	}
	for n := range s.study.Series {
		if one := &s.study.Series[n]; one.UID == s.maskUID && one.Volume != nil {
			return one
		}
	}
	return nil
}

// Analysis is the latest result of the networks, nil before the first.
func (s *Session) Analysis() *spine.Analysis { return s.analysis }

// AIMask is the mask of the latest analysis, nil before the first.
func (s *Session) AIMask() *volume.LabelMap {
	if s.analysis == nil {
		return nil
	}
	return s.analysis.Mask
}

// Notices are sentences that the reader should see when the case opens.
func (s *Session) Notices() []string { return s.notices }

// SetAnalysis stores a result and shows it. The mask becomes the AI's unless a
// person has corrected it; strokes that were not saved are saved first.
func (s *Session) SetAnalysis(ctx context.Context, a *spine.Analysis) error {
	if s.dirty {
		if _, err := s.SaveCorrection(ctx, "kept before a new analysis"); err != nil {
			return err
		}
	}
	if _, ok := a.Seconds["load"]; !ok {
		seconds := maps.Clone(a.Seconds)
		if seconds == nil {
			seconds = map[string]float64{}
		}
		seconds["load"] = s.loadSeconds
		a.Seconds = seconds
	}
	id, err := s.desk.db.SaveAnalysis(ctx, s.id, a, s.desk.config.Author)
	if err != nil {
		return err
	}
	s.analysis, s.analysisID = a, id
	s.fillAI()
	change := Change{Analysis: true, Grades: true}
	if s.version == 0 && a.Mask != nil {
		s.setMask(a.Mask, a.MaskUID)
		change.Mask = a.Mask.Bounds()
	}
	s.tell(change)
	return nil
}

// ClassifyLesion classifies a marked lesion and keeps the finding with the
// analysis, where there is one.
func (s *Session) ClassifyLesion(ctx context.Context, box spine.Box) (spine.LesionFinding, error) {
	count := 1
	if s.analysis != nil {
		count += len(s.analysis.Lesions)
	}
	f, err := s.desk.ClassifyLesion(ctx, s.study, s.Mask(), box, count)
	if err != nil || s.analysis == nil {
		return f, err
	}
	return f, s.AddLesion(ctx, f)
}

// AddLesion keeps a lesion with the analysis.
func (s *Session) AddLesion(ctx context.Context, f spine.LesionFinding) error {
	if s.analysis == nil {
		return errors.New("the lesion cannot be kept: the study was not analysed yet")
	}
	a := *s.analysis
	a.Lesions = append(append([]spine.LesionFinding(nil), a.Lesions...), f)
	id, err := s.desk.db.SaveAnalysis(ctx, s.id, &a, s.desk.config.Author)
	if err != nil {
		return err
	}
	s.analysis, s.analysisID = &a, id
	s.tell(Change{Analysis: true})
	return nil
}

// LevelPoint is the middle of a level's disc in the mask.
func (s *Session) LevelPoint(l spine.Level) (volume.Vec3, bool) {
	if s.editor == nil {
		return volume.Vec3{}, false
	}
	if s.anatomy == nil {
		s.anatomy = inference.NewAnatomy(s.editor.Mask())
	}
	return s.anatomy.LevelPoint(l)
}

// Close ends the session. Strokes that were not saved stay in the journal and
// come back when the case is opened again.
func (s *Session) Close(context.Context) error {
	s.OnChange = nil
	if s.editor != nil && s.editor.Drawing() {
		s.editor.Cancel()
	}
	return nil
}

// tell reports a change.
func (s *Session) tell(c Change) {
	if !c.Mask.Empty() {
		s.anatomy = nil
	}
	if s.OnChange != nil {
		s.OnChange(c)
	}
}
