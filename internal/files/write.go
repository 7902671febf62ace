package files

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
)

// Write makes a file that appears whole or not at all: it is written beside the
// target and renamed. It may hold patient data, so it is its owner's alone.
func Write(path string, encode func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".columna-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	b := bufio.NewWriterSize(f, 1<<16)
	if err := encode(b); err != nil {
		f.Close()
		return err
	}
	if err := b.Flush(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
