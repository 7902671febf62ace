// Package nifti reads and writes NIfTI images (.nii, .nii.gz and .hdr/.img
// pairs; NIfTI-1 and NIfTI-2, either byte order). NIfTI's RAS+ millimetres are
// turned into LPS+ on the way in and back on the way out. Input is not trusted:
// no allocation is larger than the bytes that are really there allow.
//
// Sources: nifti1.h and nifti2.h (nifti.nimh.nih.gov), and nibabel where they leave
// a choice.
package nifti

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"columna/internal/files"
	"columna/volume"
)

// maxVoxels bounds an image at 512 MiB of float32; a 16-slice lumbar series
// has about 4 million voxels.
const maxVoxels = 1 << 27

// errUnplaced is why an image of unknown orientation is refused.
var errUnplaced = errors.New("neither sform nor qform is set, so left and right are unknown: save it again with an orientation")

// Read reads an image as grey values (after scl_slope and scl_inter) in LPS+. It
// refuses one that does not say how it lies in the patient.
func Read(path string) (*volume.Volume, error) {
	im, err := readFile(path)
	if err == nil && im.unplaced {
		err = errUnplaced
	}
	if err != nil {
		return nil, fmt.Errorf("read NIfTI %s: %w", path, err)
	}
	return im.volume, nil
}

// ReadWarned reads an image as Read does, and one of unknown orientation too: it
// takes nibabel's guess, axes to the left, anterior and superior about the middle.
// warnings are sentences that the user must see.
func ReadWarned(path string) (v *volume.Volume, warnings []string, err error) {
	im, err := readFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read NIfTI %s: %w", path, err)
	}
	return im.volume, im.warnings, nil
}

// ReadLabels reads an image whose values are whole numbers from 0 to 255.
func ReadLabels(path string) (*volume.LabelMap, error) {
	v, err := Read(path)
	if err != nil {
		return nil, err
	}
	m, err := v.Labels()
	if err != nil {
		return nil, fmt.Errorf("read NIfTI %s: %w", path, err)
	}
	return m, nil
}

// Decode reads a single-file image (.nii or .nii.gz) from a stream, as Read does.
func Decode(r io.Reader) (*volume.Volume, error) {
	s, err := files.FromReader(r)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	if h.pair {
		return nil, errors.New("the header says its voxels are in a separate .img file: open the .hdr file by its path")
	}
	if h.unplaced {
		return nil, errUnplaced
	}
	im, err := h.readVoxels(s)
	return im.volume, err
}

// image is what a file gives.
type image struct {
	volume   *volume.Volume
	warnings []string
	unplaced bool
}

func readFile(path string) (image, error) {
	name, paired := pairNames(path)
	s, err := files.Open(name)
	if err != nil {
		return image{}, err
	}
	defer s.Close()
	h, err := readHeader(s)
	if err != nil {
		return image{}, err
	}
	if !h.pair {
		return h.readVoxels(s)
	}
	if paired == "" {
		return image{}, errors.New("the header says its voxels are in a separate .img file, but the name does not end in .hdr")
	}
	voxels, err := openVoxels(paired)
	if err != nil {
		return image{}, err
	}
	defer voxels.Close()
	h.headerBytes = 0
	return h.readVoxels(voxels)
}

// openVoxels goes by the name, since bare voxels may begin like gzip by chance.
func openVoxels(path string) (*files.Source, error) {
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		return files.Open(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return files.FromFile(f)
}

// pairNames gives the header file and, for a .hdr/.img name, the voxel file. Either
// may be compressed on its own.
func pairNames(path string) (header, voxels string) {
	base, ending := path, ""
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		base, ending = path[:len(path)-3], path[len(path)-3:]
	}
	for _, words := range [][2]string{{".hdr", ".img"}, {".HDR", ".IMG"}} {
		for _, word := range words {
			if stem, ok := strings.CutSuffix(base, word); ok {
				return existing(stem+words[0], ending), existing(stem+words[1], ending)
			}
		}
	}
	return path, ""
}

// Files are the files that make an image: one, or header and voxels.
func Files(path string) []string {
	header, voxels := pairNames(path)
	if voxels == "" {
		return []string{header}
	}
	if _, err := os.Stat(voxels); err != nil {
		return []string{header} // a header that holds its voxels
	}
	return []string{header, voxels}
}

// existing is the name with the ending, or with or without .gz where only that is
// there.
func existing(name, ending string) string {
	for _, other := range []string{ending, ".gz", ""} {
		if _, err := os.Stat(name + other); err == nil {
			return name + other
		}
	}
	return name + ending
}

// readVoxels reads the values after the header.
func (h header) readVoxels(s *files.Source) (image, error) {
	if err := s.Skip(h.voxOffset - h.headerBytes); err != nil {
		return image{}, fmt.Errorf("the file ends before its voxels begin at byte %d", h.voxOffset)
	}
	data, lost, err := s.Samples(h.grid.Len(), h.kind, h.order, h.scale)
	if err != nil {
		return image{}, err
	}
	im := image{&volume.Volume{Grid: h.grid, Data: data}, h.warnings, h.unplaced}
	if lost > 0 {
		im.warnings = append(im.warnings, fmt.Sprintf("%d voxels had no number and were set to 0", lost))
	}
	return im, nil
}
