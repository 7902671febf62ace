package app

import (
	"context"
	"errors"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/widget"

	"columna/review"
)

// chooseSend asks which archive gets the mask. Nothing leaves before the reader has
// said so.
func (r *room) chooseSend() {
	if r.session.Mask() == nil {
		r.app.jobs.say("There is no mask to send yet: analyse the case first.")
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
	r.askSend(all)
}

// askSend shows the form: where to, and what it is that leaves.
func (r *room) askSend(all []review.Archive) {
	var names []string
	for _, a := range all {
		names = append(names, a.Name)
	}
	to := widget.NewSelect(names, nil)
	to.SetSelected(names[0])
	if last := r.app.prefs.archive(); last != "" {
		to.SetSelected(last) // no change where there is no such archive
	}
	what := paragraph("The mask as it stands, as a DICOM segmentation of this study. What is the AI's is marked AI.")
	d := dialog.NewForm("Send to an archive", "Send", "Cancel", []*widget.FormItem{widget.NewFormItem("", what), widget.NewFormItem("Archive", to)}, func(ok bool) {
		if ok {
			r.send(to.Selected)
		}
		r.focusActive()
	}, r.app.win)
	d.Resize(fyne.NewSize(520, 0))
	d.Show()
}

// send makes the objects as the case stands and stores them.
func (r *room) send(archive string) {
	out, notes, err := r.session.Outgoing(r.app.ctx, []string{"seg"})
	if err != nil {
		r.app.jobs.fail(err)
		return
	}
	r.app.jobs.start("Sending to "+archive, func(ctx context.Context, p review.Progress) (func(), error) {
		sent, err := r.app.desk.SendResults(ctx, archive, out, p)
		if errors.Is(err, review.ErrUnauthorised) {
			return func() { r.app.signIn(archive, err, func() { r.send(archive) }) }, nil
		}
		return func() { r.app.jobs.say(sentWords(archive, sent, notes)) }, err
	})
}

// sentWords say in one sentence what an archive took.
func sentWords(archive string, s review.Sent, notes []string) string {
	words := archive + " took the segmentation"
	if len(s.Failed) > 0 {
		words = fmt.Sprintf("%s did not take %s: %s", archive, s.Failed[0].Name, s.Failed[0].Reason)
	}
	for _, n := range notes {
		words += "; " + n
	}
	return words + "."
}
