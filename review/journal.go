package review

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"columna/annotate"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// journal is what a Session knows of its edits: the deltas that can be undone and
// redone, and which of them the journal on disk can undo when it is played again
// on its base.
type journal struct {
	base      string // the mask that the entries on disk begin with
	version   int    // of the correction that the work goes back to, 0 for none
	origin    int64  // the analysis that the mask goes back to, 0 for none
	done      []annotate.Delta
	undone    []annotate.Delta
	clean     int   // len(done) at which the mask is the stored one, -1 for never again
	floor     int   // len(done) when the journal on disk was empty
	redoable  int   // newest undone edits that the entries on disk know
	entries   int   // on disk
	last      int64 // the number of the last of them, 0 for none
	recovered int   // entries that were there when the case was opened
	// plain: undo and redo are written as edits, because the entries on disk no
	// longer have the history that the editor has (undone beyond a save).
	plain bool
}

func (j *journal) did(d annotate.Delta) {
	if len(j.done) < j.clean {
		j.clean = -1
	}
	j.done, j.undone, j.redoable = append(j.done, d), nil, 0
}

func (j *journal) undid() {
	d := j.done[len(j.done)-1]
	j.done, j.undone = j.done[:len(j.done)-1], append(j.undone, d)
	j.redoable++
}

func (j *journal) redid() {
	d := j.undone[len(j.undone)-1]
	j.undone, j.done = j.undone[:len(j.undone)-1], append(j.done, d)
	j.redoable--
}

func (j *journal) dirty() bool { return len(j.done) != j.clean }

// saved begins an empty journal on a new version; the history stays.
func (j *journal) saved(version int) {
	j.base, j.version = versionBase(version), version
	j.clean, j.floor, j.redoable, j.entries, j.last, j.plain = len(j.done), len(j.done), 0, 0, 0, false
}

// asEdit turns an undo or redo that the entries on disk could not repeat into the
// edit that it is.
func (j *journal) asEdit(kind string, d annotate.Delta) (string, annotate.Delta) {
	j.plain = j.plain || kind == annotate.KindUndo && len(j.done) <= j.floor || kind == annotate.KindRedo && j.redoable <= 0
	switch {
	case !j.plain || kind == annotate.KindEdit:
		return kind, d
	case kind == annotate.KindUndo:
		return annotate.KindEdit, d.Inverse()
	}
	return annotate.KindEdit, d
}

// write appends an entry to the journal on disk.
func (s *Session) write(ctx context.Context, kind string, d annotate.Delta) error {
	kind, d = s.journal.asEdit(kind, d)
	var data []byte
	if kind == annotate.KindEdit {
		var err error
		if data, err = d.MarshalBinary(); err != nil {
			return err
		}
	}
	seq, err := s.desk.db.AppendJournal(ctx, s.id, s.journal.last, s.journal.base, kind, data)
	if err != nil {
		return err
	}
	s.journal.entries, s.journal.last = s.journal.entries+1, seq
	return nil
}

// clearJournal empties the journal on disk, if there is anything in it.
func (s *Session) clearJournal(ctx context.Context, reason string) error {
	if s.journal.entries == 0 {
		return nil
	}
	if err := s.desk.db.DiscardJournal(ctx, s.id, 0, s.desk.author, reason); err != nil {
		return err
	}
	s.journal.entries, s.journal.last = 0, 0
	return nil
}

// start begins editing a mask anew; from says where it comes from.
func (s *Session) start(mask *volume.LabelMap, uid string, from journal) {
	s.editor, s.maskUID, s.anatomy = annotate.New(mask), uid, nil
	s.journal = from
}

// The masks that a journal can begin with.
func fromVersion(c *store.Correction) journal {
	return journal{base: versionBase(c.Version), version: c.Version, origin: c.AnalysisID}
}
func fromAnalysis(id int64) journal {
	return journal{base: "analysis:" + strconv.FormatInt(id, 10), origin: id}
}
func fromNothing(s *spine.Series) journal {
	base := "empty:" + s.UID
	if s.Block > 0 {
		base += "/" + strconv.Itoa(s.Block)
	}
	return journal{base: base}
}
func versionBase(n int) string { return "version:" + strconv.Itoa(n) }

// loadMask opens the latest version of the mask, else the AI's, and plays the
// strokes again that no version holds.
func (s *Session) loadMask(ctx context.Context) error {
	entries, err := s.desk.db.Journal(ctx, s.id)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return s.recover(ctx, entries)
	}
	return s.openLatest(ctx)
}

