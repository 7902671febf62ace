package app

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"columna/dicom"
	"columna/internal/orthanc"
	"columna/phantom"
	"columna/review"
)

// catalogue is an archive that only lists: count studies, for the user "ann" alone.
func catalogue(t *testing.T, count int) string {
	t.Helper()
	value := func(v any) map[string]any { return map[string]any{"Value": []any{v}} }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "ann" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		all := []map[string]any{}
		for n := range count {
			all = append(all, map[string]any{"0020000D": value(fmt.Sprintf("1.2.%d", n)), "00100010": value(map[string]string{"Alphabetic": fmt.Sprintf("Doe^Jane %d", n)}),
				"00100020": value(fmt.Sprintf("P-%04d", n)), "00080020": value(fmt.Sprintf("2024%02d12", 12-n%12)), "00081030": value("MRI lumbar spine without contrast"),
				"00080061": value("MR"), "00201206": value(5), "00201208": value(85)})
		}
		json.NewEncoder(w).Encode(all)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// atArchive is the window on its archive screen.
func atArchive(t *testing.T) (*reader, *archiveScreen) {
	t.Helper()
	r := door(t)
	r.app.win.Resize(fyne.NewSize(1280, 800))
	r.app.showArchive()
	r.wait("the archives", func() bool { return r.app.archive.picker.Text != "" })
	return r, r.app.archive
}

// look keeps the screen where COLUMNA_SHOTS names a folder.
func (r *reader) look(name string) {
	img := r.app.win.Canvas().Capture()
	dir := os.Getenv("COLUMNA_SHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err == nil {
		err = png.Encode(f, img)
		f.Close()
	}
	if err != nil {
		r.t.Error(err)
	}
}

// addArchive names an archive as the form does.
func (r *reader) addArchive(a review.Archive, who review.Credentials) {
	r.t.Helper()
	if err := r.desk.AddArchive(context.Background(), a); err != nil {
		r.t.Fatal(err)
	}
	r.desk.SignIn(a.Name, who)
	r.app.archive.reload(a.Name)
	r.wait("the archive", func() bool { return r.app.archive.name == a.Name })
}

func (r *reader) search() {
	r.t.Helper()
	r.app.archive.fields[fieldName].TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.wait("the search", func() bool { return !r.app.jobs.busy() })
}

func TestArchive_SaysWhatToDoWhileThereIsNothing(t *testing.T) {
	r, s := atArchive(t)
	if s.headline.Text != "No archive named yet" || s.action.Hidden {
		t.Errorf("%q, button hidden %v", s.headline.Text, s.action.Hidden)
	}
	r.look("archive-none")
	r.addArchive(review.Archive{Name: "hospital", URL: catalogue(t, 0)}, review.Credentials{User: "ann"})
	if s.headline.Text != "Search hospital" || !s.action.Hidden {
		t.Errorf("%q, button hidden %v", s.headline.Text, s.action.Hidden)
	}
	r.look("archive-ready")
	r.search()
	if s.headline.Text != "No study matches" || s.count.Text != "0 studies" {
		t.Errorf("%q %q", s.headline.Text, s.count.Text)
	}
}

func TestArchive_ListsWhatItFinds(t *testing.T) {
	r, s := atArchive(t)
	r.addArchive(review.Archive{Name: "hospital", URL: catalogue(t, 30)}, review.Credentials{User: "ann"})
	r.search()
	if len(s.found) != 30 || s.count.Text != "30 studies" || !s.empty.Hidden || r.app.win.Canvas().Focused() != nil {
		t.Errorf("%d found, %q, focus %v", len(s.found), s.count.Text, r.app.win.Canvas().Focused())
	}
	for _, k := range []fyne.KeyName{fyne.KeyDown, fyne.KeyDown, fyne.KeyUp, fyne.KeyEnd, fyne.KeyPageUp} {
		r.app.typedKey(&fyne.KeyEvent{Name: k})
	}
	if s.selected != 19 {
		t.Errorf("study %d is chosen", s.selected)
	}
	s.move(2)
	r.look("archive-list")
	r.app.win.Resize(fyne.NewSize(1600, 1000))
	r.look("archive-list-1600")
	r.app.typedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if r.app.inArchive {
		t.Error("Escape did not go back")
	}
}

func TestArchive_AsksForCredentialsAndGoesOn(t *testing.T) {
	r, s := atArchive(t)
	r.addArchive(review.Archive{Name: "hospital", URL: catalogue(t, 3)}, review.Credentials{})
	r.search()
	if r.app.win.Canvas().Overlays().Top() == nil {
		t.Fatalf("nothing asks; the bar says %q", r.app.jobs.words.Text)
	}
	r.look("archive-signin")
	r.app.win.Canvas().Focused().(interface{ SetText(string) }).SetText("ann")
	test.Tap(button(t, r.app.win.Canvas().Overlays().Top(), "Sign in"))
	r.wait("the search", func() bool { return s.searched })
	if len(s.found) != 3 {
		t.Errorf("%d found", len(s.found))
	}
}

func TestArchive_FaultsAreOneSentence(t *testing.T) {
	r, _ := atArchive(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(away.Close)
	for url, want := range map[string]string{dead.URL: "nothing answers", away.URL: "another path"} {
		r.addArchive(review.Archive{Name: "hospital", URL: url}, review.Credentials{User: "ann", Password: review.NewSecret("hunter22")})
		r.search()
		says := r.app.jobs.words.Text
		if !strings.Contains(says, want) || strings.Contains(says, "hunter22") || strings.Count(says, ".") < 1 {
			t.Errorf("the bar says %q", says)
		}
	}
	r.look("archive-fault")
}

func TestArchiveForm_TestsAndSavesAndRemoves(t *testing.T) {
	r, s := atArchive(t)
	f := newArchiveForm(r.app, review.Archive{})
	f.show("")
	f.name.SetText("hospital")
	f.url.SetText("https://ann:hunter22@pacs/dw")
	f.save()
	if !strings.Contains(f.says.Text, "user name or password") || strings.Contains(f.says.Text, "hunter22") {
		t.Errorf("the form says %q", f.says.Text)
	}
	f.url.SetText(catalogue(t, 3))
	f.test()
	r.wait("the test", func() bool { return f.says.Text != "Asking…" })
	if !strings.Contains(f.says.Text, "asks for a user name") {
		t.Errorf("without credentials the form says %q", f.says.Text)
	}
	r.look("archive-form")
	f.user.SetText("ann")
	f.test()
	r.wait("the test", func() bool { return f.says.Text != "Asking…" })
	if f.says.Text != "The archive answers and lets you in." {
		t.Errorf("the form says %q", f.says.Text)
	}
	f.save()
	r.wait("the archive", func() bool { return s.name == "hospital" })
	r.search()
	if len(s.found) != 3 {
		t.Errorf("%d found; the bar says %q", len(s.found), r.app.jobs.words.Text)
	}
	known, _ := s.archive()
	f = newArchiveForm(r.app, known)
	f.show(known.Name)
	f.remove()
	r.wait("the removal", func() bool { return s.name == "" })
}

func TestOrthanc_AStudyIsImportedFromTheWindow(t *testing.T) {
	a := orthanc.Start(t)
	r, s := atArchive(t)
	r.addArchive(review.Archive{Name: "orthanc", URL: a.URL}, review.Credentials{User: orthanc.User, Password: review.NewSecret(orthanc.Password)})
	dir := t.TempDir()
	c := phantom.Generate(7, phantom.Options{Small: true, WithSTIR: true})
	for n := range c.Study.Series {
		if err := dicom.WriteSeries(filepath.Join(dir, fmt.Sprint(n)), &c.Study, &c.Study.Series[n]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.desk.SendFiles(context.Background(), "orthanc", []string{dir}, nil); err != nil {
		t.Fatal(err)
	}
	s.fields[fieldID].SetText(c.Study.PatientID)
	r.search()
	if len(s.found) != 1 {
		t.Fatalf("%d found; the bar says %q", len(s.found), r.app.jobs.words.Text)
	}
	r.app.typedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.wait("the import", func() bool { return !r.app.jobs.busy() })
	r.shows("Imported 1 case.")
	r.look("archive-imported")
	r.app.showWorklist()
	r.wait("the worklist", func() bool { return r.app.worklist.total == 1 })
	r.sendsMask(c)
}

// sendsMask opens the only case, gives it a mask and sends that back.
func (r *reader) sendsMask(c *phantom.Case) {
	r.t.Helper()
	rows, _, err := r.desk.Worklist(context.Background(), review.Filter{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.id = rows[0].ID
	r.open()
	r.room().chooseSend()
	r.shows("There is nothing to send yet")
	r.analyse(c)
	r.key(fyne.KeyK)
	r.room().chooseSend()
	r.look("archive-send")
	tap(r.t, r.app.win.Canvas().Overlays().Top(), "Send")
	r.wait("sending", func() bool { return !r.app.jobs.busy() })
	r.shows("orthanc took the segmentation, the report, the key images.")
	r.room().panel.show(tabStudy)
	r.look("room-study")
}

// button finds a Fyne button by its word.
func button(t *testing.T, o fyne.CanvasObject, word string) *widget.Button {
	t.Helper()
	var found *widget.Button
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *widget.Button:
			if o.Text == word {
				found = o
			}
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case *widget.PopUp:
			walk(o.Content)
		}
	}
	walk(o)
	if found == nil {
		t.Fatalf("there is no button %q", word)
	}
	return found
}
