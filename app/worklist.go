package app

import (
	"context"
	"fmt"
	"image/color"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// pageSize is how many cases are asked for at once; a worklist of any length
// holds only the pages that have been looked at.
const pageSize = 100

// worklist is the first screen: all cases, newest first.
type worklist struct {
	app      *App
	root     *fyne.Container
	search   *searchEntry
	list     *widget.List
	empty    *fyne.Container
	headline *canvas.Text
	hint     *canvas.Text
	count    *canvas.Text
	learning *flat // the way to the learning; while that runs, how far it is
	pages    map[int][]review.CaseRow
	asked    map[int]bool
	total    int
	selected int
	columns  map[review.SortKey]*flat
	order    review.SortKey
	rising   bool
	serial   int // of the query: answers to older ones are dropped
}

// columns of the list with their share of the width.
func worklistColumns() (names []string, weights []float32) {
	return []string{"Patient", "Age / sex", "Study date", "Sequences", "AI", "Worst grade", "Flags", "Reader", "Changed"},
		[]float32{2.2, 0.8, 0.9, 2.2, 0.9, 0.9, 0.6, 1.2, 1.2}
}

func newWorklist(a *App) *worklist {
	p := assets.Dark()
	w := &worklist{app: a, columns: map[review.SortKey]*flat{}, order: review.ByChanged, count: text("", 12, p.Quiet), headline: text("", 18, p.Ink), hint: text("", 13, p.Quiet)}
	w.search = newSearchEntry(w)
	add := newFlat("Import…", "Ctrl+O", w.chooseImport)
	add.Strong = true
	archive := newFlat("Archive…", "Ctrl+P", w.app.showArchive)
	w.learning = newFlat("Learning…", "Ctrl+L", w.app.showLearning)
	title := text("Columna", 17, p.Ink)
	title.TextStyle.Bold = true
	top := container.New(parts{[]float32{0, 1, 0, 0, 0, 0}}, title, container.New(layout.NewHBoxLayout()), container.New(column{340}, w.search),
		container.New(column{148}, w.learning), archive, add)
	w.list = widget.NewList(func() int { return w.total }, func() fyne.CanvasObject { return newCaseLine(w) }, w.fill)
	w.list.HideSeparators = true
	w.headline.Alignment, w.hint.Alignment = fyne.TextAlignCenter, fyne.TextAlignCenter
	action := centered("Import a folder…", w.chooseImport)
	action.Strong = true
	w.empty = container.NewCenter(container.NewVBox(w.headline, w.hint, container.NewCenter(padded(action, 0, 10))))
	foot := container.New(row{24}, padded(container.New(parts{[]float32{1, 0}}, w.count, text("↑ ↓ choose   Enter open   Ctrl+F search   ? keys", 11, p.Quiet)), 16, 0))
	head := container.NewVBox(container.New(row{48}, padded(top, 16, 8)), hairline(), container.New(row{28}, padded(w.heads(), 16, 0)), hairline())
	w.root = container.NewBorder(head, container.NewVBox(hairline(), foot), nil, nil, container.NewStack(w.list, w.empty))
	return w
}

// heads are the column titles; those with an order sort by it, and turn it
// round when pressed again.
func (w *worklist) heads() fyne.CanvasObject {
	names, weights := worklistColumns()
	orders := map[int]review.SortKey{0: review.ByName, 2: review.ByDate, 5: review.ByWorst, 6: review.ByFlags, 7: review.ByState, 8: review.ByChanged}
	line := container.New(parts{weights})
	for n, name := range names {
		f := newFlat(name, "", nil)
		f.Tight, f.Ink = true, assets.Dark().Quiet
		if key, ok := orders[n]; ok {
			f.Tap = func() { w.sortBy(key) }
			w.columns[key] = f
		}
		line.Add(f)
	}
	return line
}

func (w *worklist) sortBy(key review.SortKey) {
	if w.order == key {
		w.rising = !w.rising
	} else {
		w.order, w.rising = key, key == review.ByName
	}
	for k, f := range w.columns {
		f.Hint = ""
		if k == w.order {
			f.Hint = map[bool]string{true: "▲", false: "▼"}[w.rising]
		}
		f.Refresh()
	}
	w.reload()
}

// reload asks for the first page anew, in the background.
func (w *worklist) reload() {
	w.serial++
	w.pages, w.asked = map[int][]review.CaseRow{}, map[int]bool{}
	w.load(0)
}

func (w *worklist) load(page int) {
	if w.asked[page] {
		return
	}
	w.asked[page] = true
	serial, query := w.serial, review.Filter{Text: strings.TrimSpace(w.search.Text), SortBy: w.order, Ascending: w.rising, Offset: page * pageSize, Limit: pageSize}
	go func() {
		rows, total, err := w.app.desk.Worklist(w.app.ctx, query)
		w.app.do(func() { w.loaded(serial, page, rows, total, err) })
	}()
}

func (w *worklist) loaded(serial, page int, rows []review.CaseRow, total int, err error) {
	if serial != w.serial {
		return
	}
	if err != nil {
		w.app.jobs.fail(err)
		return
	}
	w.pages[page], w.total = rows, total
	w.selected = min(w.selected, max(0, total-1))
	w.tell()
	w.list.Refresh()
}

// tell sets the count and what an empty list says.
func (w *worklist) tell() {
	words := fmt.Sprintf("%d cases", w.total)
	if w.total == 1 {
		words = "1 case"
	}
	say(w.count, words)
	w.empty.Hidden = w.total > 0
	if w.search.Text == "" {
		say(w.headline, "No studies yet")
		say(w.hint, "Drop a folder, DICOM files or a zip anywhere on this window, or import one.")
	} else {
		say(w.headline, "No case matches")
		say(w.hint, "Nothing in name, identifier or date holds “"+w.search.Text+"”.")
	}
	w.empty.Refresh()
}

// at is case number n if its page is here; else the page is asked for.
func (w *worklist) at(n int) (review.CaseRow, bool) {
	page, ok := w.pages[n/pageSize]
	if !ok {
		w.load(n / pageSize)
		return review.CaseRow{}, false
	}
	if n%pageSize >= len(page) {
		return review.CaseRow{}, false
	}
	return page[n%pageSize], true
}

func (w *worklist) fill(n widget.ListItemID, o fyne.CanvasObject) {
	r, ok := w.at(n)
	o.(*caseLine).show(n, r, ok, n == w.selected)
}

// choose moves the selection and keeps it in sight.
func (w *worklist) choose(n int) {
	if w.total == 0 {
		return
	}
	old := w.selected
	w.selected = min(max(n, 0), w.total-1)
	w.list.RefreshItem(old)
	w.list.RefreshItem(w.selected)
	w.list.ScrollTo(w.selected)
}

func (w *worklist) open() {
	if r, ok := w.at(w.selected); ok && w.total > 0 {
		w.app.openCase(r.ID)
	}
}

// key is a key of the worklist that no entry has taken.
func (w *worklist) key(k fyne.KeyName) {
	switch k {
	case fyne.KeyUp:
		w.choose(w.selected - 1)
	case fyne.KeyDown:
		w.choose(w.selected + 1)
	case fyne.KeyPageUp:
		w.choose(w.selected - 10)
	case fyne.KeyPageDown:
		w.choose(w.selected + 10)
	case fyne.KeyHome:
		w.choose(0)
	case fyne.KeyEnd:
		w.choose(w.total - 1)
	case fyne.KeyReturn, fyne.KeyEnter:
		w.open()
	}
}

func (w *worklist) chooseImport() {
	d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
		if err != nil {
			w.app.jobs.fail(err)
		} else if u != nil {
			w.app.importPaths([]string{u.Path()})
		}
	}, w.app.win)
	d.SetConfirmText("Import")
	d.Resize(fyne.NewSize(900, 620))
	d.Show()
}

