package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
)

// archiveScreen searches an archive that the user has named and imports from it.
// Nothing is asked before the user presses Search.
type archiveScreen struct {
	app      *App
	root     *fyne.Container
	picker   *flat
	change   *flat
	start    *flat
	fields   [4]*archiveEntry // name, identifier, date, modality
	list     *widget.List
	empty    *fyne.Container
	headline *canvas.Text
	hint     *canvas.Text
	action   *flat
	count    *canvas.Text

	archives []review.Archive
	name     string // of the chosen archive, "" for none
	found    []review.ArchiveStudy
	more     bool
	searched bool
	selected int
}

// The search fields.
const (
	fieldName = iota
	fieldID
	fieldDate
	fieldModality
)

// archiveColumns of the list with their share of the width.
func archiveColumns() (names []string, weights []float32) {
	return []string{"Patient", "Identifier", "Study date", "Description", "Modalities", "Series", "Images"},
		[]float32{2, 1.2, 0.9, 2.4, 0.9, 0.6, 0.6}
}

func newArchiveScreen(a *App) *archiveScreen {
	p := assets.Dark()
	s := &archiveScreen{app: a, name: a.prefs.archive(), count: text("", 12, p.Quiet), headline: text("", 18, p.Ink), hint: text("", 13, p.Quiet)}
	s.headline.Alignment, s.hint.Alignment = fyne.TextAlignCenter, fyne.TextAlignCenter
	s.list = widget.NewList(func() int { return len(s.found) }, func() fyne.CanvasObject { return newStudyLine(s) },
		func(n widget.ListItemID, o fyne.CanvasObject) { o.(*studyLine).show(n) })
	s.list.HideSeparators = true
	s.action = centered("Add an archive…", func() { a.editArchive(review.Archive{}) })
	s.action.Strong = true
	s.empty = container.NewCenter(container.NewVBox(s.headline, s.hint, container.NewCenter(padded(s.action, 0, 10))))
	head := container.NewVBox(container.New(row{48}, padded(s.bar(), 8, 8)), hairline(), container.New(row{48}, padded(s.form(), 16, 8)),
		hairline(), container.New(row{28}, padded(archiveHeads(), 16, 0)), hairline())
	keys := text("↑ ↓ choose   Enter import   Esc worklist", 11, p.Quiet)
	foot := container.New(row{24}, padded(container.New(parts{[]float32{1, 0}}, s.count, keys), 16, 0))
	s.root = container.NewBorder(head, container.NewVBox(hairline(), foot), nil, nil, container.NewStack(s.list, s.empty))
	return s
}

// bar is the way back, the archives and what can be done with them.
func (s *archiveScreen) bar() fyne.CanvasObject {
	back := newFlat("‹ Worklist", "", s.app.showWorklist)
	title := text("Archive", 15, assets.Dark().Ink)
	title.TextStyle.Bold = true
	s.picker = newFlat("", "▾", s.choosePicker)
	face := canvas.NewRectangle(assets.Dark().Raised)
	face.CornerRadius = 3
	s.change = newFlat("Edit…", "", func() {
		if a, ok := s.archive(); ok {
			s.app.editArchive(a)
		}
	})
	add := newFlat("Add…", "", func() { s.app.editArchive(review.Archive{}) })
	return container.New(parts{[]float32{0, 0, 0, 1, 0, 0}}, back, title, container.New(column{220}, container.NewStack(face, s.picker)), container.NewWithoutLayout(), s.change, add)
}

// form is the line of search fields.
func (s *archiveScreen) form() fyne.CanvasObject {
	for n, hint := range []string{"Name begins with", "Patient identifier", "Date: 2024-03-12, 2024-03 or 2024..2025", "Modality"} {
		s.fields[n] = newArchiveEntry(s, hint)
	}
	s.fields[fieldModality].SetText("MR")
	s.start = newFlat("Search", "Enter", s.search)
	return container.New(parts{[]float32{2, 1.4, 2, 0.7, 0}}, s.fields[0], s.fields[1], s.fields[2], s.fields[3], s.start)
}

func archiveHeads() fyne.CanvasObject {
	names, weights := archiveColumns()
	line := container.New(parts{weights})
	for _, name := range names {
		line.Add(text(name, 11, assets.Dark().Quiet))
	}
	return line
}

// showArchive brings the screen up and reads the named archives again.
func (a *App) showArchive() {
	a.leaveRoom()
	a.win.SetTitle("Columna · Archive")
	a.jobs.say("")
	if a.archive == nil {
		a.archive = newArchiveScreen(a)
	}
	a.inArchive, a.inLearning = true, false
	a.show(a.archive.root)
	a.win.Canvas().Focus(a.archive.fields[fieldName])
	a.archive.reload(a.archive.name)
}

// reload reads the archives and chooses the one of that name, else the first.
func (s *archiveScreen) reload(name string) {
	s.app.background(s.app.ctx, func(ctx context.Context) (func(), error) {
		all, err := s.app.desk.Archives(ctx)
		return func() {
			s.archives = all
			if _, ok := s.find(name); !ok {
				name = ""
			}
			if name == "" && len(all) > 0 {
				name = all[0].Name
			}
			s.choose(name)
		}, err
	})
}

func (s *archiveScreen) find(name string) (review.Archive, bool) {
	for _, a := range s.archives {
		if a.Name == name {
			return a, true
		}
	}
	return review.Archive{}, false
}

// archive is the chosen one.
func (s *archiveScreen) archive() (review.Archive, bool) { return s.find(s.name) }

