package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"columna/assets"
	"columna/review"
	"columna/spine"
	"columna/viewer"
	"columna/viewer/render"
	"columna/volume"
)

// The panes in hanging order.
const (
	paneT1 = iota
	paneT2
	paneSTIR
	paneAxial
	paneHeat
	paneCompare
	paneCount
)

// room is the reading room of one open case. Everything in it belongs to the
// window's goroutine.
type room struct {
	app     *App
	session *review.Session
	root    *fyne.Container

	// what is shown
	panes   [paneCount]*viewer.Pane
	grid    *fyne.Container
	layout  *hanging
	active  int
	overlay *render.Overlay
	names   []render.Landmark
	stacks  []*render.Stack // every series of the study, also those not hung
	levels  map[*render.Stack]render.Levels
	cross   volume.Vec3 // the patient position that links the panes
	crossOn bool
	hushed  bool // Space is held: no overlays

	// what is done
	mode    mode
	tool    tool
	label   spine.Structure
	radius  float64 // brush, mm
	sphere  bool
	stroke  bool // a stroke is open
	touched bool // the mask is no longer the AI's alone

	// what is read
	cond      spine.Condition
	level     spine.Level
	blind     bool
	explained explanation
	heat      heatJob
	flag      int

	lesions lesionState

	bars  bars
	work  worksheetPanel
	panel panels
}

// newRoom hangs a session's study and fills every panel.
func newRoom(a *App, s *review.Session) *room {
	r := &room{app: a, session: s, overlay: &render.Overlay{}, layout: &hanging{maximised: -1}, crossOn: true,
		label: spine.L4, radius: a.prefs.brushMM(), level: spine.L4L5, active: paneT2, flag: -1,
		levels: map[*render.Stack]render.Levels{}}
	a.prefs.overlay(r.overlay)
	r.buildPanes()
	r.build()
	s.OnChange = r.changed
	r.maskChanged()
	r.hang()
	r.link(r.cross, -1) // the middle, where no disc is known
	r.level = r.gravest()
	r.goLevel(r.level)
	r.refreshAll()
	r.greet()
	return r
}

// greet says what a reader must know of the case as it was opened.
func (r *room) greet() {
	switch w := r.session.Warnings(); {
	case len(w) > 0:
		r.app.jobs.say(sentence(w[0]))
	case r.session.Recovered() > 0:
		r.app.jobs.say(fmt.Sprintf("%d unsaved edits of the last session were brought back; Ctrl + S keeps them.", r.session.Recovered()))
	default:
		r.app.jobs.say(strings.TrimSpace(r.missing() + " " + r.doubtful()))
	}
}

// doubtful names the first series whose sequence or plane a person should look at.
func (r *room) doubtful() string {
	for _, s := range r.session.Study().Series {
		if s.Doubtful() && s.Sequence != spine.OtherSequence {
			return fmt.Sprintf("Is %q a %s %s series? The Study tab corrects it.", s.Description, s.Sequence, s.Plane)
		}
	}
	return ""
}

