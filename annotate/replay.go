package annotate

import "fmt"

// The kinds of journal entries. An edit carries its Delta; undo and redo carry
// nothing, as they are the same again when the journal is replayed in order.
const (
	KindEdit = "edit"
	KindUndo = "undo"
	KindRedo = "redo"
)

// Replay makes one journal entry again. Replaying all of them, in order, on the
// mask that they began with gives the same mask and the same history.
func (e *Editor) Replay(kind string, data []byte) error {
	switch kind {
	case KindEdit:
		var d Delta
		if err := d.UnmarshalBinary(data); err != nil {
			return err
		}
		return e.Apply(d)
	case KindUndo:
		if _, ok := e.Undo(); !ok {
			return fmt.Errorf("the journal undoes an edit that is not there")
		}
		return nil
	case KindRedo:
		if _, ok := e.Redo(); !ok {
			return fmt.Errorf("the journal makes an edit again that is not there")
		}
		return nil
	}
	return fmt.Errorf("the journal has an entry of the unknown kind %q", kind)
}
