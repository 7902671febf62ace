package app

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
)

// exportChoice is a format that a case can leave in.
type exportChoice struct{ format, words string }

func exportChoices() []exportChoice {
	return []exportChoice{
		{"seg", "Mask: DICOM segmentation (SEG)"},
		{"nifti", "Mask: NIfTI"},
		{"mha", "Mask: MetaImage"},
		{"sr", "Reading: DICOM structured report (SR)"},
		{"pdf", "Reading: PDF report with the key images, or those in sight"},
		{"csv", "Reading: table of the 25 cells (CSV)"},
		{rsnaTables, "Reading: tables of the RSNA 2024 challenge"},
		{"key", "Key images: DICOM captures and their selection (SC, KO)"},
	}
}

// choices are boxes for some formats, of which those of last are ticked. What the case
// has nothing for cannot be.
func (r *room) choices(formats []string, last string) map[string]*widget.Check {
	out := map[string]*widget.Check{}
	for _, c := range exportChoices() {
		if !slices.Contains(formats, c.format) {
			continue
		}
		check := widget.NewCheck(c.words, nil)
		check.Checked = slices.Contains(strings.Split(last, ","), c.format)
		if !r.has(c.format) {
			check.Checked = false
			check.Disable()
		}
		out[c.format] = check
	}
	return out
}

// has reports whether the case has something for a format.
func (r *room) has(format string) bool {
	switch format {
	case "key":
		all, err := r.session.KeyImages(r.app.ctx)
		return err == nil && len(all) > 0
	case "seg", "nifti", "mha":
		return r.session.Mask() != nil
	}
	return r.session.Mask() != nil || r.session.Analysis() != nil
}

// boxes lay choices under each other.
func boxes(checks map[string]*widget.Check) *fyne.Container {
	box := container.NewVBox()
	for _, c := range exportChoices() {
		if checks[c.format] != nil {
			box.Add(container.New(row{30}, checks[c.format]))
		}
	}
	return box
}

// ticked are the formats whose boxes are ticked, in the order that they leave in.
func ticked(checks map[string]*widget.Check) (out []string) {
	for _, c := range exportChoices() {
		if check := checks[c.format]; check != nil && check.Checked {
			out = append(out, c.format)
		}
	}
	review.SortFormats(out)
	return out
}

// leaveOut is the box that has the patient's identity left out.
func leaveOut(on bool) *widget.Check {
	c := widget.NewCheck("Leave out who the patient is", nil)
	c.Checked = on
	return c
}

// rsnaTables is the one format that is a folder of tables.
const rsnaTables = "rsna"

// exportForm asks what of the case shall leave, where to, and whether without the
// patient's identity. What was chosen last is offered again.
type exportForm struct {
	room   *room
	checks map[string]*widget.Check
	folder *widget.Entry
	hide   *widget.Check
	says   *widget.Label
	sheet  dialog.Dialog
}

// chooseExport shows what of the case can leave, under the button.
func (b *bars) chooseExport() {
	export := fyne.NewMenuItem("Export files…", func() { newExportForm(b.room).show() })
	send := fyne.NewMenuItem("Send to an archive…", b.room.chooseSend)
	c := b.room.app.win.Canvas()
	pos := fyne.CurrentApp().Driver().AbsolutePositionForObject(b.export)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", export, send), c, pos.AddXY(0, b.export.Size().Height))
}

func newExportForm(r *room) *exportForm {
	p := r.app.prefs.p
	f := &exportForm{room: r, folder: widget.NewEntry(), says: paragraph(""), hide: leaveOut(p.Bool("export.deid")),
		checks: r.choices(append(review.Formats(), rsnaTables), p.StringWithFallback("export.formats", "seg,sr,key,pdf"))}
	f.folder.SetText(p.String("export.folder"))
	f.folder.SetPlaceHolder("folder that the files go into")
	return f
}

func (f *exportForm) show() {
	f.sheet = dialog.NewCustomWithoutButtons(fmt.Sprintf("Export case %d", f.room.session.CaseID()), f.body(), f.room.app.win)
	f.sheet.SetOnClosed(f.room.focusActive)
	f.sheet.Resize(fyne.NewSize(560, 0))
	f.sheet.Show()
}

func (f *exportForm) body() fyne.CanvasObject {
	if f.room.session.Mask() == nil && f.room.session.Analysis() == nil {
		f.tell("Nothing has been analysed or drawn in this case yet.", false)
	}
	browse := newFlat("Choose…", "", func() { f.room.chooseFolder("Export", f.folder.SetText) })
	where := container.New(parts{[]float32{0, 1, 0}}, container.New(column{60}, padded(text("Folder", 13, assets.Dark().Quiet), 0, 8)), f.folder, browse)
	done := newFlat("Export", "", f.export)
	done.Strong = true
	buttons := container.NewHBox(layout.NewSpacer(), newFlat("Cancel", "", func() { f.sheet.Hide() }), done)
	return container.NewVBox(boxes(f.checks), gapV(2), hairline(), gapV(4), where, gapV(2), container.New(row{30}, f.hide), container.New(row{44}, f.says), buttons)
}

