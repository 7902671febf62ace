package app

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
	"columna/spine"
)

// panels are the tabs under the worksheet: structures, flags, lesions, key images, study.
type panels struct {
	room    *room
	root    *fyne.Container
	tabs    [5]*flat
	pages   [5]fyne.CanvasObject
	shown   int
	shows   *flat
	contour *flat
	heat    *flat
	opacity *widget.Slider
	percent *canvas.Text
	lines   []*structureLine
	flags   *fyne.Container
	lesions *fyne.Container
	keys    *fyne.Container
	taken   []review.KeyImage // key images that were removed while the case is open
	about   *fyne.Container
}

// The tabs.
const (
	tabStructures = iota
	tabFlags
	tabLesions
	tabKeys
	tabStudy
)

func (p *panels) build(r *room) {
	p.room = r
	names := []string{"Structures", "Flags", "Lesions", "Images", "Study"}
	bar := container.New(parts{[]float32{1.35, 0.75, 1, 1, 0.75}})
	for n, name := range names {
		p.tabs[n] = centered(name, func() { p.show(n) })
		bar.Add(p.tabs[n])
	}
	p.flags, p.lesions, p.keys, p.about = container.NewVBox(), container.NewVBox(), container.NewVBox(), container.NewVBox()
	p.pages = [5]fyne.CanvasObject{p.structures(), container.NewVScroll(p.flags), container.NewVScroll(p.lesions), container.NewVScroll(p.keys), container.NewVScroll(p.about)}
	p.refreshKeys()
	p.root = container.NewBorder(container.NewVBox(gapV(2), container.New(row{28}, bar), gapV(2)), nil, nil, nil, container.NewStack(p.pages[:]...))
	p.show(tabStructures)
}

// show brings a tab to the front.
func (p *panels) show(n int) {
	p.shown = n
	for i, page := range p.pages {
		p.tabs[i].set(i == n)
		if i == n {
			page.Show()
		} else {
			page.Hide()
		}
	}
}

// structures is the overlay's settings and the list of labels.
func (p *panels) structures() fyne.CanvasObject {
	r := p.room
	p.shows = centered("Masks  S", func() { r.setOverlay(r.overlay.Off); r.focusActive() })
	p.contour = centered("Contour", func() { r.setContour(!r.overlay.Contour); r.focusActive() })
	p.heat = centered(r.explained.title()+"  H", func() { r.nextHeat(); r.focusActive() })
	p.opacity = widget.NewSlider(0, 1)
	p.opacity.Step = 0.05
	p.opacity.Value = r.overlay.Opacity
	p.opacity.OnChanged = func(v float64) {
		if v != r.overlay.Opacity {
			r.setOpacity(v)
		}
	}
	p.opacity.OnChangeEnded = func(float64) { r.focusActive() }
	p.percent = text("", 11, assets.Dark().Quiet)
	p.percent.Alignment = fyne.TextAlignTrailing
	slide := container.New(parts{[]float32{0, 1, 0}}, text("Opacity", 12, assets.Dark().Quiet), p.opacity, container.New(column{38}, p.percent))
	head := container.NewVBox(container.New(row{28}, container.New(parts{[]float32{1, 1, 1}}, p.shows, p.contour, p.heat)), container.New(row{28}, slide), gapV(2))
	list := container.NewVBox()
	for _, info := range spine.Structures() {
		line := newStructureLine(r, info)
		p.lines = append(p.lines, line)
		list.Add(container.New(row{24}, line.root))
	}
	return container.NewBorder(head, nil, nil, nil, container.NewVScroll(list))
}

// refresh brings all tabs in line with the session.
func (p *panels) refresh() {
	p.refreshOverlay()
	present := map[spine.Structure]bool{}
	if m := p.room.session.Mask(); m != nil {
		var seen [256]bool
		for _, l := range m.Data {
			seen[l] = true
		}
		for l, ok := range seen {
			present[spine.Structure(l)] = ok
		}
	}
	for _, l := range p.lines {
		l.refresh(p.room, present[l.info.Structure])
		l.refreshSure(p.room.session.Analysis())
	}
	p.refreshFlags()
	p.refreshLesions()
	p.refreshAbout()
}

// refreshOverlay shows how the masks are drawn.
func (p *panels) refreshOverlay() {
	o := p.room.overlay
	p.shows.set(!o.Off)
	p.contour.set(o.Contour)
	p.heat.say(p.room.explained.title() + "  H")
	p.heat.set(p.room.explained != unexplained)
	if p.opacity.Value != o.Opacity {
		p.opacity.SetValue(o.Opacity)
	}
	say(p.percent, fmt.Sprintf("%.0f %%", 100*o.Opacity))
	for _, l := range p.lines {
		l.eye.set(o.Visible(l.info.Structure))
	}
}

