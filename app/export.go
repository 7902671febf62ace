package app

import (
	"fmt"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/widget"
)

// chooseExport shows what of the case can leave, under the button.
func (b *bars) chooseExport() {
	seg := fyne.NewMenuItem("Mask as DICOM segmentation (SEG)…", func() { b.room.chooseFolder("Export", b.room.exportSegmentation) })
	send := fyne.NewMenuItem("Send the mask to an archive…", b.room.chooseSend)
	seg.Disabled = b.room.session.Mask() == nil
	send.Disabled = seg.Disabled
	c := b.room.app.win.Canvas()
	pos := fyne.CurrentApp().Driver().AbsolutePositionForObject(b.export)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", seg, send), c, pos.AddXY(0, b.export.Size().Height))
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

// exportSegmentation writes the mask as it stands, in place of no other file.
func (r *room) exportSegmentation(dir string) {
	name := freeName(filepath.Join(dir, fmt.Sprintf("case-%d", r.session.CaseID())), ".seg.dcm")
	notes, err := r.session.WriteSegmentation(r.app.ctx, name)
	if err == nil {
		err = r.app.desk.Record(r.app.ctx, r.session.CaseID(), "export", name)
	}
	if err != nil {
		r.app.jobs.fail(fmt.Errorf("the segmentation was not written: %w", err))
		return
	}
	words := "Wrote " + name
	for _, n := range notes {
		words += "; " + n
	}
	r.app.jobs.say(words + ".")
}

// freeName is a name that no file has yet.
func freeName(base, ending string) string {
	name := base + ending
	for n := 2; ; n++ {
		if _, err := os.Stat(name); err != nil {
			return name
		}
		name = fmt.Sprintf("%s-%d%s", base, n, ending)
	}
}
