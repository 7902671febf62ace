package dataset

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"columna/spine"
	"columna/volume"
)

// Case is one study with what is known of it.
type Case struct {
	Study    spine.Study          // series with their volumes
	Labels   *volume.LabelMap     // spine.Structure values on the grid of one of the series; nil where there is no mask
	NoSacrum bool                 // the sacrum was not labelled: it may be called background
	Grades   []spine.GradeFinding // the cells that were graded, with the places they were read at; others are not known
	Discs    []DiscGrades         // what SPIDER says of the discs
}

// Entry is a case of a data set that is not read yet. Patients are the unit of every
// split: what comes of one patient is learned from or measured on, never both.
type Entry struct {
	Set     string   // kind of the data set, the first word of its name
	ID      string   // of the study, once in its set
	Patient string   // in its set
	Files   []string // all that Load reads

	sum  string // SHA-256 of what has no files
	rows string // what tables of the whole set say of it
	load func(context.Context) (*Case, error)
}

// Load reads the case.
func (e Entry) Load(ctx context.Context) (*Case, error) {
	c, err := e.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s case %s: %w", e.Set, e.ID, err)
	}
	return c, nil
}

// Kinds are the data sets that Open reads.
func Kinds() []string { return []string{"spider", "nifti", "rsna"} }

// Open lists a data set named KIND:PATH. A folder of images and labels may have
// options behind its path: nifti:PATH?sequence=T1&labels=totalspineseg.
func Open(name string) ([]Entry, error) {
	kind, path, ok := strings.Cut(name, ":")
	if !ok || path == "" || !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("data set %q: name it KIND:PATH, with a kind of %s", name, strings.Join(Kinds(), ", "))
	}
	var out []Entry
	var err error
	switch kind {
	case "spider":
		out, err = openSPIDER(path)
	case "rsna":
		out, err = openRSNA(path)
	case "nifti":
		out, err = openOptions(path)
	}
	if err == nil {
		err = unique(out)
	}
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", name, err)
	}
	return out, nil
}

// openOptions takes the options off the path of a folder.
func openOptions(path string) ([]Entry, error) {
	path, query, _ := strings.Cut(path, "?")
	options, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("its options %q cannot be read", query)
	}
	for name := range options {
		if name != "sequence" && name != "labels" {
			return nil, fmt.Errorf("there is no option %q: sequence and labels are", name)
		}
	}
	return openPairs(path, spine.Sequence(options.Get("sequence")), options.Get("labels"))
}

func unique(entries []Entry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.ID] {
			return fmt.Errorf("it holds case %s twice", e.ID)
		}
		seen[e.ID] = true
	}
	return nil
}

// sagittal is a study of one sagittal series.
func sagittal(patient, uid string, seq spine.Sequence, v *volume.Volume) spine.Study {
	return spine.Study{UID: uid, PatientID: patient, Series: []spine.Series{
		{UID: uid, Description: string(seq), Sequence: seq, Plane: spine.Sagittal, Confidence: 1, Volume: v}}}
}

// volumeName is a file's name without the ending of a volume format; not ok where it
// has none.
func volumeName(path string) (stem string, ok bool) {
	base := filepath.Base(path)
	for _, ending := range []string{".nii.gz", ".nii", ".mha", ".mhd"} {
		if stem, ok := strings.CutSuffix(base, ending); ok {
			return stem, true
		}
	}
	return "", false
}
