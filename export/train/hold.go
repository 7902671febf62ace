package train

import (
	"fmt"
	"os"
	"path/filepath"
)

// hold keeps other processes from training in a run folder until the file is closed,
// as it is when the process ends, however it ends.
func hold(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the run folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold the run folder: %w", err)
	}
	if !lockFile(f) {
		f.Close()
		return nil, fmt.Errorf("another training runs in %s: wait for it, or name another folder", dir)
	}
	return f, nil
}
