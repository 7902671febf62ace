package dicom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"columna/dicom/dataset"
)

// Limits of one import.
const (
	maxFiles        = 200_000
	maxFolderDepth  = 32
	maxZipEntries   = 100_000
	maxOpenZips     = 64       // at a time; a process may hold 1024 files
	maxZipTotal     = 16 << 30 // bytes after unpacking
	maxZipRatio     = 200      // of one entry beyond looseZipBytes; MR packs to about a half
	looseZipBytes   = 16 << 20
	maxRefusedShown = 5000
)

// FileRef is where one slice came from: a file or an entry of a zip file, and the
// frame in it.
type FileRef struct {
	Path       string
	ZipEntry   string // "" for a plain file
	SOPUID     string
	Frame      int     // 0-based, of a multi-frame file
	PositionMM float64 // along the normal of its series
}

// String names the source for messages.
func (r FileRef) String() string {
	if r.ZipEntry != "" {
		return r.Path + "!" + r.ZipEntry
	}
	return r.Path
}

// finder lists what an import will read.
type finder struct {
	found         []FileRef
	listed        map[FileRef]bool
	alone         map[FileRef]bool // files that were named one by one
	refused       []Refusal
	segmentations []FileRef
	zips          *zips
}

func newFinder() *finder {
	return &finder{listed: map[FileRef]bool{}, alone: map[FileRef]bool{}, zips: newZips()}
}

func (f *finder) refuse(path string, err error) {
	if len(f.refused) < maxRefusedShown {
		f.refused = append(f.refused, Refusal{Path: path, Reason: sentence(err)})
	}
}

// sentence shortens an error to one line without the path it repeats.
func sentence(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = fmt.Errorf("cannot be read: %w", p.Err)
	}
	s := dataset.Printable(err.Error())
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300])
	}
	return s
}

// add lists a path: a file, or a folder with everything below it.
func (f *finder) add(ctx context.Context, root string) error {
	info, err := os.Stat(root)
	if err != nil {
		f.refuse(root, err)
		return nil
	}
	if !info.IsDir() {
		f.alone[FileRef{Path: root}] = true
		return f.addFile(root, info.Mode())
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			f.refuse(name, err)
			return nil
		case d.IsDir() && depth(root, name) > maxFolderDepth:
			f.refuse(name, fmt.Errorf("folders nested deeper than %d are not searched", maxFolderDepth))
			return fs.SkipDir
		case d.IsDir() && name != root && hidden(d.Name()):
			return fs.SkipDir
		case d.IsDir() || hidden(d.Name()):
			return nil
		}
		return f.addFile(name, d.Type())
	})
}

func depth(root, name string) int {
	rel, err := filepath.Rel(root, name)
	if err != nil || rel == "." {
		return 0
	}
	return strings.Count(rel, string(filepath.Separator)) + 1
}

// hidden names are the computer's, not the patient's.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" || name == "Thumbs.db"
}

// addFile lists a regular file, or what a link leads to if that is one.
func (f *finder) addFile(name string, mode fs.FileMode) error {
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(name)
		if err != nil {
			f.refuse(name, err)
			return nil
		}
		mode = info.Mode()
	}
	if !mode.IsRegular() {
		f.refuse(name, errors.New("not a regular file"))
		return nil
	}
	return f.list(FileRef{Path: name})
}

// list adds a source once.
func (f *finder) list(ref FileRef) error {
	if f.listed[ref] {
		return nil
	}
	if len(f.found) >= maxFiles {
		return fmt.Errorf("more than %d files: import fewer folders at a time", maxFiles)
	}
	f.listed[ref] = true
	f.found = append(f.found, ref)
	return nil
}
