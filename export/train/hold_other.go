//go:build !linux && !darwin

package train

import "os"

func lockFile(*os.File) bool { return true }
