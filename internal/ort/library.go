// Package ort is the only package that touches ONNX Runtime: it finds the
// library, opens sessions and runs them on float32 tensors.
package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"
)

// LibraryVariable names the environment variable that points at the library.
const LibraryVariable = "COLUMNA_ORT_LIB"

// ErrNoLibrary is returned where ONNX Runtime cannot be found.
var ErrNoLibrary = errors.New("the ONNX Runtime library was not found: run `make setup`, or set " + LibraryVariable + " to libonnxruntime.so")

// initialise loads the library once for the process: ONNX Runtime keeps one
// global environment, which cannot be opened twice.
var initialise = sync.OnceValue(func() error {
	path, err := LibraryPath()
	if err != nil {
		return err
	}
	onnx.SetSharedLibraryPath(path)
	if err := onnx.InitializeEnvironment(onnx.WithLogLevelError()); err != nil {
		return fmt.Errorf("ONNX Runtime library %s cannot be loaded: %w", path, err)
	}
	return shareMemory()
})

// shareMemory gives all sessions one arena. Each would keep its own at the largest
// size that it ever had, though they seldom run at the same time: a training holds a
// session for each size of batch and one for the validation.
func shareMemory() error {
	cpu, err := onnx.GetMemoryInfo()
	if err == nil {
		err = onnx.CreateAndRegisterAllocator(cpu, nil)
	}
	if err != nil {
		return fmt.Errorf("share memory between ONNX Runtime's sessions: %w", err)
	}
	return nil
}

// logLevel is what ONNX Runtime itself may write to standard error.
const logLevel = onnx.LoggingLevelError

// Version is that of the library, once Init has loaded it.
func Version() string { return onnx.GetVersion() }

// Init loads the ONNX Runtime library; later calls repeat the first answer.
func Init() error { return initialise() }

// LibraryPath finds the library: the one named in COLUMNA_ORT_LIB, else the
// system's, else the one that `make setup` put into the user's cache.
func LibraryPath() (string, error) {
	if named := os.Getenv(LibraryVariable); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("%s names %s, which cannot be read: correct or unset it", LibraryVariable, named)
		}
		return named, nil
	}
	for _, pattern := range searchPatterns() {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", ErrNoLibrary
}

// searchPatterns lists where the library may lie, most trusted first.
func searchPatterns() []string {
	names := []string{"libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll"}
	folders := []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/local/lib", "/opt/homebrew/lib"}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(cache, "columna", "onnxruntime"))
	}
	if exe, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(exe))
	}
	var out []string
	for _, dir := range folders {
		for _, name := range names {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}
