package web

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"columna/dicom/dataset"
)

const (
	studyUID = "1.2.826.1"
	classMR  = "1.2.840.10008.5.1.4.1.1.4"
)

// image is a small DICOM file.
func image(study, series, instance string) []byte {
	d := dataset.New()
	d.SetText(0x00080005, "CS", "ISO_IR 192")
	d.SetText(tagClassUID, "UI", classMR)
	d.SetText(tagInstanceUID, "UI", instance)
	d.SetText(0x00100010, "PN", "Иванов^Пётр")
	d.SetText(tagStudyUID, "UI", study)
	d.SetText(tagSeriesUID, "UI", series)
	d.SetBytes(0x7FE00010, "OW", make([]byte, 512))
	return dataset.Encode(d, dataset.ExplicitLE)
}

// archive is a small DICOMweb server with two series of a study, five images each,
// and a report.
type archive struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // paths with their queries
	files map[string]map[string][]byte
	// before may answer in place of the archive.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newArchive(t *testing.T, serve func(http.Handler) *httptest.Server) *archive {
	t.Helper()
	a := &archive{files: map[string]map[string][]byte{}}
	for s := 1; s <= 2; s++ {
		series := fmt.Sprintf("%s.%d", studyUID, s)
		a.files[series] = map[string][]byte{}
		for i := range 5 {
			uid := fmt.Sprintf("%s.%d", series, i)
			a.files[series][uid] = image(studyUID, series, uid)
		}
	}
	a.Server = serve(http.HandlerFunc(a.answer))
	t.Cleanup(a.Server.Close)
	return a
}

func (a *archive) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI())
	before := a.before
	a.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPost:
		a.take(w, r)
	case len(parts) == 2:
		reply(w, map[string]any{attrStudyUID: studyUID, attrPatientID: "P1", attrStudyDate: "20240312", attrModalities: "MR", attrStudySeries: 3})
	case len(parts) == 4 && parts[3] == "series":
		var all []map[string]any
		for s := 1; s <= 2; s++ {
			all = append(all, map[string]any{attrSeriesUID: fmt.Sprintf("%s.%d", studyUID, s), attrModality: "MR", attrSeriesNumber: s, attrSeriesInstances: 5})
		}
		reply(w, append(all, map[string]any{attrSeriesUID: studyUID + ".9", attrModality: "SR", attrSeriesNumber: 9, attrSeriesInstances: 1})...)
	case len(parts) == 6:
		var all []map[string]any
		for uid := range a.files[parts[4]] {
			all = append(all, map[string]any{attrSOPInstance: uid, attrSOPClass: classMR})
		}
		reply(w, all...)
	case len(parts) == 5:
		send(w, a.files[parts[4]])
	case len(parts) == 7:
		send(w, map[string][]byte{parts[6]: a.files[parts[4]][parts[6]]})
	default:
		http.NotFound(w, r)
	}
}

// reply writes data sets in the DICOM JSON model; a page beyond the first is empty.
func reply(w http.ResponseWriter, all ...map[string]any) {
	out := []map[string]any{}
	for _, o := range all {
		m := map[string]any{}
		for tag, v := range o {
			m[tag] = map[string]any{"vr": "UN", "Value": []any{v}}
		}
		out = append(out, m)
	}
	w.Header().Set("Content-Type", mediaJSON)
	json.NewEncoder(w).Encode(out)
}

func send(w http.ResponseWriter, files map[string][]byte) {
	m := multipart.NewWriter(w)
	w.Header().Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+m.Boundary())
	for _, b := range files {
		p, _ := m.CreatePart(textproto.MIMEHeader{"Content-Type": {mediaDICOM}})
		p.Write(b)
	}
	m.Close()
}

// take stores all but the instances whose UID ends in 13.
func (a *archive) take(w http.ResponseWriter, r *http.Request) {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	m := multipart.NewReader(r.Body, params["boundary"])
	var good, bad []any
	for {
		p, err := m.NextPart()
		if err != nil {
			break
		}
		b := make([]byte, 0, 4096)
		buf := make([]byte, 4096)
		for n := 0; err == nil; b = append(b, buf[:n]...) {
			n, err = p.Read(buf)
		}
		f, _ := dataset.Parse(b)
		item := map[string]any{attrRefInstance: map[string]any{"vr": "UI", "Value": []any{f.Text(tagInstanceUID)}}}
		if strings.HasSuffix(f.Text(tagInstanceUID), "13") {
			item[attrFailureReason] = map[string]any{"vr": "US", "Value": []any{0x0122}}
			bad = append(bad, item)
		} else {
			good = append(good, item)
		}
	}
	w.Header().Set("Content-Type", mediaJSON)
	if len(bad) > 0 {
		w.WriteHeader(http.StatusAccepted)
	}
	json.NewEncoder(w).Encode(map[string]any{
		attrReferenced: map[string]any{"vr": "SQ", "Value": good}, attrFailed: map[string]any{"vr": "SQ", "Value": bad}})
}

func (a *archive) answerFirst(f func(w http.ResponseWriter, r *http.Request) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before = f
}

// requests lists what was asked and forgets it.
func (a *archive) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.asked
	a.asked = nil
	return out
}

// client talks to a server and does not wait between tries.
func client(t *testing.T, address string, who Credentials) *Client {
	t.Helper()
	c, err := New(Endpoint{Name: "pacs", URL: address + "/dw"}, who)
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(c.Close)
	return c
}

// shelf is a sink in memory.
type shelf struct {
	mu    sync.Mutex
	files map[string][]byte // by series/instance
}

func newShelf() *shelf { return &shelf{files: map[string][]byte{}} }

func (s *shelf) Has(series, instance string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[series+"/"+instance] != nil
}

func (s *shelf) Count(series string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.files {
		if strings.HasPrefix(key, series+"/") {
			n++
		}
	}
	return n
}

func (s *shelf) Keep(f File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[f.Series+"/"+f.Instance] = append([]byte(nil), f.Bytes...)
	return nil
}
