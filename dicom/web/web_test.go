package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheck_RefusesAddressesThatLeakOrMislead(t *testing.T) {
	for _, address := range []string{"", "pacs", "ftp://pacs/x", "https://", "http://pacs.example.org/dw", "http://192.0.2.1/dw", "https://u:hunter22@pacs/dw",
		"https://u@pacs/dw", "https://pacs/dw?key=hunter22", "https://pacs/dw#x", "https://pa cs/", "https://[::1", "file:///etc/passwd", "https:pacs"} {
		_, err := Endpoint{Name: "a", URL: address}.Check()
		if err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, e := range []Endpoint{{URL: "https://pacs/dw"}, {URL: "http://localhost:8042/dw/"}, {URL: "http://127.0.0.1"}, {URL: "http://[::1]:8042/"},
		{URL: "http://192.0.2.1/dw", AllowHTTP: true}} {
		e.Name = "a"
		if u, err := e.Check(); err != nil || strings.HasSuffix(u.String(), "/") {
			t.Errorf("%q: %v %v", e.URL, u, err)
		}
	}
	for _, name := range []string{"", "a/b", "-a", "a b", strings.Repeat("a", 41), "é"} {
		if _, err := (Endpoint{Name: name, URL: "https://pacs"}).Check(); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
}

func TestParseReference_NamesAStudyInTwoWays(t *testing.T) {
	for in, want := range map[string][3]string{
		"hospital/1.2.3":                     {"hospital", "", "1.2.3"},
		"https://pacs/dicom-web?study=1.2.3": {"", "https://pacs/dicom-web", "1.2.3"},
		"hospital":                           {}, "hospital/../x": {}, "/1.2": {}, "https://pacs/dw": {}, "https://pacs/dw?study=x": {}, "https://pacs/dw?study=1.2&token=x": {},
	} {
		name, address, study, err := ParseReference(in)
		if got := [3]string{name, address, study}; got != want || (err == nil) != (want[2] != "") {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

func TestSecret_PrintsAsStarsEverywhere(t *testing.T) {
	who := Credentials{User: "reader", Password: NewSecret("hunter22"), Token: NewSecret("t0ken99")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "who", who, "password", who.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "who", who, "password", who.Password)
	b, _ := json.Marshal(who)
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", who, who, who, who.Password, who.Password, who.Password, who.Password) + log.String() + string(b)
	if strings.Contains(all, "hunter22") || strings.Contains(all, "t0ken99") || strings.Contains(all, "68756e746572") {
		t.Errorf("a secret is in %s", all)
	}
}

func TestFind_QueriesAndReadsStudies(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	c := client(t, a.URL, Credentials{})
	found, more, err := c.FindStudies(t.Context(), Query{PatientName: "Ива", PatientID: "P1", Date: "2024-03..2024-04-02", Modality: "mr", Limit: 7})
	if err != nil || more || len(found) != 1 || found[0].UID != studyUID || found[0].Series != 3 || !slices.Equal(found[0].Modalities, []string{"MR"}) {
		t.Fatalf("%+v %v %v", found, more, err)
	}
	asked := a.requests()[0]
	for _, part := range []string{"GET /dw/studies?", "PatientName=%D0%98%D0%B2%D0%B0*&", "PatientID=P1&", "StudyDate=20240301-20240402&", "ModalitiesInStudy=MR&", "limit=8"} {
		if !strings.Contains(asked+"&", part) {
			t.Errorf("%s lacks %s", asked, part)
		}
	}
	for _, bad := range []Query{{Date: "yesterday"}, {Date: "20240231"}, {Date: "2025..2024"}, {PatientName: "a\\b"}, {PatientID: strings.Repeat("x", 300)}} {
		if _, _, err := c.FindStudies(t.Context(), bad); err == nil {
			t.Errorf("%+v was asked", bad)
		}
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("%d bad queries left the machine", n)
	}
}

func TestFetch_BringsEveryMRImageOnceAndLeavesTheRest(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	s, last := newShelf(), 0
	got, err := client(t, a.URL, Credentials{}).Fetch(t.Context(), studyUID, s, func(done, total int) {
		if total != 10 || done != last+1 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil || got.Files != 10 || len(s.files) != 10 || len(got.Left) != 1 || got.Left[0].Modality != "SR" {
		t.Fatalf("%+v, %d files, %v", got, len(s.files), err)
	}
	for key, b := range s.files {
		series, instance, _ := strings.Cut(key, "/")
		if !bytes.Equal(b, a.files[series][instance]) {
			t.Errorf("%s has other bytes", key)
		}
	}
}

func TestFetch_TakesABrokenSeriesUpWhereItBroke(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	broken := false
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		if broken || !strings.HasSuffix(r.URL.Path, "/series/"+studyUID+".2") {
			return false
		}
		broken = true
		half := map[string][]byte{}
		for _, i := range []string{"0", "3"} {
			half[i] = a.files[studyUID+".2"][studyUID+".2."+i]
		}
		w.Header().Set("Content-Length", "1000000") // and the connection ends before
		send(w, half)
		return true
	})
	s := newShelf()
	got, err := client(t, a.URL, Credentials{}).Fetch(t.Context(), studyUID, s, nil)
	if err != nil || got.Files != 10 || len(s.files) != 10 {
		t.Fatalf("%+v, %d files, %v", got, len(s.files), err)
	}
	single := 0
	for _, asked := range a.requests() {
		if strings.Contains(asked, studyUID+".2/instances/") {
			single++
		}
	}
	if single != 3 {
		t.Errorf("%d images were asked for one by one, want the 3 that were missing", single)
	}
}

func TestFetch_AnAnswerCutAtABoundaryIsNotTheWholeSeries(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/series/"+studyUID+".1") {
			send(w, map[string][]byte{"0": a.files[studyUID+".1"][studyUID+".1.0"]})
			return true
		}
		return false
	})
	s := newShelf()
	if got, err := client(t, a.URL, Credentials{}).Fetch(t.Context(), studyUID, s, nil); err != nil || len(s.files) != 10 {
		t.Errorf("%+v, %d files, %v", got, len(s.files), err)
	}
}

func TestFetch_RefusesImagesOfAnotherStudy(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/series/"+studyUID+".1") {
			return false
		}
		send(w, map[string][]byte{"x": image("1.2.3", studyUID+".1", studyUID+".1.0")})
		return true
	})
	s := newShelf()
	_, err := client(t, a.URL, Credentials{}).Fetch(t.Context(), studyUID, s, nil)
	if err == nil || !strings.Contains(err.Error(), "another study") {
		t.Errorf("%v", err)
	}
	if s.Count(studyUID+".1") != 0 {
		t.Error("it was kept")
	}
}

