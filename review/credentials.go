package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"columna/dicom/web"
)

// maxCredentials bounds the file of credentials.
const maxCredentials = 1 << 20

// credentialsFile is where the user may keep credentials: a JSON object from the
// archive's name to user and password, or token.
func credentialsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for settings: %w", err)
	}
	return filepath.Join(dir, "columna", "pacs.json"), nil
}

// storedCredentials are those of the environment, else of the file, else nobody's.
func storedCredentials(name string) (Credentials, error) {
	prefix := "COLUMNA_PACS_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	who := Credentials{User: os.Getenv(prefix + "_USER"), Password: web.NewSecret(os.Getenv(prefix + "_PASSWORD")), Token: web.NewSecret(os.Getenv(prefix + "_TOKEN"))}
	if !who.Empty() {
		return who, nil
	}
	path, err := credentialsFile()
	if err != nil {
		return Credentials{}, nil // no folder, no file
	}
	all, err := readCredentials(path)
	return all[name], err
}

// readCredentials reads the file if its owner alone can. No error repeats its text.
func readCredentials(path string) (map[string]Credentials, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the archives' credentials cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the archives' credentials cannot be read: %w", err)
	}
	if !private(info) {
		return nil, fmt.Errorf("%s can be read by others and is not used: chmod 600 it, and change the passwords in it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
	if err != nil {
		return nil, fmt.Errorf("the archives' credentials cannot be read: %w", err)
	}
	var all map[string]Credentials
	if len(b) > maxCredentials || json.Unmarshal(b, &all) != nil {
		return nil, fmt.Errorf(`%s cannot be understood: write {"NAME": {"user": "...", "password": "..."}} or {"NAME": {"token": "..."}}`, path)
	}
	return all, nil
}
