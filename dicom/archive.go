package dicom

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"columna/dicom/dataset"
)

// errArchive marks a zip file, whose entries are read in its place.
var errArchive = errors.New("an archive inside an archive: unpack it first")

// archive is an open zip file.
type archive struct {
	*zip.Reader
	size    int64
	file    io.Closer
	entries map[string]*zip.File // by the name that FileRef has
	users   int
}

// readArchive reads the directory of a zip file.
func readArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("the zip file is damaged: %w", err)
	}
	a := &archive{Reader: z, size: size, entries: map[string]*zip.File{}}
	for _, e := range z.File {
		if name := entryName(e); a.entries[name] == nil {
			a.entries[name] = e
		}
	}
	return a, nil
}

// entryName is an entry's name in UTF-8. Where the archive does not say that it
// is so and it cannot be, it is in code page 437 (APPNOTE.TXT, appendix D).
func entryName(e *zip.File) string {
	if utf8.ValidString(e.Name) {
		return e.Name
	}
	name, _ := charmap.CodePage437.NewDecoder().String(e.Name)
	return name
}

// addEntries lists the entries of a zip file. Nothing is ever unpacked to disk; a
// name that tries to climb out, an encrypted entry, an archive within and a bomb
// are refused by name.
func (f *finder) addEntries(ctx context.Context, name string, a *archive) error {
	if len(a.File) > maxZipEntries {
		f.refuse(name, fmt.Errorf("a zip file of more than %d entries", maxZipEntries))
		return nil
	}
	var total uint64
	for _, e := range a.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		ref := FileRef{Path: name, ZipEntry: entryName(e)}
		if e.FileInfo().IsDir() {
			continue
		}
		err := a.check(e)
		if f.listed[ref] {
			err = errors.New("the second entry of this name in the archive")
		}
		if err != nil {
			f.refuse(dataset.Printable(ref.String()), err)
			continue
		}
		if hidden(path.Base(ref.ZipEntry)) || strings.HasPrefix(ref.ZipEntry, "__MACOSX/") {
			continue
		}
		if total += e.UncompressedSize64; total > maxZipTotal {
			f.refuse(name, fmt.Errorf("a zip file that unpacks to more than %d GiB", maxZipTotal>>30))
			return nil
		}
		if err := f.list(ref); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a dangerous entry by its header alone.
func (a *archive) check(e *zip.File) error {
	clean := strings.ReplaceAll(e.Name, `\`, "/")
	switch {
	case strings.HasPrefix(clean, "/") || strings.Contains("/"+clean+"/", "/../") || strings.Contains(clean, ":"):
		return errors.New("the name points outside the archive")
	case e.Flags&1 != 0:
		return errors.New("encrypted: unpack the archive first")
	case e.Mode()&fs.ModeType != 0:
		return errors.New("a link or device, not a file")
	case e.CompressedSize64 > uint64(a.size):
		return errors.New("the archive is cut off inside this entry")
	case e.UncompressedSize64 > maxFileBytes:
		return fmt.Errorf("unpacks to more than %d MiB", maxFileBytes>>20)
	case e.UncompressedSize64 > looseZipBytes && e.UncompressedSize64/maxZipRatio > e.CompressedSize64:
		return fmt.Errorf("grows by more than %d times: refused as a decompression bomb", maxZipRatio)
	}
	return nil
}

// zips keeps the zip files open that a job reads from, a few at a time. Many
// goroutines may use it.
type zips struct {
	mu   sync.Mutex
	held map[string]*archive
}

func newZips() *zips { return &zips{held: map[string]*archive{}} }

func (z *zips) close() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.drop()
}

// drop closes the archives that nobody reads from.
func (z *zips) drop() {
	for name, a := range z.held {
		if a.users == 0 {
			a.file.Close()
			delete(z.held, name)
		}
	}
}

// acquire opens a zip file, or finds it open, until release.
func (z *zips) acquire(name string) (*archive, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	a := z.held[name]
	if a == nil {
		if len(z.held) >= maxOpenZips {
			z.drop()
		}
		var err error
		if a, err = openArchive(name); err != nil {
			return nil, err
		}
		z.held[name] = a
	}
	a.users++
	return a, nil
}

func (z *zips) release(a *archive) {
	z.mu.Lock()
	defer z.mu.Unlock()
	a.users--
}

func openArchive(name string) (*archive, error) {
	file, size, err := openFile(name)
	if err != nil {
		return nil, err
	}
	a, err := readArchive(file, size)
	if err != nil {
		file.Close()
		return nil, err
	}
	a.file = file
	return a, nil
}

func openFile(name string) (*os.File, int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, 0, errors.New("not a regular file")
	}
	return file, info.Size(), nil
}
