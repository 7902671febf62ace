package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"columna/dicom/dataset"
	"columna/dicom/web"
	"columna/internal/orthanc"
	"columna/spine"
)

const password = "hunter22-secret"

// pacs serves the DICOM files below a folder to a reader with the password, series
// by series. Where limit is set, every answer for a series breaks after so many files
// and every one for an image at once.
type pacs struct {
	*httptest.Server
	bySeries map[string]map[string][]byte
	limit    atomic.Int32
	wado     atomic.Int32 // requests
}

func newPACS(t *testing.T, dir string) *pacs {
	t.Helper()
	p := &pacs{bySeries: map[string]map[string][]byte{}}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := dataset.Parse(b)
		if err != nil {
			return err
		}
		series := f.Text(0x0020000E)
		if p.bySeries[series] == nil {
			p.bySeries[series] = map[string][]byte{}
		}
		p.bySeries[series][f.Text(0x00080018)] = b
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(p.Close)
	return p
}

func (p *pacs) answer(w http.ResponseWriter, r *http.Request) {
	if _, given, _ := r.BasicAuth(); given != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var rows []map[string]any
	row := func(tag string, v any, more ...any) {
		m := map[string]any{tag: map[string]any{"Value": []any{v}}}
		for n := 0; n < len(more); n += 2 {
			m[more[n].(string)] = map[string]any{"Value": []any{more[n+1]}}
		}
		rows = append(rows, m)
	}
	switch len(parts) {
	case 1:
		row("0020000D", "1.2.3")
	case 3:
		for uid, files := range p.bySeries {
			row("0020000E", uid, "00080060", "MR", "00201209", len(files))
		}
	case 5:
		for uid := range p.bySeries[parts[3]] {
			row("00080018", uid)
		}
	case 4:
		p.send(w, p.bySeries[parts[3]], int(p.limit.Load()))
		return
	case 6:
		if p.limit.Load() > 0 {
			panic(http.ErrAbortHandler)
		}
		p.send(w, map[string][]byte{"": p.bySeries[parts[3]][parts[5]]}, 0)
		return
	}
	json.NewEncoder(w).Encode(rows)
}

