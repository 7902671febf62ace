package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

const mediaDICOM = "application/dicom"

// errParts is the root of every fault of a multipart answer.
var errParts = errors.New("the archive's answer is not the DICOM files that were asked for")

func badParts(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errParts, fmt.Sprintf(format, args...))
}

// limits bound an answer of several files.
type limits struct {
	parts       int
	part, total int64
}

func defaultLimits() limits { return limits{maxParts, maxPartBytes, maxTotalBytes} }

// readParts hands each DICOM file of an answer to take: multipart/related
// (RFC 2387), or one file alone. The bytes are take's until it returns.
func readParts(contentType string, r io.Reader, l limits, take func([]byte) error) error {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return badParts("it does not say what it is")
	}
	buf := &bytes.Buffer{}
	switch media {
	case mediaDICOM:
		return readPart(r, buf, l.part, take)
	case "multipart/related":
	default:
		return badParts("it is %.60q", media)
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > 70 { // RFC 2046 5.1.1
		return badParts("its parts have no proper boundary")
	}
	body := &metered{r: r, left: l.total}
	parts := multipart.NewReader(body, boundary)
	for n := 0; ; n++ {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return body.or(err)
		}
		if n >= l.parts {
			return badParts("it has more than %d parts", l.parts)
		}
		if t := p.Header.Get("Content-Type"); !isDICOM(t) {
			return badParts("a part is %.60q", t)
		}
		if err := readPart(p, buf, l.part, take); err != nil {
			return body.or(err)
		}
	}
}

// isDICOM takes a part that says application/dicom, or nothing.
func isDICOM(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" || media == mediaDICOM
}

func readPart(r io.Reader, buf *bytes.Buffer, most int64, take func([]byte) error) error {
	buf.Reset()
	n, err := buf.ReadFrom(io.LimitReader(r, most+1))
	if err != nil {
		return err
	}
	if n > most {
		return badParts("a file is larger than %d MiB", most>>20)
	}
	return take(buf.Bytes())
}

// metered counts what a body may still give and remembers what the connection
// said, as the reader of parts wraps it.
type metered struct {
	r    io.Reader
	left int64
	err  error
}

// Read implements io.Reader.
func (m *metered) Read(b []byte) (int, error) {
	if m.left <= 0 {
		m.err = badParts("it is larger than any study")
		return 0, m.err
	}
	n, err := m.r.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// or is what the connection said, else err if it is known, else that the parts are
// damaged: a study cut off at a boundary must not pass for a whole one.
func (m *metered) or(err error) error {
	switch {
	case m.err != nil:
		return m.err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errCut
	case isMultipartFault(err):
		return badParts("its parts are damaged")
	}
	return err
}

// errCut is an answer that ended before its last boundary.
var errCut = errors.New("the archive's answer ends in the middle")

// isMultipartFault tells the reader's own errors from those of take.
func isMultipartFault(err error) bool {
	return strings.HasPrefix(err.Error(), "multipart:") || strings.Contains(err.Error(), "MIME header") || errors.Is(err, multipart.ErrMessageTooLarge)
}
