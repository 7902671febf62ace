package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
)

// One request carries at most so much; archives refuse bodies without end.
const (
	maxStoreParts = 200
	maxStoreBytes = 128 << 20
)

// Object is a DICOM file to be stored: its bytes, or a file that is read when it is
// sent.
type Object struct {
	Name            string // for messages
	Class, Instance string // SOP class and instance UID
	size            int64
	open            func() (io.ReadCloser, error)
}

// NewObject takes the bytes of a DICOM file.
func NewObject(name string, b []byte) (Object, error) {
	d, err := parse(b)
	if err != nil {
		return Object{}, fmt.Errorf("%s cannot be sent: %w", name, err)
	}
	o := Object{Name: name, Class: d.Text(tagClassUID), Instance: d.Text(tagInstanceUID), size: int64(len(b))}
	if !ValidUID(o.Class) || !ValidUID(o.Instance) || !ValidUID(d.Text(tagStudyUID)) {
		return Object{}, fmt.Errorf("%s cannot be sent: it has no proper UIDs of class, instance and study", name)
	}
	o.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return o, nil
}

// OpenObject reads a DICOM file to know what it is; its bytes are read again when it
// is sent.
func OpenObject(path string) (Object, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Object{}, fmt.Errorf("the file cannot be sent: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxPartBytes {
		return Object{}, fmt.Errorf("%s cannot be sent: it is no file of at most %d MiB", path, maxPartBytes>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Object{}, fmt.Errorf("the file cannot be sent: %w", err)
	}
	o, err := NewObject(path, b)
	o.open = func() (io.ReadCloser, error) { return os.Open(path) }
	return o, err
}

// Failure is an object that the archive did not take, and why.
type Failure struct {
	Name, Instance, Reason string
}

// Stored says what became of each object.
type Stored struct {
	Taken  int
	Failed []Failure
}

// Store sends objects, a bounded number at a time. Objects that the archive refuses
// are listed, they are no error; after an error Stored tells what was taken before.
func (c *Client) Store(ctx context.Context, objects []Object, p Progress) (Stored, error) {
	var all Stored
	for at := 0; at < len(objects); {
		batch := objects[at : at+batchSize(objects[at:])]
		s, err := c.storeBatch(ctx, batch)
		if err != nil {
			return all, err
		}
		all.Taken += s.Taken
		all.Failed = append(all.Failed, s.Failed...)
		if at += len(batch); p != nil {
			p(at, len(objects))
		}
	}
	return all, nil
}

// batchSize is how many of the first objects go into one request; at least one.
func batchSize(objects []Object) int {
	bytes := int64(0)
	for n, o := range objects {
		if bytes += o.size; n > 0 && (bytes > maxStoreBytes || n >= maxStoreParts) {
			return n
		}
	}
	return len(objects)
}

// storeBatch makes one request (PS3.18 10.5). It is not repeated: an archive may
// have taken what it did not acknowledge.
func (c *Client) storeBatch(ctx context.Context, batch []Object) (Stored, error) {
	body, boundary, length := compose(batch)
	r, err := http.NewRequest(http.MethodPost, c.address(url.Values{}, "studies").String(), io.NopCloser(body))
	if err != nil {
		return Stored{}, c.explain(err)
	}
	r.ContentLength = length
	r.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+boundary)
	r.Header.Set("Accept", mediaJSON)
	s, err := c.send(ctx, r, http.StatusOK, http.StatusAccepted, http.StatusConflict)
	if err != nil {
		return Stored{}, err
	}
	defer s.Close()
	return c.receipt(s, batch)
}

// compose lays the parts one after another; files are opened as their turn comes.
func compose(batch []Object) (body io.Reader, boundary string, length int64) {
	boundary = "columna-" + strings.ToLower(rand.Text())
	var readers []io.Reader
	add := func(s string) {
		readers = append(readers, strings.NewReader(s))
		length += int64(len(s))
	}
	for _, o := range batch {
		add("--" + boundary + "\r\nContent-Type: " + mediaDICOM + "\r\n\r\n")
		readers = append(readers, &lazyFile{o: o})
		length += o.size
		add("\r\n")
	}
	add("--" + boundary + "--\r\n")
	return io.MultiReader(readers...), boundary, length
}

// lazyFile opens an object at the first read and closes it at the last.
type lazyFile struct {
	o Object
	r io.ReadCloser
}

// Read implements io.Reader.
func (l *lazyFile) Read(b []byte) (n int, err error) {
	if l.r == nil {
		if l.r, err = l.o.open(); err != nil {
			return 0, err
		}
	}
	n, err = l.r.Read(b)
	if err != nil {
		l.r.Close()
	}
	return n, err
}

// receipt reads which objects were taken (PS3.18 10.5.3).
func (c *Client) receipt(s *stream, batch []Object) (Stored, error) {
	if media := textproto.TrimString(s.Header.Get("Content-Type")); !strings.Contains(media, "json") {
		if s.StatusCode == http.StatusOK { // all, by the meaning of 200
			return Stored{Taken: len(batch)}, nil
		}
		return Stored{}, c.fault(false, nil, "the archive did not take all of it and does not say in JSON what (status %d)", s.StatusCode)
	}
	answers, err := readObjects(s)
	if err != nil {
		return Stored{}, c.named(err)
	}
	told := object{}
	if len(answers) > 0 {
		told = answers[0]
	}
	return judge(told, batch, s.StatusCode == http.StatusOK), nil
}

// judge sorts the objects by the archive's word. One that it names nowhere was taken
// where the status says that all were.
func judge(told object, batch []Object, all bool) Stored {
	taken, failed := map[string]bool{}, map[string]string{}
	for _, o := range told.items(attrReferenced) {
		taken[o.text(attrRefInstance)] = true
	}
	for _, o := range told.items(attrFailed) {
		failed[o.text(attrRefInstance)] = failureWords(o.count(attrFailureReason))
	}
	var out Stored
	for _, o := range batch {
		reason, bad := failed[o.Instance]
		switch {
		case bad:
		case taken[o.Instance] || all:
			out.Taken++
			continue
		default:
			reason = "the archive does not say that it took it"
		}
		out.Failed = append(out.Failed, Failure{o.Name, o.Instance, reason})
	}
	slices.SortStableFunc(out.Failed, func(a, b Failure) int { return strings.Compare(a.Reason, b.Reason) })
	return out
}

// failureWords explains a FailureReason (PS3.3 C.14.1.1, PS3.4 B.2.3, PS3.18 I.2.2).
func failureWords(code int) string {
	switch {
	case code == 0x0110:
		return "the archive failed while it worked on it"
	case code == 0x0122:
		return "the archive takes no objects of this kind (SOP class)"
	case code == 0x0124:
		return "the archive does not allow this user to store it"
	case code == 0x0111:
		return "the archive has an instance of this UID already"
	case code == 0x0112:
		return "the archive knows no such instance"
	case code == 0xC409 || code == 0xC122:
		return "the archive does not take this transfer syntax"
	case code>>8 == 0xA7:
		return "the archive is out of room"
	case code>>8 == 0xA9:
		return "the archive finds that it does not fit its SOP class"
	case code>>12 == 0xC:
		return "the archive cannot understand it"
	}
	return fmt.Sprintf("the archive refused it (reason %04X)", code)
}
