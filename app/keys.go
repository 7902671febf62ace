package app

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"columna/spine"
	"columna/viewer"
	"columna/viewer/render"
)

// command is one line of the key table; the help sheet is printed from it.
type command struct {
	key   fyne.KeyName
	shift bool
	ctrl  bool
	only  mode // -1: every mode
	group string
	name  string // the key as readers call it; "" leaves the line out of the sheet
	does  string
	run   func(*room)
}

const anyMode mode = -1

// commands is the whole key table of the reading room. Letters act only while
// no text field has the focus, as keys reach this table through the panes.
func commands() []command {
	return append(append(readingKeys(), editingKeys()...), digitKeys()...)
}

func readingKeys() []command {
	c := func(k fyne.KeyName, group, name, does string, run func(*room)) command {
		return command{key: k, only: anyMode, group: group, name: name, does: does, run: run}
	}
	shifted := func(c command) command { c.shift = true; return c }
	return []command{
		c(fyne.KeyUp, "Slices", "Up / Down", "slice back, on", arrow(-1, 0)),
		c(fyne.KeyDown, "Slices", "", "", arrow(1, 0)),
		c(fyne.KeyLeft, "Slices", "Left / Right", "level above, below", arrow(0, -1)),
		c(fyne.KeyRight, "Slices", "", "", arrow(0, 1)),
		shifted(c(fyne.KeyUp, "Slices", "Shift + Up / Down", "ten slices", func(r *room) { r.scroll(r.active, -10) })),
		shifted(c(fyne.KeyDown, "Slices", "", "", func(r *room) { r.scroll(r.active, 10) })),
		c(fyne.KeyHome, "Slices", "Home / End", "first, last slice", func(r *room) { r.scroll(r.active, -1<<20) }),
		c(fyne.KeyEnd, "Slices", "", "", func(r *room) { r.scroll(r.active, 1<<20) }),
		c(fyne.KeyPageUp, "Slices", "PgUp / PgDn", "other series in this pane", func(r *room) { r.nextSeries(-1) }),
		c(fyne.KeyPageDown, "Slices", "", "", func(r *room) { r.nextSeries(1) }),
		c(fyne.KeyTab, "Slices", "Tab", "next pane; with Shift back", func(r *room) { r.next(1); r.focusActive() }),
		shifted(c(fyne.KeyTab, "Slices", "", "", func(r *room) { r.next(-1); r.focusActive() })),
		c(fyne.KeyX, "View", "X", "crosshair", (*room).toggleCross),
		c(fyne.KeyS, "View", "S", "masks on, off", func(r *room) { r.setOverlay(r.overlay.Off) }),
		c(fyne.KeyA, "View", "A / D", "masks fainter, stronger", func(r *room) { r.opacity(-0.05) }),
		c(fyne.KeyD, "View", "", "", func(r *room) { r.opacity(0.05) }),
		c(fyne.KeyC, "View", "C", "contour or filled", func(r *room) { r.setContour(!r.overlay.Contour) }),
		c(fyne.KeyH, "View", "H", "Grad-CAM, attention, none; a lesion's in its list", (*room).nextHeat),
		c(fyne.KeySpace, "View", "hold Space", "images only", func(*room) {}),
		c(fyne.KeyR, "View", "R", "whole slices again", (*room).fitAll),
		c(fyne.KeyM, "View", "M", "one pane large; also a double click", func(r *room) { r.maximise(r.active) }),
		c(fyne.KeyF11, "View", "F11", "full screen", func(r *room) { r.app.win.SetFullScreen(!r.app.win.FullScreen()) }),
		c(fyne.KeyN, "Reading", "N", "next flag; with Shift back", func(r *room) { r.goFlag(r.flag + 1) }),
		shifted(c(fyne.KeyN, "Reading", "", "", func(r *room) { r.goFlag(r.flag - 1) })),
		c(fyne.KeyI, "Reading", "I", "about study and models", func(r *room) { r.panel.show(tabStudy) }),
		c(fyne.KeyG, "Reading", "G", "grade with digits", func(r *room) { r.chooseCell(r.cond, r.level) }),
		c(fyne.KeyK, "Reading", "K", "keep the image in sight as a key image", (*room).keepImage),
		c(fyne.KeyReturn, "Reading", "Enter", "confirm the AI's grade of the cell", (*room).confirm),
		c(fyne.KeyEnter, "Reading", "", "", (*room).confirm),
		c(fyne.KeyEscape, "Reading", "Esc", "cancel; back to reading", (*room).escape),
	}
}