// importWords say in one sentence what an import brought.
func importWords(r review.ImportResult) string {
	words, refused := fmt.Sprintf("Imported %d cases", len(r.Cases)), len(r.Refused)
	if len(r.Segmentations) == 1 && len(r.Cases) == 1 {
		return segmentationWords(r.Segmentations[0], refused)
	}
	if len(r.Cases) == 1 {
		words = "Imported 1 case"
	}
	first := ""
	if refused > 0 {
		first = fmt.Sprintf("%q: ", filepath.Base(r.Refused[0].Path)) + strings.TrimSuffix(r.Refused[0].Reason, ".")
	}
	switch {
	case len(r.Cases) == 0 && refused == 0:
		return "Nothing was imported, as no images were found there."
	case len(r.Cases) == 0 && refused == 1:
		return "Nothing was imported from " + first + "."
	case len(r.Cases) == 0:
		return fmt.Sprintf("Nothing was imported from %d files, such as %s.", refused, first)
	case refused == 1:
		return words + " without " + first + "."
	case refused > 1:
		return fmt.Sprintf("%s without %d files, such as %s.", words, refused, first)
	}
	return words + "."
}

// segmentationWords say what became of a segmentation.
func segmentationWords(s review.ImportedSegmentation, refused int) string {
	words := fmt.Sprintf("Imported %q as version %d of the mask of case %d", s.Description, s.Version, s.CaseID)
	if s.Known {
		words = fmt.Sprintf("%q is version %d of the mask of case %d already", s.Description, s.Version, s.CaseID)
	}
	if refused > 0 {
		words += fmt.Sprintf(", without %d files", refused)
	}
	if len(s.Warnings) > 0 {
		words += "; " + strings.Join(s.Warnings, "; ")
	}
	return words + "."
}

// searchEntry filters while typing; arrows and Enter go to the list.
type searchEntry struct {
	widget.Entry
	w *worklist
}

func newSearchEntry(w *worklist) *searchEntry {
	s := &searchEntry{w: w}
	s.ExtendBaseWidget(s)
	s.SetPlaceHolder("Search name, identifier, date")
	s.OnChanged = func(string) { w.reload() }
	return s
}

// TypedKey implements fyne.Focusable.
func (s *searchEntry) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyUp, fyne.KeyDown, fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyReturn, fyne.KeyEnter:
		s.w.key(e.Name)
	case fyne.KeyEscape:
		s.SetText("")
		s.w.app.win.Canvas().Unfocus()
	default:
		s.Entry.TypedKey(e)
	}
}

