package review

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// isVolumeFile reports whether the name promises NIfTI or MetaImage.
func isVolumeFile(path string) bool {
	lower := strings.ToLower(path)
	for _, end := range []string{".nii", ".nii.gz", ".mha", ".mhd"} {
		if strings.HasSuffix(lower, end) {
			return true
		}
	}
	return false
}

// readVolumeFile reads a volume with the slices along k. Files may hold them
// along any axis; slices are the axis with clearly the widest steps.
func readVolumeFile(path string) (*volume.Volume, error) {
	read := nifti.Read
	if lower := strings.ToLower(path); strings.HasSuffix(lower, ".mha") || strings.HasSuffix(lower, ".mhd") {
		read = metaimage.Read
	}
	v, err := read(path)
	if err != nil {
		return nil, err
	}
	spacing, across := v.SpacingMM(), 2
	for a := range 2 {
		if spacing[a] > 1.25*spacing[across] {
			across = a
		}
	}
	switch across {
	case 0:
		return v.Permute([3]int{1, 2, 0}), nil
	case 1:
		return v.Permute([3]int{0, 2, 1}), nil
	}
	return v, nil
}

// planeOf names the plane of the slices by the direction across them.
func planeOf(g volume.Grid) spine.Plane {
	normal := g.Affine.Column(0).Cross(g.Affine.Column(1))
	switch volume.Letter(normal) {
	case "L", "R":
		return spine.Sagittal
	case "A", "P":
		return spine.Coronal
	}
	return spine.Axial
}

var (
	sequenceWord = regexp.MustCompile(`(?i)(^|[^a-z0-9])(t1|t2|stir|t2fs|pd)w?([^a-z0-9]|$)`)
	maskWord     = regexp.MustCompile(`(?i)mask|seg|label|truth`)
)

// sequenceInName reads the sequence from a file's name, such as 12_t2.mha, and
// the name without it, which the other sequences of the visit share.
func sequenceInName(path string) (s spine.Sequence, rest string, err error) {
	name := filepath.Base(path)
	at := sequenceWord.FindStringSubmatchIndex(name)
	if at == nil {
		return "", name, errors.New("the file's name does not tell the sequence: put t1, t2 or stir into it, or name the sequence")
	}
	if maskWord.MatchString(name) {
		return "", name, errors.New("the file's name says that it is a mask, not an image")
	}
	return spine.Sequence(strings.ToUpper(name[at[4]:at[5]])), name[:at[4]] + name[at[5]:], nil
}

// addVolume stores a volume file as a series of one file. Files of one folder
// whose names differ only in the sequence make one study.
func (d *Desk) addVolume(ctx context.Context, path string, given spine.Sequence) (int64, error) {
	sequence, rest, err := sequenceInName(path)
	confidence := 0.5
	if given != "" {
		sequence, confidence, err = given, 1, nil
	}
	if err != nil {
		return 0, err
	}
	v, err := readVolumeFile(path)
	if err != nil {
		return 0, err
	}
	sum, err := fileUID(path)
	if err != nil {
		return 0, err
	}
	id := strings.Trim(strings.SplitN(rest, ".", 2)[0], "_-. ")
	if id == "" {
		id = filepath.Base(filepath.Dir(path))
	}
	study := &spine.Study{
		UID: dicom.NewUID("study " + filepath.Join(filepath.Dir(path), rest)), PatientID: id, Description: filepath.Base(path),
		Series: []spine.Series{{
			UID: dicom.NewUID("series " + path), Number: 1, Description: filepath.Base(path), Sequence: sequence,
			Plane: planeOf(v.Grid), Confidence: confidence, Volume: &volume.Volume{Grid: v.Grid},
		}},
	}
	return d.db.AddCase(ctx, study, [][]store.FileRef{{{Path: path, SOPUID: sum}}}, d.author)
}

// fileUID is a UID of a file's content, to notice when it is another one.
func fileUID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return dicom.NewUID(string(h.Sum(nil))), nil
}

// loadSeries reads the pixels of a stored series.
func loadSeries(ctx context.Context, files []store.FileRef) (*volume.Volume, error) {
	if len(files) == 1 && files[0].ZipEntry == "" && isVolumeFile(files[0].Path) {
		return loadVolumeFile(files[0])
	}
	refs := make([]dicom.FileRef, len(files))
	for n, f := range files {
		refs[n] = dicom.FileRef{Path: f.Path, ZipEntry: f.ZipEntry, SOPUID: f.SOPUID, PositionMM: f.PositionMM}
	}
	return dicom.LoadSeries(ctx, refs)
}

func loadVolumeFile(f store.FileRef) (*volume.Volume, error) {
	sum, err := fileUID(f.Path)
	if err != nil {
		return nil, err
	}
	if sum != f.SOPUID {
		return nil, fmt.Errorf("%s has changed since it was imported: import it again", f.Path)
	}
	return readVolumeFile(f.Path)
}
