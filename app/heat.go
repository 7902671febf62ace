package app

import (
	"context"
	"fmt"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// heatJob is the heat map in sight or in the making. A newer request cancels
// an older one.
type heatJob struct {
	cancel context.CancelFunc
	map_   *render.Heat
	cond   spine.Condition
	level  spine.Level
}

func (h *heatJob) stop() {
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// toggleHeat switches the explanation of the selected grade on or off, or that
// of the chosen lesion while the list of lesions is in sight. It is off until
// asked for.
func (r *room) toggleHeat() {
	if r.panel.shown == tabLesions && len(r.findings()) > 0 {
		r.toggleLesionHeat()
		return
	}
	r.heatOn = !r.heatOn
	r.updateHeat()
	r.panel.refreshOverlay()
}

// updateHeat asks for the heat map of the selected cell, if wanted.
func (r *room) updateHeat() {
	if r.heatOn && r.heat.map_ != nil && r.heat.cond == r.cond && r.heat.level == r.level {
		return
	}
	r.heat.stop()
	r.showHeat(nil)
	cell := r.session.Grades()[r.cond][r.level]
	if !r.heatOn || r.blind || cell.AI.Grade < spine.NormalMild {
		return
	}
	if r.session.Mask() == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.app.ctx)
	r.heat.cancel = cancel
	req := review.HeatmapRequest{Study: r.session.Study(), Mask: r.session.Mask().Clone(), Kind: review.HeatStenosis, Cond: r.cond, Level: r.level}
	title := fmt.Sprintf("Grad-CAM %s %s · %s", r.cond.Title(), r.level.Title(), gradeName(cell.AI.Grade))
	r.panes[paneHeat].Scene.Marks.Empty = "computing the heat map …"
	r.panes[paneHeat].Redraw()
	r.app.background(ctx, func(ctx context.Context) (func(), error) {
		h, err := r.app.desk.Heatmap(ctx, req)
		if err != nil {
			return func() { r.heatFailed(err) }, nil
		}
		return func() { r.heated(h, req, title) }, nil
	})
}

// heated shows a heat map that has arrived.
func (r *room) heated(h *review.Heatmap, req review.HeatmapRequest, title string) {
	r.heat.stop()
	r.heat.cond, r.heat.level = req.Cond, req.Level
	m := &render.Heat{Volume: h.Volume, RawMax: h.RawMax, Title: title, Model: shortHash(h.Model), Opacity: 0.55, Legend: true}
	r.setStack(paneHeat, r.stackOf(h.SeriesUID), "the series of this heat map is not in sight")
	r.showHeat(m)
	r.goEvidence()
}

// heatFailed says why there is no heat map.
func (r *room) heatFailed(err error) {
	r.heat.stop()
	r.showHeat(nil)
	r.panes[paneHeat].Scene.Marks.Empty = "no heat map could be made"
	r.app.jobs.fail(err)
}

func shortHash(s string) string {
	if len(s) > 24 {
		return s[:24]
	}
	return s
}

// stackOf is the hung stack that holds a series.
func (r *room) stackOf(uid string) *render.Stack {
	for n := range paneHeat {
		if st := r.panes[n].Scene.Stack; st != nil && st.Has(uid) {
			return st
		}
	}
	return r.mainStack()
}

// showHeat puts a heat map, or the reason for having none, into its pane.
func (r *room) showHeat(m *render.Heat) {
	r.heat.map_ = m
	sc := &r.panes[paneHeat].Scene
	sc.Heat, sc.Overlay = m, nil
	sc.Marks.Caption, sc.Marks.Note = "Grad-CAM", ""
	if m != nil {
		sc.Marks.Caption, sc.Marks.Note = m.Title, "what the network looked at, not where disease is"
		sc.Slice, _ = sc.Stack.Nearest(r.cross)
		r.redraw()
		return
	}
	sc.Stack = nil
	switch {
	case r.session.Analysis() == nil:
		sc.Marks.Empty = "no AI result yet"
	case r.blind:
		sc.Marks.Empty = "hidden while reading blind"
	case !r.heatOn:
		sc.Marks.Empty = "press H for the heat map of the chosen grade"
	default:
		sc.Marks.Empty = "no AI grade in this cell to explain"
	}
	r.panes[paneHeat].Redraw()
}

func gradeName(g spine.Grade) string {
	return g.Words()
}
