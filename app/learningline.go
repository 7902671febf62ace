package app

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
)

// checkLine is one question of the gate with its answer.
type checkLine struct {
	widget.BaseWidget
	back  *canvas.Rectangle
	cells []*canvas.Text
	line  *fyne.Container
}

func checkWeights() []float32 { return []float32{1.15, 2.9, 0.5, 0.65, 0.55, 1.2, 1.3, 0.3} }

func newCheckLine() *checkLine {
	l := &checkLine{back: canvas.NewRectangle(assets.Dark().Surface), line: container.New(parts{checkWeights()})}
	for range checkWeights() {
		t := text("", 12, assets.Dark().Quiet)
		l.cells = append(l.cells, t)
		l.line.Add(t)
	}
	l.ExtendBaseWidget(l)
	return l
}

// CreateRenderer implements fyne.Widget.
func (l *checkLine) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(l.back, container.New(row{26}, padded(l.line, 16, 0))))
}

// show fills the line; a question that was not passed stands out.
func (l *checkLine) show(c review.LearningCheck, width float32) {
	p, weights, values := assets.Dark(), checkWeights(), c.Columns()
	sum := float32(0)
	for _, w := range weights {
		sum += w
	}
	free := width - 32 - partsGap*float32(len(weights)-1)
	for n, t := range l.cells {
		t.Text, t.Color = fit(values[n], free*weights[n]/sum, t.TextSize), p.Ink
		if n == 0 || n == 6 {
			t.Color = p.Quiet
		}
		if !c.Passed && n != 0 {
			t.Color = p.Warning
		}
	}
	l.Refresh()
}