func TestFetch_StopsWhenCancelled(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	ctx, cancel := context.WithCancel(t.Context())
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/series/"+studyUID+".1") {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	})
	if _, err := client(t, a.URL, Credentials{}).Fetch(ctx, studyUID, newShelf(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestStore_SaysWhatWasNotTaken(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	c := client(t, a.URL, Credentials{})
	file := filepath.Join(t.TempDir(), "x.dcm")
	if err := os.WriteFile(file, image("1.2", "1.2.3", "1.2.3.13"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad, err := OpenObject(file)
	if err != nil {
		t.Fatal(err)
	}
	good, err := NewObject("good", image("1.2", "1.2.3", "1.2.3.4"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Store(t.Context(), []Object{good, bad}, nil)
	if err != nil || got.Taken != 1 || len(got.Failed) != 1 || got.Failed[0].Name != file || !strings.Contains(got.Failed[0].Reason, "SOP class") {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = c.Store(t.Context(), []Object{good}, nil); err != nil || got.Taken != 1 || len(got.Failed) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := NewObject("note.txt", []byte("no DICOM")); err == nil {
		t.Error("a text was made an object")
	}
}

func TestStore_IsNotRepeated(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	o, _ := NewObject("x", image("1.2", "1.2.3", "1.2.3.4"))
	if _, err := client(t, a.URL, Credentials{}).Store(t.Context(), []Object{o}, nil); err == nil {
		t.Error("no error")
	}
	if n := len(a.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPersist_ABusyArchiveIsAskedAgainAndARefusalIsNot(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	for status, want := range map[int]int{503: tries, 429: tries, 502: tries, 401: 1, 403: 1, 404: 1, 500: 1} {
		a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(status); return true })
		if err := client(t, a.URL, Credentials{}).Test(t.Context()); err == nil {
			t.Errorf("status %d is no error", status)
		}
		if n := len(a.requests()); n != want {
			t.Errorf("status %d: %d requests, want %d", status, n, want)
		}
	}
}

func TestErrors_AreOneSentenceWithoutSecretsOrPatients(t *testing.T) {
	who := Credentials{User: "reader", Password: NewSecret("hunter22")}
	a := newArchive(t, httptest.NewServer)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tlsServer.Close)
	tlsServer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for _, x := range []struct {
		name, url string
		status    int
		header    [2]string
		want      string
	}{
		{"dead", dead.URL, 0, [2]string{}, "nothing answers"},
		{"unknown authority", tlsServer.URL, 0, [2]string{}, "does not trust"},
		{"plain where TLS was named", strings.Replace(a.URL, "http:", "https:", 1), 0, [2]string{}, "does not speak TLS"},
		{"401", a.URL, 401, [2]string{"WWW-Authenticate", `Basic realm="hunter22"`}, "does not accept these credentials"},
		{"403", a.URL, 403, [2]string{}, "does not allow"},
		{"404", a.URL, 404, [2]string{}, "check the address"},
		{"redirect", a.URL, 302, [2]string{"Location", "https://evil.example.org/hunter22"}, "not followed"},
		{"downgrade", a.URL, 307, [2]string{"Location", "ftp://localhost/hunter22"}, "not followed"},
		{"gzip", a.URL, 200, [2]string{"Content-Encoding", "gzip"}, "packed"},
		{"teapot", a.URL, 418, [2]string{}, "418"},
	} {
		a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
			if x.header[0] != "" {
				w.Header().Set(x.header[0], x.header[1])
			}
			w.WriteHeader(x.status)
			io.WriteString(w, "hunter22 Ivanov")
			return true
		})
		_, _, err := client(t, x.url, who).FindStudies(t.Context(), Query{PatientName: "Ivanov", PatientID: "P1"})
		if err == nil {
			t.Errorf("%s: no error", x.name)
			continue
		}
		s := err.Error()
		if !strings.HasPrefix(s, "archive pacs: ") || !strings.Contains(s, x.want) || strings.Contains(s, "hunter22") || strings.Contains(s, "Ivanov") || strings.ContainsAny(s, "\n") {
			t.Errorf("%s: %s", x.name, s)
		}
	}
}

func TestRedirect_KeepsCredentialsOnTheNamedHost(t *testing.T) {
	stolen := ""
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen += r.Header.Get("Authorization") + r.URL.RawQuery + "!"
	}))
	t.Cleanup(thief.Close)
	a := newArchive(t, httptest.NewServer)
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, thief.URL+"/dw/studies", http.StatusTemporaryRedirect)
		return true
	})
	c := client(t, a.URL, Credentials{Token: NewSecret("t0ken99")})
	o, _ := NewObject("x", image("1.2", "1.2.3", "1.2.3.4"))
	_, storeErr := c.Store(t.Context(), []Object{o}, nil)
	if err := c.Test(t.Context()); err == nil || storeErr == nil || stolen != "" {
		t.Errorf("the other host got %q, %v, %v", stolen, err, storeErr)
	}
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/dw/studies" {
			http.Redirect(w, r, "/moved/studies?"+r.URL.RawQuery, http.StatusFound)
			return true
		}
		if r.Header.Get("Authorization") != "Bearer t0ken99" {
			t.Error("the same host did not get the token")
		}
		reply(w)
		return true
	})
	if err := c.Test(t.Context()); err != nil {
		t.Errorf("a redirect on the same host: %v", err)
	}
}

