//go:build linux || darwin

package train

import (
	"os"
	"syscall"
)

// lockFile is false where another holds the file. A file system that knows no locks
// holds nothing back.
func lockFile(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != syscall.EWOULDBLOCK
}
