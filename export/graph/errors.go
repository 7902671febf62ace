package graph

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// ShapeError says which operator was given shapes it cannot take, and where.
type ShapeError struct {
	Op     string
	Shapes [][]int
	Why    string
	Where  string // file:line of the call outside this package
}

func (e *ShapeError) Error() string {
	var shapes []string
	for _, s := range e.Shapes {
		shapes = append(shapes, fmt.Sprint(s))
	}
	return fmt.Sprintf("%s: graph.%s(%s): %s", e.Where, e.Op, strings.Join(shapes, ", "), e.Why)
}

// fail panics with a ShapeError located at the caller of this package.
func fail(op, why string, shapes ...[]int) {
	panic(&ShapeError{Op: op, Shapes: shapes, Why: why, Where: callSite()})
}

// callSite is the first frame outside this package's own files.
func callSite() string {
	_, self, _, _ := runtime.Caller(0)
	dir := filepath.Dir(self)
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if filepath.Dir(f.File) != dir || strings.HasSuffix(f.File, "_test.go") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}

// Try runs f and returns the error it panicked with, such as a ShapeError.
// Run-time errors of Go itself are not caught.
func Try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		case error:
			err = p
		default:
			panic(p)
		}
	}()
	f()
	return nil
}
