// Package metaimage reads and writes MetaImage files (.mha, and .mhd with its raw
// file beside it), ITK's own format. Its world is LPS+ like ours. Input is not
// trusted: no allocation is larger than the bytes that are really there allow,
// and a header can name no file outside its folder.
//
// Sources: the MetaIO documentation (itk.org/Wiki/MetaIO/Documentation) and what
// ITK's MetaImageIO takes from it.
package metaimage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"columna/internal/files"
	"columna/volume"
)

// maxVoxels bounds an image at 512 MiB of float32.
const maxVoxels = 1 << 27

// Read reads an image as grey values. It refuses one that does not say how it lies
// in the patient.
func Read(path string) (*volume.Volume, error) {
	im, err := readFile(path)
	if err == nil {
		err = im.doubt
	}
	if err != nil {
		return nil, fmt.Errorf("read MetaImage %s: %w", path, err)
	}
	return im.volume, nil
}

// ReadWarned reads an image as Read does, and one of unknown orientation or spacing
// too, which it completes as ITK does. warnings are sentences that the user must
// see.
func ReadWarned(path string) (v *volume.Volume, warnings []string, err error) {
	im, err := readFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read MetaImage %s: %w", path, err)
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
		return nil, fmt.Errorf("read MetaImage %s: %w", path, err)
	}
	return m, nil
}

// Decode reads a single-file image (.mha) from a stream, as Read does.
func Decode(r io.Reader) (*volume.Volume, error) {
	s, err := files.FromReader(r)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	if h.file != "" {
		return nil, fmt.Errorf("the header says its voxels are in the file %q: open the .mhd file by its path", h.file)
	}
	if h.doubt != nil {
		return nil, h.doubt
	}
	im, err := h.readVoxels(s)
	return im.volume, err
}

// image is what a file gives.
type image struct {
	volume   *volume.Volume
	warnings []string
	doubt    error // why size or place in the patient are not known
}

func readFile(path string) (image, error) {
	s, err := files.Open(path)
	if err != nil {
		return image{}, err
	}
	defer s.Close()
	h, err := readHeader(s)
	if err != nil {
		return image{}, err
	}
	if h.file == "" {
		return h.readVoxels(s)
	}
	f, err := os.OpenInRoot(filepath.Dir(path), h.file) // a link cannot escape the folder either
	if err != nil {
		return image{}, fmt.Errorf("the file of voxels: %w", err)
	}
	raw, err := files.FromFile(f)
	if err != nil {
		return image{}, err
	}
	defer raw.Close()
	if err := raw.Skip(h.leap(raw)); err != nil {
		return image{}, errors.New("the file of voxels ends before they begin: it is damaged or incomplete")
	}
	return h.readVoxels(raw)
}

// Files are the files that make an image: one, or header and voxels.
func Files(path string) ([]string, error) {
	s, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h, err := readHeader(s)
	if err != nil {
		return nil, fmt.Errorf("read MetaImage %s: %w", path, err)
	}
	if h.file == "" {
		return []string{path}, nil
	}
	return []string{path, filepath.Join(filepath.Dir(path), h.file)}, nil
}

// leap is how far the voxels are from the start of their file; a HeaderSize of -1
// says that they are its end.
func (h header) leap(raw *files.Source) int64 {
	if h.skip >= 0 {
		return h.skip
	}
	size := int64(h.grid.Len()) * int64(h.kind.Bytes())
	if h.compressed {
		size = h.packedSize
	}
	return raw.Most() - size
}

// readVoxels reads the values.
func (h header) readVoxels(s *files.Source) (image, error) {
	if h.compressed {
		if err := s.Inflate(); err != nil {
			return image{}, err
		}
	}
	data, lost, err := s.Samples(h.grid.Len(), h.kind, h.order, files.Scale{Slope: 1})
	if err != nil {
		return image{}, err
	}
	im := image{&volume.Volume{Grid: h.grid, Data: data}, h.warnings, h.doubt}
	if lost > 0 {
		im.warnings = append(im.warnings, fmt.Sprintf("%d voxels had no number and were set to 0", lost))
	}
	return im, nil
}
