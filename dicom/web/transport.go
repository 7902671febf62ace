package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// newHTTP makes a client that verifies TLS, stays on the named host and never
// unpacks an answer.
func newHTTP(e Endpoint, base *url.URL) (*http.Client, error) {
	roots, err := readRoots(e.CAFile)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxConnsPerHost:        8,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // nothing is unpacked, so nothing can burst
	}
	if base.Scheme == "https" {
		t.Proxy = http.ProxyFromEnvironment // a tunnel: the proxy sees the host's name alone
	} else if !e.AllowHTTP {
		dialer.Control = onlyLoopback
	}
	return &http.Client{Transport: t, CheckRedirect: stayOn(base)}, nil
}

// onlyLoopback holds "localhost" to its word, whatever the name server says.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errors.New("plain http may only reach this machine")
	}
	return nil
}

// readRoots reads the certificates to trust; nil are the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the file of certificates cannot be read: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCABytes+1))
	if err != nil {
		return nil, fmt.Errorf("the file of certificates cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if len(pem) > maxCABytes || !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form: ask the archive's administrator for its CA file", file)
	}
	return pool, nil
}

// errRedirect is the answer to a redirect that leaves the host.
var errRedirect = errors.New("redirected elsewhere")

// stayOn follows a redirect of a read on the same scheme, host and port alone, so
// that credentials and queries go nowhere else.
func stayOn(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		same := r.URL.Scheme == base.Scheme && r.URL.Host == base.Host && r.URL.User == nil
		if !same || r.Method != http.MethodGet || len(via) > 4 {
			return errRedirect
		}
		return nil
	}
}