// caseLine is one case of the list.
type caseLine struct {
	widget.BaseWidget
	w      *worklist
	n      int
	chosen bool
	hover  bool
	back   *canvas.Rectangle
	cells  []*canvas.Text
	badge  *canvas.Rectangle
	line   *fyne.Container
}

var _ desktop.Hoverable = (*caseLine)(nil)

func newCaseLine(w *worklist) *caseLine {
	c := &caseLine{w: w, back: canvas.NewRectangle(color.Transparent)}
	names, weights := worklistColumns()
	c.line = container.New(parts{weights})
	for range names {
		t := text("", 13, assets.Dark().Ink)
		c.cells = append(c.cells, t)
		c.line.Add(t)
	}
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer implements fyne.Widget.
func (c *caseLine) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(c.back, container.New(row{34}, padded(c.line, 16, 0))))
}

// show fills the line with a case.
func (c *caseLine) show(n int, r review.CaseRow, ok, chosen bool) {
	c.n, c.chosen = n, chosen
	values := [9]string{"…"}
	if ok {
		values = caseWords(r)
	}
	p := assets.Dark()
	_, weights := worklistColumns()
	sum := float32(0)
	for _, x := range weights {
		sum += x
	}
	width := c.w.list.Size().Width - 32 - partsGap*float32(len(weights)-1)
	for i, t := range c.cells {
		t.Text, t.Color = fit(values[i], width*weights[i]/sum, t.TextSize), p.Quiet
	}
	c.cells[0].Color = p.Ink
	if ok && r.WorstGrade >= spine.NormalMild {
		c.cells[5].Color = gradeInk(r.WorstGrade)
	}
	if ok && r.Flags > 0 {
		c.cells[6].Color = p.Warning
	}
	c.paint()
	c.Refresh()
}

func (c *caseLine) paint() {
	p := assets.Dark()
	c.back.FillColor = color.Transparent
	if c.hover {
		c.back.FillColor = p.Raised
	}
	if c.chosen {
		c.back.FillColor = p.Hover
	}
	c.back.Refresh()
}

// Tapped opens the case.
func (c *caseLine) Tapped(*fyne.PointEvent) {
	c.w.choose(c.n)
	c.w.open()
}

// MouseIn implements desktop.Hoverable.
func (c *caseLine) MouseIn(*desktop.MouseEvent) { c.hover = true; c.paint() }

// MouseMoved implements desktop.Hoverable.
func (c *caseLine) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *caseLine) MouseOut() { c.hover = false; c.paint() }

// caseWords are the columns of a case.
func caseWords(r review.CaseRow) [9]string {
	name := render.PersonName(r.PatientName)
	if name == "" {
		name = r.PatientID
	} else if r.PatientID != "" && r.PatientID != name {
		name += "   " + r.PatientID
	}
	flags := ""
	if r.Flags > 0 {
		flags = fmt.Sprintf("! %d", r.Flags)
	}
	age := render.AgeSex(r.Age, r.Sex)
	changed := ""
	if !r.Changed.IsZero() {
		changed = r.Changed.Local().Format("2006-01-02 15:04")
	}
	return [9]string{name, age, render.Date(r.Date), strings.Join(r.Sequences, ", "), aiWord(r.AIState), gradeWord(r.WorstGrade), flags, stateWord(r.State), changed}
}

func aiWord(s string) string {
	if s == review.AINone {
		return "–"
	}
	return s
}

func gradeWord(g spine.Grade) string {
	switch g {
	case spine.NormalMild:
		return "N  normal / mild"
	case spine.Moderate:
		return "M  moderate"
	case spine.Severe:
		return "S  severe"
	case spine.NotGradable:
		return "–  not gradable"
	}
	return ""
}

// gradeInk is a grade's colour for words on the dark surface.
func gradeInk(g spine.Grade) color.Color {
	face, ink := assets.Severity(int(g))
	switch g {
	case spine.NormalMild:
		return ink
	case spine.Severe:
		return render.Lighten(face)
	}
	return face
}

func stateWord(s spine.ReaderState) string {
	w := strings.ReplaceAll(string(s), "_", " ")
	if w == "" {
		return string(spine.Unread)
	}
	return w
}

// fit cuts words to a width with an ellipsis.
func fit(s string, width, size float32) string {
	measure := func(t string) float32 { return fyne.MeasureText(t, size, fyne.TextStyle{}).Width }
	if measure(s) <= width {
		return s
	}
	rs := []rune(s)
	for len(rs) > 0 && measure(string(rs)+"…") > width {
		rs = rs[:len(rs)-1]
	}
	return string(rs) + "…"
}

// background runs work without the bar, such as a heat map that may be thrown
// away when the reader has gone on.
func (a *App) background(ctx context.Context, work func(context.Context) (func(), error)) {
	go func() {
		then, err := work(ctx)
		a.do(func() {
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				a.jobs.fail(err)
			} else if then != nil {
				then()
			}
		})
	}()
}
