package finetune

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// How many patients a fine-tuning needs. Four held-out patients are the fewest of which
// an interval over patients says anything.
const (
	MinHeldOut = 4
	MinLearned = 4
)

// share is about how many of the patients are held out.
const share = 0.25

// Holdout is the rule by which patients are held out of learning: those whose hash,
// with the salt, lies below a bound. It is made once, of the patients that there are,
// so that enough of them are held out, and never changes: a patient who comes later
// moves nobody, and stands on one side for ever, whether he comes early or late.
type Holdout struct {
	Rule     string `json:"rule"`
	Salt     string `json:"salt"`
	Below    string `json:"below"` // of the hashes, 0 to 2^64-1
	Patients int    `json:"patients_when_frozen"`
	HeldOut  int    `json:"held_out_when_frozen"`
	SHA256   string `json:"sha256"` // of this document with an empty sha256

	below uint64
}

// holdoutRule stands in the file for those who read it.
const holdoutRule = "a patient is held out if the first 8 bytes of SHA-256(salt, patient), big-endian, are below the bound"

// FreezeHoldout makes the rule of the patients that there are. The salt keeps others
// from making an identity that falls on the side of their choice.
func FreezeHoldout(patients []string, salt string) (*Holdout, error) {
	patients = distinct(patients)
	if len(patients) < MinHeldOut+MinLearned {
		return nil, tooFew(len(patients))
	}
	h := &Holdout{Rule: holdoutRule, Salt: salt, Patients: len(patients)}
	h.HeldOut = max(MinHeldOut, int(math.Ceil(share*float64(len(patients)))))
	var hashes []uint64
	for _, p := range patients {
		hashes = append(hashes, h.hash(p))
	}
	slices.Sort(hashes)
	quarter := uint64(1 << 62) // as near to the share as the patients allow
	h.below = min(max(quarter, hashes[h.HeldOut-1]+1), hashes[h.HeldOut])
	h.Below = strconv.FormatUint(h.below, 10)
	h.SHA256 = h.sum()
	return h, nil
}

func tooFew(n int) error {
	return fmt.Errorf("fine-tuning needs accepted corrections of at least %d patients, %d to hold out and %d to learn from, and there are %d: correct and accept more cases",
		MinHeldOut+MinLearned, MinHeldOut, MinLearned, n)
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

func (h *Holdout) hash(patient string) uint64 {
	sum := sha256.Sum256([]byte(h.Salt + "\x00" + patient))
	return binary.BigEndian.Uint64(sum[:])
}

// Held says whether a patient is never learned from.
func (h *Holdout) Held(patient string) bool { return h.hash(patient) < h.below }

func (h *Holdout) sum() string {
	bare := *h
	bare.SHA256 = ""
	b, _ := json.Marshal(bare) // texts and numbers: cannot fail
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Document is the rule as it is kept.
func (h *Holdout) Document() []byte {
	b, _ := json.MarshalIndent(h, "", "  ")
	return append(b, '\n')
}

// maxHoldoutBytes bounds what is read.
const maxHoldoutBytes = 1 << 16

// ParseHoldout reads a document and refuses one that was changed.
func ParseHoldout(document []byte) (*Holdout, error) {
	h := &Holdout{}
	if len(document) > maxHoldoutBytes {
		return nil, errors.New("the hold-out is too long to be one")
	}
	if err := json.Unmarshal(document, h); err != nil {
		return nil, errors.New("the hold-out is damaged")
	}
	var err error
	if h.below, err = strconv.ParseUint(h.Below, 10, 64); err != nil || h.Rule != holdoutRule || h.SHA256 != h.sum() {
		return nil, errors.New("the hold-out was changed since it was frozen")
	}
	return h, nil
}
