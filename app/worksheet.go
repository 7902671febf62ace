package app

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
	"columna/spine"
	"columna/viewer"
	"columna/viewer/render"
)

// worksheetPanel is the table of 25 grades and what is known of the chosen one.
type worksheetPanel struct {
	room   *room
	root   *fyne.Container
	sheet  *viewer.Sheet
	blind  *flat
	title  *canvas.Text
	probs  [3]*probBar
	said   *canvas.Text
	grades [4]*flat
	clear  *flat
	reason *widget.Entry
}

func (w *worksheetPanel) build(r *room) {
	p := assets.Dark()
	w.room = r
	w.sheet = viewer.NewSheet(r.app.typ)
	w.sheet.OnCell = func(c spine.Condition, l spine.Level) { r.chooseCell(c, l) }
	w.blind = newFlat("Blind", "", r.toggleBlind)
	head := container.New(parts{[]float32{1, 0}}, bold("Worksheet", 13), w.blind)
	w.title = bold("", 13)
	bars := container.New(parts{[]float32{1, 1, 1}})
	for g := range w.probs {
		w.probs[g] = newProbBar(spine.Grade(g))
		bars.Add(w.probs[g])
	}
	w.said = text("", 12, p.Quiet)
	buttons := container.New(parts{[]float32{1, 1, 1, 1, 1.2}})
	for n, g := range []spine.Grade{spine.NormalMild, spine.Moderate, spine.Severe, spine.NotGradable} {
		w.grades[n] = centered(g.Letter(), func() { r.grade(g) })
		buttons.Add(w.grades[n])
	}
	w.grades[3].Text = "–"
	w.clear = centered("as AI", func() { r.grade(spine.Ungraded) })
	buttons.Add(w.clear)
	w.reason = widget.NewEntry()
	w.reason.SetPlaceHolder("Reason for your grade (optional)")
	w.reason.OnSubmitted = func(string) { r.regrade() }
	w.root = container.NewVBox(container.New(row{26}, head), w.sheet, gapV(2), container.New(row{20}, w.title),
		container.New(row{30}, bars), container.New(row{18}, w.said), container.New(row{28}, buttons), container.New(row{32}, w.reason), gapV(4), hairline())
}

func bold(s string, size float32) *canvas.Text {
	t := text(s, size, assets.Dark().Ink)
	t.TextStyle.Bold = true
	return t
}

func gapV(h float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(1, h))
	return r
}

// cellOf is a session's cell as the table draws it.
func cellOf(c review.Cell) render.Cell {
	out := render.Cell{AI: c.AI.Grade, Reader: c.Reader, Reason: c.Reason}
	if c.AI.Grade >= spine.NormalMild {
		out.Probability = c.AI.Probabilities[c.AI.Grade]
	}
	return out
}

// selectCell moves the frame in the table.
func (w *worksheetPanel) selectCell(c spine.Condition, l spine.Level) {
	w.sheet.Table.Selected, w.sheet.Table.Cond, w.sheet.Table.Level = true, c, l
	w.refresh()
}

// refresh fills table and details from the session.
func (w *worksheetPanel) refresh() {
	r := w.room
	all := r.session.Grades()
	for c := range all {
		for l := range all[c] {
			w.sheet.Table.Cells[c][l] = cellOf(all[c][l])
		}
	}
	w.sheet.Table.HideAI, w.sheet.Table.Accepted = r.blind, r.session.State() == spine.Accepted
	w.sheet.Redraw()
	w.blind.set(r.blind)
	cell := all[r.cond][r.level]
	say(w.title, conditionName(r.cond)+"  "+r.level.Title())
	hidden := r.blind && cell.Reader == spine.Ungraded
	for g, b := range w.probs {
		share := cell.AI.Probabilities[g]
		if hidden || cell.AI.Grade < spine.NormalMild {
			share = -1
		}
		b.set(share)
	}
	say(w.said, fit(cellWords(cell, hidden), 296, 12))
	for n, g := range []spine.Grade{spine.NormalMild, spine.Moderate, spine.Severe, spine.NotGradable} {
		w.grades[n].set(cell.Reader == g)
	}
	w.clear.Off = cell.Reader == spine.Ungraded
	w.clear.Refresh()
	if r.app.win.Canvas().Focused() != w.reason && w.reason.Text != cell.Reason {
		w.reason.SetText(cell.Reason)
	}
}

