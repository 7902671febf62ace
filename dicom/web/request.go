package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// address joins path segments, and a query, to the endpoint's address.
func (c *Client) address(query url.Values, segments ...string) *url.URL {
	u := *c.base
	u.Path += "/" + strings.Join(segments, "/")
	u.RawQuery = encode(query)
	return &u
}

// encode writes a query, escaping no more than RFC 3986 demands: Orthanc's
// plugin 1.7 takes an escaped * or , by its letters.
func encode(query url.Values) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[key] {
			all = append(all, key+"="+escape(value))
		}
	}
	return strings.Join(all, "&")
}

// escape escapes every byte that may not stand in the value of a query.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~*,:?", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// stream is the body of an answer. It fails when no byte comes for a while, and
// knows how to end the request.
type stream struct {
	*http.Response
	c     *Client
	timer *time.Timer
	end   context.CancelCauseFunc
}

var errStalled = errors.New("no more bytes came")

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	s.timer.Reset(s.c.stall)
	n, err := s.Body.Read(b)
	if err != nil && err != io.EOF {
		if context.Cause(s.Request.Context()) == errStalled {
			return n, s.c.fault(true, nil, "the archive stopped in the middle of its answer")
		}
		return n, s.c.broken(err)
	}
	return n, err
}

// broken is a connection that ended before its answer did.
func (c *Client) broken(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return c.fault(true, nil, "the connection broke in the middle of the archive's answer")
}

// Close ends the request. A short rest of the answer is read, if it comes at once,
// so that the connection can serve again.
func (s *stream) Close() error {
	s.timer.Reset(time.Second)
	io.CopyN(io.Discard, s.Body, maxBodyEcho)
	s.timer.Stop()
	err := s.Body.Close()
	s.end(context.Canceled)
	return err
}

// send makes one request. Any status that ok does not list is an error.
func (c *Client) send(ctx context.Context, r *http.Request, ok ...int) (*stream, error) {
	ctx, end := context.WithCancelCause(ctx)
	r = r.WithContext(ctx)
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "Columna")
	c.who.authorise(r)
	answer, err := c.http.Do(r)
	if err != nil {
		end(context.Canceled)
		return nil, c.explain(err)
	}
	s := &stream{Response: answer, c: c, end: end, timer: time.AfterFunc(c.stall, func() { end(errStalled) })}
	for _, code := range ok {
		if answer.StatusCode == code {
			return s, s.plain()
		}
	}
	defer s.Close()
	return nil, c.refused(answer)
}

// plain refuses an answer that was packed though nobody asked for it.
func (s *stream) plain() error {
	if e := s.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		s.end(context.Canceled)
		s.Body.Close()
		return s.c.fault(false, nil, "the archive packed its answer (%.20s), which was not asked for and is not read", e)
	}
	return nil
}

// get reads an address once and hands the answer to take.
func (c *Client) get(ctx context.Context, u *url.URL, accept string, take func(*stream) error) error {
	r, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return c.explain(err)
	}
	r.Header.Set("Accept", accept)
	s, err := c.send(ctx, r, http.StatusOK, http.StatusPartialContent, http.StatusNoContent)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.StatusCode == http.StatusNoContent {
		return nil // no match
	}
	return take(s)
}

// persist repeats a read that failed for a reason that may pass, with growing
// pauses.
func (c *Client) persist(ctx context.Context, read func() error) error {
	for n := range tries {
		err := read()
		var f *fault
		if err == nil || !errors.As(err, &f) || !f.again || n == tries-1 {
			return err
		}
		wait := max(min(firstPause<<n, maxPause), f.wait)
		if c.pause(ctx, wait+rand.N(wait/2)) != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
	}
	return nil
}

// retryAfter is how long the archive asks us to wait (RFC 9110 10.2.3), bounded.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 60))*time.Second, maxPause)
}
