// Package files is what the formats share: input that is unpacked and read without
// trust in its sizes, samples of every numeric type, and output that appears whole
// or not at all.
package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// maxRatio is the most that deflate can shrink: 258 bytes into two bits (RFC 1951).
const maxRatio = 1032

// maxTail is how much may follow the samples in a compressed file.
const maxTail = 1 << 20

// Source is input that may be compressed. It knows how much can still come of it,
// so that a forged size is refused before memory is taken for it.
type Source struct {
	r      *bufio.Reader
	most   int64 // bytes that can still come, math.MaxInt64 of a stream
	packed bool
	file   io.Closer
}

// Open opens a file, unpacked where it starts as gzip does, whatever its name.
func Open(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := FromFile(f)
	if err != nil {
		return nil, err
	}
	if err := s.unpackGzip(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// FromFile takes a file as it is: bare voxels may begin like gzip by chance. The
// source owns the file.
func FromFile(f *os.File) (*Source, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is no ordinary file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Source{r: bufio.NewReaderSize(f, 1<<16), most: info.Size(), file: f}, nil
}

// FromReader reads a stream of unknown length.
func FromReader(r io.Reader) (*Source, error) {
	s := &Source{r: bufio.NewReaderSize(r, 1<<16), most: math.MaxInt64, file: io.NopCloser(nil)}
	return s, s.unpackGzip()
}

// Close closes the file.
func (s *Source) Close() error { return s.file.Close() }

// Most is how many bytes can still come, at the utmost.
func (s *Source) Most() int64 { return s.most }

// Packed reports whether Most is a bound and not the number itself.
func (s *Source) Packed() bool { return s.packed || s.most == math.MaxInt64 }

func (s *Source) unpackGzip() error {
	magic, err := s.r.Peek(2)
	if err != nil {
		return errors.New("the file is too short to be an image")
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return nil
	}
	z, err := gzip.NewReader(s.r)
	if err != nil {
		return fmt.Errorf("the gzip header is damaged: %w", err)
	}
	s.unpack(z)
	return nil
}

// Inflate unpacks what follows, which is zlib (RFC 1950) or gzip (RFC 1952).
func (s *Source) Inflate() error {
	magic, err := s.r.Peek(2)
	if err != nil {
		return errors.New("the file ends before its compressed samples")
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return s.unpackGzip()
	}
	z, err := zlib.NewReader(s.r)
	if err != nil {
		return fmt.Errorf("the compressed samples are damaged: %w", err)
	}
	s.unpack(z)
	return nil
}

func (s *Source) unpack(z io.Reader) {
	s.r, s.packed = bufio.NewReaderSize(z, 1<<16), true
	if s.most > math.MaxInt64/maxRatio {
		s.most = math.MaxInt64
		return
	}
	s.most *= maxRatio
}

// Skip passes over n bytes.
func (s *Source) Skip(n int64) error {
	if n < 0 || n > s.most {
		return io.ErrUnexpectedEOF
	}
	got, err := io.CopyN(io.Discard, s.r, n)
	s.take(got)
	return err
}

// Line reads up to the end of a line, which may have 64 KiB. The bytes are valid
// until the next call.
func (s *Source) Line() ([]byte, error) {
	b, err := s.r.ReadSlice('\n')
	s.take(int64(len(b)))
	return b, err
}

// ReadFull fills b.
func (s *Source) ReadFull(b []byte) error {
	n, err := io.ReadFull(s.r, b)
	s.take(int64(n))
	return err
}

func (s *Source) take(n int64) {
	if s.most != math.MaxInt64 {
		s.most -= n
	}
}

// Finish reads a compressed file to its end, where its checksum stands.
func (s *Source) Finish() error {
	if !s.packed {
		return nil
	}
	_, err := io.CopyN(io.Discard, s.r, maxTail)
	if err == nil {
		return fmt.Errorf("more than %d bytes follow the samples", maxTail)
	}
	if err != io.EOF && !errors.Is(err, gzip.ErrHeader) { // some writers pad the file
		return fmt.Errorf("the compressed file is damaged: %w", err)
	}
	return nil
}
