package review

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"columna/annotate"
	"columna/inference"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// Session is one open case: its images, the mask as it is being corrected, and
// the worksheet. It belongs to one goroutine.
type Session struct {
	// OnChange hears of every change, after it happened. It may be nil.
	OnChange func(Change)

	desk       *Desk
	id         int64
	study      *spine.Study
	analysis   *spine.Analysis
	analysisID int64
	state      spine.ReaderState
	cells      [spine.ConditionCount][spine.LevelCount]Cell
	warnings   []string

	editor  *annotate.Editor // nil until there is a mask
	maskUID string           // series whose grid the mask lies on
	journal journal
	anatomy *inference.Anatomy // of the mask, nil when it must be measured anew
}

// Change says what has changed. Several may have at once.
type Change struct {
	Mask     volume.Box // voxels of the mask, empty if none
	Grades   bool
	Analysis bool
	State    bool
	Series   bool // what a series is
	Keys     bool // the key images
}

// Cell is one field of the worksheet.
type Cell struct {
	AI     spine.GradeFinding // Grade is Ungraded before an analysis
	Reader spine.Grade        // Ungraded until a person graded it
	Reason string             // the reader's
}

// emptyCells is a worksheet that nobody has filled in.
func emptyCells() (out [spine.ConditionCount][spine.LevelCount]Cell) {
	for c := range out {
		for l := range out[c] {
			ai := spine.GradeFinding{Condition: spine.Condition(c), Level: spine.Level(l), Grade: spine.Ungraded}
			out[c][l] = Cell{AI: ai, Reader: spine.Ungraded}
		}
	}
	return out
}

// fillAI puts the analysis' grades into the worksheet.
func (s *Session) fillAI() {
	fresh := emptyCells()
	for c := range s.cells {
		for l := range s.cells[c] {
			s.cells[c][l].AI = fresh[c][l].AI
		}
	}
	if s.analysis == nil {
		return
	}
	for _, g := range s.analysis.Grades {
		s.cells[g.Condition][g.Level].AI = g
	}
}

func (s *Session) changed(c Change) {
	if !c.Mask.Empty() {
		s.anatomy = nil
	}
	if s.OnChange != nil {
		s.OnChange(c)
	}
}

// CaseID is the case's number in the worklist.
func (s *Session) CaseID() int64 { return s.id }

// Study is the case's images; series that could not be read are left out.
func (s *Session) Study() *spine.Study { return s.study }

// Warnings are sentences about what could not be opened as it was left.
func (s *Session) Warnings() []string { return s.warnings }

// Analysis is the latest analysis, nil before the first.
func (s *Session) Analysis() *spine.Analysis { return s.analysis }

// AIMask is the mask as the networks made it, nil before an analysis.
func (s *Session) AIMask() *volume.LabelMap {
	if s.analysis == nil {
		return nil
	}
	return s.analysis.Mask
}

// Mask is the live mask: readers look at it, only the Session writes it. It is
// nil before an analysis and the first stroke. Work in another goroutine needs a
// Clone.
func (s *Session) Mask() *volume.LabelMap {
	if s.editor == nil {
		return nil
	}
	return s.editor.Mask()
}

// MaskSeries is the series whose grid the mask lies on, or will lie on; nil where
// the study has none.
func (s *Session) MaskSeries() *spine.Series {
	if s.maskUID != "" {
		return findSeries(s.study, s.maskUID, s.Mask().Grid)
	}
	if base := inference.MaskSeries(s.study); base != nil {
		return base
	}
	return &s.study.Series[0]
}

// Grades is the worksheet, by condition and level.
func (s *Session) Grades() [spine.ConditionCount][spine.LevelCount]Cell { return s.cells }

// State is how far the reading has come.
func (s *Session) State() spine.ReaderState { return s.state }

