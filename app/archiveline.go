package app

import (
	"fmt"
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
	"columna/viewer/render"
)

// studyLine is one study of an archive. A click chooses it, a second imports it.
type studyLine struct {
	widget.BaseWidget
	s     *archiveScreen
	n     int
	hover bool
	back  *canvas.Rectangle
	cells []*canvas.Text
	line  *fyne.Container
}

var _ desktop.Hoverable = (*studyLine)(nil)

func newStudyLine(s *archiveScreen) *studyLine {
	l := &studyLine{s: s, back: canvas.NewRectangle(color.Transparent)}
	names, weights := archiveColumns()
	l.line = container.New(parts{weights})
	for range names {
		t := text("", 13, assets.Dark().Quiet)
		l.cells = append(l.cells, t)
		l.line.Add(t)
	}
	l.cells[0].Color = assets.Dark().Ink
	l.ExtendBaseWidget(l)
	return l
}

// CreateRenderer implements fyne.Widget.
func (l *studyLine) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(l.back, container.New(row{34}, padded(l.line, 16, 0))))
}

// show fills the line with study n.
func (l *studyLine) show(n int) {
	if l.n = n; n >= len(l.s.found) {
		return
	}
	_, weights := archiveColumns()
	sum := float32(0)
	for _, x := range weights {
		sum += x
	}
	width := l.s.list.Size().Width - 32 - partsGap*float32(len(weights)-1)
	for i, words := range studyWords(l.s.found[n]) {
		l.cells[i].Text = fit(words, width*weights[i]/sum, l.cells[i].TextSize)
	}
	l.paint()
	l.Refresh()
}

// studyWords are the columns of a study.
func studyWords(s review.ArchiveStudy) [7]string {
	name := render.PersonName(s.PatientName)
	if name == "" {
		name = "(no name)"
	}
	number := func(n int) string {
		if n == 0 {
			return "" // not told
		}
		return fmt.Sprint(n)
	}
	return [7]string{name, s.PatientID, render.Date(s.Date), s.Description, strings.Join(s.Modalities, ", "), number(s.Series), number(s.Instances)}
}

func (l *studyLine) paint() {
	p := assets.Dark()
	l.back.FillColor = color.Transparent
	if l.hover {
		l.back.FillColor = p.Raised
	}
	if l.n == l.s.selected {
		l.back.FillColor = p.Hover
	}
	l.back.Refresh()
}

// Tapped chooses the study, or imports the chosen one.
func (l *studyLine) Tapped(*fyne.PointEvent) {
	l.s.app.win.Canvas().Unfocus()
	if l.n == l.s.selected {
		l.s.take()
		return
	}
	l.s.move(l.n)
}

// MouseIn implements desktop.Hoverable.
func (l *studyLine) MouseIn(*desktop.MouseEvent) { l.hover = true; l.paint() }

// MouseMoved implements desktop.Hoverable.
func (l *studyLine) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (l *studyLine) MouseOut() { l.hover = false; l.paint() }
