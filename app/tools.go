package app

import (
	"fmt"
	"math"

	"columna/annotate"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// mode decides what left drags and digits mean.
type mode int

const (
	reading mode = iota
	editing
	grading
)

// tool is what a left drag does while editing.
type tool int

const (
	brush tool = iota
	eraser
	filler
	lesionBox
)

func (t tool) String() string { return [...]string{"brush", "eraser", "fill", "lesion box"}[t] }

const (
	minBrushMM = 0.5
	maxBrushMM = 25
)

// setMode changes the mode; leaving editing ends an open stroke.
func (r *room) setMode(m mode) {
	if r.stroke {
		r.endStroke()
	}
	r.mode = m
	for n, p := range r.panes {
		p.Gestures.Painting = m == editing && n != paneHeat
		if m != editing {
			p.Scene.Marks.Brush = nil
		}
	}
	r.work.sheet.Table.Focus = m == grading
	r.bars.refresh()
	r.panel.refresh()
	r.redraw()
}

// take picks an editing tool.
func (r *room) take(t tool) {
	r.tool = t
	r.setMode(editing)
}

// pick chooses the structure that is painted.
func (r *room) pick(s spine.Structure) {
	if _, ok := s.Info(); !ok {
		return
	}
	r.label = s
	if r.mode != editing {
		r.take(brush)
		return
	}
	r.bars.refresh()
	r.panel.refresh()
}

// resizeBrush grows the radius by steps of a tenth, at least 0.25 mm.
func (r *room) resizeBrush(steps int) {
	for ; steps > 0; steps-- {
		r.radius += math.Max(0.25, r.radius*0.1)
	}
	for ; steps < 0; steps++ {
		r.radius -= math.Max(0.25, r.radius*0.1)
	}
	r.radius = math.Min(math.Max(math.Round(r.radius*4)/4, minBrushMM), maxBrushMM)
	if b := r.panes[r.active].Scene.Marks.Brush; b != nil {
		b.RadiusMM = r.radius
		r.panes[r.active].Redraw()
	}
	r.bars.refresh()
}

// hover shows the brush under the pointer.
func (r *room) hover(n int, mm volume.Vec3) {
	r.bars.pointer(n, mm)
	if r.mode != editing || n == paneHeat || r.tool == lesionBox {
		return
	}
	r.showBrush(n, mm, r.tool == eraser)
}

func (r *room) showBrush(n int, mm volume.Vec3, erase bool) {
	for i, p := range r.panes {
		if i != n && p.Scene.Marks.Brush != nil {
			p.Scene.Marks.Brush = nil
			p.Redraw()
		}
	}
	size := r.radius
	if r.tool == filler {
		size = 0.5
	}
	r.panes[n].Scene.Marks.Brush = &render.Brush{MM: mm, RadiusMM: size, Erase: erase}
	r.panes[n].Redraw()
}

func (r *room) unhover() {
	for _, p := range r.panes {
		if p.Scene.Marks.Brush != nil {
			p.Scene.Marks.Brush = nil
			p.Redraw()
		}
	}
}

// beginStroke puts the tool down. Ctrl turns paint into erase and back. On
// panes that do not lie along the mask's slices the brush is a ball, as a disc
// of the mask's own plane would be a line there.
func (r *room) beginStroke(n int, mm volume.Vec3, invert bool) {
	switch r.tool {
	case filler:
		r.fill(mm)
		return
	case lesionBox:
		r.lesions.from, r.lesions.pane, r.lesions.drawing = mm, n, true
		return
	}
	grid := r.maskGrid()
	if grid == nil {
		r.app.jobs.say("This study has no series that a mask could lie on.")
		return
	}
	s := annotate.Stroke{Erase: (r.tool == eraser) != invert, Label: r.label, RadiusMM: r.radius,
		Sphere: r.sphere || !r.along(n, *grid), SliceK: int(math.Floor(grid.ToVoxel(mm)[2] + 0.5)), Protect: true}
	if s.Erase {
		s.Label = spine.Background
	}
	if err := r.session.BeginStroke(s); err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.stroke = true
	r.strokeTo(n, mm)
}

// maskGrid is the grid of the mask, or the one a first stroke will be made on;
// nil where there is neither.
func (r *room) maskGrid() *volume.Grid {
	if m := r.session.Mask(); m != nil {
		return &m.Grid
	}
	if s := r.session.MaskSeries(); s != nil && s.Volume != nil {
		return &s.Volume.Grid
	}
	return nil
}

// along reports whether a pane's slices are parallel to a grid's.
func (r *room) along(n int, g volume.Grid) bool {
	_, f, _ := r.panes[n].Scene.Stack.At(r.panes[n].Scene.Slice)
	m := render.NewFrame(g)
	return math.Abs(f.Normal.Dot(m.Normal)) > math.Cos(5*math.Pi/180)
}

// strokeTo moves the tool and shows what it has changed so far.
func (r *room) strokeTo(n int, mm volume.Vec3) {
	if r.lesions.drawing {
		r.stretchBox(mm)
		return
	}
	if !r.stroke {
		return
	}
	r.session.StrokeTo(mm)
	r.overlay.Mask = r.session.Mask()
	r.overlay.Revision++
	r.showBrush(n, mm, r.tool == eraser)
	for _, p := range r.panes {
		p.Redraw()
	}
}

// endStroke makes the stroke one step of the history and writes the journal.
func (r *room) endStroke() {
	if r.lesions.drawing {
		r.classifyBox()
		return
	}
	if !r.stroke {
		return
	}
	r.stroke = false
	if err := r.session.EndStroke(r.app.ctx); err != nil {
		r.app.jobs.fail(err)
	}
	r.bars.saved = ""
	r.refreshAll()
}

// fill floods the region under the pointer with the label.
func (r *room) fill(mm volume.Vec3) {
	before := r.overlay.Revision
	err := r.session.Fill(r.app.ctx, mm, r.label)
	switch {
	case err != nil:
		r.app.jobs.fail(err)
	case r.overlay.Revision == before:
		r.app.jobs.say("Nothing to fill here: the place is open to the edge, or already " + r.label.String() + ".")
	default:
		r.bars.saved = ""
		r.refreshAll()
	}
}

// undo takes the last edit back, redo brings it again.
func (r *room) undo() { r.step("undo", r.session.Undo) }
func (r *room) redo() { r.step("redo", r.session.Redo) }

// opacity changes how much the fill covers.
func (r *room) opacity(delta float64) {
	r.setOpacity(r.overlay.Opacity + delta)
}

func (r *room) setOpacity(v float64) {
	r.overlay.Opacity = math.Min(math.Max(math.Round(v*20)/20, 0), 1)
	r.panel.refreshOverlay()
	r.redraw()
}

func (r *room) setContour(on bool) {
	r.overlay.Contour = on
	r.panel.refreshOverlay()
	r.redraw()
}

// setOverlay shows or hides all structures.
func (r *room) setOverlay(on bool) {
	r.overlay.Off = !on
	r.panel.refreshOverlay()
	r.redraw()
}

// hush hides everything over the images while Space is held.
func (r *room) hush(on bool) {
	if r.hushed == on {
		return
	}
	r.hushed = on
	for _, p := range r.panes {
		p.Scene.Marks.Bare = on
		if on {
			p.Scene.Overlay = nil
		} else if p != r.panes[paneHeat] {
			p.Scene.Overlay = r.overlay
		}
	}
	r.panes[paneHeat].Scene.Heat = nil
	if !on {
		r.panes[paneHeat].Scene.Heat = r.heat.map_
		r.refreshCompare()
	}
	r.redraw()
}

// legend says what digits mean now.
func (r *room) legend() string {
	switch r.mode {
	case editing:
		if r.tool == lesionBox {
			return "Lesion · drag a box round it on any pane; the AI names the likeliest primary sites    Esc back to reading"
		}
		size := "2D"
		if r.sphere {
			size = "3D"
		}
		return fmt.Sprintf("Edit · %s · %s · %.2g mm %s    1–5 L1–L5   Shift+1–5 discs   6 S1   7 canal   8 posterior   9 T12", r.tool, r.label, 2*r.radius, size)
	case grading:
		return "Grade · " + r.cond.Title() + " " + r.level.Title() + "    1 normal/mild   2 moderate   3 severe   0 not gradable   Backspace as the AI   arrows move"
	}
	return "Read    0 auto window   1 bright fluid   2 disc   3 bone   4 full range"
}
