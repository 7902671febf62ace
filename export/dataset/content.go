package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Content says what a data set held when it was read.
type Content struct {
	Set    string    `json:"set"`
	Cases  []CaseSum `json:"cases"`
	SHA256 string    `json:"sha256"` // of the cases
}

// CaseSum is a case with the hash of its files.
type CaseSum struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"`
}

// SHA256 is the hash of all that the case is read from.
func (e Entry) SHA256() (string, error) {
	if e.sum != "" {
		return e.sum, nil
	}
	sum := sha256.New()
	io.WriteString(sum, e.rows)
	for _, path := range e.Files {
		if err := hashFile(sum, path); err != nil {
			return "", fmt.Errorf("hash %s case %s: %w", e.Set, e.ID, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// hashFile adds a file with its name and length.
func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(w, f)
	fmt.Fprintf(w, "|%d|%s|", n, filepath.Base(path))
	return err
}

// ContentOf hashes the files of the entries of one set.
func ContentOf(ctx context.Context, entries []Entry) (Content, error) {
	var c Content
	for _, e := range entries {
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		sum, err := e.SHA256()
		if err != nil {
			return c, err
		}
		c.Set = e.Set
		c.Cases = append(c.Cases, CaseSum{e.ID, sum})
	}
	slices.SortFunc(c.Cases, func(a, b CaseSum) int { return strings.Compare(a.ID, b.ID) })
	c.SHA256 = hashOf(c.Cases)
	return c, nil
}

// Changed says in one sentence what is other now than it was; nil if nothing is.
func (c Content) Changed(now Content) error {
	was := map[string]string{}
	for _, s := range c.Cases {
		was[s.ID] = s.SHA256
	}
	for _, s := range now.Cases {
		switch sum, known := was[s.ID]; {
		case !known:
			return fmt.Errorf("the %s data have a new case, %s", c.Set, s.ID)
		case sum != s.SHA256:
			return fmt.Errorf("%s case %s holds other data than before", c.Set, s.ID)
		}
		delete(was, s.ID)
	}
	for id := range was {
		return fmt.Errorf("%s case %s is gone", c.Set, id)
	}
	return nil
}

// hashOf is the SHA-256 of a value's JSON.
func hashOf(v any) string {
	b, _ := json.Marshal(v) // of strings alone: it cannot fail
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
