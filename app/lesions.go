package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"columna/review"
	"columna/spine"
	"columna/volume"
)

// lesionState is the box being drawn and the lesion in sight.
type lesionState struct {
	drawing bool
	pane    int
	from    volume.Vec3
	box     *spine.Box
	chosen  int

	heatOn  bool
	heatBox spine.Box    // the lesion that heat explains
	heat    []lesionHeat // one map for each sequence, none where nothing is known
}

// minLesionMM is the smallest box that is taken for one and not for a click.
const minLesionMM = 3

// stretchBox draws the box from where the button went down to mm. Across the
// slices it reaches as deep as it is wide, at least one slice either way.
func (r *room) stretchBox(mm volume.Vec3) {
	l, ok := r.panes[r.lesions.pane].Lens()
	if !ok {
		return
	}
	d := mm.Sub(r.lesions.from)
	u, v := d.Dot(l.Frame.Right), d.Dot(l.Frame.Down)
	depth := math.Max(l.Frame.Grid.SpacingMM()[2], math.Min(math.Abs(u), math.Abs(v))/2)
	box := spine.Box{Min: r.lesions.from, Max: r.lesions.from}
	for corner := range 8 {
		p := r.lesions.from.Add(l.Frame.Normal.Scale(depth * float64(2*(corner&1)-1)))
		p = p.Add(l.Frame.Right.Scale(u * float64(corner>>1&1))).Add(l.Frame.Down.Scale(v * float64(corner>>2&1)))
		for a := range 3 {
			box.Min[a], box.Max[a] = math.Min(box.Min[a], p[a]), math.Max(box.Max[a], p[a])
		}
	}
	r.lesions.box = &box
	r.redraw()
}

// classifyBox asks the network in the background what the box that has been
// drawn holds, and why.
func (r *room) classifyBox() {
	box := r.lesions.box
	r.lesions.drawing, r.lesions.box = false, nil
	defer r.redraw()
	if box == nil || box.Max.Sub(box.Min).Norm() < 2*minLesionMM {
		r.app.jobs.say("Drag a box round the lesion.")
		return
	}
	req := r.lesionRequest(*box, len(r.findings())+1)
	r.app.jobs.start("Classifying the lesion", func(ctx context.Context, p review.Progress) (func(), error) {
		l, err := r.app.desk.ClassifyLesion(ctx, req, p)
		if err != nil {
			return nil, err
		}
		return func() { r.classified(l) }, nil
	})
}

// lesionRequest asks about the lesion in a box, one of count.
func (r *room) lesionRequest(box spine.Box, count int) review.HeatmapRequest {
	req := review.HeatmapRequest{Study: r.session.Study(), Kind: review.HeatLesion, Box: box, Lesions: count}
	if m := r.session.Mask(); m != nil {
		req.Mask = m.Clone() // strokes may go on meanwhile
	}
	return req
}

// classified keeps a lesion and shows it, unless the reader has left the case
// meanwhile.
func (r *room) classified(l review.Lesion) {
	if r.app.room != r {
		return
	}
	kept := " Not validated; a reader must decide."
	if r.session.Analysis() == nil {
		kept = " It is not kept, as the case has not been analysed."
	} else if err := r.session.AddLesion(r.app.ctx, l); err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.lesions.chosen = max(len(r.findings())-1, 0)
	r.panel.show(tabLesions)
	r.lesions.heatOn = true
	r.showLesionHeat(l.Finding.Box, l.Heat)
	r.refreshAll()
	if l.Unheated != nil {
		r.app.jobs.fail(l.Unheated)
		kept += " There is no heat map: " + sentence(l.Unheated.Error())
	}
	if r.blind {
		r.app.jobs.say("The AI has classified the lesion; what it said is hidden while reading blind.")
		return
	}
	r.app.jobs.say("AI: " + lesionWords(l.Finding) + "." + kept)
}

// findings are the lesions of the analysis.
func (r *room) findings() []spine.LesionFinding {
	if a := r.session.Analysis(); a != nil {
		return a.Lesions
	}
	return nil
}

// lesionBoxes are the boxes to draw: all findings and the one being drawn.
func (r *room) lesionBoxes() []spine.Box {
	var out []spine.Box
	if !r.blind {
		for _, f := range r.findings() {
			out = append(out, f.Box)
		}
	}
	if r.lesions.box != nil {
		out = append(out, *r.lesions.box)
	}
	return out
}

// lesionWords are the three likeliest primary sites.
func lesionWords(f spine.LesionFinding) string {
	order := []spine.LesionClass{0, 1, 2, 3, 4, 5}
	slices.SortStableFunc(order, func(a, b spine.LesionClass) int {
		return cmp.Compare(f.Probabilities[b], f.Probabilities[a])
	})
	var out []string
	for _, c := range order[:3] {
		out = append(out, fmt.Sprintf("%s %.2f", strings.ReplaceAll(c.String(), "_", "-"), f.Probabilities[c]))
	}
	return strings.Join(out, ", ")
}

// refreshLesions lists the marked lesions with what the AI says of each.
func (p *panels) refreshLesions() {
	p.lesions.RemoveAll()
	all := p.room.findings()
	if len(all) == 0 {
		p.lesions.Add(paragraph("No lesion is marked. Press L and drag a box round one on any pane."))
	}
	if p.room.blind {
		all = nil
	}
	for n, f := range all {
		p.lesions.Add(p.lesionLine(n, f))
	}
	if len(all) > 0 {
		heat := centered("Heat maps of the chosen lesion  H", func() { p.room.toggleLesionHeat(); p.room.focusActive() })
		heat.On = p.room.lesions.heatOn
		p.lesions.Add(container.New(row{28}, heat))
		p.lesions.Add(paragraph("They show what the network looked at, not where disease is."))
	}
	p.lesions.Refresh()
}

func (p *panels) lesionLine(n int, f spine.LesionFinding) fyne.CanvasObject {
	place := "lesion"
	if f.Level != spine.Background {
		place = "lesion in " + f.Level.String()
	}
	size := f.Box.Max.Sub(f.Box.Min)
	head := newFlat(fmt.Sprintf("%d  %s", n+1, place), "go there", func() {
		p.room.lesions.chosen = n
		p.room.link(f.Box.Center(), -1)
		p.room.updateLesionHeat()
		p.refreshLesions()
		p.room.focusActive()
	})
	head.On = n == p.room.lesions.chosen
	lines := []fyne.CanvasObject{head, paragraph(fmt.Sprintf("AI, primary site: %s. Box %.0f × %.0f × %.0f mm.", lesionWords(f), size[0], size[1], size[2]))}
	if infection := f.InfectionWords(); infection != "" {
		lines = append(lines, paragraph("AI, "+infection+". It does not tell an infection from a metastasis."))
	}
	return container.NewVBox(lines...)
}
