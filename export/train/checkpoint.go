package train

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
)

// progress is where a run stands.
type progress struct {
	Step    int  // optimiser steps made
	Part    int  // batches of the coming step whose gradients are summed already
	Bad     bool // one of these gave no finite gradient: the step will be skipped
	Updates int  // steps that changed the weights
	Idle    int  // steps skipped one after the other, up to now

	Seen  int     // step of the last validation
	Best  float64 // its best score so far
	Since int     // validations since then

	// Of the epoch so far:
	Loss    float64 // sum over the batches
	Batches int
	Norm    float64 // sum of the gradient norms over the updates
	Normed  int
	Skipped int // steps without a finite gradient
}

// checkpoint is everything a run needs to go on as if it had never stopped.
type checkpoint struct {
	Net, Preset string
	Accumulate  int // batches of a step
	Progress    progress
	Lengths     []vectorLength
	vectors     map[string][]float32
}

type vectorLength struct {
	Name string
	N    int
}

const checkpointMagic = "columna checkpoint 2\n"

// previousOf names the checkpoint before the one at path.
func previousOf(path string) string { return path + ".previous" }

// writeCheckpoint replaces the file only once the new one is whole on disk, and
// keeps the one before.
func writeCheckpoint(path string, c checkpoint) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err := errors.Join(c.write(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write checkpoint %s: %w", path, err)
	}
	if err := os.Rename(path, previousOf(path)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// write streams the checkpoint: magic, header, numbers, SHA-256 of it all. The
// vectors of a large network are not copied.
func (c checkpoint) write(f io.Writer) error {
	var names []string
	for name := range c.vectors {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		c.Lengths = append(c.Lengths, vectorLength{name, len(c.vectors[name])})
	}
	var header bytes.Buffer
	if err := gob.NewEncoder(&header).Encode(c); err != nil {
		return err
	}
	out, sum := bufio.NewWriterSize(f, 1<<16), sha256.New()
	w := io.MultiWriter(out, sum)
	io.WriteString(w, checkpointMagic) // an error shows again in Flush
	binary.Write(w, binary.LittleEndian, uint32(header.Len()))
	w.Write(header.Bytes())
	for _, name := range names {
		writeFloats(w, c.vectors[name])
	}
	out.Write(sum.Sum(nil))
	return out.Flush()
}

func writeFloats(w io.Writer, data []float32) {
	var block [1 << 14]byte
	for len(data) > 0 {
		n := min(len(data), len(block)/4)
		for i, x := range data[:n] {
			binary.LittleEndian.PutUint32(block[4*i:], math.Float32bits(x))
		}
		w.Write(block[:4*n])
		data = data[n:]
	}
}

// readCheckpoint reads the checkpoint at path, or the one before it if a crash
// came between the two renames of writeCheckpoint. Its error is os.ErrNotExist
// where there is none.
func readCheckpoint(path string) (checkpoint, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		if f, err = os.Open(previousOf(path)); err == nil {
			path = previousOf(path)
		}
	}
	if err != nil {
		return checkpoint{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return checkpoint{}, err
	}
	c, err := parseCheckpoint(f, info.Size())
	if err != nil {
		return c, fmt.Errorf("checkpoint %s is damaged (%w): copy %s over it to go on from the one before, or remove both to start afresh",
			path, err, filepath.Base(previousOf(path)))
	}
	return c, nil
}

// parseCheckpoint reads a checkpoint of a known size in bytes.
func parseCheckpoint(f io.Reader, size int64) (checkpoint, error) {
	c, sum := checkpoint{}, sha256.New()
	all := bufio.NewReaderSize(f, 1<<16)
	r := io.TeeReader(all, sum)
	magic, length := make([]byte, len(checkpointMagic)), uint32(0)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != checkpointMagic {
		return c, errors.New("it does not begin as one")
	}
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil || int64(length) > size {
		return c, io.ErrUnexpectedEOF
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return c, err
	}
	if err := gob.NewDecoder(bytes.NewReader(header)).Decode(&c); err != nil {
		return c, err
	}
	rest := size - int64(len(magic)) - 4 - int64(length) - sha256.Size
	c.vectors = map[string][]float32{}
	for _, v := range c.Lengths {
		if v.N < 0 || int64(v.N) > rest/4 {
			return c, io.ErrUnexpectedEOF
		}
		rest -= 4 * int64(v.N)
		data, err := readFloats(r, v.N)
		if err != nil {
			return c, err
		}
		c.vectors[v.Name] = data
	}
	return c, checkSum(all, sum)
}

func readFloats(r io.Reader, n int) ([]float32, error) {
	out, block := make([]float32, n), [1 << 14]byte{}
	for at := 0; at < n; {
		part := block[:4*min(n-at, len(block)/4)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		for ; len(part) > 0; part, at = part[4:], at+1 {
			out[at] = math.Float32frombits(binary.LittleEndian.Uint32(part))
		}
	}
	return out, nil
}

// checkSum compares the sum of what was read with the one that follows.
func checkSum(r io.Reader, sum hash.Hash) error {
	want, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(want, sum.Sum(nil)) {
		err = errors.New("its checksum is wrong")
	}
	return err
}
