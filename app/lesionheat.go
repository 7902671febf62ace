package app

import (
	"context"
	"strings"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// lesionHeat explains a lesion's class in one sequence.
type lesionHeat struct {
	uid  string // of the series it lies on
	heat *render.Heat
}

// toggleLesionHeat shows or hides why the chosen lesion was classed as it was.
func (r *room) toggleLesionHeat() {
	r.lesions.heatOn = !r.lesions.heatOn
	r.updateLesionHeat()
	r.panel.refreshLesions()
}

// updateLesionHeat asks for the heat maps of the chosen lesion, if wanted and
// not in sight yet.
func (r *room) updateLesionHeat() {
	defer r.redraw()
	all := r.findings()
	if !r.lesions.heatOn || r.blind || r.lesions.chosen >= len(all) {
		return
	}
	box := all[r.lesions.chosen].Box
	if r.lesions.heat != nil && r.lesions.heatBox == box {
		return
	}
	r.lesions.heat = nil
	req := r.lesionRequest(box, len(all))
	r.app.jobs.start("Explaining the lesion", func(ctx context.Context, p review.Progress) (func(), error) {
		p("heat map", 0.2)
		h, err := r.app.desk.Heatmap(ctx, req)
		if err != nil {
			return nil, err
		}
		return func() {
			if r.app.room == r {
				r.showLesionHeat(box, h)
			}
		}, nil
	})
}

// showLesionHeat takes the heat maps of the lesion in box; nil for none.
func (r *room) showLesionHeat(box spine.Box, h *review.Heatmap) {
	r.lesions.heatBox, r.lesions.heat = box, nil
	if h != nil {
		for _, part := range h.Parts {
			title := "Grad-CAM lesion"
			if part.Level != spine.Background.String() {
				title += " " + part.Level
			}
			title += " · " + strings.ReplaceAll(part.Class, "_", "-")
			r.lesions.heat = append(r.lesions.heat, lesionHeat{part.SeriesUID,
				&render.Heat{Volume: part.Volume, RawMax: part.RawMax, Title: title, Model: shortHash(part.Model), Opacity: 0.55, Legend: true}})
		}
	}
	r.redraw()
}

// dropLesionHeat forgets heat maps of an older result.
func (r *room) dropLesionHeat() {
	r.lesions.heat, r.lesions.heatBox = nil, spine.Box{}
}

// markLesionHeat puts the heat map of a pane's series over its images, in the
// place of the masks, whose colours would mix with it.
func (r *room) markLesionHeat(sc *render.Scene) {
	sc.Heat, sc.Marks.Note, sc.Overlay = nil, "", r.overlay
	if r.hushed {
		sc.Overlay = nil
	}
	if sc.Stack == nil || !r.lesions.heatOn || r.hushed || r.blind {
		return
	}
	for _, h := range r.lesions.heat {
		if sc.Stack.Has(h.uid) {
			sc.Heat, sc.Marks.Note, sc.Overlay = h.heat, h.heat.Title, nil
		}
	}
}