// missing says which of the usual series the study lacks.
func (r *room) missing() string {
	var out []string
	for n, name := range []string{"sagittal T1", "sagittal T2", "sagittal STIR", "axial T2"} {
		if r.panes[n].Scene.Stack == nil {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "This study has no " + strings.Join(out, ", no ") + "."
}

// buildPanes makes the six widgets and their wiring.
func (r *room) buildPanes() {
	mouse := &viewer.Mouse{}
	r.grid = container.New(r.layout)
	for n := range r.panes {
		p := viewer.NewPane(mouse, r.app.typ)
		p.OnEvent, p.OnActivate, p.OnView, p.Keys = r.event, r.activate, r.viewed, roomKeys{r}
		p.Scene.Overlay = r.overlay
		r.panes[n] = p
		r.grid.Add(p)
	}
	r.panes[paneHeat].Scene.Overlay = nil
}

// build joins bars, panes and panels: the images get everything that the tool
// column and the side column leave.
func (r *room) build() {
	p := assets.Dark()
	r.bars.build(r)
	r.work.build(r)
	r.panel.build(r)
	side := container.NewBorder(r.work.root, nil, nil, nil, r.panel.root)
	right := container.New(column{324}, container.NewBorder(nil, nil, hairline(), nil, padded(side, 12, 8)))
	back := canvas.NewRectangle(p.Line)
	r.root = container.NewBorder(r.bars.top, r.bars.status, r.bars.tools, right, container.NewStack(back, r.grid))
}

// hang puts the study's stacks into the panes.
func (r *room) hang() {
	stacks, missing := render.Hanging(r.session.Study()), render.MissingNames()
	for n, st := range stacks {
		r.setStack(n, st, missing[n])
	}
	r.stacks = allStacks(r.session.Study(), stacks)
	first := r.mainStack()
	if first != nil && stacks == ([4]*render.Stack{}) {
		r.setStack(paneT2, first, "")
	}
	r.setStack(paneCompare, first, "nothing to compare")
	r.panes[paneCompare].Scene.Marks.Caption = "Reader against AI"
	r.setStack(paneHeat, nil, "")
	if st := first; st != nil {
		r.cross = st.Blocks[0].Volume.CenterMM()
	}
	r.showHeat(nil)
	if r.panes[r.active].Scene.Stack == nil {
		r.next(1)
	}
}

// mainStack is the series that the mask lies on, else sagittal T2, STIR, T1, axial.
func (r *room) mainStack() *render.Stack {
	if s := r.session.MaskSeries(); s != nil {
		for _, n := range []int{paneT2, paneSTIR, paneT1, paneAxial} {
			if st := r.panes[n].Scene.Stack; st != nil && st.Has(s.UID) {
				return st
			}
		}
	}
	for _, n := range []int{paneT2, paneSTIR, paneT1, paneAxial} {
		if st := r.panes[n].Scene.Stack; st != nil {
			return st
		}
	}
	if len(r.stacks) > 0 { // a study of unknown kind
		return r.stacks[0]
	}
	return nil
}

// allStacks is every series of a study as a stack, the hung ones as they hang.
func allStacks(st *spine.Study, hung [4]*render.Stack) []*render.Stack {
	var out []*render.Stack
	for _, h := range hung {
		if h != nil {
			out = append(out, h)
		}
	}
	for n := range st.Series {
		uid := st.Series[n].UID
		if slices.ContainsFunc(out, func(o *render.Stack) bool { return o.Has(uid) }) {
			continue
		}
		var blocks []*spine.Series
		for m := range st.Series {
			if st.Series[m].UID == uid {
				blocks = append(blocks, &st.Series[m])
			}
		}
		if s := render.NewStack(blocks...); s != nil {
			out = append(out, s)
		}
	}
	return out
}

// setStack shows a stack in a pane with its own auto window.
func (r *room) setStack(n int, st *render.Stack, empty string) {
	sc := &r.panes[n].Scene
	sc.Stack, sc.Slice, sc.View, sc.Marks.Empty = st, 0, render.Fit(), empty
	if st != nil {
		sc.Window = r.levelsOf(st).Window(render.Auto)
	}
}

// levelsOf measures a stack once.
func (r *room) levelsOf(st *render.Stack) render.Levels {
	l, ok := r.levels[st]
	if !ok {
		l = render.Measure(st.Blocks[len(st.Blocks)/2].Volume, r.session.Mask())
		r.levels[st] = l
	}
	return l
}

// gravest is the level with the worst grade that counts, the lowest of equals;
// L4/L5 without any.
func (r *room) gravest() spine.Level {
	worst, at := spine.NormalMild, spine.L4L5
	for _, line := range r.session.Grades() {
		for l, c := range line {
			if g := cellOf(c).Grade(); g > worst || g == worst && g > spine.NormalMild && spine.Level(l) > at {
				worst, at = g, spine.Level(l)
			}
		}
	}
	return at
}

// changed hears of every change of the session, also of undo and analysis.
func (r *room) changed(c review.Change) {
	if !c.Mask.Empty() {
		r.overlay.Mask = r.session.Mask()
		r.overlay.Revision++
	}
	if c.Analysis { // an older result's heat map explains nothing any more
		r.heat.stop()
		r.showHeat(nil)
		r.dropLesionHeat()
		defer r.updateHeat()
	}
	if c.Series {
		r.rehang()
	}
	if c.Keys {
		r.panel.refreshKeys()
	}
	if r.stroke { // the panels follow when the stroke ends
		return
	}
	r.refreshAll()
}

// maskChanged finds the names again after the mask has changed.
func (r *room) maskChanged() {
	r.overlay.Mask = r.session.Mask()
	r.overlay.Revision++
	r.names = render.Landmarks(r.overlay.Mask)
}

// refreshAll brings panes and panels in line with the session.
func (r *room) refreshAll() {
	if !r.stroke {
		r.maskChanged()
	} else {
		r.overlay.Mask = r.session.Mask()
	}
	r.arrange()
	r.refreshCompare()
	r.work.refresh()
	r.panel.refresh()
	r.bars.refresh()
	r.redraw()
}

// refreshCompare sets the reference of the comparison pane.
func (r *room) refreshCompare() {
	sc := &r.panes[paneCompare].Scene
	sc.Compare = r.session.AIMask()
	r.touched = sc.Compare != nil && !sameLabels(sc.Compare, r.session.Mask())
	sc.Marks.Note = "blue: added   orange: removed   white: relabelled"
	if sc.Compare == nil {
		sc.Marks.Note = "no AI mask yet: Analyse makes one"
		sc.Overlay = nil
		return
	}
	sc.Overlay = r.overlay
	if !r.touched {
		sc.Marks.Note = "no difference from the AI's mask"
	}
}

// sameLabels compares two masks voxel by voxel.
func sameLabels(a, b *volume.LabelMap) bool {
	return a != nil && b != nil && string(a.Data) == string(b.Data)
}

// analyse runs the networks on the open study.
func (r *room) analyse() {
	s := r.session
	r.app.jobs.start("Analysing", func(ctx context.Context, p review.Progress) (func(), error) {
		a, err := r.app.desk.Analyse(ctx, s.Study(), p)
		if err != nil {
			return nil, err
		}
		return func() { r.analysed(s, a) }, nil
	})
}

// analysed stores a result, unless the reader has left the case meanwhile.
func (r *room) analysed(s *review.Session, a *spine.Analysis) {
	if r.app.room != r || r.session != s {
		return
	}
	if err := s.SetAnalysis(r.app.ctx, a); err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.app.jobs.say(fmt.Sprintf("Analysed in %.0f s. Every AI result is marked until you accept it.", a.Seconds["total"]))
	r.maskChanged()
	r.level = r.gravest()
	r.goLevel(r.level)
	r.refreshAll()
}

// save commits a revision.
func (r *room) save() {
	v, err := r.session.SaveCorrection(r.app.ctx, "corrected in the reading room")
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.bars.saved = fmt.Sprintf("revision %d saved %s", v, r.app.clock().Format("15:04"))
	r.app.jobs.say(fmt.Sprintf("Saved as revision %d; earlier ones are kept.", v))
	r.refreshAll()
}

func (r *room) setState(st spine.ReaderState) {
	if st == r.session.State() {
		return
	}
	if err := r.session.SetState(r.app.ctx, st); err != nil {
		r.app.jobs.fail(err)
	}
	r.refreshAll()
}

// close ends the session; unsaved strokes stay in its journal.
func (r *room) close() {
	r.heat.stop()
	r.app.prefs.keepOverlay(r.overlay)
	r.app.prefs.keepBrush(r.radius)
	r.session.OnChange = nil
	if err := r.session.Close(context.WithoutCancel(r.app.ctx)); err != nil {
		r.app.jobs.fail(err)
	}
}

// focusActive gives the keys to the active pane.
func (r *room) focusActive() { r.app.win.Canvas().Focus(r.panes[r.active]) }
