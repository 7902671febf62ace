package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
)

// learningScreen shows what there is to learn from, runs a fine-tuning beside all
// other work, and shows what the gate decided. The reader may leave it meanwhile.
type learningScreen struct {
	app  *App
	root *fyne.Container

	model, hash, about            *canvas.Text // the model in use
	counts, patients, missing     *widget.Label
	start, back                   *flat
	stage, left                   *canvas.Text
	bar                           *learningBar
	headline, reason, empty, hint *canvas.Text
	folder                        *canvas.Text
	list                          *widget.List
	history, judged, nothing      *fyne.Container

	now    *review.Learning // nil until it was read
	shown  *review.LearningReport
	cancel context.CancelFunc // of the running fine-tuning
	serial int
	run    func(context.Context, review.FineTuneOptions) (*review.FineTuneResult, error)
}

// learningSide is the width of what stands beside the report.
const learningSide = 356

func newLearningScreen(a *App) *learningScreen {
	p := assets.Dark()
	s := &learningScreen{app: a, run: a.desk.FineTune, model: text("", 15, p.Ink), hash: text("", 12, p.Quiet), about: text("", 12, p.Quiet),
		counts: paragraph(""), patients: paragraph(""), missing: paragraph(""), stage: text("", 12, p.Ink), left: text("", 12, p.Quiet),
		headline: text("", 18, p.Ink), reason: text("", 13, p.Quiet), empty: text("", 18, p.Ink), hint: text("", 13, p.Quiet), folder: text("", 11, p.Quiet)}
	s.model.TextStyle.Bold = true
	s.missing.Importance = widget.WarningImportance
	s.empty.Alignment, s.hint.Alignment = fyne.TextAlignCenter, fyne.TextAlignCenter
	s.start, s.back = newFlat("", "", s.toggle), newFlat("Roll back…", "", s.askRollback)
	s.bar = &learningBar{fill: canvas.NewRectangle(p.Accent)}
	s.history = container.NewVBox()
	s.list = widget.NewList(s.rows, func() fyne.CanvasObject { return newCheckLine() }, func(n widget.ListItemID, o fyne.CanvasObject) {
		o.(*checkLine).show(s.shown.Checks[n], s.list.Size().Width)
	})
	s.list.HideSeparators = true
	head := container.NewVBox(container.New(row{48}, padded(s.heading(), 8, 8)), hairline())
	side := container.New(column{learningSide}, container.NewBorder(nil, nil, nil, hairline(), padded(container.NewVScroll(s.side()), 16, 12)))
	s.root = container.NewBorder(head, nil, side, nil, s.report())
	return s
}

func (s *learningScreen) heading() fyne.CanvasObject {
	title := text("Learning", 15, assets.Dark().Ink)
	title.TextStyle.Bold = true
	keys := text("Esc worklist", 11, assets.Dark().Quiet)
	return container.New(parts{[]float32{0, 0, 1, 0}}, newFlat("‹ Worklist", "", s.app.showWorklist), title, container.NewWithoutLayout(), keys)
}

// side is the model, what can be learned, and what can be done.
func (s *learningScreen) side() fyne.CanvasObject {
	caption := func(words string) fyne.CanvasObject { return text(words, 11, assets.Dark().Quiet) }
	words := func(l *widget.Label, height float32) fyne.CanvasObject {
		return container.New(row{height}, padded(l, -6, -4))
	} // nothing moves when they change
	track := container.NewStack(canvas.NewRectangle(assets.Dark().Raised), container.New(s.bar, s.bar.fill))
	return container.NewVBox(
		caption("IN USE"), s.model, s.hash, s.about, gapV(4), container.NewHBox(s.back, layout.NewSpacer()), gapV(10), hairline(), gapV(6),
		caption("ACCEPTED CORRECTIONS"), words(s.counts, 40), words(s.patients, 26), words(s.missing, 80), gapV(6),
		container.New(row{34}, s.start), gapV(6), container.New(row{6}, track), s.stage, s.left, gapV(8), hairline(), gapV(6),
		caption("HISTORY"), s.history)
}

// report is the gate's: decision, reason, every question asked.
func (s *learningScreen) report() fyne.CanvasObject {
	heads := container.New(parts{checkWeights()})
	for _, name := range []string{"Measured on", "Dice or rate of", "In use", "Candidate", "Change", "95 % interval", "Asked for", ""} {
		heads.Add(text(name, 11, assets.Dark().Quiet))
	}
	verdict := container.New(row{94}, padded(container.NewVBox(s.headline, s.reason, s.folder), 16, 12))
	top := container.NewVBox(verdict, hairline(), container.New(row{28}, padded(heads, 16, 0)), hairline())
	s.judged = container.NewBorder(top, nil, nil, nil, s.list)
	s.nothing = container.NewCenter(container.NewVBox(s.empty, s.hint))
	return container.NewStack(s.judged, s.nothing)
}

