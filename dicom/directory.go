package dicom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"columna/dicom/dataset"
)

// Tags of a DICOMDIR (PS3.3 F.3).
const (
	tagDirectoryRecords dataset.Tag = 0x00041220
	tagReferencedFile   dataset.Tag = 0x00041500
)

// directory is what a DICOMDIR lists: the files' names, part by part, below its
// own folder. It is an error where an image was to be read.
type directory struct{ files [][]string }

func (*directory) Error() string { return "a DICOMDIR lists images and is none" }

// directory reads the records that refer to files.
func (f *file) directory() *directory {
	d := &directory{}
	for _, record := range f.Items(tagDirectoryRecords) {
		if parts := record.Texts(tagReferencedFile); len(parts) > 0 {
			d.files = append(d.files, parts)
		}
	}
	return d
}

// addListed lists the files of a DICOMDIR that was named alone. Names are matched
// whatever their case, as file systems change it; nothing outside the folder of
// the DICOMDIR is opened.
func (f *finder) addListed(name string, d *directory) error {
	folder := filepath.Dir(name)
	root, err := os.OpenRoot(folder)
	if err != nil {
		f.refuse(name, err)
		return nil
	}
	defer root.Close()
	l := &lister{root: root, names: map[string]map[string]string{}}
	for _, parts := range d.files {
		found, err := l.find(parts)
		if err != nil {
			f.refuse(dataset.Printable(filepath.Join(folder, strings.Join(parts, "/"))), err)
			continue
		}
		if err := f.list(FileRef{Path: filepath.Join(folder, filepath.FromSlash(found))}); err != nil {
			return err
		}
	}
	return nil
}

// lister finds files below a folder by names of any case.
type lister struct {
	root  *os.Root
	names map[string]map[string]string // of a folder, by their lower case
}

// find is the path of a file whose parts a DICOMDIR gives.
func (l *lister) find(parts []string) (string, error) {
	at := "."
	for _, part := range parts {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/:\x00") || len(parts) > maxFolderDepth {
			return "", errors.New("the DICOMDIR names a path outside its folder")
		}
		names, err := l.list(at)
		if err != nil {
			return "", err
		}
		name, ok := names[strings.ToLower(part)]
		if !ok {
			return "", errors.New("the DICOMDIR lists it, but it is not there")
		}
		at = path.Join(at, name)
	}
	info, err := l.root.Stat(at)
	switch {
	case err != nil:
		return "", errors.New("the DICOMDIR lists it, but it cannot be opened below its folder")
	case !info.Mode().IsRegular():
		return "", errors.New("not a regular file")
	}
	return at, nil
}

// list reads a folder once. What a CD's file system adds to a name is left out: a
// version number, a dot without an extension.
func (l *lister) list(folder string) (map[string]string, error) {
	if names, ok := l.names[folder]; ok {
		return names, nil
	}
	entries, err := fs.ReadDir(l.root.FS(), folder)
	if err != nil {
		return nil, fmt.Errorf("the DICOMDIR lists it, but its folder cannot be read: %w", err)
	}
	names := map[string]string{}
	for _, e := range entries {
		plain, _, _ := strings.Cut(e.Name(), ";")
		names[strings.ToLower(strings.TrimSuffix(plain, "."))] = e.Name()
	}
	l.names[folder] = names
	return names, nil
}
