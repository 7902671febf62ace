package app

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"

	"columna/assets"
	"columna/review"
	"columna/viewer/render"
)

const appID = "org.columna.reader"

// Dispatcher runs f on the goroutine that owns the window. It must not wait.
type Dispatcher func(f func())

// App is one window: the worklist, or the reading room of one case.
type App struct {
	ctx   context.Context
	desk  *review.Desk
	fyne  fyne.App
	win   fyne.Window
	do    Dispatcher
	prefs prefs
	typ   *render.Type
	jobs  *jobs

	body       *fyne.Container // the current screen
	shift      bool            // a Shift key is down
	worklist   *worklist
	room       *room // nil while a list shows
	archive    *archiveScreen
	inArchive  bool // the archive shows instead of the worklist
	learning   *learningScreen
	inLearning bool // the learning shows instead of the worklist
	clock      func() time.Time
}

// Run opens the window on the worklist, or on the only case of a worklist that
// holds just one, and returns when the window is closed or ctx ends.
func Run(ctx context.Context, desk *review.Desk) error {
	fa := fyneapp.NewWithID(appID)
	a := newApp(ctx, desk, fa, fyne.Do)
	a.win.Resize(a.prefs.size())
	stop := context.AfterFunc(ctx, func() { fyne.Do(a.quit) })
	defer stop()
	if path := os.Getenv(stateVar); path != "" {
		ctx, end := context.WithCancel(ctx)
		defer end()
		go a.keepState(ctx, path)
	}
	a.openOnly()
	a.win.ShowAndRun()
	return nil
}

// newApp builds the window. Tests give it Fyne's software app and a dispatcher
// of their own.
func newApp(ctx context.Context, desk *review.Desk, fa fyne.App, do Dispatcher) *App {
	fa.Settings().SetTheme(newTheme())
	icon := fyne.NewStaticResource("icon.png", assets.Icon())
	fa.SetIcon(icon)
	a := &App{ctx: ctx, desk: desk, fyne: fa, do: do, prefs: prefs{fa.Preferences()}, typ: render.NewType(), clock: time.Now}
	a.win = fa.NewWindow("Columna")
	a.win.SetIcon(icon)
	a.win.SetPadded(false)
	a.jobs = newJobs(ctx, do)
	a.body = container.NewStack()
	a.win.SetContent(container.NewBorder(nil, a.jobs.bar, nil, nil, a.body))
	a.win.SetOnDropped(a.dropped)
	a.win.SetCloseIntercept(a.quit)
	a.bindKeys()
	a.showWorklist()
	return a
}

// quit closes the case, which keeps unsaved strokes in the journal, and ends.
func (a *App) quit() {
	a.jobs.cancelAll()
	if a.learning != nil {
		a.learning.stop("")
	}
	a.prefs.keepSize(a.win.Canvas().Size())
	a.leaveRoom()
	a.win.SetCloseIntercept(nil)
	a.win.Close()
	a.fyne.Quit()
}

// openOnly opens the case of a worklist that has exactly one.
func (a *App) openOnly() {
	rows, total, err := a.desk.Worklist(a.ctx, review.Filter{Limit: 2})
	if err == nil && total == 1 && len(rows) == 1 {
		a.openCase(rows[0].ID)
	}
}

// show replaces the screen.
func (a *App) show(o fyne.CanvasObject) {
	a.body.Objects = []fyne.CanvasObject{o}
	a.body.Refresh()
}

func (a *App) showWorklist() {
	a.leaveRoom()
	a.inArchive, a.inLearning = false, false
	a.win.SetTitle("Columna")
	a.jobs.say("")
	if a.worklist == nil {
		a.worklist = newWorklist(a)
	}
	a.show(a.worklist.root)
	a.worklist.reload()
}

func (a *App) leaveRoom() {
	if a.room == nil {
		return
	}
	a.room.close()
	a.room = nil
}

// openCase loads a case in the background and then shows it.
func (a *App) openCase(id int64) {
	a.jobs.start("Opening the case", func(ctx context.Context, p review.Progress) (func(), error) {
		s, err := a.desk.OpenCase(ctx, id, p)
		if err != nil {
			return nil, err
		}
		return func() { a.enter(s) }, nil
	})
}

// enter shows an open session.
func (a *App) enter(s *review.Session) {
	a.leaveRoom()
	a.inArchive, a.inLearning = false, false
	a.room = newRoom(a, s)
	a.win.SetTitle("Columna · " + render.StudyTitle(s.Study()))
	a.show(a.room.root)
	a.room.focusActive()
}

// dropped imports what was dropped anywhere on the window.
func (a *App) dropped(_ fyne.Position, uris []fyne.URI) {
	var paths []string
	for _, u := range uris {
		if u.Scheme() != "file" {
			a.jobs.say("Only files and folders of this computer can be dropped here, not " + u.String() + ".")
			return
		}
		paths = append(paths, u.Path())
	}
	a.importPaths(paths)
}

// importPaths brings folders, files and zip archives into the worklist.
func (a *App) importPaths(paths []string) {
	if len(paths) == 0 {
		return
	}
	a.jobs.start("Importing", func(ctx context.Context, p review.Progress) (func(), error) {
		r, err := a.desk.Import(ctx, paths, p)
		if err != nil {
			return nil, err
		}
		return func() { a.imported(r) }, nil
	})
}

// imported says what came of an import and shows it in the worklist.
func (a *App) imported(r review.ImportResult) {
	for _, f := range r.Refused {
		slog.Info("not imported", "path", f.Path, "reason", f.Reason)
	}
	a.jobs.say(importWords(r))
	switch {
	case a.room == nil:
		a.worklist.reload()
	case a.room.hasNew(r.Segmentations):
		a.openAgain(importWords(r)) // nothing is lost: strokes would have kept the version out
	}
}

// openAgain loads the open case anew and then says why.
func (a *App) openAgain(words string) {
	id := a.room.session.CaseID()
	a.jobs.start("Opening the case", func(ctx context.Context, p review.Progress) (func(), error) {
		s, err := a.desk.OpenCase(ctx, id, p)
		if err != nil {
			return nil, err
		}
		return func() { a.enter(s); a.jobs.say(words) }, nil
	})
}

// hasNew reports whether the open case got a version of its mask from outside.
func (r *room) hasNew(all []review.ImportedSegmentation) bool {
	return slices.ContainsFunc(all, func(s review.ImportedSegmentation) bool {
		return s.CaseID == r.session.CaseID() && !s.Known
	})
}
