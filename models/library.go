package models

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Library is the user's model folder. What is installed there is used in the place of
// the shipped model of its name; every model that was ever in use is kept:
//
//	DIR/NET/current             the SHA-256 of the model in use; without it, the shipped one
//	DIR/NET/SHA256/NET.onnx ... a model with its card
//
// Only the small file current ever changes, in one step, so that a crash leaves the
// one model in use or the other, whole.
type Library struct{ Dir string } // "" for the shipped models alone

// ErrNothingBefore means that the shipped model is in use: there is none to go back to.
var ErrNothingBefore = errors.New("there is nothing to go back to")

// Load reads the model in use and verifies its hash.
func (l Library) Load(name string) (*Model, error) {
	sha, err := l.installed(name)
	if err != nil || sha == "" {
		return loadUnless(err, name)
	}
	m, err := l.kept(name, sha)
	if err != nil {
		return nil, fmt.Errorf("%w; columna models --rollback %s returns to the one before", err, name)
	}
	return m, nil
}

func loadUnless(err error, name string) (*Model, error) {
	if err != nil {
		return nil, err
	}
	return Load(name)
}

// installed is the hash in current, "" where the shipped model is in use.
func (l Library) installed(name string) (sha string, err error) {
	if !fs.ValidPath(name) || strings.Contains(name, "/") {
		return "", fmt.Errorf("%q is not a model name", name)
	}
	if l.Dir == "" {
		return "", nil
	}
	b, err := os.ReadFile(l.pointer(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	sha = strings.TrimSpace(string(b))
	if raw, bad := hex.DecodeString(sha); err != nil || bad != nil || len(raw) != 32 {
		return "", fmt.Errorf("%s does not name a model: remove it to use the shipped %s", l.pointer(name), name)
	}
	return sha, nil
}

func (l Library) pointer(name string) string { return filepath.Join(l.Dir, name, "current") }

func (l Library) folder(name, sha string) string { return filepath.Join(l.Dir, name, sha) }

// kept reads a model that is or was in use.
func (l Library) kept(name, sha string) (*Model, error) {
	m, err := LoadDir(l.folder(name, sha), name)
	if err == nil && m.SHA256 != sha {
		err = fmt.Errorf("the model in %s is another one than its folder says", l.folder(name, sha))
	}
	return m, err
}

// Install puts a fine-tuned model into use. Its Parent must be the model in use, whose
// bytes are kept beside it.
func (l Library) Install(m *Model) error {
	if l.Dir == "" {
		return errors.New("there is no model folder to install into")
	}
	now, err := l.Load(m.Name)
	if err != nil {
		return err
	}
	if m.Parent != now.SHA256 {
		return fmt.Errorf("the model was fine-tuned from %s, but %s is in use now: fine-tune again", Short(m.Parent), Short(now.SHA256))
	}
	for _, k := range []*Model{now, m} {
		if err := Save(l.folder(m.Name, Hash(k.ONNX)), k); err != nil {
			return fmt.Errorf("the model cannot be installed: %w", err)
		}
	}
	return writeWhole(l.pointer(m.Name), []byte(m.SHA256+"\n"))
}

// Rollback puts the model before the one in use back into use and returns it.
// ErrNothingBefore where the shipped model is in use.
func (l Library) Rollback(name string) (*Model, error) {
	sha, err := l.installed(name)
	if err == nil && sha == "" {
		err = fmt.Errorf("the shipped %s is in use: %w", name, ErrNothingBefore)
	}
	if err != nil {
		return nil, err
	}
	parent, err := readParent(filepath.Join(l.folder(name, sha), name+".json"))
	if err != nil {
		return nil, err
	}
	if shipped, err := Load(name); err == nil && shipped.SHA256 == parent {
		return shipped, os.Remove(l.pointer(name)) // so that a newer Columna brings its newer one
	}
	m, err := l.kept(name, parent)
	if err != nil {
		return nil, fmt.Errorf("the former model cannot be used: %w", err)
	}
	return m, writeWhole(l.pointer(name), []byte(parent+"\n"))
}

// readParent reads the card alone: the weights beside it may be what is damaged.
func readParent(card string) (string, error) {
	m := &Model{}
	if err := readCard(os.DirFS(filepath.Dir(card)), filepath.Base(card), &m.Spec); err != nil {
		return "", err
	}
	if m.Parent == "" {
		return "", ErrNothingBefore
	}
	return m.Parent, nil
}

// Short is a hash as people read it.
func Short(sha string) string { return sha[:min(12, len(sha))] }