// choose takes an archive; what another one had is no longer shown.
func (s *archiveScreen) choose(name string) {
	if name != s.name {
		s.found, s.searched, s.more = nil, false, false
	}
	s.name = name
	s.app.prefs.keepArchive(name)
	s.tell()
}

func (s *archiveScreen) choosePicker() {
	var items []*fyne.MenuItem
	for _, a := range s.archives {
		item := fyne.NewMenuItem(a.Name+"   "+a.URL, func() { s.choose(a.Name) })
		item.Checked = a.Name == s.name
		items = append(items, item)
	}
	if len(items) == 0 {
		s.app.editArchive(review.Archive{})
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(s.picker)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), s.app.win.Canvas(), at.AddXY(0, s.picker.Size().Height))
}

// tell brings words and list in line with what is known.
func (s *archiveScreen) tell() {
	chosen, ok := s.archive()
	s.change.Off, s.picker.Text = !ok, "no archive"
	if ok {
		s.picker.Text = chosen.Name
	}
	s.start.Strong, s.start.Off = ok, !ok
	s.change.Refresh()
	s.start.Refresh()
	s.picker.Refresh()
	words := ""
	if s.searched {
		words = fmt.Sprintf("%d studies", len(s.found))
		if len(s.found) == 1 {
			words = "1 study"
		}
		if s.more {
			words += "; there are more: narrow the search"
		}
	}
	say(s.count, words)
	s.selected = min(s.selected, max(0, len(s.found)-1))
	s.empty.Hidden = len(s.found) > 0
	s.tellEmpty(ok)
	s.list.Refresh()
}

// tellEmpty says what to do while there is nothing to list.
func (s *archiveScreen) tellEmpty(named bool) {
	s.action.Hidden = named
	switch {
	case !named:
		say(s.headline, "No archive named yet")
		say(s.hint, "Add your PACS by the address of its DICOMweb service. Columna opens no connection before you search.")
	case !s.searched:
		say(s.headline, "Search "+s.name)
		say(s.hint, "Fill in what you know and press Enter. Empty fields match everything.")
	default:
		say(s.headline, "No study matches")
		say(s.hint, "Try the patient's identifier: not every archive finds names beyond plain letters, or in other case.")
	}
	s.empty.Refresh()
}

// query is what the fields ask for.
func (s *archiveScreen) query() review.ArchiveQuery {
	of := func(n int) string { return strings.TrimSpace(s.fields[n].Text) }
	return review.ArchiveQuery{PatientName: of(fieldName), PatientID: of(fieldID), Date: of(fieldDate), Modality: of(fieldModality), Limit: 200}
}

// search asks the chosen archive.
func (s *archiveScreen) search() {
	if _, ok := s.archive(); !ok {
		s.app.editArchive(review.Archive{})
		return
	}
	name, q := s.name, s.query()
	s.app.jobs.start("Searching "+name, func(ctx context.Context, _ review.Progress) (func(), error) {
		found, more, err := s.app.desk.FindStudies(ctx, name, q)
		if errors.Is(err, review.ErrUnauthorised) {
			return func() { s.app.signIn(name, err, s.search) }, nil
		}
		return func() { s.show(name, found, more) }, err
	})
}

// show lists what was found; Enter then imports.
func (s *archiveScreen) show(name string, found []review.ArchiveStudy, more bool) {
	if name != s.name {
		return
	}
	s.found, s.more, s.searched, s.selected = found, more, true, 0
	s.tell()
	s.list.ScrollToTop()
	if len(found) > 0 {
		s.app.win.Canvas().Unfocus()
	}
}

// move changes the selection and keeps it in sight.
func (s *archiveScreen) move(to int) {
	if len(s.found) == 0 {
		return
	}
	old := s.selected
	s.selected = min(max(to, 0), len(s.found)-1)
	s.list.RefreshItem(old)
	s.list.RefreshItem(s.selected)
	s.list.ScrollTo(s.selected)
}

// take imports the selected study.
func (s *archiveScreen) take() {
	if s.selected < len(s.found) {
		s.app.importPaths([]string{review.StudyReference(s.name, s.found[s.selected].UID)})
	}
}

// key is a key that no entry has taken.
func (s *archiveScreen) key(k fyne.KeyName) {
	switch k {
	case fyne.KeyUp:
		s.move(s.selected - 1)
	case fyne.KeyDown:
		s.move(s.selected + 1)
	case fyne.KeyPageUp:
		s.move(s.selected - 10)
	case fyne.KeyPageDown:
		s.move(s.selected + 10)
	case fyne.KeyHome:
		s.move(0)
	case fyne.KeyEnd:
		s.move(len(s.found) - 1)
	case fyne.KeyReturn, fyne.KeyEnter:
		s.take()
	case fyne.KeyEscape:
		s.escape()
	}
}

// escape stops what runs, else goes back.
func (s *archiveScreen) escape() {
	if s.app.jobs.busy() {
		s.app.jobs.cancelAll()
		return
	}
	s.app.showWorklist()
}

// archiveEntry is a search field: Enter searches, arrows go to the list.
type archiveEntry struct {
	widget.Entry
	s *archiveScreen
}

func newArchiveEntry(s *archiveScreen, hint string) *archiveEntry {
	e := &archiveEntry{s: s}
	e.ExtendBaseWidget(e)
	e.SetPlaceHolder(hint)
	return e
}

// TypedKey implements fyne.Focusable.
func (e *archiveEntry) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.s.search()
	case fyne.KeyUp, fyne.KeyDown, fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyEscape:
		e.s.key(k.Name)
	default:
		e.Entry.TypedKey(k)
	}
}