// cellWords say in one line who graded what.
func cellWords(c review.Cell, hidden bool) string {
	switch {
	case hidden:
		return "AI hidden until you have graded"
	case c.Reader != spine.Ungraded && c.AI.Grade >= spine.NormalMild && c.Reader != c.AI.Grade:
		return fmt.Sprintf("you: %s   AI: %s", gradeName(c.Reader), gradeName(c.AI.Grade))
	case c.Reader != spine.Ungraded:
		return "you: " + gradeName(c.Reader)
	case c.AI.Grade == spine.NotGradable:
		return "AI: not gradable, " + c.AI.Reason
	case c.AI.Grade >= spine.NormalMild:
		return "AI: " + gradeName(c.AI.Grade) + ", not yet confirmed"
	}
	return "not graded yet"
}

func conditionName(c spine.Condition) string {
	return [...]string{"Spinal canal", "Left foramen", "Right foramen", "Left subarticular", "Right subarticular"}[c]
}

// chooseCell selects a cell and brings all panes to its evidence.
func (r *room) chooseCell(c spine.Condition, l spine.Level) {
	r.cond, r.level = c, l
	r.work.selectCell(c, l)
	r.setMode(grading)
	r.goEvidence()
	r.updateHeat()
	r.bars.refresh()
	r.focusActive()
}

// goEvidence moves the panes to the place the chosen grade was read at, or to
// the disc where there is none.
func (r *room) goEvidence() {
	if p := r.session.Grades()[r.cond][r.level].AI.Point; p != nil {
		r.link(p.LPS, -1)
	} else if mm, ok := r.session.LevelPoint(r.level); ok {
		r.link(mm, -1)
	} else {
		r.redraw()
	}
}

// moveCell moves the choice in the table.
func (r *room) moveCell(dc, dl int) {
	c := (int(r.cond) + dc + spine.ConditionCount) % spine.ConditionCount
	l := (int(r.level) + dl + spine.LevelCount) % spine.LevelCount
	r.chooseCell(spine.Condition(c), spine.Level(l))
}

// grade records the reader's grade of the chosen cell; Ungraded takes it back.
func (r *room) grade(g spine.Grade) {
	if err := r.session.SetGrade(r.app.ctx, r.cond, r.level, g, r.work.reason.Text); err != nil {
		r.app.jobs.fail(err)
		return
	}
	if r.session.State() == spine.Unread {
		r.setState(spine.InReview)
	}
	r.refreshAll()
	r.updateHeat()
	r.focusActive()
}

// regrade stores a changed reason with the grade as it is.
func (r *room) regrade() {
	g := r.session.Grades()[r.cond][r.level].Reader
	if g == spine.Ungraded {
		r.app.jobs.say("Grade the cell first; the reason goes with your grade.")
		r.focusActive()
		return
	}
	r.grade(g)
}

// toggleBlind hides the AI's grades until the reader has graded.
func (r *room) toggleBlind() {
	r.blind = !r.blind
	r.updateHeat()
	r.refreshAll()
	r.focusActive()
}

// probBar is the AI's probability of one grade.
type probBar struct {
	widget.BaseWidget
	grade spine.Grade
	share float64 // below zero: nothing known
	words *canvas.Text
	fill  *canvas.Rectangle
	track *canvas.Rectangle
}

func newProbBar(g spine.Grade) *probBar {
	p := assets.Dark()
	b := &probBar{grade: g, share: -1, words: text("", 12, p.Ink), fill: canvas.NewRectangle(gradeInk(g)), track: canvas.NewRectangle(p.Raised)}
	b.ExtendBaseWidget(b)
	return b
}

func (b *probBar) set(share float64) {
	b.share = share
	b.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (b *probBar) CreateRenderer() fyne.WidgetRenderer { return &probRenderer{b} }

type probRenderer struct{ b *probBar }

func (r *probRenderer) Layout(s fyne.Size) {
	r.b.words.Move(fyne.NewPos(0, 0))
	r.b.track.Move(fyne.NewPos(0, s.Height-8))
	r.b.track.Resize(fyne.NewSize(s.Width, 4))
	r.b.fill.Move(fyne.NewPos(0, s.Height-8))
	r.b.fill.Resize(fyne.NewSize(s.Width*float32(max(r.b.share, 0)), 4))
}

func (r *probRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 28) }

func (r *probRenderer) Refresh() {
	r.b.words.Text, r.b.words.Color = "AI "+r.b.grade.Letter()+"  –", assets.Dark().Faint
	if r.b.share >= 0 {
		r.b.words.Text, r.b.words.Color = fmt.Sprintf("AI %s  %.2f", r.b.grade.Letter(), r.b.share), assets.Dark().Ink
	}
	r.Layout(r.b.Size())
	canvas.Refresh(r.b)
}

func (r *probRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.b.track, r.b.fill, r.b.words}
}

func (r *probRenderer) Destroy() {}
