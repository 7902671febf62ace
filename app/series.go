package app

import (
	"context"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// aboutSeries is a series in the study's list: what it is, how sure that is, and
// a menu that corrects it.
func (p *panels) aboutSeries(s *spine.Series) {
	head := newFlat(fmt.Sprintf("%s %s", s.Sequence, s.Plane), sureness(s)+"  ▾", nil)
	head.Tap = func() { p.room.correctSeries(s, head) }
	if s.Doubtful() {
		head.Ink = assets.Dark().Warning
	}
	p.about.Add(head)
	sp := s.Volume.SpacingMM()
	words := []string{fmt.Sprintf("%d × %d × %d, %.2f × %.2f × %.1f mm", s.Volume.Size[0], s.Volume.Size[1], s.Volume.Size[2], sp[0], sp[1], sp[2])}
	if s.Description != "" {
		words = append([]string{s.Description}, words...)
	}
	p.about.Add(paragraph(strings.Join(append(words, s.Warnings...), "\n")))
}

// sureness is the confidence in words.
func sureness(s *spine.Series) string {
	if s.CorrectedBy != "" {
		return "by " + s.CorrectedBy
	}
	return fmt.Sprintf("%.0f %% sure", 100*s.Confidence)
}

// correctSeries offers what a series can be, below the object that was pressed.
func (r *room) correctSeries(s *spine.Series, below fyne.CanvasObject) {
	pos := fyne.CurrentApp().Driver().AbsolutePositionForObject(below)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", r.seriesItems(s)...), r.app.win.Canvas(), pos.AddXY(0, below.Size().Height))
}

// seriesItems are the lines of that menu.
func (r *room) seriesItems(s *spine.Series) []*fyne.MenuItem {
	item := func(name string, on bool, q spine.Sequence, p spine.Plane) *fyne.MenuItem {
		m := fyne.NewMenuItem(name, func() { r.setSeries(s, q, p) })
		m.Checked = on
		return m
	}
	var items []*fyne.MenuItem
	for _, q := range spine.Sequences() {
		items = append(items, item(string(q), q == s.Sequence, q, s.Plane))
	}
	items = append(items, fyne.NewMenuItemSeparator())
	for _, p := range spine.Planes() {
		items = append(items, item(string(p), p == s.Plane, s.Sequence, p))
	}
	if s.CorrectedBy != "" {
		items = append(items, fyne.NewMenuItemSeparator(), item("take back: as recognised", false, "", ""))
	}
	return items
}

// setSeries stores what a series is, together with the blocks beside it that were
// taken for the same; both words empty take that back. The networks' result stays
// what it was until the case is analysed again.
func (r *room) setSeries(s *spine.Series, q spine.Sequence, p spine.Plane) {
	var ids []review.SeriesID
	for _, o := range r.session.Study().Series {
		if o.UID == s.UID && o.Sequence == s.Sequence && o.Plane == s.Plane {
			ids = append(ids, review.SeriesID{UID: o.UID, Block: o.Block})
		}
	}
	for _, id := range ids {
		if err := r.session.CorrectSeries(context.Background(), id, q, p); err != nil {
			r.app.jobs.say(sentence(err.Error()))
			return
		}
	}
	words := "The series is as it was recognised again."
	if q != "" {
		words = fmt.Sprintf("The series is %s %s from now on; the same menu takes it back.", q, p)
	}
	if r.session.Analysis() != nil {
		words += " Analyse again for the networks to see it so."
	}
	r.app.jobs.say(words)
	r.focusActive()
}

// rehang puts the series into the panes anew, at the place that was looked at.
func (r *room) rehang() {
	at := r.cross
	r.levels = map[*render.Stack]render.Levels{}
	r.hang()
	r.link(at, -1)
}
