package app

import (
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"columna/review"
	"columna/spine"
)

// queue is a dispatcher without a window's event loop: functions wait until the
// goroutine that owns the screen runs them.
type queue chan func()

func newQueue() queue { return make(queue, 1024) }

func (q queue) do(f func()) { q <- f }

// until runs what is waiting until done says so.
func (q queue) until(ctx context.Context, limit time.Duration, what string, done func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !done() {
		select {
		case f := <-q:
			f()
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("%s took longer than %v", what, limit)
		}
	}
	return nil
}

// Screens draws the reading room of a case, with the heat map of its worst
// grade, and the worklist as PNG files into dir, with Fyne's software painter
// and without a display. It returns the paths.
//
// It draws on a goroutine of its own: Fyne's software driver takes the process's
// main goroutine for that of a window's event loop, of which there is none here,
// and would put the theme in place behind the drawing's back.
func Screens(ctx context.Context, desk *review.Desk, caseID int64, dir string) (files []string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		files, err = draw(ctx, desk, caseID, dir)
	}()
	<-done
	return files, err
}

// draw is the work of Screens; the goroutine that runs it owns the screen.
func draw(ctx context.Context, desk *review.Desk, caseID int64, dir string) ([]string, error) {
	q := newQueue()
	a := newApp(ctx, desk, test.NewApp(), q.do)
	defer a.leaveRoom()
	a.win.Resize(fyne.NewSize(1600, 1000))
	a.openCase(caseID)
	if err := q.until(ctx, 5*time.Minute, "opening the case", func() bool { return !a.jobs.busy() }); err != nil {
		return nil, err
	}
	if a.room == nil {
		return nil, fmt.Errorf("case %d cannot be drawn: %s", caseID, a.jobs.words.Text)
	}
	if err := a.room.explain(ctx, q); err != nil {
		return nil, err
	}
	files, err := a.shoot(dir, "reading")
	if err != nil {
		return nil, err
	}
	a.showWorklist()
	if err := q.until(ctx, time.Minute, "reading the worklist", func() bool { return len(a.worklist.pages) > 0 }); err != nil {
		return nil, err
	}
	more, err := a.shoot(dir, "worklist")
	return append(files, more...), err
}

// explain chooses the gravest AI grade at the level in sight and waits for its
// heat map. A study without one is drawn without.
func (r *room) explain(ctx context.Context, q queue) error {
	grades := r.session.Grades()
	for c := range grades {
		if grades[c][r.level].AI.Grade > grades[r.cond][r.level].AI.Grade {
			r.cond = spine.Condition(c)
		}
	}
	if grades[r.cond][r.level].AI.Grade < spine.NormalMild {
		return nil
	}
	r.explained = byGradCAM
	r.chooseCell(r.cond, r.level)
	r.setMode(reading)
	words := r.app.jobs.words.Text
	return q.until(ctx, 2*time.Minute, "the heat map", func() bool {
		return r.heat.map_ != nil || r.app.jobs.words.Text != words
	})
}

// shoot draws the window in two sizes.
func (a *App) shoot(dir, name string) ([]string, error) {
	var files []string
	for _, size := range [][2]float32{{1600, 1000}, {1280, 800}} {
		a.win.Resize(fyne.NewSize(size[0], size[1]))
		path := filepath.Join(dir, fmt.Sprintf("%s-%.0fx%.0f.png", name, size[0], size[1]))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it shows a patient
		if err != nil {
			return files, fmt.Errorf("the screen cannot be written: %w", err)
		}
		err = png.Encode(f, a.win.Canvas().Capture())
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return files, fmt.Errorf("the screen cannot be written to %s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}
