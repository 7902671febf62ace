package app

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

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

// classifyBox asks the network about the box that has been drawn. One box takes
// it a fraction of a second, so the window waits.
func (r *room) classifyBox() {
	box := r.lesions.box
	r.lesions.drawing, r.lesions.box = false, nil
	defer r.redraw()
	if box == nil || box.Max.Sub(box.Min).Norm() < 2*minLesionMM {
		r.app.jobs.say("Drag a box round the lesion.")
		return
	}
	f, err := r.session.ClassifyLesion(r.app.ctx, *box)
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.lesions.chosen = max(len(r.findings())-1, 0)
	r.panel.show(tabLesions)
	r.refreshAll()
	r.app.jobs.say("AI: " + lesionWords(f) + ". Not validated; a reader must decide.")
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
		p.refreshLesions()
		p.room.focusActive()
	})
	head.On = n == p.room.lesions.chosen
	words := fmt.Sprintf("AI, primary site: %s. Box %.0f × %.0f × %.0f mm.", lesionWords(f), size[0], size[1], size[2])
	return container.NewVBox(head, paragraph(words))
}
