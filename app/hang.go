package app

import (
	"math"

	"columna/assets"
	"columna/spine"
	"columna/viewer"
	"columna/viewer/render"
	"columna/volume"
)

// event is a gesture on a pane.
func (r *room) event(p *viewer.Pane, e viewer.Event) {
	n := r.index(p)
	switch e.Act {
	case viewer.ActSlice:
		r.scroll(n, e.Steps)
	case viewer.ActWindow:
		r.dragWindow(n, e.DX, e.DY)
	case viewer.ActBrush:
		r.resizeBrush(e.Steps)
		r.hover(n, e.MM)
	case viewer.ActTrack, viewer.ActPoint:
		r.goTo(e.MM, n)
	case viewer.ActHover:
		r.hover(n, e.MM)
	case viewer.ActLeave:
		r.unhover()
	case viewer.ActMaximise:
		r.maximise(n)
	case viewer.ActPaint:
		r.beginStroke(n, e.MM, e.Invert)
	case viewer.ActPaintTo:
		r.strokeTo(n, e.MM)
	case viewer.ActPaintEnd:
		r.endStroke()
	}
}

func (r *room) index(p *viewer.Pane) int {
	for n, q := range r.panes {
		if q == p {
			return n
		}
	}
	return 0
}

// activate makes a pane the one that keys go to.
func (r *room) activate(p *viewer.Pane) {
	n := r.index(p)
	c := r.app.win.Canvas()
	if c.Focused() != p {
		c.Focus(p)
	}
	if n != r.active {
		r.active = n
		r.redraw()
		r.bars.refresh()
	}
}

// scroll moves a pane by slices; the linked position moves with its plane, and
// the other panes follow to their nearest slice.
func (r *room) scroll(n, steps int) {
	sc := &r.panes[n].Scene
	if sc.Stack == nil {
		return
	}
	to := min(max(sc.Slice+steps, 0), sc.Stack.Len()-1)
	if to == sc.Slice {
		return
	}
	sc.Slice = to
	_, f, k := sc.Stack.At(to)
	off := r.cross.Sub(f.CenterMM(k)).Dot(f.Normal)
	r.link(r.cross.Sub(f.Normal.Scale(off)), n)
}

// goTo moves the linked position; pane keep keeps its slice.
func (r *room) goTo(mm volume.Vec3, keep int) { r.link(mm, keep) }

// link sets the position and brings every other pane to its nearest slice.
func (r *room) link(mm volume.Vec3, keep int) {
	r.cross = mm
	for n, p := range r.panes {
		if n != keep && p.Scene.Stack != nil {
			p.Scene.Slice, _ = p.Scene.Stack.Nearest(mm)
		}
	}
	r.bars.position()
	r.redraw()
}

// goLevel brings every pane to a disc; without a mask only the picker moves.
func (r *room) goLevel(l spine.Level) {
	r.level = l
	r.work.selectCell(r.cond, l)
	if mm, ok := r.session.LevelPoint(l); ok {
		r.link(mm, -1)
	} else {
		r.redraw()
	}
	r.bars.refresh()
}

// viewed carries pan and zoom to the panes of the same plane.
func (r *room) viewed(p *viewer.Pane) {
	from, ok := p.Lens()
	if !ok {
		return
	}
	plane := render.PlaneOf(from.Frame.Grid)
	for _, q := range r.panes {
		if to, ok := q.Lens(); ok && q != p && render.PlaneOf(to.Frame.Grid) == plane {
			q.Scene.View = render.Follow(from, to)
			q.Redraw()
		}
	}
}

// dragWindow changes the window of every pane that shows the same stack.
func (r *room) dragWindow(n int, dx, dy float64) {
	sc := &r.panes[n].Scene
	if sc.Stack == nil {
		return
	}
	w := sc.Window.Drag(dx, dy, r.levelsOf(sc.Stack).Window(render.FullRange))
	for _, p := range r.panes {
		if p.Scene.Stack == sc.Stack {
			p.Scene.Window = w
			p.Redraw()
		}
	}
}

// preset sets a named window in all panes.
func (r *room) preset(ps render.Preset) {
	for _, p := range r.panes {
		if p.Scene.Stack != nil {
			p.Scene.Window = r.levelsOf(p.Scene.Stack).Window(ps)
		}
	}
	r.app.jobs.say("Window: " + ps.String())
	r.redraw()
}

// fitAll shows whole slices again.
func (r *room) fitAll() {
	for _, p := range r.panes {
		p.Scene.View = render.Fit()
	}
	r.redraw()
}