// openLatest starts at the mask that counts now; without one there is none yet.
func (s *Session) openLatest(ctx context.Context) error {
	s.editor, s.maskUID, s.journal = nil, "", journal{}
	c, err := s.desk.db.FindCorrection(ctx, s.id, 0)
	switch {
	case err == nil:
		s.start(c.Mask, c.MaskUID, fromVersion(c))
	case !errors.Is(err, store.ErrNotFound):
		return err
	case s.AIMask() != nil:
		s.start(s.AIMask(), s.analysis.MaskUID, fromAnalysis(s.analysisID))
	}
	return nil
}

// recover plays the journal again on the mask that it began with. Entries that
// do not fit are dropped, with a warning and a line in the audit; while their mask
// cannot be read at all the case stays shut, as nothing says that they do not fit.
func (s *Session) recover(ctx context.Context, entries []store.JournalEntry) error {
	err := s.openBase(ctx, entries[0].Base)
	if err != nil && !errors.Is(err, errNoBase) {
		return fmt.Errorf("its %d unsaved edits cannot be brought back now: %w", len(entries), err)
	}
	good := 0
	for err == nil && good < len(entries) {
		if entries[good].Base != s.journal.base {
			err = fmt.Errorf("stroke %d was made on another mask", good+1)
		} else {
			err = s.replay(entries[good])
		}
		if err == nil {
			good++
		}
	}
	s.journal.entries, s.journal.recovered, s.journal.last = len(entries), good, entries[len(entries)-1].Seq
	if err != nil {
		return s.dropFrom(ctx, entries, good, err)
	}
	if !s.Dirty() { // everything was undone: begin at what counts now
		if err := s.clearJournal(ctx, "every stroke had been undone"); err != nil {
			return err
		}
		return s.openLatest(ctx)
	}
	return nil
}

// dropFrom keeps the first good entries only. They stay on disk all the while.
func (s *Session) dropFrom(ctx context.Context, entries []store.JournalEntry, good int, cause error) error {
	what := fmt.Sprintf("%d of %d unsaved edits could not be made again: %v", len(entries)-good, len(entries), cause)
	s.warnings = append(s.warnings, what)
	if err := s.desk.db.DiscardJournal(ctx, s.id, entries[good].Seq, s.desk.author, what); err != nil {
		return err
	}
	if good == 0 {
		return s.openLatest(ctx)
	}
	s.journal.entries, s.journal.last = good, entries[good-1].Seq
	return nil
}

// replay makes one entry again, in the mask and in the history.
func (s *Session) replay(e store.JournalEntry) error {
	if err := s.editor.Replay(e.Kind, e.Data); err != nil {
		return err
	}
	switch e.Kind {
	case annotate.KindUndo:
		s.journal.undid()
	case annotate.KindRedo:
		s.journal.redid()
	default:
		var d annotate.Delta
		if err := d.UnmarshalBinary(e.Data); err != nil {
			return err
		}
		s.journal.did(d)
	}
	return nil
}

// errNoBase means that the mask that a journal begins with does not exist.
var errNoBase = errors.New("the mask that they were made on is not there")

// openBase starts at the mask that a journal names; errNoBase where the database
// has none such.
func (s *Session) openBase(ctx context.Context, base string) error {
	kind, word, _ := strings.Cut(base, ":")
	switch kind {
	case "empty":
		uid, block, _ := strings.Cut(word, "/")
		n := findBlock(s.study, uid, block)
		if n == nil {
			return errors.New("the series that was painted on cannot be read: bring its files back to where they were")
		}
		s.start(volume.NewLabelMap(n.Volume.Grid), uid, fromNothing(n))
		return nil
	case "version", "analysis":
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			break
		}
		return s.openStored(ctx, kind, id)
	}
	return fmt.Errorf("the journal begins with an unknown mask %q: %w", base, errNoBase)
}

func (s *Session) openStored(ctx context.Context, kind string, id int64) error {
	if kind == "version" {
		c, err := s.desk.db.FindCorrection(ctx, s.id, int(id))
		if err == nil {
			s.start(c.Mask, c.MaskUID, fromVersion(c))
		}
		return noBase(err)
	}
	a, err := s.desk.db.FindAnalysisByID(ctx, s.id, id)
	if err != nil {
		return noBase(err)
	}
	if a.Mask == nil {
		return fmt.Errorf("analysis %d has no mask: %w", id, errNoBase)
	}
	s.start(a.Mask, a.MaskUID, fromAnalysis(id))
	return nil
}

// noBase tells a mask that does not exist from one that cannot be read.
func noBase(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errNoBase
	}
	return err
}
