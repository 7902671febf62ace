package app

import (
	"context"
	"errors"
	"fmt"
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

// sendForm asks which archive gets what of the case, and whether without the patient's
// identity. What was chosen last is offered again.
type sendForm struct {
	room   *room
	checks map[string]*widget.Check
	to     *widget.Select
	hide   *widget.Check
	says   *widget.Label
	sheet  dialog.Dialog
}

// chooseSend opens the form. Nothing leaves before the reader has said so.
func (r *room) chooseSend() {
	if !slices.ContainsFunc(review.SendFormats(), r.has) {
		r.app.jobs.say("There is nothing to send yet: analyse the case or keep a key image first.")
		return
	}
	all, err := r.app.desk.Archives(r.app.ctx)
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	if len(all) == 0 {
		r.app.jobs.say("No archive is named yet: Ctrl + P on the worklist adds one.")
		return
	}
	newSendForm(r, all).show()
}

func newSendForm(r *room, all []review.Archive) *sendForm {
	var names []string
	for _, a := range all {
		names = append(names, a.Name)
	}
	p := r.app.prefs.p
	f := &sendForm{room: r, says: paragraph(""), to: widget.NewSelect(names, nil), hide: leaveOut(p.Bool("send.deid")),
		checks: r.choices(review.SendFormats(), p.StringWithFallback("send.formats", "seg,sr,key"))}
	f.to.SetSelected(names[0])
	if last := r.app.prefs.archive(); last != "" {
		f.to.SetSelected(last) // no change where there is no such archive
	}
	return f
}

func (f *sendForm) show() {
	f.sheet = dialog.NewCustomWithoutButtons(fmt.Sprintf("Send case %d to an archive", f.room.session.CaseID()), f.body(), f.room.app.win)
	f.sheet.SetOnClosed(f.room.focusActive)
	f.sheet.Resize(fyne.NewSize(560, 0))
	f.sheet.Show()
}

func (f *sendForm) body() fyne.CanvasObject {
	where := container.New(parts{[]float32{0, 1}}, container.New(column{60}, padded(text("Archive", 13, assets.Dark().Quiet), 0, 8)), f.to)
	done := newFlat("Send", "", f.send)
	done.Strong = true
	buttons := container.NewHBox(layout.NewSpacer(), newFlat("Cancel", "", func() { f.sheet.Hide() }), done)
	f.hide.OnChanged = f.tell
	f.tell(f.hide.Checked)
	return container.NewVBox(boxes(f.checks), gapV(2), hairline(), gapV(4), where, gapV(2), container.New(row{30}, f.hide), container.New(row{44}, f.says), buttons)
}

// tell says what the objects will be in the archive.
func (f *sendForm) tell(nameless bool) {
	f.says.Importance = widget.MediumImportance
	words := "They join this study in the archive, as the case stands now. What is the AI's is marked AI."
	if nameless {
		words = "They are a study of nobody in the archive, with UIDs as columna deid gives them."
	}
	f.says.SetText(words)
}

// send checks the form, remembers it and begins.
func (f *sendForm) send() {
	formats := ticked(f.checks)
	if len(formats) == 0 {
		f.says.Importance = widget.WarningImportance
		f.says.SetText("Tick what shall be sent.")
		return
	}
	p := f.room.app.prefs.p
	p.SetString("send.formats", strings.Join(formats, ","))
	p.SetBool("send.deid", f.hide.Checked)
	f.sheet.Hide()
	f.room.send(f.to.Selected, formats, f.hide.Checked)
}

// send makes the objects as the case stands and stores them.
func (r *room) send(archive string, formats []string, hide bool) {
	profile, err := r.identity(hide)
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	out, notes, err := r.session.Outgoing(r.app.ctx, formats, profile)
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.app.jobs.start("Sending to "+archive, func(ctx context.Context, p review.Progress) (func(), error) {
		sent, err := r.app.desk.SendResults(ctx, archive, out, p)
		if errors.Is(err, review.ErrUnauthorised) {
			return func() { r.app.signIn(archive, err, func() { r.send(archive, formats, hide) }) }, nil
		}
		return func() { r.app.jobs.say(sentWords(archive, formats, sent, notes)) }, err
	})
}

// sentWords say in one sentence what an archive took.
func sentWords(archive string, formats []string, s review.Sent, notes []string) string {
	names := map[string]string{"seg": "the segmentation", "sr": "the report", "key": "the key images"}
	var what []string
	for _, f := range formats {
		what = append(what, names[f])
	}
	words := archive + " took " + strings.Join(what, ", ")
	if len(s.Failed) > 0 {
		words = fmt.Sprintf("%s took %d objects and did not take %d, of which %s: %s", archive, s.Taken, len(s.Failed), s.Failed[0].Name, s.Failed[0].Reason)
	}
	for _, n := range notes {
		words += "; " + n
	}
	return words + "."
}
