package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"columna/spine"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// openPairs lists a folder of image and label pairs: X.nii.gz with X_mask.nii.gz, or
// images/X.nii.gz with labels/X.nii.gz; MetaImage files do as well. The label map is
// one of LabelSets, or stands in the folder (see labelFiles). The sequence is seq, or
// stands in the image's name. All images whose names agree up to the first "_" are
// one patient's.
func openPairs(dir string, seq spine.Sequence, set string) ([]Entry, error) {
	if seq != "" && !slices.Contains(spine.Sequences(), seq) {
		return nil, fmt.Errorf("there is no sequence %q", string(seq))
	}
	names, files, err := labelsFor(dir, set)
	if err != nil {
		return nil, err
	}
	pairs, err := pairsOf(dir)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, p := range pairs {
		p.names = names
		if p.seq = seq; seq == "" {
			if p.seq, err = sequenceIn(p.id); err != nil {
				return nil, err
			}
		}
		out = append(out, p.entry("nifti", files...))
	}
	return out, nil
}

// labelsFor is the label map of a folder, and its file if it is in one.
func labelsFor(dir, set string) (*labelNames, []string, error) {
	if set != "" {
		names, err := namedLabels(set)
		return names, nil, err
	}
	for _, name := range labelFiles() {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			names, err := readLabelNames(path)
			return names, []string{path}, err
		}
	}
	return nil, nil, fmt.Errorf("it has no label map: put a %s there that says which value is which structure, or add ?labels= with %s",
		strings.Join(labelFiles(), " or "), strings.Join(LabelSets(), ", "))
}

// pair is an image with its labels.
type pair struct {
	image, mask string
	id, patient string
	seq         spine.Sequence
	names       *labelNames
}

func newPair(image, mask string) pair {
	id, _ := volumeName(image)
	patient, _, _ := strings.Cut(id, "_")
	return pair{image: image, mask: mask, id: id, patient: patient}
}

func (p pair) entry(set string, more ...string) Entry {
	return Entry{Set: set, ID: p.id, Patient: p.patient, Files: append([]string{p.image, p.mask}, more...),
		load: func(context.Context) (*Case, error) { return p.read() }}
}

// pairsOf finds the images with their labels, in the order of their names.
func pairsOf(dir string) (out []pair, err error) {
	images, labels := dir, dir
	if _, err := os.Stat(filepath.Join(dir, "images")); err == nil {
		images, labels = filepath.Join(dir, "images"), filepath.Join(dir, "labels")
	}
	found, err := os.ReadDir(images)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		stem, ok := volumeName(f.Name())
		if !ok || strings.HasSuffix(stem, "_mask") {
			continue
		}
		if label := labelBeside(images, labels, f.Name(), stem); label != "" {
			out = append(out, newPair(filepath.Join(images, f.Name()), label))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no pairs: name them X.nii.gz with X_mask.nii.gz, or images/X.nii.gz with labels/X.nii.gz")
	}
	return out, nil
}

// labelBeside is the label file of an image, "" where there is none. nnU-Net's images
// have a channel number, _0000, that their labels have not.
func labelBeside(images, labels, name, stem string) string {
	ending := strings.TrimPrefix(name, stem)
	tries := []string{stem + "_mask" + ending}
	if images != labels {
		tries = []string{name, strings.TrimSuffix(stem, "_0000") + ending, stem + "_mask" + ending}
	}
	for _, try := range tries {
		path := filepath.Join(labels, try)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// sequenceIn finds the sequence in a name such as 12_t2 or P3-STIR.
func sequenceIn(stem string) (spine.Sequence, error) {
	words := strings.FieldsFunc(strings.ToLower(stem), func(r rune) bool { return strings.ContainsRune("_-. ", r) })
	for _, s := range []struct {
		word string
		seq  spine.Sequence
	}{{"stir", spine.STIR}, {"t2fs", spine.T2FS}, {"t1", spine.T1}, {"t1w", spine.T1}, {"t2", spine.T2}, {"t2w", spine.T2}} {
		if slices.Contains(words, s.word) {
			return s.seq, nil
		}
	}
	return "", fmt.Errorf("%s does not tell its sequence: put t1, t2 or stir into its name, or add ?sequence=T2 to the folder", stem)
}

func (p pair) read() (*Case, error) {
	v, err := readVolume(p.image)
	if err != nil {
		return nil, err
	}
	m, err := readLabels(p.mask)
	if err != nil {
		return nil, err
	}
	if !volume.SameGrid(v.Grid, m.Grid) {
		return nil, errors.New("image and labels lie on different grids")
	}
	if m, err = p.names.name(m); err != nil {
		return nil, err
	}
	return &Case{Study: sagittal(p.patient, "2.25."+p.id, p.seq, v), Labels: m,
		NoSacrum: !slices.Contains(m.Data, uint8(spine.S1))}, nil
}

func isMetaImage(path string) bool {
	return strings.HasSuffix(path, ".mha") || strings.HasSuffix(path, ".mhd")
}

func readVolume(path string) (*volume.Volume, error) {
	if isMetaImage(path) {
		return metaimage.Read(path)
	}
	return nifti.Read(path)
}

func readLabels(path string) (*volume.LabelMap, error) {
	if isMetaImage(path) {
		return metaimage.ReadLabels(path)
	}
	return nifti.ReadLabels(path)
}