func TestTLS_IsVerifiedByTheFileThatTheUserNames(t *testing.T) {
	a := newArchive(t, httptest.NewTLSServer)
	a.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Endpoint{Name: "pacs", URL: a.URL + "/dw", CAFile: ca}, Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Test(t.Context()); err != nil {
		t.Errorf("with its CA: %v", err)
	}
	if err := client(t, a.URL, Credentials{}).Test(t.Context()); err == nil {
		t.Error("without its CA it was trusted")
	}
	other := strings.Replace(a.URL, "127.0.0.1", "localhost", 1) // the certificate is for example.com and 127.0.0.1
	wrong, err := New(Endpoint{Name: "pacs", URL: other, CAFile: ca}, Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wrong.Close)
	if err := wrong.Test(t.Context()); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("under another name: %v", err)
	}
	if _, err := New(Endpoint{Name: "pacs", URL: a.URL, CAFile: "/etc/hostname"}, Credentials{}); err == nil {
		t.Error("a file without certificates was taken")
	}
}

func TestHostile_AnswersEndInAnErrorAndLittleMemory(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 64<<20))
	z.Close()
	for name, answer := range map[string]func(http.ResponseWriter){
		"deep":         func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("[", 1<<20)) },
		"wide":         func(w http.ResponseWriter) { io.WriteString(w, "["+strings.Repeat("{},", 3<<20)+"{}]") },
		"endless":      func(w http.ResponseWriter) { endless(w, `[{"00080005":{"vr":"CS","Value":["`) },
		"text":         func(w http.ResponseWriter) { io.WriteString(w, "<html>sign in</html>") },
		"truncated":    func(w http.ResponseWriter) { io.WriteString(w, `[{"0020000D":{"vr":"UI"`) },
		"bomb":         func(w http.ResponseWriter) { w.Header().Set("Content-Encoding", "gzip"); w.Write(bomb.Bytes()) },
		"long header":  func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 1<<20)); io.WriteString(w, "[]") },
		"many headers": func(w http.ResponseWriter) { manyHeaders(w); io.WriteString(w, "[]") },
	} {
		a.answerFirst(func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true })
		c := client(t, a.URL, Credentials{})
		if found, _, err := c.FindStudies(t.Context(), Query{}); err == nil {
			t.Errorf("%s: %d studies and no error", name, len(found))
		}
	}
	a.answerFirst(func(w http.ResponseWriter, _ *http.Request) bool {
		reply(w, map[string]any{attrStudyUID: "../../etc"}, map[string]any{attrStudyUID: "1.2", attrPatientName: "A\x1b[2J\n" + strings.Repeat("x", 999)})
		return true
	})
	found, _, err := client(t, a.URL, Credentials{}).FindStudies(t.Context(), Query{})
	if err != nil || len(found) != 1 || strings.ContainsAny(found[0].PatientName, "\x1b\n") || len(found[0].PatientName) > 256 {
		t.Errorf("%+v %v", found, err)
	}
}

