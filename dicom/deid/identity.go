package deid

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// keyBytes is the length of a key: as much as the hash can use.
const keyBytes = 32

// Key makes new identities: with one key the same UID, patient or date always
// becomes the same new one, and nobody without the key can go back or confirm a
// guess. Whoever holds the key can confirm a guess, so it stays with the originals.
type Key []byte

// OpenKey reads the key in a file and makes one there if there is none. The file
// is its owner's alone.
func OpenKey(path string) (Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key for new identities cannot be read: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("%s holds no key for new identities: move it away to start with a new key", path)
	}
	return key, nil
}

func makeKey(path string) (Key, error) {
	key := make(Key, keyBytes)
	rand.Read(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("folder of the key for new identities: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) { // made by another process meanwhile
		return OpenKey(path)
	}
	if err == nil {
		_, err = f.WriteString(hex.EncodeToString(key) + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("the key for new identities cannot be written: %w", err)
	}
	return key, nil
}

// hash is a keyed digest; purpose keeps the kinds of identity apart.
func (k Key) hash(purpose, value string) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(purpose + "\x00" + value))
	return h.Sum(nil)
}

// uid is the new UID of an old one: a UUID of version 8 under 2.25 (PS3.5 B.2,
// RFC 9562 5.8).
func (k Key) uid(old string) string {
	b := k.hash("uid", old)[:16]
	b[6] = b[6]&0x0F | 0x80
	b[8] = b[8]&0x3F | 0x80
	return "2.25." + new(big.Int).SetBytes(b).String()
}

// mapped is the new UID of any but those that the standard itself defines.
func (k Key) mapped(old string) string {
	old = trim(old)
	if old == "" || standardUID.MatchString(old) {
		return old
	}
	return k.uid(old)
}

// pseudonym is the new ID of a patient.
func (k Key) pseudonym(patient string) string {
	return "COL-" + base32.StdEncoding.EncodeToString(k.hash("patient", patient))[:10]
}

// daysBack is how far a patient's dates move into the past: one to ten years.
func (k Key) daysBack(patient string) int {
	return 365 + int(binary.BigEndian.Uint32(k.hash("dates", patient))%3286)
}

// standardUID is what the standard itself names: SOP classes, coding schemes,
// templates. Its components are short; a longer one could be a date or an ID.
var standardUID = regexp.MustCompile(`^1\.2\.840\.10008(\.[0-9]{1,4})+$`)