// send cuts the connection after limit files.
func (p *pacs) send(w http.ResponseWriter, files map[string][]byte, limit int) {
	p.wado.Add(1)
	m := multipart.NewWriter(w)
	w.Header().Set("Content-Type", "multipart/related; boundary="+m.Boundary())
	n := 0
	for _, b := range files {
		if n++; limit > 0 && n > limit {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		part, _ := m.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		part.Write(b)
	}
	m.Close()
}

// named is a desk that knows the archive as "hospital".
func named(t *testing.T, address string) *Desk {
	t.Helper()
	d := newDesk(t)
	if err := d.AddArchive(context.Background(), Archive{Name: "hospital", URL: address}); err != nil {
		t.Fatal(err)
	}
	d.SignIn("hospital", Credentials{User: "reader", Password: NewSecret(password)})
	return d
}

func TestImport_AStudyOfAnArchiveIsKeptBesideTheDatabase(t *testing.T) {
	study := testStudy("1.2.3", true)
	p := newPACS(t, writeStudy(t, study))
	d := named(t, p.URL)
	ctx := context.Background()
	r, err := d.Import(ctx, []string{StudyReference("hospital", "1.2.3")}, nil)
	if err != nil || len(r.Cases) != 1 || len(r.Refused) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	mustBePrivate(t, d.imagesDir(), "1.2.3")
	s := openCase(t, d, r.Cases[0].ID)
	for n := range study.Series {
		got := s.Study().Find(study.Series[n].Sequence, spine.Sagittal)
		if got == nil || !slices.Equal(got.Volume.Data, study.Series[n].Volume.Data) {
			t.Errorf("%s differs", study.Series[n].Sequence)
		}
	}
	s.Close(ctx)
	again, err := d.Import(ctx, []string{"dicomweb:" + p.URL + "?study=1.2.3"}, nil)
	if err != nil || len(again.Cases) != 1 || again.Cases[0].ID != r.Cases[0].ID || len(again.Cases[0].Study.Series) != 2 {
		t.Errorf("by its address: %+v %v", again, err)
	}
	mustBeSound(t, d)
	if err := d.ForgetCase(ctx, r.Cases[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(d.imagesDir()); len(left) != 0 {
		t.Errorf("%d folders are left", len(left))
	}
}

// mustBePrivate demands that only the owner can read the folder, and that no name
// in it holds a word.
func mustBePrivate(t *testing.T, dir, word string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 || strings.Contains(e.Name(), word) {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if !e.IsDir() {
			files++
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestImport_ABrokenRetrievalLeavesNoCaseAndGoesOnLater(t *testing.T) {
	p := newPACS(t, writeStudy(t, testStudy("1.2.3", true)))
	d := named(t, p.URL)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond) // not to wait through all pauses
	defer cancel()
	p.limit.Store(3)
	if _, err := d.Import(ctx, []string{StudyReference("hospital", "1.2.3")}, nil); err == nil {
		t.Fatal("half a study was taken for a whole one")
	}
	if _, total, _ := d.Worklist(context.Background(), Filter{}); total != 0 {
		t.Errorf("%d cases", total)
	}
	if _, err := os.Stat(d.studyDir("1.2.3")); err == nil {
		t.Error("half a study stands where a whole one should")
	}
	kept, err := filepath.Glob(filepath.Join(d.studyDir("1.2.3")+".part", "*", "*.dcm"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept of what came: %v", err)
	}
	p.limit.Store(0)
	p.wado.Store(0)
	r, err := d.Import(context.Background(), []string{StudyReference("hospital", "1.2.3")}, nil)
	if err != nil || len(r.Cases) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if all, n := 14, int(p.wado.Load()); n != all-len(kept) {
		t.Errorf("%d requests for what was missing of %d, of which %d were kept", n, all, len(kept))
	}
}

func TestShelf_AnOldHalfIsNotTakenUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "study")
	for age, want := range map[time.Duration]int{time.Hour: 1, 48 * time.Hour: 0} {
		if err := os.MkdirAll(filepath.Join(dir+".part", hashName("1.2")), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{hashName("1.2.3"): "x", hashName("1.2.4"): ""} { // one was never written
			if err := os.WriteFile(filepath.Join(dir+".part", hashName("1.2"), name+".dcm"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := newShelf(dir, time.Now().Add(age))
		if err != nil || s.Count("1.2") != want || s.Has("1.2", "1.2.3") != (want == 1) {
			t.Errorf("%v later %d files are there, %v", age, s.Count("1.2"), err)
		}
	}
}

func TestArchives_FaultsNameTheRemedyAndNoSecret(t *testing.T) {
	p := newPACS(t, writeStudy(t, testStudy("1.2.3", true)))
	d := named(t, p.URL)
	ctx := context.Background()
	d.SignIn("hospital", Credentials{User: "reader", Password: NewSecret("wrong-" + password)})
	_, err := d.Import(ctx, []string{StudyReference("hospital", "1.2.3")}, nil)
	if !errors.Is(err, ErrUnauthorised) || strings.Contains(err.Error(), password) {
		t.Errorf("%v", err)
	}
	for _, reference := range []string{"dicomweb:nobody/1.2.3", "dicomweb:hospital", "dicomweb:hospital/../../etc", "dicomweb:https://u:" + password + "@pacs/dw?study=1.2"} {
		if _, err := d.Import(ctx, []string{reference}, nil); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", reference, err)
		}
	}
	if err := d.AddArchive(ctx, Archive{Name: "x", URL: "https://u:" + password + "@pacs/dw"}); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("%v", err)
	}
	if err := d.RemoveArchive(ctx, "hospital"); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveArchive(ctx, "hospital"); err == nil {
		t.Error("removed twice")
	}
}

func TestCredentials_ComeFromTheEnvironmentOrAPrivateFile(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	file, err := credentialsFile()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(file, config) {
		t.Skip("settings live elsewhere on this system")
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		os.Remove(file)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if who, err := storedCredentials("my-pacs.1"); err != nil || !who.Empty() {
		t.Errorf("without any: %v", err)
	}
	write(`{"my-pacs.1": {"user": "ann", "password": "`+password+`"}}`, 0o600)
	if who, err := storedCredentials("my-pacs.1"); err != nil || who.User != "ann" || who.Password.Reveal() != password {
		t.Errorf("the file: %v %v", who, err)
	}
	t.Setenv("COLUMNA_PACS_MY_PACS_1_TOKEN", "abc")
	if who, err := storedCredentials("my-pacs.1"); err != nil || who.Token.Reveal() != "abc" || who.User != "" {
		t.Errorf("the environment: %v %v", who, err)
	}
	write(`{"other": {"user": "ann", "password": "`+password+`"}}`, 0o644)
	if _, err := storedCredentials("other"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	write(`{"other": "`+password+`"}`, 0o600)
	if _, err := storedCredentials("other"); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestOrthanc_SendFindImportAndNoSecretStays(t *testing.T) {
	a := orthanc.Start(t)
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	ctx := context.Background()
	study := testStudy("1.2.3", true)
	study.PatientName = "Иванов^Пётр"
	dir := writeStudy(t, study)
	db := filepath.Join(t.TempDir(), "columna.db")
	d := openDesk(t, db)
	if err := d.AddArchive(ctx, Archive{Name: "hospital", URL: a.URL}); err != nil {
		t.Fatal(err)
	}
	d.SignIn("hospital", Credentials{User: orthanc.User, Password: NewSecret("wrong-" + orthanc.Password)})
	if _, err := d.SendFiles(ctx, "hospital", []string{dir}, nil); !errors.Is(err, ErrUnauthorised) || strings.Contains(err.Error(), orthanc.Password) {
		t.Errorf("a wrong password: %v", err)
	} else {
		slog.Error("columna", "error", err)
	}
	who := Credentials{User: orthanc.User, Password: NewSecret(orthanc.Password)}
	slog.Info("signing in", "as", who)
	d.SignIn("hospital", who)
	sent, err := d.SendFiles(ctx, "hospital", []string{dir}, nil)
	if err != nil || sent.Taken != 14 || len(sent.Failed) != 0 {
		t.Fatalf("%+v %v", sent, err)
	}
	found, more, err := d.FindStudies(ctx, "hospital", ArchiveQuery{PatientID: study.PatientID})
	if err != nil || more || len(found) != 1 || found[0].PatientName != study.PatientName {
		t.Fatalf("%+v %v %v", found, more, err)
	}
	r, err := d.Import(ctx, []string{StudyReference("hospital", found[0].UID)}, nil)
	if err != nil || len(r.Cases) != 1 || r.Cases[0].Study.PatientName != study.PatientName {
		t.Fatalf("%+v %v", r, err)
	}
	s := openCase(t, d, r.Cases[0].ID)
	for n := range study.Series {
		got := s.Study().Find(study.Series[n].Sequence, spine.Sagittal)
		if got == nil || !slices.Equal(got.Volume.Data, study.Series[n].Volume.Data) {
			t.Errorf("%s differs", study.Series[n].Sequence)
		}
	}
	sendResults(t, d, s)
	s.Close(ctx)
	mustHoldNone(t, filepath.Dir(db), &log, orthanc.Password, "cmVhZGVyOg", "cmVhZGVyOmNvcnJlY3Q") // also as base64 of user:password
}

// sendResults stores the DICOM results of a case and finds them in the archive.
func sendResults(t *testing.T, d *Desk, s *Session) {
	t.Helper()
	ctx := context.Background()
	if _, _, err := s.Outgoing(ctx, []string{"seg"}, nil); err == nil {
		t.Error("a mask was sent where there is none")
	}
	if err := s.SetAnalysis(ctx, testAnalysis(s.Study())); err != nil {
		t.Fatal(err)
	}
	keep(t, s, 2)
	out, notes, err := s.Outgoing(ctx, SendFormats(), nil)
	if err != nil || len(notes) != 0 {
		t.Fatal(notes, err)
	}
	sent, err := d.SendResults(ctx, "hospital", out, nil)
	if err != nil || sent.Taken != 4 || len(sent.Failed) != 0 {
		t.Fatalf("%+v %v", sent, err)
	}
	c, err := d.connect(ctx, "hospital")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	series, err := c.FindSeries(ctx, s.Study().UID)
	for _, m := range []string{"SEG", "SR", "OT", "KO"} {
		if err != nil || !slices.ContainsFunc(series, func(x web.Series) bool { return x.Modality == m && x.Instances == 1 }) {
			t.Errorf("no %s in %+v %v", m, series, err)
		}
	}
	if last, err := d.Audit(ctx, s.CaseID(), 1); err != nil || len(last) != 1 || last[0].Action != "send" || !strings.Contains(last[0].Detail, "4 taken") {
		t.Errorf("%+v %v", last, err)
	}
}

// mustHoldNone searches every file below a folder, and a log, for secrets.
func mustHoldNone(t *testing.T, dir string, log *bytes.Buffer, secrets ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(name)
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds a secret", filepath.Base(name))
			}
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files, %v", files, err)
	}
	for _, s := range secrets {
		if strings.Contains(log.String(), s) {
			t.Errorf("the log holds a secret: %s", log)
		}
	}
	if !strings.Contains(log.String(), "does not accept") {
		t.Errorf("the log does not hold the fault: %s", log)
	}
}