// refreshFlags lists what to look at before trusting a result.
func (p *panels) refreshFlags() {
	p.flags.RemoveAll()
	a := p.room.session.Analysis()
	if a == nil {
		p.flags.Add(paragraph("No AI result yet, so nothing has been checked."))
	} else if len(a.Flags) == 0 {
		p.flags.Add(paragraph("Nothing was flagged. That is no proof that all is well."))
	}
	if a != nil {
		for n, f := range a.Flags {
			p.flags.Add(p.flagLine(n, f))
		}
	}
	p.flags.Refresh()
}

func (p *panels) flagLine(n int, f spine.Flag) fyne.CanvasObject {
	head := newFlat(fmt.Sprintf("! %s", f.Kind), "", func() { p.room.goFlag(n) })
	head.Ink = assets.Dark().Warning
	if f.LPS != nil {
		head.Hint = "go there"
	}
	head.On = n == p.room.flag
	return container.NewVBox(head, paragraph(f.Text))
}

func paragraph(s string) *widget.Label {
	l := widget.NewLabel(s)
	l.Wrapping = fyne.TextWrapWord
	return l
}

// refreshAbout lists the series and the models behind the result.
func (p *panels) refreshAbout() {
	p.about.RemoveAll()
	st := p.room.session.Study()
	for n := range st.Series {
		if s := &st.Series[n]; s.Volume != nil {
			p.aboutSeries(s)
		}
	}
	if a := p.room.session.Analysis(); a != nil {
		var b strings.Builder
		for _, m := range a.Models {
			fmt.Fprintf(&b, "model %s %s, not validated for clinical use\n", m.Name, shortHash(m.SHA256))
		}
		p.about.Add(paragraph(strings.TrimSpace(b.String())))
	}
	p.about.Refresh()
}

// goFlag shows flag n: its place and its words.
func (r *room) goFlag(n int) {
	a := r.session.Analysis()
	if a == nil || len(a.Flags) == 0 {
		r.app.jobs.say("There are no flags.")
		return
	}
	r.flag = (n + len(a.Flags)) % len(a.Flags)
	f := a.Flags[r.flag]
	r.app.jobs.say(fmt.Sprintf("Flag %d of %d: %s", r.flag+1, len(a.Flags), f.Text))
	r.panel.show(tabFlags)
	r.panel.refreshFlags()
	if f.LPS != nil {
		r.link(*f.LPS, -1)
	}
	r.focusActive()
}

// structureLine is one label: its colour and name, how sure the AI was, and an eye.
type structureLine struct {
	info spine.StructureInfo
	pick *flat
	sure *canvas.Text
	eye  *flat
	root *fyne.Container
}

func newStructureLine(r *room, info spine.StructureInfo) *structureLine {
	l := &structureLine{info: info}
	l.pick = newFlat(strings.ToUpper(info.Name[:1])+info.Name[1:], labelKey(info.Structure), func() { r.pick(info.Structure); r.focusActive() })
	l.pick.Swatch = info.Color
	l.sure = text("", 11, assets.Dark().Quiet)
	l.sure.Alignment = fyne.TextAlignTrailing
	l.eye = centered("shown", func() {
		r.overlay.SetVisible(info.Structure, !r.overlay.Visible(info.Structure))
		r.panel.refreshOverlay()
		r.redraw()
		r.focusActive()
	})
	l.root = container.New(parts{[]float32{1, 0, 0}}, l.pick, container.New(column{40}, l.sure), container.New(column{58}, l.eye))
	return l
}

// refresh marks the label in use and whether the mask holds it.
func (l *structureLine) refresh(r *room, present bool) {
	l.pick.On = r.mode == editing && r.label == l.info.Structure
	l.pick.Ink = nil
	if !present {
		l.pick.Ink = assets.Dark().Faint
	}
	l.eye.Text, l.eye.Ink = "shown", assets.Dark().Quiet
	if !r.overlay.Visible(l.info.Structure) {
		l.eye.Text, l.eye.Ink = "hidden", assets.Dark().Faint
	}
	l.eye.On = false
	l.pick.Refresh()
	l.eye.Refresh()
}

// refreshSure says how sure the AI was of the structure in its own mask, whatever the
// reader has drawn since; little confidence has a mark besides its colour.
func (l *structureLine) refreshSure(a *spine.Analysis) {
	words, ink := "", assets.Dark().Quiet
	if a != nil {
		if sure, ok := a.Confidence[l.info.Structure]; ok {
			words = fmt.Sprintf("%.0f %%", 100*sure)
			if sure < spine.LowConfidence {
				words, ink = "! "+words, assets.Dark().Warning
			}
		}
	}
	l.sure.Color = ink
	say(l.sure, words)
}
