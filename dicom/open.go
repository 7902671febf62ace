package dicom

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"columna/dicom/dataset"
)

// source is an open file or zip entry. What it reads of an entry it reads front
// to back.
type source struct {
	io.ReaderAt
	size  int64
	close func()
}

// open opens a source for reading.
func (z *zips) open(ref FileRef) (*source, error) {
	if ref.ZipEntry == "" {
		file, size, err := openFile(ref.Path)
		if err != nil {
			return nil, err
		}
		return &source{file, size, func() { file.Close() }}, nil
	}
	a, err := z.acquire(ref.Path)
	if err != nil {
		return nil, err
	}
	s, err := a.open(ref.ZipEntry)
	if err != nil {
		z.release(a)
		return nil, err
	}
	within := s.close
	s.close = func() { within(); z.release(a) }
	return s, nil
}

// open opens an entry.
func (a *archive) open(name string) (*source, error) {
	e := a.entries[name]
	if e == nil {
		return nil, fmt.Errorf("the zip file no longer holds %s", name)
	}
	if err := a.check(e); err != nil {
		return nil, err
	}
	if at, err := e.DataOffset(); err != nil || uint64(at) > uint64(a.size)-e.CompressedSize64 {
		return nil, errors.New("the zip entry is damaged: its data lie outside the file")
	}
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("the zip entry is damaged: %w", err)
	}
	return &source{&stream{r: r}, int64(e.UncompressedSize64), func() { r.Close() }}, nil
}

// stream serves reads at rising offsets from what can only be read in order.
type stream struct {
	r     io.Reader
	at    int64
	first []byte // up to four
}

// ReadAt goes past what lies before off.
func (s *stream) ReadAt(b []byte, off int64) (int, error) {
	if off < s.at {
		return 0, errors.New("cannot read backwards")
	}
	n, err := io.CopyN(io.Discard, s.r, off-s.at)
	if s.at += n; err != nil {
		return 0, err
	}
	got, err := io.ReadFull(s.r, b)
	if s.at += int64(got); off == 0 {
		s.first = bytes.Clone(b[:min(4, got)])
	}
	return got, err
}

// header parses a source as far as its header.
func (s *source) header() (*file, error) {
	if s.size > maxFileBytes {
		return nil, s.refuseLarge()
	}
	f, err := dataset.ParseHeader(s, s.size)
	if errors.Is(err, dataset.ErrNotDICOM) && s.isZip() {
		return nil, errArchive
	}
	if err != nil {
		return nil, err
	}
	return &file{f}, nil
}

// refuseLarge tells large files of other kinds from DICOM files that are too
// large.
func (s *source) refuseLarge() error {
	head := make([]byte, 256)
	n, _ := s.ReadAt(head, 0)
	switch {
	case isZip(head[:n]):
		return errArchive
	case dataset.Sniff(head[:n]) != nil:
		return dataset.ErrNotDICOM
	}
	return fmt.Errorf("larger than %d MiB", maxFileBytes>>20)
}

// isZip asks a file for its first bytes; those of a zip entry have gone by.
func (s *source) isZip() bool {
	if entry, ok := s.ReaderAt.(*stream); ok {
		return isZip(entry.first)
	}
	head := make([]byte, 4)
	_, err := s.ReadAt(head, 0)
	return err == nil && isZip(head)
}

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// ReadFile returns all bytes of a file or zip entry that Import found.
func ReadFile(ref FileRef) ([]byte, error) {
	z := newZips()
	defer z.close()
	return z.read(ref)
}

// read returns all bytes of a source. Those of a zip entry must have its checksum.
func (z *zips) read(ref FileRef) ([]byte, error) { return z.readInto(nil, ref) }

// readInto does so into b where it is large enough.
func (z *zips) readInto(b []byte, ref FileRef) ([]byte, error) {
	s, err := z.open(ref)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if s.size > maxFileBytes {
		return nil, s.refuseLarge()
	}
	if int64(cap(b)) < s.size {
		b = make([]byte, s.size)
	}
	b = b[:s.size]
	if n, err := s.ReadAt(b, 0); err != nil && n < len(b) {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if entry, ok := s.ReaderAt.(*stream); ok {
		if _, err := entry.r.Read(make([]byte, 1)); err != io.EOF {
			return nil, errors.New("the zip entry is damaged: its checksum or length is wrong")
		}
	}
	return b, nil
}
