package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of a split: one in eight patients chooses the best weights, one in eight
// is looked at only to report figures, the others are learned from.
const (
	PartTrain      = "train"
	PartValidation = "validation"
	PartTest       = "test"
)

// splitRule stands in the file for those who read it.
const splitRule = "FNV-1a of set-patient: train unless its remainder by 4 is 0; then validation where its highest bit is 0, else test"

// PartOf is the part that a patient of a set belongs to, by a hash of the identity
// alone: it never changes, whoever is added.
func PartOf(set, patient string) string {
	h := fnv.New32a()
	h.Write([]byte(set + "-" + patient))
	switch sum := h.Sum32(); {
	case sum%4 != 0:
		return PartTrain
	case sum>>31 == 0:
		return PartValidation
	}
	return PartTest
}

// HeldOut says whether a patient of SPIDER is never learned from: about one in four.
func HeldOut(id string) bool { return PartOf("spider", id) != PartTrain }

// SplitPatient is one patient of a split.
type SplitPatient struct {
	Set     string `json:"set"`
	Patient string `json:"patient"`
	Part    string `json:"part"`
}

func (p SplitPatient) key() string { return p.Set + "\x00" + p.Patient }

// Split says which patient is in which part.
type Split struct {
	Rule     string         `json:"rule"`
	Patients []SplitPatient `json:"patients"` // in order
	SHA256   string         `json:"sha256"`   // of the patients, so that two runs can be seen to have the same
}

// NewSplit divides entries by patient.
func NewSplit(entries []Entry) *Split {
	s := &Split{Rule: splitRule}
	s.add(entries)
	return s
}

// add gives every patient who is not there yet a part; the others keep theirs.
func (s *Split) add(entries []Entry) {
	known := map[string]bool{}
	for _, p := range s.Patients {
		known[p.key()] = true
	}
	for _, e := range entries {
		if p := (SplitPatient{e.Set, e.Patient, PartOf(e.Set, e.Patient)}); !known[p.key()] {
			known[p.key()] = true
			s.Patients = append(s.Patients, p)
		}
	}
	slices.SortFunc(s.Patients, func(a, b SplitPatient) int { return strings.Compare(a.key(), b.key()) })
	s.SHA256 = hashOf(s.Patients)
}

// Part is the part of an entry's patient, "" for one whom the split does not name.
func (s *Split) Part(e Entry) string {
	at, ok := slices.BinarySearchFunc(s.Patients, SplitPatient{Set: e.Set, Patient: e.Patient}, func(a, b SplitPatient) int {
		return strings.Compare(a.key(), b.key())
	})
	if !ok {
		return ""
	}
	return s.Patients[at].Part
}

// Freeze reads the split in a file, adds the patients who are new to it, and writes
// it back; it makes the file if there is none.
func Freeze(path string, entries []Entry) (*Split, error) {
	s, err := ReadSplit(path)
	switch {
	case os.IsNotExist(err):
		s = NewSplit(entries)
		return s, s.write(path)
	case err != nil:
		return nil, err
	}
	before := s.SHA256
	if s.add(entries); s.SHA256 == before {
		return s, nil
	}
	return s, s.write(path)
}

// write writes the split, readable by its owner alone, as it names patients.
func (s *Split) write(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// maxSplitBytes bounds a split file: a hundred thousand patients are a tenth of it.
const maxSplitBytes = 128 << 20

// ReadSplit reads a split and refuses one that was changed. Its error is
// os.ErrNotExist where there is none.
func ReadSplit(path string) (*Split, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSplitBytes+1))
	if err != nil {
		return nil, err
	}
	s := &Split{}
	if err := json.Unmarshal(b, s); err != nil || len(b) > maxSplitBytes {
		return nil, fmt.Errorf("split file %s is damaged: bring back the one that was written, or name another file", path)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("split file %s was changed: %w; bring back the one that was written, or name another file", path, err)
	}
	return s, nil
}

// check holds a split to its hash, and every patient to the rule: a patient who is
// moved from one part to another makes all figures wrong, hash or no hash.
func (s *Split) check() error {
	if s.Rule != splitRule {
		return fmt.Errorf("it follows the rule %q, which is unknown here", s.Rule)
	}
	last := ""
	for _, p := range s.Patients {
		if p.Part != PartOf(p.Set, p.Patient) {
			return fmt.Errorf("patient %s of %s was moved to the %s part", p.Patient, p.Set, p.Part)
		}
		if last >= p.key() {
			return fmt.Errorf("patient %s of %s stands there twice or out of order", p.Patient, p.Set)
		}
		last = p.key()
	}
	if hashOf(s.Patients) != s.SHA256 {
		return errors.New("its patients do not have the hash that it names")
	}
	return nil
}
