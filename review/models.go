package review

import (
	"context"
	"fmt"

	"columna/models"
	"columna/store"
)

// ModelChange is a line of the history of the models in use.
type ModelChange = store.ModelChange

// What can become of a fine-tuned model.
const (
	ModelInstalled  = store.ModelInstalled
	ModelRefused    = store.ModelRefused
	ModelRolledBack = store.ModelRolledBack
)

// ModelHistory is what became of every fine-tuned model, newest first.
func (d *Desk) ModelHistory(ctx context.Context) ([]ModelChange, error) {
	return d.db.ModelChanges(ctx)
}

// Rollback puts the model before the one in use back into use.
func (d *Desk) Rollback(ctx context.Context, net string) (*models.Model, error) {
	if _, err := models.Load(net); err != nil {
		return nil, fmt.Errorf("there is no model %q; columna models lists them", net)
	}
	from := ""
	if now, err := d.library.Load(net); err == nil {
		from = now.SHA256
	}
	m, err := d.library.Rollback(net)
	if err != nil {
		return nil, err
	}
	change := ModelChange{Action: ModelRolledBack, Net: net, SHA256: m.SHA256, Parent: from, Reason: "asked for", Author: d.author}
	d.reader.reload()
	return m, d.db.RecordModel(ctx, change)
}
