package dataset

import (
	"context"
	"fmt"
)

// Corrections are the cases that readers have accepted, such as those of the
// reading room's database.
type Corrections interface {
	// Accepted lists them; no image is read.
	Accepted(ctx context.Context) ([]Correction, error)
	// Load reads one of them.
	Load(ctx context.Context, id string) (*Case, error)
}

// Correction is an accepted case that is not read yet.
type Correction struct {
	ID      string // of the case, once among them
	Patient string // a pseudonym, the same for all studies of one patient: it stands in split files
	SHA256  string // of images, mask and grades: it changes when the case is corrected again
}

// CorrectionSet is the kind of a data set of corrections.
const CorrectionSet = "corrections"

// OpenCorrections lists the accepted corrections as a data set.
func OpenCorrections(ctx context.Context, from Corrections) ([]Entry, error) {
	accepted, err := from.Accepted(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the accepted corrections: %w", err)
	}
	var out []Entry
	for _, c := range accepted {
		if c.ID == "" || c.Patient == "" || c.SHA256 == "" {
			return nil, fmt.Errorf("the accepted correction %q names no patient or no hash: it cannot be kept apart from the held-out cases", c.ID)
		}
		out = append(out, Entry{Set: CorrectionSet, ID: c.ID, Patient: c.Patient, sum: c.SHA256,
			load: func(ctx context.Context) (*Case, error) { return from.Load(ctx, c.ID) }})
	}
	return out, unique(out)
}
