package dicom

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
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
	sniffBytes      = 256
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
	found   []FileRef
	refused []Refusal
	zips    *zips
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

// add lists a path: a file, a zip file or a folder with everything below it.
func (f *finder) add(ctx context.Context, root string) error {
	info, err := os.Stat(root)
	if err != nil {
		f.refuse(root, err)
		return nil
	}
	if !info.IsDir() {
		return f.addFile(ctx, root)
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
		return f.addFile(ctx, name)
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

// addFile lists a regular file, or the entries of a zip file.
func (f *finder) addFile(ctx context.Context, name string) error {
	if len(f.found) >= maxFiles {
		return fmt.Errorf("more than %d files: import fewer folders at a time", maxFiles)
	}
	info, err := os.Stat(name)
	if err != nil {
		f.refuse(name, err)
		return nil
	}
	if !info.Mode().IsRegular() {
		f.refuse(name, errors.New("not a regular file"))
		return nil
	}
	if !isZip(name) {
		f.found = append(f.found, FileRef{Path: name})
		return nil
	}
	return f.addZip(ctx, name)
}

func isZip(name string) bool {
	r, err := os.Open(name)
	if err != nil {
		return false
	}
	defer r.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(r, head)
	return err == nil && (bytes.Equal(head, []byte("PK\x03\x04")) || bytes.Equal(head, []byte("PK\x05\x06")))
}

// addZip lists the entries of a zip file. Nothing is ever unpacked to disk; a
// name that tries to climb out, an encrypted entry, an archive within and a bomb
// are refused by name.
func (f *finder) addZip(ctx context.Context, name string) error {
	z, err := f.zips.open(name)
	if err != nil {
		f.refuse(name, err)
		return nil
	}
	if len(z.File) > maxZipEntries {
		f.refuse(name, fmt.Errorf("a zip file of more than %d entries", maxZipEntries))
		return nil
	}
	var total uint64
	for _, e := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.FileInfo().IsDir() {
			continue
		}
		ref := FileRef{Path: name, ZipEntry: e.Name}
		if err := checkEntry(e); err != nil {
			f.refuse(dataset.Printable(ref.String()), err)
			continue
		}
		if hidden(path.Base(e.Name)) || strings.HasPrefix(e.Name, "__MACOSX/") {
			continue
		}
		if total += e.UncompressedSize64; total > maxZipTotal {
			f.refuse(name, fmt.Errorf("a zip file that unpacks to more than %d GiB", maxZipTotal>>30))
			return nil
		}
		f.found = append(f.found, ref)
	}
	return nil
}

// checkEntry refuses a dangerous zip entry by its header alone.
func checkEntry(e *zip.File) error {
	clean := strings.ReplaceAll(e.Name, `\`, "/")
	switch {
	case strings.HasPrefix(clean, "/") || strings.Contains("/"+clean+"/", "/../") || strings.Contains(clean, ":"):
		return errors.New("the name points outside the archive")
	case e.Flags&1 != 0:
		return errors.New("encrypted: unpack the archive first")
	case e.Mode()&fs.ModeType != 0:
		return errors.New("a link or device, not a file")
	case e.UncompressedSize64 > maxFileBytes:
		return fmt.Errorf("unpacks to more than %d MiB", maxFileBytes>>20)
	case e.UncompressedSize64 > looseZipBytes && e.UncompressedSize64/maxZipRatio > e.CompressedSize64:
		return fmt.Errorf("grows by more than %d times: refused as a decompression bomb", maxZipRatio)
	}
	return nil
}

// zips keeps the zip files open that a job reads from, a few at a time.
type zips struct {
	readers map[string]*zip.ReadCloser
	entries map[string]map[string]*zip.File
}

func newZips() *zips {
	return &zips{readers: map[string]*zip.ReadCloser{}, entries: map[string]map[string]*zip.File{}}
}

func (z *zips) close() {
	for _, r := range z.readers {
		r.Close()
	}
	clear(z.readers)
	clear(z.entries)
}

func (z *zips) open(name string) (*zip.ReadCloser, error) {
	if r := z.readers[name]; r != nil {
		return r, nil
	}
	if len(z.readers) >= maxOpenZips {
		z.close()
	}
	r, err := zip.OpenReader(name)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("the zip file is damaged: %w", err)
	}
	z.readers[name] = r
	byName := map[string]*zip.File{}
	for _, e := range r.File {
		if byName[e.Name] == nil {
			byName[e.Name] = e
		}
	}
	z.entries[name] = byName
	return r, nil
}

// read returns the bytes of a source. What does not begin like DICOM is refused
// after its first bytes, so that no large stranger is read whole.
func (z *zips) read(ref FileRef) ([]byte, error) {
	r, size, err := z.stream(ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return nil, errors.New("an archive inside an archive: unpack it first")
	}
	if err := dataset.Sniff(head); err != nil {
		return nil, err
	}
	if size > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MiB", maxFileBytes>>20)
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(size, 4<<20)+bytes.MinRead))
	buf.Write(head)
	if _, err := buf.ReadFrom(io.LimitReader(r, maxFileBytes)); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return buf.Bytes(), nil
}

func (z *zips) stream(ref FileRef) (io.ReadCloser, int64, error) {
	if ref.ZipEntry == "" {
		r, err := os.Open(ref.Path)
		if err != nil {
			return nil, 0, err
		}
		info, err := r.Stat()
		if err != nil || !info.Mode().IsRegular() {
			r.Close()
			return nil, 0, errors.New("not a regular file")
		}
		return r, info.Size(), nil
	}
	if _, err := z.open(ref.Path); err != nil {
		return nil, 0, err
	}
	e := z.entries[ref.Path][ref.ZipEntry]
	if e == nil {
		return nil, 0, fmt.Errorf("the zip file no longer holds %s", ref.ZipEntry)
	}
	if err := checkEntry(e); err != nil {
		return nil, 0, err
	}
	r, err := e.Open()
	if err != nil {
		return nil, 0, fmt.Errorf("the zip entry is damaged: %w", err)
	}
	return r, int64(e.UncompressedSize64), nil
}