func editingKeys() []command {
	c := func(k fyne.KeyName, name, does string, run func(*room)) command {
		return command{key: k, only: anyMode, group: "Editing", name: name, does: does, run: run}
	}
	return []command{
		c(fyne.KeyB, "B", "brush", func(r *room) { r.take(brush) }),
		c(fyne.KeyE, "E", "eraser", func(r *room) { r.take(eraser) }),
		c(fyne.KeyF, "F", "fill", func(r *room) { r.take(filler) }),
		c(fyne.KeyL, "L", "mark a lesion with a box", func(r *room) { r.take(lesionBox) }),
		c(fyne.KeyV, "V", "2D or 3D brush", (*room).toggleSphere),
		c(fyne.KeyLeftBracket, "[ ]", "brush smaller, larger", func(r *room) { r.resizeBrush(-1) }),
		c(fyne.KeyRightBracket, "", "", func(r *room) { r.resizeBrush(1) }),
		{key: fyne.KeyZ, ctrl: true, only: anyMode, group: "Editing", name: "Ctrl + Z", does: "undo", run: (*room).undo},
		{key: fyne.KeyY, ctrl: true, only: anyMode, group: "Editing", name: "Ctrl + Y", does: "redo; also Ctrl + Shift + Z", run: (*room).redo},
		{key: fyne.KeyZ, ctrl: true, shift: true, only: anyMode, group: "Editing", run: (*room).redo},
		{key: fyne.KeyS, ctrl: true, only: anyMode, group: "Editing", name: "Ctrl + S", does: "save a revision", run: (*room).save},
	}
}

// digitKeys follow the mode; the status line says what they mean.
func digitKeys() []command {
	var out []command
	digits := []fyne.KeyName{fyne.Key0, fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4, fyne.Key5, fyne.Key6, fyne.Key7, fyne.Key8, fyne.Key9}
	add := func(n int, shift bool, m mode, name, does string, run func(*room)) {
		out = append(out, command{key: digits[n], shift: shift, only: m, group: "Digits", name: name, does: does, run: run})
	}
	for n := range render.PresetCount {
		name, does := "", ""
		if n == 0 {
			name, does = "reading 0 – 4", "window: auto, bright fluid, disc, bone, full"
		}
		add(n, false, reading, name, does, func(r *room) { r.preset(render.Preset(n)) })
	}
	for n := 1; n <= 9; n++ {
		name, does := "", ""
		if n == 1 {
			name, does = "editing 1 – 9", "L1–L5, S1, canal, posterior, T12"
		}
		add(n, false, editing, name, does, func(r *room) { r.pick(digitLabel(n)) })
	}
	for n := 1; n <= 5; n++ {
		name, does := "", ""
		if n == 1 {
			name, does = "editing Shift 1 – 5", "discs L1/L2 to L5/S1"
		}
		add(n, true, editing, name, does, func(r *room) { r.pick(spine.DiscL1L2 + spine.Structure(n-1)) })
	}
	for n, g := range []spine.Grade{spine.NotGradable, spine.NormalMild, spine.Moderate, spine.Severe} {
		name, does := "", ""
		if n == 0 {
			name, does = "grading 0 – 3", "not gradable, normal/mild, moderate, severe"
		}
		add(n, false, grading, name, does, func(r *room) { r.grade(g) })
	}
	back := command{key: fyne.KeyBackspace, only: grading, group: "Digits", name: "grading Backspace", does: "take your grade back", run: func(r *room) { r.grade(spine.Ungraded) }}
	return append(out, back)
}