// showLearning brings the screen up and counts anew.
func (a *App) showLearning() {
	a.leaveRoom()
	a.inArchive = false
	a.win.SetTitle("Columna · Learning")
	a.jobs.say("")
	if a.learning == nil {
		a.learning = newLearningScreen(a)
	}
	a.inLearning = true
	a.show(a.learning.root)
	a.win.Canvas().Unfocus()
	a.learning.reload()
}

// tellLearning shows in the worklist how far the learning is; "" when none runs.
func (a *App) tellLearning(part string) {
	if a.worklist == nil {
		return
	}
	words := "Learning…"
	if part != "" {
		words = "Learning " + part
	}
	a.worklist.learning.say(words)
}

func (s *learningScreen) rows() int {
	if s.shown == nil {
		return 0
	}
	return len(s.shown.Checks)
}

// reload counts what there is, in the background.
func (s *learningScreen) reload() {
	s.app.background(s.app.ctx, func(ctx context.Context) (func(), error) {
		now, err := s.app.desk.Learning(ctx)
		return func() {
			s.now = now
			for _, c := range now.History {
				if r := review.LearningReportOf(c); r != nil && s.shown == nil {
					s.shown = r
				}
			}
			s.tell()
		}, err
	})
}

// busy reports whether a fine-tuning runs.
func (s *learningScreen) busy() bool { return s.cancel != nil }

// tell brings the screen in line with what is known.
func (s *learningScreen) tell() {
	l := s.now
	if l == nil {
		return
	}
	say(s.model, l.InUse.Name+"  "+map[bool]string{true: "shipped", false: "fine-tuned"}[l.InUse.Parent == ""])
	say(s.hash, "SHA-256 "+l.InUse.SHA256[:min(32, len(l.InUse.SHA256))]+"…")
	say(s.about, learnedWords(l))
	s.back.Off = l.InUse.Parent == "" || s.busy()
	s.back.Refresh()
	s.counts.SetText(countWords(l))
	s.patients.SetText(fmt.Sprintf("%d of them held out, never learned from.", l.HeldOut))
	s.missing.SetText("")
	if l.HeldOut == 0 {
		s.patients.SetText("")
	}
	if l.Missing != "" {
		s.missing.SetText(sentence(l.Missing))
	}
	s.start.Text, s.start.Strong, s.start.Off, s.start.Center = "Start fine-tuning", true, l.Missing != "", true
	if s.busy() {
		s.start.Text, s.start.Strong, s.start.Off = "Cancel", false, false
	}
	s.start.Refresh()
	s.tellHistory(l.History)
	s.tellReport()
}

func learnedWords(l *review.Learning) string {
	if of := l.InUse.Learned; of != nil {
		return fmt.Sprintf("%d corrections of %d patients, %s", of.Corrections, of.Patients, of.Date[:min(10, len(of.Date))])
	}
	return "not fine-tuned on your corrections"
}

func countWords(l *review.Learning) string {
	words := fmt.Sprintf("%s of %s.", plural(l.Corrections, "case"), plural(l.Patients, "patient"))
	if l.Unchanged > 0 {
		words += fmt.Sprintf(" %s accepted as the network left them teach nothing.", plural(l.Unchanged, "more case"))
	}
	return words
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// historyLines is how many changes of the model are listed.
const historyLines = 6

func (s *learningScreen) tellHistory(list []review.ModelChange) {
	s.history.RemoveAll()
	if len(list) == 0 {
		s.history.Add(text("nothing yet", 12, assets.Dark().Quiet))
	}
	words := map[string]string{review.ModelInstalled: "put into use", review.ModelRefused: "refused", review.ModelRolledBack: "rolled back to"}
	for _, c := range list[:min(len(list), historyLines)] {
		line := fmt.Sprintf("%s   %s %s", c.At.Local().Format("2006-01-02 15:04"), words[c.Action], c.SHA256[:min(12, len(c.SHA256))])
		s.history.Add(text(line, 12, assets.Dark().Ink))
	}
	s.history.Refresh()
}

// tellReport shows the latest report, or what will stand there.
func (s *learningScreen) tellReport() {
	p, r := assets.Dark(), s.shown
	s.judged.Hidden, s.nothing.Hidden = r == nil, r != nil
	if r == nil {
		say(s.empty, "No candidate was judged yet")
		say(s.hint, "Correct masks and accept the cases. A candidate is used only if held-out patients gain and nothing is lost.")
		return
	}
	s.headline.Color = p.Warning
	words := "The candidate was refused; the model in use stays."
	if r.Decision == review.LearningAccepted {
		words, s.headline.Color = "The candidate was accepted and put into use.", p.Ink
	}
	say(s.headline, words)
	width := max(s.app.win.Canvas().Size().Width-learningSide-48, 200)
	say(s.reason, fit(sentence(r.Reasons[0]), width, 13))
	say(s.folder, fmt.Sprintf("candidate %s   before %s   %s of %s learned, %s held out   %s", r.Candidate[:min(12, len(r.Candidate))], r.Parent[:min(12, len(r.Parent))],
		plural(r.Corrections, "correction"), plural(r.Patients, "patient"), plural(r.HeldOut, "patient"), r.At))
	s.judged.Refresh()
}

// toggle starts a fine-tuning, or cancels the one that runs.
func (s *learningScreen) toggle() {
	if s.busy() {
		s.stop("Cancelled. Starting again goes on where it was.")
		return
	}
	ctx, cancel := context.WithCancel(s.app.ctx)
	s.cancel = cancel
	s.serial++
	serial, last := s.serial, time.Time{}
	s.progress(review.LearningProgress{Stage: "preparing"})
	s.tell()
	o := review.FineTuneOptions{Progress: func(p review.LearningProgress) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
			last = now
			s.app.do(func() {
				if s.serial == serial && s.busy() {
					s.progress(p)
				}
			})
		}
	}}
	go func() {
		r, err := s.run(ctx, o)
		s.app.do(func() { s.finish(serial, r, err) })
	}()
}

