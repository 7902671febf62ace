package app

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// bars are the top bar, the tool column and the status line.
type bars struct {
	room   *room
	top    *fyne.Container
	tools  *fyne.Container
	status *fyne.Container

	state   *flat
	levels  [spine.LevelCount]*flat
	flags   *flat
	ai      *flat
	export  *flat
	buttons []toolButton
	legend  *canvas.Text
	place   *canvas.Text
	value   *canvas.Text
	save    *canvas.Text
	saved   string
}

// toolButton is a tool of the column and when it is drawn as chosen.
type toolButton struct {
	b  *flat
	on func() bool
}

func (b *bars) build(r *room) {
	b.room = r
	b.buildTop()
	b.buildTools()
	b.buildStatus()
}

func (b *bars) buildTop() {
	r, p := b.room, assets.Dark()
	back := newFlat("‹ Worklist", "", r.app.showWorklist)
	title := text(render.StudyTitle(r.session.Study()), 14, p.Ink)
	title.TextStyle.Bold = true
	b.state = newFlat("", "▾", func() { b.chooseState() })
	picker := container.New(parts{make([]float32, spine.LevelCount)})
	for l := range b.levels {
		b.levels[l] = centered(spine.Level(l).Title(), func() { r.goLevel(spine.Level(l)); r.updateHeat(); r.focusActive() })
		picker.Add(b.levels[l])
	}
	b.flags = newFlat("", "", func() { r.goFlag(r.flag + 1) })
	b.ai = newFlat("", "", r.analyse)
	b.export = newFlat("Export", "▾", func() { b.chooseExport() })
	help := newFlat("Keys", "?", r.app.help)
	line := container.New(parts{[]float32{0, 1, 0, 0, 0, 0, 0, 0}}, back, title, picker, b.state, b.flags, b.ai, b.export, help)
	b.top = container.NewVBox(container.New(row{42}, padded(line, 8, 7)), hairline())
}

func (b *bars) chooseState() {
	var items []*fyne.MenuItem
	for _, s := range []spine.ReaderState{spine.Unread, spine.InReview, spine.Accepted, spine.NeedsSecondReader, spine.Adjudicated} {
		item := fyne.NewMenuItem(stateWord(s), func() { b.room.setState(s); b.room.focusActive() })
		item.Checked = s == b.room.session.State()
		items = append(items, item)
	}
	c := b.room.app.win.Canvas()
	pos := fyne.CurrentApp().Driver().AbsolutePositionForObject(b.state)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), c, pos.AddXY(0, b.state.Size().Height))
}

func (b *bars) buildTools() {
	r := b.room
	box := container.NewVBox()
	add := func(name, key string, on func() bool, tap func()) {
		f := newFlat(name, key, func() { tap(); r.focusActive() })
		box.Add(f)
		b.buttons = append(b.buttons, toolButton{f, on})
	}
	tool := func(t tool) func() bool { return func() bool { return r.mode == editing && r.tool == t } }
	add("Read", "Esc", func() bool { return r.mode == reading }, func() { r.setMode(reading) })
	add("Grade", "G", func() bool { return r.mode == grading }, func() { r.chooseCell(r.cond, r.level) })
	add("Keep", "K", never, r.keepImage)
	box.Add(hairline())
	add("Brush", "B", tool(brush), func() { r.take(brush) })
	add("Erase", "E", tool(eraser), func() { r.take(eraser) })
	add("Fill", "F", tool(filler), func() { r.take(filler) })
	add("Lesion", "L", tool(lesionBox), func() { r.take(lesionBox) })
	add("3D ball", "V", func() bool { return r.sphere }, r.toggleSphere)
	add("Larger", "]", never, func() { r.resizeBrush(1) })
	add("Smaller", "[", never, func() { r.resizeBrush(-1) })
	box.Add(hairline())
	add("Undo", "^Z", never, r.undo)
	add("Redo", "^Y", never, r.redo)
	add("Save", "^S", never, r.save)
	box.Add(hairline())
	add("Cross", "X", func() bool { return r.crossOn }, r.toggleCross)
	add("Fit", "R", never, r.fitAll)
	add("Max", "M", func() bool { return r.layout.maximised >= 0 }, func() { r.maximise(r.active) })
	b.tools = container.NewBorder(nil, nil, nil, hairline(), container.New(column{96}, padded(box, 4, 6)))
}

func never() bool { return false }

func (b *bars) buildStatus() {
	p := assets.Dark()
	b.legend, b.place, b.value, b.save = text("", 12, p.Ink), text("", 12, p.Quiet), text("", 12, p.Quiet), text("", 12, p.Quiet)
	b.place.TextStyle.Monospace, b.value.TextStyle.Monospace = true, true
	b.value.Alignment, b.save.Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	line := container.New(parts{[]float32{1, 0, 0, 0}}, b.legend, container.New(column{236}, b.place), container.New(column{64}, b.value), container.New(column{190}, b.save))
	b.status = container.NewVBox(hairline(), container.New(row{24}, padded(line, 10, 3)))
}

// refresh brings the bars in line with the room.
func (b *bars) refresh() {
	r := b.room
	b.state.say(stateWord(r.session.State()))
	for l, f := range b.levels {
		f.set(spine.Level(l) == r.level)
	}
	b.refreshAI()
	for _, t := range b.buttons {
		t.b.set(t.on())
	}
	say(b.legend, r.legend())
	words := b.saved
	switch {
	case r.session.Dirty():
		words = "unsaved edits · journal on"
	case words == "":
		words = "no unsaved edits"
	}
	say(b.save, words)
}

func (b *bars) refreshAI() {
	a := b.room.session.Analysis()
	b.flags.Text, b.flags.Ink, b.flags.Off = "no flags", nil, true
	b.ai.Text, b.ai.Strong = "Analyse", true
	if a != nil {
		b.ai.Text, b.ai.Strong = fmt.Sprintf("AI %.0f s · again", a.Seconds["total"]), false
		if n := len(a.Flags); n > 0 {
			b.flags.Text, b.flags.Ink, b.flags.Off = fmt.Sprintf("! %d flags", n), assets.Dark().Warning, false
			if n == 1 {
				b.flags.Text = "! 1 flag"
			}
		}
	}
	b.flags.Refresh()
	b.ai.Refresh()
	b.top.Refresh()
}

// position shows the linked place.
func (b *bars) position() { b.pointer(b.room.active, b.room.cross) }

// pointer shows a patient position and the value there. Words change only when
// the rounded figures do.
func (b *bars) pointer(n int, mm volume.Vec3) {
	say(b.place, fmt.Sprintf("x %6.1f  y %6.1f  z %6.1f mm", mm[0], mm[1], mm[2]))
	sc := &b.room.panes[n].Scene
	if sc.Stack == nil {
		say(b.value, "")
		return
	}
	series, _, _ := sc.Stack.At(sc.Slice)
	if v, ok := series.Volume.Sample(series.Volume.ToVoxel(mm)); ok {
		say(b.value, fmt.Sprintf("%6.0f", v))
	} else {
		say(b.value, "")
	}
}
