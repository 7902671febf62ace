package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"columna/dicom/dataset"
)

// ErrUnauthorised means that the archive wants other credentials, or any.
var ErrUnauthorised = errors.New("credentials are wanted")

// ErrNotFound means that the archive has no such study, series or service.
var ErrNotFound = errors.New("not in the archive")

// fault is an error in the words of the user. again says that trying again may
// help.
type fault struct {
	text  string
	kind  error // ErrUnauthorised, ErrNotFound or nil
	again bool
	wait  time.Duration // at least so long
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

// fault makes an error that names the archive and holds no secret.
func (c *Client) fault(again bool, kind error, format string, args ...any) *fault {
	text := dataset.Printable(fmt.Sprintf(format, args...))
	return &fault{text: c.who.redact("archive " + c.end.Name + ": " + text), kind: kind, again: again}
}

// refused says what a status means.
func (c *Client) refused(r *http.Response) error {
	switch code := r.StatusCode; code {
	case http.StatusUnauthorized:
		if c.who.Empty() {
			return c.fault(false, ErrUnauthorised, "the archive asks for a user name and password or a token")
		}
		return c.fault(false, ErrUnauthorised, "the archive does not accept these credentials: check user name and password or token")
	case http.StatusForbidden:
		return c.fault(false, ErrUnauthorised, "the archive does not allow this user to do that: ask its administrator")
	case http.StatusNotFound, http.StatusGone:
		return c.fault(false, ErrNotFound, "the archive does not have that, or its DICOMweb service has another path: check the address")
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return c.fault(false, nil, "the archive cannot give or take this as DICOM (status %d)", code)
	case http.StatusRequestEntityTooLarge:
		return c.fault(false, nil, "the archive finds this too large: ask for or send less at a time")
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f := c.fault(true, nil, "the archive is busy or being serviced (status %d): try again later", code)
		f.wait = retryAfter(r.Header)
		return f
	default:
		return c.fault(false, nil, "the archive answered with status %d", code)
	}
}

// explain says why a request had no answer. The URL, whose query names a patient,
// is left out.
func (c *Client) explain(err error) error {
	var known *fault
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if errors.As(err, &known) {
		return err
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if s := tlsWords(err); s != "" {
		return c.fault(false, nil, "%s", s)
	}
	host := c.base.Host
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errRedirect):
		return c.fault(false, nil, "the archive sends us on to another address, which is not followed: enter the address where it really is")
	case errors.As(err, &dns) && dns.IsNotFound:
		return c.fault(false, nil, "the host %s is not known: check the address", c.base.Hostname())
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.fault(false, nil, "nothing answers at %s: check the address and that the archive runs", host)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return c.fault(true, nil, "the archive at %s does not answer in time: check the network", host)
	case strings.Contains(err.Error(), "server response headers exceeded"), strings.Contains(err.Error(), "malformed"):
		return c.fault(false, nil, "what answers at %s does not speak HTTP as it should", host)
	}
	return c.fault(true, nil, "the connection to %s failed: %v", host, err)
}

// tlsWords explains a failed handshake, "" where it is something else.
func tlsWords(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &authority):
		return "the archive's certificate is from an authority that this computer does not trust: name the archive with the CA file of its administrator"
	case errors.As(err, &name):
		return "the archive's certificate is for another host: check the address"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the archive's certificate has expired or is not valid yet: tell its administrator, and check this computer's clock"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "the archive's certificate is not valid: tell its administrator"
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return "the archive does not speak TLS at this address: check whether it should begin with http://"
	case errors.As(err, &alert):
		return "the archive ended the TLS handshake: it may want a client certificate or an older version of TLS"
	}
	return ""
}
