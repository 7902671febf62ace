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
	"slices"
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
	return isNIfTI(path) || isMetaImage(path)
}

func isNIfTI(path string) bool {
	return endsIn(path, ".nii", ".nii.gz", ".hdr", ".hdr.gz")
}

func isMetaImage(path string) bool { return endsIn(path, ".mha", ".mhd") }

// isVoxelFile reports a file that a header beside it opens.
func isVoxelFile(path string) bool {
	for voxels, headers := range map[string][]string{".img": {".hdr", ".hdr.gz"}, ".img.gz": {".hdr", ".hdr.gz"}, ".raw": {".mhd"}, ".zraw": {".mhd"}} {
		if !endsIn(path, voxels) {
			continue
		}
		for _, end := range headers {
			if _, err := os.Stat(path[:len(path)-len(voxels)] + end); err == nil {
				return true
			}
		}
	}
	return false
}

func endsIn(path string, endings ...string) bool {
	lower := strings.ToLower(path)
	return slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(lower, end) })
}

// readVolumeFile reads a volume with the slices along k, and what its reader must
// know of it.
func readVolumeFile(path string) (*volume.Volume, []string, error) {
	read := nifti.ReadWarned
	if isMetaImage(path) {
		read = metaimage.ReadWarned
	}
	v, warnings, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	return v.SlicesLast(), warnings, nil
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
	v, warnings, err := readVolumeFile(path)
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
			Plane: planeOf(v.Grid), Confidence: confidence, Warnings: warnings, Volume: &volume.Volume{Grid: v.Grid},
		}},
	}
	return d.db.AddCase(ctx, study, [][]store.FileRef{{{Path: path, SOPUID: sum}}}, d.author)
}

// fileUID is a UID of a volume's content, to notice when it is another one. A
// header's file of voxels counts with it.
func fileUID(path string) (string, error) {
	list := []string{path}
	var err error
	switch {
	case isMetaImage(path):
		list, err = metaimage.Files(path)
	case isNIfTI(path):
		list = nifti.Files(path)
	}
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range list {
		if err := hashFile(h, name); err != nil {
			return "", err
		}
	}
	return dicom.NewUID(string(h.Sum(nil))), nil
}

func hashFile(h io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// loadSeries reads the pixels of a stored series.
func loadSeries(ctx context.Context, files []store.FileRef) (*volume.Volume, error) {
	if len(files) == 1 && files[0].ZipEntry == "" && isVolumeFile(files[0].Path) {
		return loadVolumeFile(files[0])
	}
	return dicom.LoadSeries(ctx, dicomFiles(files))
}

// dicomFiles are stored places as the DICOM reader takes them.
func dicomFiles(files []store.FileRef) []dicom.FileRef {
	out := make([]dicom.FileRef, len(files))
	for n, f := range files {
		out[n] = dicom.FileRef(f)
	}
	return out
}

func loadVolumeFile(f store.FileRef) (*volume.Volume, error) {
	sum, err := fileUID(f.Path)
	if err != nil {
		return nil, err
	}
	if sum != f.SOPUID {
		return nil, fmt.Errorf("%s has changed since it was imported: import it again", f.Path)
	}
	v, _, err := readVolumeFile(f.Path) // its warnings are stored with the series
	return v, err
}
