package web

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"columna/dicom/dataset"
)

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)
	uidForm  = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
)

// Check returns the endpoint's address, or what is wrong with it in one sentence
// that repeats no part of the address that could be a secret.
func (e Endpoint) Check() (*url.URL, error) {
	if !nameForm.MatchString(e.Name) {
		return nil, errors.New("an archive's name has 1 to 40 letters, digits, dots, dashes and underscores and begins with a letter or digit")
	}
	if e.CAFile != "" && !filepath.IsAbs(e.CAFile) {
		return nil, errors.New("the file of certificates must be named with its whole path")
	}
	return checkAddress(e.URL, e.AllowHTTP)
}

// checkAddress takes https, and http to this machine or where it is allowed.
func checkAddress(address string, allowHTTP bool) (*url.URL, error) {
	if len(address) > 2000 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return nil, errors.New("the address holds spaces or is too long: write it as https://host/path")
	}
	u, err := url.Parse(address)
	if err != nil { // the error would repeat the address
		return nil, errors.New("the address cannot be understood: write it as https://host/path")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("the address holds a user name or password: leave them out, they are given apart")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address must begin with https:// (or http:// on this machine)")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("the address names no host: write it as https://host/path")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the address must end with its path, without ? and #")
	case u.Scheme == "http" && !allowHTTP && !loopback(u.Hostname()):
		return nil, fmt.Errorf("plain http to %s is refused, as anybody on the way could read it: use https, or allow it for this archive", dataset.Printable(u.Hostname()))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// loopback reports a name of this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ValidUID reports whether s has the form of a DICOM UID (PS3.5 9.1), so that it can
// stand in a path.
func ValidUID(s string) bool { return len(s) <= 64 && uidForm.MatchString(s) }

// ParseReference splits "NAME/STUDYUID", or "https://host/path?study=UID", as they
// follow "dicomweb:". For the second form the name is "".
func ParseReference(s string) (name, address, study string, err error) {
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		u, err := url.Parse(s)
		if err != nil {
			return "", "", "", errors.New("the address cannot be understood: write dicomweb:https://host/path?study=UID")
		}
		q := u.Query()
		study = q.Get("study")
		if len(q) != 1 || !ValidUID(study) {
			return "", "", "", errors.New("the address must end in ?study= and one StudyInstanceUID")
		}
		u.RawQuery = ""
		return "", u.String(), study, nil
	}
	name, study, _ = strings.Cut(s, "/")
	if !nameForm.MatchString(name) || !ValidUID(study) {
		return "", "", "", errors.New("write dicomweb:NAME/STUDYUID with the name of an archive and a StudyInstanceUID")
	}
	return name, "", study, nil
}