// digitLabel is the structure that a digit paints.
func digitLabel(n int) spine.Structure {
	return [...]spine.Structure{spine.Background, spine.L1, spine.L2, spine.L3, spine.L4, spine.L5, spine.S1, spine.Canal, spine.Posterior, spine.T12}[n]
}

// labelKey is the key that picks a structure, "" where it has none.
func labelKey(s spine.Structure) string {
	for n := 1; n <= 9; n++ {
		if digitLabel(n) == s {
			return string(rune('0' + n))
		}
	}
	if s >= spine.DiscL1L2 && s <= spine.DiscL5S1 {
		return "⇧" + string(rune('1'+s-spine.DiscL1L2))
	}
	return ""
}

// arrow moves slices, or the cell while grading.
func arrow(dy, dx int) func(*room) {
	return func(r *room) {
		switch {
		case r.mode == grading:
			r.moveCell(dy, dx)
		case dy != 0:
			r.scroll(r.active, dy)
		default:
			r.stepLevel(dx)
		}
	}
}

func (r *room) stepLevel(d int) {
	l := min(max(int(r.level)+d, 0), spine.LevelCount-1)
	r.goLevel(spine.Level(l))
	r.updateHeat()
}

func (r *room) toggleCross() {
	r.crossOn = !r.crossOn
	r.bars.refresh()
	r.redraw()
}

func (r *room) toggleSphere() {
	r.sphere = !r.sphere
	r.bars.refresh()
}

// confirm makes the AI's grade of the chosen cell the reader's own and goes on
// to the next level.
func (r *room) confirm() {
	c := r.session.Grades()[r.cond][r.level]
	if r.mode != grading || r.blind || c.AI.Grade == spine.Ungraded {
		return
	}
	r.grade(c.AI.Grade)
	if r.level < spine.L5S1 {
		r.moveCell(0, 1)
	}
}

// escape ends the nearest thing: a stroke, a job, a large pane, a mode.
func (r *room) escape() {
	switch {
	case r.lesions.drawing:
		r.lesions.drawing, r.lesions.box = false, nil
		r.redraw()
	case r.stroke:
		r.stroke = false
		r.session.CancelStroke()
		r.refreshAll()
	case r.app.jobs.busy():
		r.app.jobs.cancelAll()
	case r.layout.maximised >= 0 && r.mode == reading:
		r.maximise(r.layout.maximised)
	default:
		r.setMode(reading)
	}
}

// step undoes or redoes.
func (r *room) step(name string, f func(context.Context) (bool, error)) {
	if r.stroke {
		r.endStroke()
	}
	did, err := f(r.app.ctx)
	switch {
	case err != nil:
		r.app.jobs.fail(err)
	case !did:
		r.app.jobs.say("Nothing to " + name + ".")
	}
	r.refreshAll()
}

// run performs the command bound to a key, if any.
func (r *room) run(k fyne.KeyName, m viewer.Mods) bool {
	for _, c := range commands() {
		if c.key == k && c.shift == m.Shift && c.ctrl == m.Ctrl && (c.only == anyMode || c.only == r.mode) {
			c.run(r)
			return true
		}
	}
	return false
}

// roomKeys sends the keys of the panes to the table.
type roomKeys struct{ r *room }

func (k roomKeys) TypedKey(e *fyne.KeyEvent) { k.r.app.typedKey(e) }
func (k roomKeys) TypedRune(c rune)          { k.r.app.typedRune(c) }
func (k roomKeys) KeyDown(e *fyne.KeyEvent)  { k.r.app.keyDown(e) }
func (k roomKeys) KeyUp(e *fyne.KeyEvent)    { k.r.app.keyUp(e) }
func (k roomKeys) TypedShortcut(s fyne.Shortcut) {
	k.r.app.shortcut(s)
}