// SetAnalysis stores a new analysis. Its mask becomes the live one unless a
// reader has worked on the mask: that work is never passed over, TakeAIMask
// adopts the new mask on the reader's word.
func (s *Session) SetAnalysis(ctx context.Context, a *spine.Analysis) error {
	if s.editor != nil && s.editor.Drawing() {
		return errDrawing
	}
	id, err := s.desk.db.SaveAnalysis(ctx, s.id, a, s.desk.author)
	if err != nil {
		return err
	}
	s.analysis, s.analysisID = a, id
	s.fillAI()
	change := Change{Grades: true, Analysis: true}
	if a.Mask != nil && s.journal.version == 0 && !s.Dirty() {
		if err := s.clearJournal(ctx, "no stroke was left when a new analysis came"); err != nil {
			return err
		}
		s.start(a.Mask, a.MaskUID, fromAnalysis(id))
		change.Mask = a.Mask.Bounds()
	}
	s.changed(change)
	return nil
}

// SetGrade stores the reader's grade of a cell; spine.Ungraded takes it back.
func (s *Session) SetGrade(ctx context.Context, c spine.Condition, l spine.Level, g spine.Grade, reason string) error {
	if g < spine.Ungraded || g > spine.Severe {
		return fmt.Errorf("%d is no grade", int(g))
	}
	f := spine.GradeFinding{Condition: c, Level: l, Grade: g, Reason: reason}
	if err := s.desk.db.SetGrade(ctx, s.id, store.ReaderGrade{GradeFinding: f, Author: s.desk.author}); err != nil {
		return err
	}
	s.cells[c][l].Reader, s.cells[c][l].Reason = g, reason
	s.changed(Change{Grades: true})
	return nil
}

// GradeHistory is every grade that readers ever gave, oldest first.
func (s *Session) GradeHistory(ctx context.Context) ([]ReaderGrade, error) {
	return s.desk.db.GradeHistory(ctx, s.id)
}

// SetState stores how far the reading has come.
func (s *Session) SetState(ctx context.Context, state spine.ReaderState) error {
	if err := s.desk.db.SetState(ctx, s.id, store.StateChange{State: state, Author: s.desk.author}); err != nil {
		return err
	}
	s.state = state
	s.changed(Change{State: true})
	return nil
}

// StateHistory is every step of the reading, oldest first.
func (s *Session) StateHistory(ctx context.Context) ([]StateChange, error) {
	return s.desk.db.StateHistory(ctx, s.id)
}

// LevelPoint is the middle of a level's disc, from the mask; not ok where the
// mask does not show the level.
func (s *Session) LevelPoint(l spine.Level) (volume.Vec3, bool) {
	if s.Mask() == nil || l < 0 || l >= spine.LevelCount {
		return volume.Vec3{}, false
	}
	if s.anatomy == nil {
		s.anatomy = inference.NewAnatomy(s.Mask())
	}
	return s.anatomy.LevelPoint(l)
}

// AddLesion stores a classified lesion with the case's analysis, beside the
// weights that gave it. A case without an analysis has no place for it.
func (s *Session) AddLesion(ctx context.Context, l Lesion) error {
	if s.analysis == nil {
		return errors.New("the lesion was not kept: analyse the case first")
	}
	a := *s.analysis
	a.Lesions = append(slices.Clone(a.Lesions), l.Finding)
	if !slices.Contains(a.Models, l.Model) {
		a.Models = append(slices.Clone(a.Models), l.Model)
	}
	id, err := s.desk.db.SaveAnalysis(ctx, s.id, &a, s.desk.author)
	if err != nil {
		return err
	}
	s.analysis, s.analysisID = &a, id
	s.changed(Change{Analysis: true})
	return nil
}

// Close ends the session. Strokes that no version holds stay in the journal and
// come back when the case is opened again.
func (s *Session) Close(ctx context.Context) error {
	if s.editor != nil {
		s.editor.Cancel()
	}
	s.OnChange = nil
	return nil
}

var errDrawing = errors.New("a stroke is being drawn: end it first")
