package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"columna/spine"
)

// openSPIDER lists SPIDER as it is published (images/1_t1.mha with masks/1_t1.mha) or
// as a folder of ID_t2.nii.gz with ID_mask.nii.gz, and reads its tables where they are.
func openSPIDER(dir string) ([]Entry, error) {
	tables, err := readSPIDERTables(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "images")); err == nil {
		return openPublished(dir, tables)
	}
	ids, err := spiderIDs(dir)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, id := range ids {
		files := []string{filepath.Join(dir, id+"_t2.nii.gz"), filepath.Join(dir, id+"_mask.nii.gz")}
		out = append(out, tables.entry(Entry{Set: "spider", ID: id, Patient: id, Files: files,
			load: func(context.Context) (*Case, error) {
				c, err := readSPIDER(dir, id)
				if err != nil {
					return nil, err
				}
				return &Case{Study: sagittal(id, "2.25."+id, spine.T2, c.Image), Labels: c.Labels, NoSacrum: true}, nil
			}}))
	}
	return out, nil
}

// openPublished lists the images that have a mask; each is a case of its own, as each
// has a mask of its own.
func openPublished(dir string, tables *spiderTables) ([]Entry, error) {
	images, err := filepath.Glob(filepath.Join(dir, "images", "*.mha"))
	if err != nil || len(images) == 0 {
		return nil, fmt.Errorf("no SPIDER images (1_t1.mha, 1_t2.mha, 1_t2_SPACE.mha) in %s", filepath.Join(dir, "images"))
	}
	slices.Sort(images)
	var out []Entry
	for _, image := range images {
		p := newPair(image, filepath.Join(dir, "masks", filepath.Base(image)))
		var known bool
		p.seq, known = publishedSequence(strings.TrimPrefix(p.id, p.patient+"_"))
		if _, err := os.Stat(p.mask); err != nil || !known {
			continue
		}
		p.names = spiderLabels()
		out = append(out, tables.entry(p.entry("spider")))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no image in %s has a mask of the same name in %s", filepath.Join(dir, "images"), filepath.Join(dir, "masks"))
	}
	return out, nil
}

func publishedSequence(kind string) (spine.Sequence, bool) {
	switch strings.ToLower(kind) {
	case "t1":
		return spine.T1, true
	case "t2", "t2_space":
		return spine.T2, true
	}
	return "", false
}
