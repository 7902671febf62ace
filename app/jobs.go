package app

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"columna/assets"
	"columna/review"
)

// jobs runs long work outside the window's goroutine, one job at a time, and
// shows it in a bar at the foot of the window with a way to cancel it. All its
// methods belong to the window's goroutine.
type jobs struct {
	ctx    context.Context
	do     Dispatcher
	cancel context.CancelFunc // of the running job
	serial int
	name   string

	bar    *fyne.Container
	words  *canvas.Text
	fill   *canvas.Rectangle
	track  *fyne.Container
	part   float64
	stop   *flat
	shown  time.Time
	onIdle func()
}

func newJobs(ctx context.Context, do Dispatcher) *jobs {
	p := assets.Dark()
	j := &jobs{ctx: ctx, do: do, words: text("", 12, p.Quiet), fill: canvas.NewRectangle(color.Transparent)}
	j.stop = newFlat("Cancel", "Esc", j.cancelAll)
	j.stop.Hide()
	j.track = container.New(&progressTrack{j}, j.fill)
	standing := text(notice, 11, p.Quiet)
	line := container.New(parts{[]float32{1, 0.25, 0, 0}}, j.words, j.track, j.stop, standing)
	j.bar = container.NewStack(canvas.NewRectangle(p.Surface), container.New(row{26}, padded(line, 10, 0)))
	j.say("")
	return j
}

// notice stands at the foot of the window at all times.
const notice = "Not a medical device · models not validated for clinical use"

// say shows a sentence; an empty one clears the place.
func (j *jobs) say(s string) {
	j.words.Color = assets.Dark().Ink
	j.words.Text = s
	j.words.Refresh()
}

// fail shows an error as a sentence and logs it.
func (j *jobs) fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	slog.Error("columna", "error", err)
	j.words.Color = assets.Dark().Warning
	j.words.Text = sentence(err.Error())
	j.words.Refresh()
}

// sentence begins with a capital and ends with a stop.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// busy reports whether a job runs.
func (j *jobs) busy() bool { return j.cancel != nil }

// start runs work in a goroutine. The function that work returns is run on the
// window's goroutine, unless the job was cancelled meanwhile.
func (j *jobs) start(name string, work func(context.Context, review.Progress) (func(), error)) {
	if j.busy() {
		j.say(fmt.Sprintf("%s is still running; cancel it first.", j.name))
		return
	}
	ctx, cancel := context.WithCancel(j.ctx)
	j.cancel, j.name = cancel, name
	j.serial++
	serial := j.serial
	j.stop.Show()
	j.progress(name, 0)
	last := time.Time{}
	report := func(stage string, part float64) {
		if now := time.Now(); now.Sub(last) > 80*time.Millisecond {
			last = now
			j.do(func() {
				if j.serial == serial && j.busy() {
					j.progress(name+": "+stage, part)
				}
			})
		}
	}
	go func() {
		then, err := work(ctx, report)
		j.do(func() { j.finish(serial, then, err) })
	}()
}

func (j *jobs) progress(s string, part float64) {
	j.part = min(max(part, 0), 1)
	j.fill.FillColor = assets.Dark().Accent
	j.say(s)
	j.track.Refresh()
}

// finish ends job number serial. A cancelled job's result is dropped.
func (j *jobs) finish(serial int, then func(), err error) {
	if serial != j.serial || !j.busy() {
		return
	}
	j.rest()
	if err != nil {
		j.fail(err)
		return
	}
	if then != nil {
		then()
	}
}

func (j *jobs) rest() {
	j.cancel()
	j.cancel = nil
	j.stop.Hide()
	j.fill.FillColor = color.Transparent
	j.fill.Refresh()
	j.say("")
	if j.onIdle != nil {
		j.onIdle()
	}
}

// cancelAll asks the running job to stop; its result will be ignored.
func (j *jobs) cancelAll() {
	if !j.busy() {
		return
	}
	name := j.name
	j.rest()
	j.say(name + " was cancelled.")
}

// progressTrack draws the share done as a thin bar.
type progressTrack struct{ j *jobs }

func (t *progressTrack) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(80, 4) }

func (t *progressTrack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(0, size.Height/2-2))
		o.Resize(fyne.NewSize(size.Width*float32(t.j.part), 4))
	}
}