// tell shows a sentence in the form.
func (f *exportForm) tell(words string, good bool) {
	f.says.Importance = widget.WarningImportance
	if good {
		f.says.Importance = widget.MediumImportance
	}
	f.says.SetText(words)
}

// export checks the form, remembers it and begins.
func (f *exportForm) export() {
	dir, formats := strings.TrimSpace(f.folder.Text), ticked(f.checks)
	info, err := os.Stat(dir)
	switch {
	case len(formats) == 0:
		f.tell("Tick what shall be exported.", false)
	case dir == "":
		f.tell("Choose the folder that the files go into.", false)
	case err != nil || !info.IsDir():
		f.tell(fmt.Sprintf("There is no folder %s: choose another.", dir), false)
	default:
		p := f.room.app.prefs.p
		p.SetString("export.formats", strings.Join(formats, ","))
		p.SetString("export.folder", dir)
		p.SetBool("export.deid", f.hide.Checked)
		f.sheet.Hide()
		f.room.export(dir, formats, f.hide.Checked)
	}
}

// export writes a case in some formats, in place of no other file, and says in one
// sentence what came of it. It stays on the window's goroutine, as the mask must not
// change meanwhile.
func (r *room) export(dir string, formats []string, hide bool) {
	names, notes, err := r.exported(dir, formats, hide)
	words := fmt.Sprintf("Exported %d files to %s", len(names), dir)
	switch {
	case err != nil && len(names) > 0:
		r.app.jobs.fail(fmt.Errorf("only %d files were exported to %s: %w", len(names), dir, err))
		return
	case err != nil:
		r.app.jobs.fail(fmt.Errorf("nothing was exported: %w", err))
		return
	case len(names) == 1:
		words = "Exported " + names[0]
	}
	for _, n := range notes {
		words += "; " + n
	}
	r.app.jobs.say(words + ".")
}

func (r *room) exported(dir string, formats []string, hide bool) (names, notes []string, err error) {
	profile, err := r.identity(hide)
	if err != nil {
		return nil, nil, err
	}
	leaving := r.session.Leave(profile)
	base := freeBase(filepath.Join(dir, fmt.Sprintf("case-%d", r.session.CaseID())))
	for _, format := range formats {
		var more []string
		if format == rsnaTables {
			more, err = r.exportTables(base+".rsna", profile)
		} else {
			more, err = r.exportOne(leaving, format, base)
		}
		if names = append(names, more...); err != nil {
			return names, nil, err
		}
	}
	return names, leaving.Notes, nil
}

// identity is the profile to leave by, nil where the patient may be told.
func (r *room) identity(hide bool) (*review.Identity, error) {
	if !hide {
		return nil, nil
	}
	return r.app.desk.Identity()
}

// exportTables writes the challenge's tables into a folder of their own.
func (r *room) exportTables(dir string, p *review.Identity) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return r.app.desk.WriteRSNA(r.app.ctx, []int64{r.session.CaseID()}, dir, p)
}

// exportOne writes one format and notes it in the case's history.
func (r *room) exportOne(l *review.Leaving, format, base string) ([]string, error) {
	names, err := l.Write(r.app.ctx, format, base, r.pictures(format))
	if err != nil {
		return nil, err
	}
	return names, r.app.desk.Record(r.app.ctx, r.session.CaseID(), "export", strings.Join(names, ", "))
}

// pictures are the images in sight, for a report. They say nothing of the patient.
func (r *room) pictures(format string) (out []image.Image) {
	if format != "pdf" {
		return nil
	}
	for n := range r.panes {
		if sc := r.panes[n].Scene; sc.Stack != nil && n != paneCompare {
			out = append(out, sc.Picture(r.app.typ, 720, 720))
		}
	}
	return out
}

// chooseFolder asks for a folder and hands it on.
func (r *room) chooseFolder(confirm string, then func(dir string)) {
	d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
		if err != nil {
			r.app.jobs.fail(err)
		} else if u != nil {
			then(u.Path())
		}
		r.focusActive()
	}, r.app.win)
	d.SetConfirmText(confirm)
	d.Resize(fyne.NewSize(900, 620))
	d.Show()
}

// freeBase is a beginning of names that no file has yet.
func freeBase(base string) string {
	free := base
	for n := 2; ; n++ {
		if taken, err := filepath.Glob(free + ".*"); err == nil && len(taken) == 0 {
			return free
		}
		free = fmt.Sprintf("%s-%d", base, n)
	}
}
