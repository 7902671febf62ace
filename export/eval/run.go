package eval

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"columna/internal/files"
	"columna/spine"
)

// recordsFile is one JSON line per study; mapsDir holds a picture of each one's errors.
const (
	recordsFile = "records.jsonl"
	mapsDir     = "maps"
)

// maxRecord bounds a line of records.jsonl; one has about 20 kB.
const maxRecord = 1 << 22

// RunOptions say what is read and where it is kept.
type RunOptions struct {
	Sets   []Set
	Dir    string           // for records and pictures; "" keeps nothing
	Models []spine.ModelRef // what Reader runs: records of other models are not gone on with
	// Progress hears what is read now, and how many studies are done of all; may be nil.
	Progress func(done, total int, what string)
}

// Run reads every study of the sets and returns their records in order. What Dir holds
// already is not read again: a run that was stopped goes on where it was. A study that
// cannot be read is noted (Record.Failed) and does not end the run.
func Run(ctx context.Context, r Reader, o RunOptions) ([]Record, error) {
	book, err := openBook(o.Dir, o.Models)
	if err != nil {
		return nil, err
	}
	defer book.close()
	total := 0
	for _, s := range o.Sets {
		total += len(s.Entries)
	}
	var out []Record
	for _, s := range o.Sets {
		for _, e := range s.Entries {
			record, done := book.done[s.Name+"\x00"+e.ID]
			if !done {
				if o.Progress != nil {
					o.Progress(len(out), total, s.Name+" "+e.ID)
				}
				if record, err = book.read(ctx, r, s.Name, e); err != nil {
					return out, err
				}
			}
			out = append(out, record)
		}
	}
	return out, nil
}

// book is the folder of a run.
type book struct {
	dir    string
	models []spine.ModelRef
	file   *os.File
	done   map[string]Record
}

func openBook(dir string, models []spine.ModelRef) (*book, error) {
	b := &book{dir: dir, models: models, done: map[string]Record{}}
	if dir == "" {
		return b, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, mapsDir), 0o700); err != nil {
		return nil, err
	}
	records, whole, err := readRecords(filepath.Join(dir, recordsFile))
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if !slices.Equal(r.Models, models) {
			return nil, fmt.Errorf("%s holds what other networks read (%s): choose another --out", dir, modelNames(r.Models))
		}
		b.done[r.key()] = r
	}
	if b.file, err = openTail(filepath.Join(dir, recordsFile), whole); err != nil {
		return nil, err
	}
	return b, nil
}

// openTail opens a file to add lines to it. A line that was cut off by the end of a
// process is taken away.
func openTail(path string, whole int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > whole {
		err = f.Truncate(whole)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (b *book) close() {
	if b.file != nil {
		b.file.Close()
	}
}

// read measures a study and writes down what came of it.
func (b *book) read(ctx context.Context, r Reader, set string, e Entry) (Record, error) {
	record := Record{Set: set, ID: e.ID, Patient: e.Patient}
	c, err := e.Load(ctx)
	if err == nil {
		var a *spine.Analysis
		if a, record, err = read(ctx, r, c); err == nil {
			err = b.draw(c, a)
		}
	}
	if ctx.Err() != nil {
		return record, ctx.Err()
	}
	if err != nil {
		record = Record{Set: set, ID: e.ID, Patient: e.Patient, Failed: err.Error()}
	}
	record.Models = b.models
	return record, b.write(record)
}

func (b *book) write(r Record) error {
	if b.file == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = b.file.Write(append(line, '\n'))
	return err
}

// draw keeps a picture of a study's errors.
func (b *book) draw(c *Case, a *spine.Analysis) error {
	if b.dir == "" || c.Truth.Mask == nil {
		return nil
	}
	return drawErrors(mapPath(b.dir, c.Set, c.ID), c, a.Mask)
}

// mapPath is the picture of a study. IDs may be anything, so that they are not used as
// names of files.
func mapPath(dir, set, id string) string {
	name := sha256.Sum256([]byte(set + "\x00" + id))
	return filepath.Join(dir, mapsDir, hex.EncodeToString(name[:8])+".png")
}

// ReadRecords reads all records of a run's folder.
func ReadRecords(dir string) ([]Record, error) {
	path := filepath.Join(dir, recordsFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s holds no evaluation: columna eval --out %s makes one", dir, dir)
	}
	records, _, err := readRecords(path)
	return records, err
}

// readRecords reads whole lines; whole is how many bytes they are.
func readRecords(path string) (out []Record, whole int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, maxRecord)
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return out, whole, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s, line %d: %w", path, len(out)+1, err)
		}
		var r Record
		if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
			return nil, 0, fmt.Errorf("%s, line %d is no record: %w", path, len(out)+1, err)
		}
		out, whole = append(out, r), whole+int64(len(line))
	}
}

func modelNames(models []spine.ModelRef) string {
	var out []string
	for _, m := range models {
		out = append(out, m.Name+" "+m.SHA256[:min(12, len(m.SHA256))])
	}
	return strings.Join(out, ", ")
}

// Of is the records of one set.
func Of(set string, records []Record) (out []Record) {
	for _, r := range records {
		if r.Set == set {
			out = append(out, r)
		}
	}
	return out
}

// WriteJSON writes an answer beside the records.
func WriteJSON(path string, answer any) error {
	return files.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(answer)
	})
}