// stop ends the running fine-tuning; what it still says is dropped.
func (s *learningScreen) stop(words string) {
	if !s.busy() {
		return
	}
	s.cancel()
	s.cancel = nil
	s.serial++
	s.rest(words)
}

func (s *learningScreen) rest(words string) {
	s.bar.part = 0
	s.bar.lay()
	say(s.stage, fit(words, learningSide-40, 12))
	say(s.left, "")
	s.app.tellLearning("")
	s.tell()
}

// progress shows how far the fine-tuning has come.
func (s *learningScreen) progress(p review.LearningProgress) {
	s.bar.part = float32(min(max(p.Fraction, 0), 1))
	s.bar.lay()
	say(s.stage, fit(sentence(p.Stage), learningSide-40, 12))
	left := "time left is not known yet"
	if p.Left > 0 {
		left = "about " + spell(p.Left) + " left"
	}
	say(s.left, left)
	s.app.tellLearning(fmt.Sprintf("%.0f %%", 100*p.Fraction))
}

// spell rounds a duration to what a person wants to know.
func spell(d time.Duration) string {
	if d < time.Minute {
		return plural(max(int(d.Seconds()), 1), "second")
	}
	return plural(int(d.Round(time.Minute).Minutes()), "minute")
}

// finish shows what came of the fine-tuning of a number.
func (s *learningScreen) finish(serial int, r *review.FineTuneResult, err error) {
	if serial != s.serial || !s.busy() {
		return
	}
	s.cancel()
	s.cancel = nil
	if err != nil {
		s.rest("It ended without a candidate.")
		if !errors.Is(err, context.Canceled) {
			s.app.jobs.fail(err)
		}
		return
	}
	s.shown = r.Report
	words := "Refused; the model in use stays."
	if r.Installed {
		words = "Accepted and in use."
	}
	s.rest(words)
	s.app.jobs.say("Fine-tuning: " + words)
	s.reload()
}

// askRollback asks before the former model comes back.
func (s *learningScreen) askRollback() {
	if s.now == nil || s.now.InUse.Parent == "" {
		return
	}
	words := fmt.Sprintf("Use %s again instead of %s?\nStored analyses keep the hash of the model that made them.", s.now.InUse.Parent[:12], s.now.InUse.SHA256[:12])
	dialog.ShowConfirm("Roll back "+s.now.InUse.Name, words, func(ok bool) {
		if ok {
			s.rollback()
		}
	}, s.app.win)
}

func (s *learningScreen) rollback() {
	net := s.now.InUse.Name
	s.app.background(s.app.ctx, func(ctx context.Context) (func(), error) {
		m, err := s.app.desk.Rollback(ctx, net)
		return func() {
			s.app.jobs.say(fmt.Sprintf("%s %s is in use again.", net, m.SHA256[:12]))
			s.reload()
		}, err
	})
}

// key is a key of the screen.
func (s *learningScreen) key(k fyne.KeyName) {
	if k == fyne.KeyEscape {
		s.app.showWorklist()
	}
}

// learningBar is a thin bar of progress.
type learningBar struct {
	fill *canvas.Rectangle
	part float32
	size fyne.Size
}

func (b *learningBar) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(80, 6) }

func (b *learningBar) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	b.size = size
	b.lay()
}

func (b *learningBar) lay() {
	b.fill.Resize(fyne.NewSize(b.size.Width*b.part, b.size.Height))
	b.fill.Refresh()
}
