package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"columna/dicom/web"
)

// resumeWithin is how long half a study is worth taking up again: an archive may
// have corrected it since.
const resumeWithin = 24 * time.Hour

// imagesDir is where images retrieved from archives live, beside the database.
func (d *Desk) imagesDir() string {
	return beside(d.db.Path(), "images")
}

// studyDir is the folder of one retrieved study. Names of folders and files are
// hashes of UIDs: they tell nothing and cannot climb out.
func (d *Desk) studyDir(study string) string { return filepath.Join(d.imagesDir(), hashName(study)) }

func hashName(uid string) string {
	sum := sha256.Sum256([]byte(uid))
	return hex.EncodeToString(sum[:16])
}

// shelf takes the files of one study. It fills a folder beside the study's, which
// takes the study's place when all have come.
type shelf struct {
	dir, part string
	mu        sync.Mutex                 // guards have
	have      map[string]map[string]bool // hashed series and instances
}

// newShelf begins a study, or goes on with one that broke off lately.
func newShelf(dir string, now time.Time) (*shelf, error) {
	s := &shelf{dir: dir, part: dir + ".part", have: map[string]map[string]bool{}}
	if info, err := os.Stat(s.part); err == nil && now.Sub(info.ModTime()) > resumeWithin {
		if err := os.RemoveAll(s.part); err != nil {
			return nil, fmt.Errorf("what an older retrieval left cannot be removed: %w", err)
		}
	}
	if err := os.MkdirAll(s.part, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for retrieved images cannot be made: %w", err)
	}
	return s, filepath.WalkDir(s.part, s.find)
}

// find notes a file that is there, if it is whole.
func (s *shelf) find(path string, e fs.DirEntry, err error) error {
	if err != nil || e.IsDir() {
		return err
	}
	info, err := e.Info()
	if name, ok := strings.CutSuffix(e.Name(), ".dcm"); err == nil && ok && info.Size() > 0 {
		s.note(filepath.Base(filepath.Dir(path)), name)
	}
	return err
}

func (s *shelf) note(series, instance string) {
	if s.have[series] == nil {
		s.have[series] = map[string]bool{}
	}
	s.have[series][instance] = true
}

// Has implements web.Sink.
func (s *shelf) Has(series, instance string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.have[hashName(series)][hashName(instance)]
}

// Count implements web.Sink.
func (s *shelf) Count(series string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.have[hashName(series)])
}

// Keep implements web.Sink: a file appears whole or not at all.
func (s *shelf) Keep(f web.File) error {
	series, instance := hashName(f.Series), hashName(f.Instance)
	folder := filepath.Join(s.part, series)
	err := os.MkdirAll(folder, 0o700)
	path := filepath.Join(folder, instance+".dcm")
	if err == nil {
		err = os.WriteFile(path+".new", f.Bytes, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("a retrieved image cannot be kept: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(series, instance)
	return nil
}

// finish puts the study in its place. An earlier copy is gone only then.
func (s *shelf) finish() error {
	old := s.dir + ".old"
	err := os.RemoveAll(old)
	if err == nil {
		err = os.Rename(s.dir, old)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(s.part, s.dir)
	}
	if err != nil {
		return fmt.Errorf("the retrieved study cannot be kept: %w", err)
	}
	os.RemoveAll(old) // what stays is overwritten next time
	return nil
}

// ForgetCase takes a case off the worklist and removes the images that were
// retrieved for it; the archive still has them. Images imported from the user's own
// folders are not touched.
func (d *Desk) ForgetCase(ctx context.Context, id int64, reason string) error {
	c, err := d.db.FindCase(ctx, id)
	if err != nil {
		return err
	}
	if err := d.DeleteCase(ctx, id, reason); err != nil {
		return err
	}
	dir := d.studyDir(c.Study.UID)
	for _, path := range []string{dir, dir + ".part", dir + ".old"} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("the retrieved images cannot be removed: %w", err)
		}
	}
	return d.Record(ctx, id, "forget", "retrieved images removed")
}