// maximise gives one pane the whole grid, or takes it back.
func (r *room) maximise(n int) {
	if r.layout.maximised == n {
		r.layout.maximised = -1
	} else {
		r.layout.maximised = n
	}
	r.arrange()
	r.redraw()
}

// arrange shows the panes that have something to say. Those of the heat map and
// the comparison keep their places once there is an AI result or a whole study.
func (r *room) arrange() {
	images := 0
	for n := range paneHeat {
		if r.panes[n].Scene.Stack != nil {
			images++
		}
	}
	for n, p := range r.panes {
		show := p.Scene.Stack != nil
		if n >= paneHeat {
			show = images >= 3 || r.session.Analysis() != nil
		}
		if r.layout.maximised >= 0 {
			show = n == r.layout.maximised
		}
		if show {
			p.Show()
		} else {
			p.Hide()
		}
	}
	r.grid.Refresh()
}

// nextSeries changes the series of the active pane, through all of the study.
func (r *room) nextSeries(step int) {
	n := r.active
	if n == paneHeat || len(r.stacks) < 2 {
		r.app.jobs.say("There is no other series for this pane.")
		return
	}
	at := 0
	for i, st := range r.stacks {
		if st == r.panes[n].Scene.Stack {
			at = i
		}
	}
	st := r.stacks[(at+step+len(r.stacks))%len(r.stacks)]
	r.setStack(n, st, "")
	r.panes[n].Scene.Slice, _ = st.Nearest(r.cross)
	r.redraw()
}

// next makes the next pane with images active.
func (r *room) next(step int) {
	for range paneCount {
		r.active = (r.active + step + paneCount) % paneCount
		if r.panes[r.active].Scene.Stack != nil {
			break
		}
	}
	if r.layout.maximised >= 0 && r.layout.maximised != r.active {
		n := r.active
		r.maximise(r.layout.maximised)
		r.maximise(n)
	}
	r.redraw()
}

// redraw sets the marks of all panes and asks for new frames.
func (r *room) redraw() {
	for n, p := range r.panes {
		r.mark(n)
		p.Redraw()
	}
}

// mark fills a pane's marks: position, other panes' slices, names, evidence.
func (r *room) mark(n int) {
	sc := &r.panes[n].Scene
	m := &sc.Marks
	m.Active = n == r.active
	m.Crosshair, m.References, m.Points, m.Names, m.Boxes, m.Badge = nil, nil, nil, nil, nil, ""
	if n < paneHeat {
		r.markLesionHeat(sc)
	}
	if sc.Stack == nil {
		return
	}
	if r.crossOn && !r.hushed {
		at := r.cross
		m.Crosshair = &at
	}
	if r.hushed {
		return
	}
	m.Names = r.names
	if r.session.AIMask() != nil && n < paneHeat && r.session.State() != spine.Accepted {
		m.Badge = "AI"
		if r.touched {
			m.Badge = "AI + edits"
		}
	}
	m.References, m.Boxes = r.references(n), r.lesionBoxes()
	if n == paneAxial {
		m.Caption = r.axialCaption(sc)
	}
	if c := r.session.Grades()[r.cond][r.level]; c.AI.Point != nil && !r.blind {
		m.Points = []render.Mark{{MM: c.AI.Point.LPS, Color: assets.Dark().Warning}}
	}
}

// axialCaption names the disc that an axial slice passes through, if any.
func (r *room) axialCaption(sc *render.Scene) string {
	_, f, k := sc.Stack.At(sc.Slice)
	for l := range spine.Level(spine.LevelCount) {
		for _, name := range r.names {
			if name.Structure == l.Disc() && math.Abs(name.MM.Sub(f.CenterMM(k)).Dot(f.Normal)) < 4 {
				return sc.Stack.Title() + "  " + l.Title()
			}
		}
	}
	return sc.Stack.Title()
}

// references are the slices of the other panes that cross this one: the axial
// slice on sagittal panes and the sagittal slice on the axial pane.
func (r *room) references(n int) []render.Reference {
	_, f, _ := r.panes[n].Scene.Stack.At(r.panes[n].Scene.Slice)
	own := render.PlaneOf(f.Grid)
	var out []render.Reference
	seen := map[spine.Plane]bool{own: true}
	for _, o := range []int{r.active, paneAxial, paneT2, paneSTIR, paneT1} {
		sc := &r.panes[o].Scene
		if o == n || sc.Stack == nil {
			continue
		}
		_, of, _ := sc.Stack.At(sc.Slice)
		plane := render.PlaneOf(of.Grid)
		if seen[plane] {
			continue
		}
		seen[plane] = true
		ref := sc.Stack.Plane(sc.Slice)
		ref.Strong = o == r.active
		out = append(out, ref)
	}
	return out
}
