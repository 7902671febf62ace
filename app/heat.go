package app

import (
	"context"
	"fmt"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// explanation is what the heat map's pane shows of the chosen grade.
type explanation int

// The explanations in the order in which H goes through them.
const (
	unexplained explanation = iota
	byGradCAM
	byAttention
	explanationCount
)

// kind is what to ask the desk for; an unexplained grade asks nothing.
func (e explanation) kind() review.HeatKind {
	if e == byAttention {
		return review.HeatAttention
	}
	return review.HeatStenosis
}

// title names the map on its button and in its caption.
func (e explanation) title() string { return [...]string{"Heat map", "Grad-CAM", "Attention"}[e] }

// note says how a map must be read. Attention is of the whole network and knows
// no grade; Grad-CAM is of the one grade that it is made for.
func (e explanation) note() string {
	return [...]string{"", "what spoke for the grade, not where disease is", "where the network looked, not why it graded so"}[e]
}

// heatJob is the heat map in sight or in the making. A newer request cancels
// an older one.
type heatJob struct {
	cancel context.CancelFunc
	map_   *render.Heat
	cond   spine.Condition
	level  spine.Level
	kind   review.HeatKind
}

// shows reports whether the map in sight is the one that a request asks for.
func (h *heatJob) shows(c spine.Condition, l spine.Level, k review.HeatKind) bool {
	return h.map_ != nil && h.cond == c && h.level == l && h.kind == k
}

func (h *heatJob) stop() {
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// nextHeat goes on to the next explanation of the selected grade: none, its
// Grad-CAM, the attention. While the list of lesions is in sight it switches that
// of the chosen lesion instead. There is none until asked for.
func (r *room) nextHeat() {
	if r.panel.shown == tabLesions && len(r.findings()) > 0 {
		r.toggleLesionHeat()
		return
	}
	r.explained = (r.explained + 1) % explanationCount
	r.updateHeat()
	r.panel.refreshOverlay()
}

// updateHeat asks for the heat map of the selected cell, if wanted.
func (r *room) updateHeat() {
	if r.explained != unexplained && r.heat.shows(r.cond, r.level, r.explained.kind()) {
		return
	}
	r.heat.stop()
	r.showHeat(nil)
	cell := r.session.Grades()[r.cond][r.level]
	if r.explained == unexplained || r.blind || cell.AI.Grade < spine.NormalMild {
		return
	}
	if r.session.Mask() == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.app.ctx)
	r.heat.cancel = cancel
	req := review.HeatmapRequest{Study: r.session.Study(), Mask: r.session.Mask().Clone(), Kind: r.explained.kind(), Cond: r.cond, Level: r.level}
	title := fmt.Sprintf("%s %s %s · %s", r.explained.title(), r.cond.Title(), r.level.Title(), gradeName(cell.AI.Grade))
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
	r.heat.cond, r.heat.level, r.heat.kind = req.Cond, req.Level, req.Kind
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
	sc.Marks.Caption, sc.Marks.Note = r.explained.title(), ""
	if m != nil {
		sc.Marks.Caption, sc.Marks.Note = m.Title, r.explained.note()
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
	case r.explained == unexplained:
		sc.Marks.Empty = "press H for the heat map of the chosen grade"
	default:
		sc.Marks.Empty = "no AI grade in this cell to explain"
	}
	r.panes[paneHeat].Redraw()
}

func gradeName(g spine.Grade) string {
	return g.Words()
}
