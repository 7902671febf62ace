//go:build !windows

package review

import "io/fs"

// private reports a regular file that its owner alone can read.
func private(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 }
