// Package app is the window: the worklist and the reading room, built from
// Fyne widgets. It shows what review.Session holds and hands every decision of
// the reader to it. Long work runs in goroutines and comes back through an
// injected dispatcher, so that all state is touched by one goroutine only.
package app
