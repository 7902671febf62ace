package app

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/review"
)

// archiveForm names an archive or changes one.
type archiveForm struct {
	app                   *App
	known                 bool // the archive has a name already
	name, url, ca         *widget.Entry
	plain                 *widget.Check
	user, password, token *widget.Entry
	says                  *widget.Label
	sheet                 dialog.Dialog
	cancel                context.CancelFunc // of the test under way
}

// editArchive shows the form; an archive without a name is a new one.
func (a *App) editArchive(of review.Archive) { newArchiveForm(a, of).show(of.Name) }

func newArchiveForm(a *App, of review.Archive) *archiveForm {
	f := &archiveForm{app: a, known: of.Name != "", name: widget.NewEntry(), url: widget.NewEntry(), ca: widget.NewEntry(),
		user: widget.NewEntry(), password: widget.NewPasswordEntry(), token: widget.NewPasswordEntry(), says: paragraph(""), cancel: func() {}}
	f.plain = widget.NewCheck("Allow plain http to another machine (can be read on the way)", nil)
	f.name.SetText(of.Name)
	f.url.SetText(of.URL)
	f.ca.SetText(of.CAFile)
	f.plain.SetChecked(of.AllowHTTP)
	f.name.SetPlaceHolder("hospital")
	f.url.SetPlaceHolder("https://pacs.example.org/dicom-web")
	f.ca.SetPlaceHolder("file of certificates, if the system's do not do")
	f.token.SetPlaceHolder("instead of user and password")
	if f.known {
		f.name.Disable()
	}
	return f
}

// show opens the form and puts the cursor into its first field.
func (f *archiveForm) show(name string) {
	title, first := "Add an archive", f.name
	if f.known {
		title, first = "Archive "+name, f.url
	}
	f.sheet = dialog.NewCustomWithoutButtons(title, f.body(), f.app.win)
	f.sheet.SetOnClosed(func() { f.cancel() })
	f.sheet.Resize(fyne.NewSize(640, 0))
	f.sheet.Show()
	f.app.win.Canvas().Focus(first)
}

func (f *archiveForm) body() fyne.CanvasObject {
	line := func(words string, o fyne.CanvasObject) fyne.CanvasObject {
		return container.New(parts{[]float32{0, 1}}, container.New(column{110}, padded(text(words, 13, assets.Dark().Quiet), 0, 8)), o)
	}
	note := canvas.NewText("Kept until Columna is closed, in memory alone. For longer, see README: Archives.", assets.Dark().Quiet)
	note.TextSize = 11
	return container.NewVBox(
		line("Name", f.name), line("Address", f.url), line("CA file", f.ca), line("", f.plain), gapV(4), hairline(), gapV(4),
		line("User", f.user), line("Password", f.password), line("Token", f.token), line("", note), gapV(2),
		container.New(row{44}, f.says), f.buttons())
}

func (f *archiveForm) buttons() fyne.CanvasObject {
	save := newFlat("Save", "", f.save)
	save.Strong = true
	remove := newFlat("Remove", "", f.remove)
	remove.Hidden = !f.known
	remove.Ink = assets.Dark().Warning
	return container.NewHBox(remove, layout.NewSpacer(), newFlat("Cancel", "", func() { f.sheet.Hide() }), newFlat("Test", "", f.test), save)
}

// archive is what the fields name.
func (f *archiveForm) archive() review.Archive {
	return review.Archive{Name: strings.TrimSpace(f.name.Text), URL: strings.TrimSpace(f.url.Text), CAFile: strings.TrimSpace(f.ca.Text), AllowHTTP: f.plain.Checked}
}

func (f *archiveForm) credentials() review.Credentials {
	return review.Credentials{User: strings.TrimSpace(f.user.Text), Password: review.NewSecret(f.password.Text), Token: review.NewSecret(strings.TrimSpace(f.token.Text))}
}

// tell shows a sentence in the form.
func (f *archiveForm) tell(words string, good bool) {
	f.says.Importance = widget.WarningImportance
	if good {
		f.says.Importance = widget.MediumImportance
	}
	f.says.SetText(words)
}

// test asks the archive as the form names it.
func (f *archiveForm) test() {
	f.cancel()
	ctx, cancel := context.WithCancel(f.app.ctx)
	f.cancel = cancel
	a, who := f.archive(), f.credentials()
	f.tell("Asking…", true)
	go func() {
		err := f.app.desk.TestArchive(ctx, a, who)
		f.app.do(func() {
			switch {
			case ctx.Err() != nil:
			case err != nil:
				f.tell(sentence(err.Error()), false)
			default:
				f.tell("The archive answers and lets you in.", true)
			}
		})
	}()
}

// save names the archive, keeps the credentials for this session and goes on with
// the archive chosen.
func (f *archiveForm) save() {
	a := f.archive()
	if err := f.app.desk.AddArchive(f.app.ctx, a); err != nil {
		f.tell(sentence(err.Error()), false)
		return
	}
	if who := f.credentials(); !who.Empty() {
		f.app.desk.SignIn(a.Name, who)
	}
	f.sheet.Hide()
	f.app.archive.reload(a.Name)
}

func (f *archiveForm) remove() {
	if err := f.app.desk.RemoveArchive(f.app.ctx, f.archive().Name); err != nil {
		f.tell(sentence(err.Error()), false)
		return
	}
	f.sheet.Hide()
	f.app.archive.reload("")
}

// signIn asks for credentials that an archive wants, says why, and goes on.
func (a *App) signIn(name string, why error, then func()) {
	user, password, token := widget.NewEntry(), widget.NewPasswordEntry(), widget.NewPasswordEntry()
	items := []*widget.FormItem{widget.NewFormItem("", paragraph(sentence(why.Error()))),
		widget.NewFormItem("User", user), widget.NewFormItem("Password", password), widget.NewFormItem("or token", token)}
	items[3].HintText = "Kept until Columna is closed, in memory alone."
	d := dialog.NewForm("Sign in to "+name, "Sign in", "Cancel", items, func(ok bool) {
		who := review.Credentials{User: strings.TrimSpace(user.Text), Password: review.NewSecret(password.Text), Token: review.NewSecret(strings.TrimSpace(token.Text))}
		if ok && !who.Empty() {
			a.desk.SignIn(name, who)
			then()
		}
	}, a.win)
	d.Resize(fyne.NewSize(560, 0))
	d.Show()
	a.win.Canvas().Focus(user)
}
