// Package web speaks DICOMweb with an archive that the user has named: QIDO-RS
// finds, WADO-RS retrieves, STOW-RS stores. It is the only package that opens a
// connection, and it opens none unasked.
//
// The archive's answers are untrusted bytes: every size, count and depth has a
// limit, redirects stay on the host that was named, and a compressed answer is
// refused. TLS is verified. Credentials travel in the Authorization header alone
// and appear in no error.
//
// Source: PS3.18 (web services).
package web

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Limits of one answer. They are far above any spine study and far below what
// would hurt the machine.
const (
	maxHeaderBytes = 64 << 10
	maxJSONBytes   = 16 << 20
	maxJSONDepth   = 24
	maxJSONTokens  = 1 << 20 // objects, lists and their members
	maxMatches     = 10_000
	maxParts       = 20_000
	maxPartBytes   = 512 << 20
	maxTotalBytes  = 16 << 30
	maxCABytes     = 1 << 20
	maxBodyEcho    = 64 << 10 // of an answer nobody reads, so that the connection can be kept
)

// Patience with an archive. An archive may fetch a study from tape before it sends
// the first byte.
const (
	dialTimeout   = 10 * time.Second
	headerTimeout = 90 * time.Second
	stallTimeout  = 45 * time.Second // without a single byte
	tries         = 4
	firstPause    = 250 * time.Millisecond
	maxPause      = 10 * time.Second
)

// Endpoint is an archive as the user named it. It holds no secret.
type Endpoint struct {
	Name      string
	URL       string // of the DICOMweb service, such as https://pacs.example.org/dicom-web
	CAFile    string // certificates (PEM) to trust instead of the system's; "" for the system's
	AllowHTTP bool   // without TLS to another machine: what is sent can be read and changed on the way
}

// Client talks to one endpoint. It may be used from several goroutines.
type Client struct {
	end   Endpoint
	base  *url.URL
	who   Credentials
	http  *http.Client
	stall time.Duration
	pause func(context.Context, time.Duration) error
}

// New checks the endpoint and the credentials and prepares a client. It opens no
// connection.
func New(e Endpoint, who Credentials) (*Client, error) {
	base, err := e.Check()
	if err != nil {
		return nil, err
	}
	if err := who.check(); err != nil {
		return nil, err
	}
	c := &Client{end: e, base: base, who: who, stall: stallTimeout, pause: sleep}
	if c.http, err = newHTTP(e, base); err != nil {
		return nil, err
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// sleep waits, or returns when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