// bindKeys takes the keys while no widget has the focus.
func (a *App) bindKeys() {
	c := a.win.Canvas()
	c.SetOnTypedKey(a.typedKey)
	c.SetOnTypedRune(a.typedRune)
	if d, ok := c.(desktop.Canvas); ok {
		d.SetOnKeyDown(a.keyDown)
		d.SetOnKeyUp(a.keyUp)
	}
	for _, s := range shortcuts() {
		c.AddShortcut(s, a.shortcut)
	}
}

func shortcuts() []fyne.Shortcut {
	ctrl := fyne.KeyModifierShortcutDefault
	return []fyne.Shortcut{
		&fyne.ShortcutUndo{}, &fyne.ShortcutRedo{},
		&desktop.CustomShortcut{KeyName: fyne.KeyS, Modifier: ctrl},
		&desktop.CustomShortcut{KeyName: fyne.KeyZ, Modifier: ctrl | fyne.KeyModifierShift},
		&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: ctrl},
		&desktop.CustomShortcut{KeyName: fyne.KeyO, Modifier: ctrl},
		&desktop.CustomShortcut{KeyName: fyne.KeyW, Modifier: ctrl},
		&desktop.CustomShortcut{KeyName: fyne.KeyP, Modifier: ctrl},
		&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: ctrl},
	}
}

// shortcut is a key with Ctrl.
func (a *App) shortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutUndo:
		a.inRoom(func(r *room) { r.undo() })
	case *fyne.ShortcutRedo:
		a.inRoom(func(r *room) { r.redo() })
	case *desktop.CustomShortcut:
		switch s.KeyName {
		case fyne.KeyF:
			if a.inArchive {
				a.win.Canvas().Focus(a.archive.fields[fieldName])
			} else if a.room == nil {
				a.win.Canvas().Focus(a.worklist.search)
			}
		case fyne.KeyO:
			if a.room == nil {
				a.worklist.chooseImport()
			}
		case fyne.KeyP:
			if a.room == nil {
				a.showArchive()
			}
		case fyne.KeyL:
			if a.room == nil {
				a.showLearning()
			}
		case fyne.KeyW:
			a.inRoom(func(*room) { a.showWorklist() })
		default:
			m := viewer.Mods{Ctrl: true, Shift: s.Modifier&fyne.KeyModifierShift != 0}
			a.inRoom(func(r *room) { r.run(s.KeyName, m) })
		}
	}
}

func (a *App) inRoom(f func(*room)) {
	if a.room != nil {
		f(a.room)
	}
}

func (a *App) typedKey(e *fyne.KeyEvent) {
	if a.room != nil {
		a.room.run(e.Name, viewer.Mods{Shift: a.shift})
		return
	}
	if a.inArchive {
		a.archive.key(e.Name)
		return
	}
	if a.inLearning {
		a.learning.key(e.Name)
		return
	}
	if e.Name == fyne.KeyEscape {
		a.jobs.cancelAll()
		return
	}
	a.worklist.key(e.Name)
}

func (a *App) typedRune(c rune) {
	if c == '?' {
		a.help()
	}
}

func (a *App) keyDown(e *fyne.KeyEvent) {
	switch e.Name {
	case desktop.KeyShiftLeft, desktop.KeyShiftRight:
		a.shift = true
	case fyne.KeySpace:
		a.inRoom(func(r *room) { r.hush(true) })
	}
}

func (a *App) keyUp(e *fyne.KeyEvent) {
	switch e.Name {
	case desktop.KeyShiftLeft, desktop.KeyShiftRight:
		a.shift = false
	case fyne.KeySpace:
		a.inRoom(func(r *room) { r.hush(false) })
	}
}