func endless(w http.ResponseWriter, start string) {
	io.WriteString(w, start)
	for range 20 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
			return
		}
	}
}

func manyHeaders(w http.ResponseWriter) {
	for n := range 5000 {
		w.Header().Set(fmt.Sprintf("X-%d", n), "a value of some length")
	}
}

func TestStream_AnArchiveThatFallsSilentIsGivenUp(t *testing.T) {
	a := newArchive(t, httptest.NewServer)
	a.answerFirst(func(w http.ResponseWriter, r *http.Request) bool {
		io.WriteString(w, "[")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	c := client(t, a.URL, Credentials{})
	c.stall = 50 * time.Millisecond
	if err := c.Test(t.Context()); err == nil || !strings.Contains(err.Error(), "stopped in the middle") {
		t.Errorf("%v", err)
	}
}

func TestReadParts_HoldsEveryBound(t *testing.T) {
	one := func(n int, body string) string {
		return strings.Repeat("--b\r\nContent-Type: application/dicom\r\n\r\n"+body+"\r\n", n) + "--b--\r\n"
	}
	l := limits{parts: 3, part: 10, total: 300}
	for name, x := range map[string]struct{ kind, body string }{
		"too many":      {"multipart/related; boundary=b", one(4, "x")},
		"too large":     {"multipart/related; boundary=b", one(1, "12345678901")},
		"too much":      {"multipart/related; boundary=b", strings.Repeat("preamble\r\n", 100) + one(1, "x")},
		"cut":           {"multipart/related; boundary=b", one(2, "x")[:60]},
		"no end":        {"multipart/related; boundary=b", strings.TrimSuffix(one(1, "x"), "--b--\r\n")},
		"other kind":    {"multipart/related; boundary=b", "--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"},
		"no boundary":   {"multipart/related", one(1, "x")},
		"long boundary": {"multipart/related; boundary=" + strings.Repeat("b", 71), one(1, "x")},
		"no type":       {"", one(1, "x")},
		"zip":           {"application/zip", "PK"},
		"bad header":    {"multipart/related; boundary=b", "--b\r\nno header\r\n\r\nx\r\n--b--\r\n"},
		"large alone":   {"application/dicom", "12345678901"},
	} {
		if err := readParts(x.kind, strings.NewReader(x.body), l, func([]byte) error { return nil }); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	var got []string
	err := readParts(`multipart/related; type="application/dicom"; boundary="b"`, strings.NewReader(one(3, "1234567890")), l, func(b []byte) error {
		got = append(got, string(b))
		return nil
	})
	if err != nil || len(got) != 3 || got[2] != "1234567890" {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzMultipart(f *testing.F) {
	f.Add("multipart/related; boundary=b", []byte("--b\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--b--\r\n"))
	f.Add("multipart/related; boundary=b", []byte("--b\r\n\r\n--b\r\nContent-Length: 99999999999\r\n\r\nx"))
	f.Add(`multipart/related; type="application/dicom"; boundary=""`, []byte("--\r\n\r\n--"))
	f.Add("application/dicom", image("1.2", "1.3", "1.4"))
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		total := 0
		l := limits{parts: 8, part: 1 << 10, total: 1 << 14}
		err := readParts(kind, bytes.NewReader(b), l, func(p []byte) error {
			total += len(p)
			inspect(p, Ref{Study: "1.2"})
			return nil
		})
		if total > len(b) || total > 8<<10 {
			t.Errorf("%d bytes of parts from %d, %v", total, len(b), err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"0020000D":{"vr":"UI","Value":["1.2.3"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]},"00201206":{"vr":"IS","Value":["3"]}}]`))
	f.Add([]byte(`{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[290]}}]}}`))
	f.Add([]byte(`[{"0020000D":{"Value":[null,1e400,{},[],"\u0000"]}},null,[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := readObjects(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, o := range all {
			s, ok := studyOf(o)
			if ok && !ValidUID(s.UID) || s.Series < 0 || s.Series > 1<<24 || strings.ContainsAny(s.PatientName, "\n\x1b\x00") {
				t.Errorf("%+v", s)
			}
			for tag := range o {
				o.texts(tag)
				for _, item := range o.items(tag) {
					item.text(attrRefInstance)
				}
			}
		}
		judge(object{}, nil, true)
	})
}
