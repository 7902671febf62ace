package review

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"columna/dicom/web"
	"columna/store"
)

// Words of DICOMweb that the window and the commands use too.
type (
	// Archive is a DICOMweb service that the user has named; it holds no secret.
	Archive = web.Endpoint
	// Credentials open an archive; they print as stars.
	Credentials = web.Credentials
	// ArchiveQuery asks an archive for studies.
	ArchiveQuery = web.Query
	// ArchiveStudy is a study that an archive has.
	ArchiveStudy = web.Study
)

// NewSecret wraps a password or token.
func NewSecret(s string) web.Secret { return web.NewSecret(s) }

// ErrUnauthorised means that an archive wants other credentials, or any.
var ErrUnauthorised = web.ErrUnauthorised

// typed are the credentials that the user typed in. They live as long as the desk.
type typed struct {
	mu     sync.Mutex
	byName map[string]Credentials
}

// Archives lists the archives that the user has named.
func (d *Desk) Archives(ctx context.Context) ([]Archive, error) {
	rows, err := d.db.Archives(ctx)
	var all []Archive
	for _, r := range rows {
		all = append(all, Archive{Name: r.Name, URL: r.URL, CAFile: r.CAFile, AllowHTTP: r.AllowHTTP})
	}
	return all, err
}

// AddArchive names an archive, or changes the one of that name. It opens no
// connection.
func (d *Desk) AddArchive(ctx context.Context, a Archive) error {
	if err := checkArchive(a); err != nil {
		return err
	}
	return d.db.PutArchive(ctx, store.Archive{Name: a.Name, URL: a.URL, CAFile: a.CAFile, AllowHTTP: a.AllowHTTP}, d.author)
}

// checkArchive makes a client that is never used, which reads the CA file too.
func checkArchive(a Archive) error {
	c, err := web.New(a, Credentials{})
	if err != nil {
		return err
	}
	c.Close()
	return nil
}

// RemoveArchive forgets an archive and what was typed in for it.
func (d *Desk) RemoveArchive(ctx context.Context, name string) error {
	d.SignIn(name, Credentials{})
	err := d.db.RemoveArchive(ctx, name, d.author)
	if errors.Is(err, store.ErrNotFound) {
		return errNoArchive(name)
	}
	return err
}

// SignIn keeps credentials for this session; empty ones are forgotten.
func (d *Desk) SignIn(name string, who Credentials) {
	d.typed.mu.Lock()
	defer d.typed.mu.Unlock()
	if d.typed.byName == nil {
		d.typed.byName = map[string]Credentials{}
	}
	d.typed.byName[name] = who
	if who.Empty() {
		delete(d.typed.byName, name)
	}
}

// credentialsFor are those typed in, else the environment's, else the file's.
func (d *Desk) credentialsFor(name string) (Credentials, error) {
	d.typed.mu.Lock()
	who := d.typed.byName[name]
	d.typed.mu.Unlock()
	if !who.Empty() {
		return who, nil
	}
	return storedCredentials(name)
}

// TestArchive asks an archive, named already or not, whether it lets us in. Empty
// credentials stand for those that are known of its name.
func (d *Desk) TestArchive(ctx context.Context, a Archive, who Credentials) error {
	if who.Empty() {
		var err error
		if who, err = d.credentialsFor(a.Name); err != nil {
			return err
		}
	}
	c, err := web.New(a, who)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Test(ctx)
}

// connect prepares a client of a named archive.
func (d *Desk) connect(ctx context.Context, name string) (*web.Client, error) {
	all, err := d.Archives(ctx)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(all, func(a Archive) bool { return a.Name == name })
	if n < 0 {
		return nil, errNoArchive(name)
	}
	who, err := d.credentialsFor(name)
	if err != nil {
		return nil, err
	}
	return web.New(all[n], who)
}

func errNoArchive(name string) error {
	return fmt.Errorf("no archive is named %.40q: name it with columna pacs add, or in the window", name)
}

// connectTo prepares a client of an address: that of a named archive with its
// credentials, or any other without.
func (d *Desk) connectTo(ctx context.Context, address string) (*web.Client, error) {
	all, err := d.Archives(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if strings.TrimRight(a.URL, "/") == strings.TrimRight(address, "/") {
			return d.connect(ctx, a.Name)
		}
	}
	name := "archive"
	if u, err := url.Parse(address); err == nil {
		name = strings.Trim(strings.ReplaceAll(u.Hostname(), ":", "."), ".-")
	}
	return web.New(Archive{Name: name[:min(len(name), 40)], URL: address}, Credentials{})
}

// FindStudies asks an archive for studies, the newest first; more says that it has
// others.
func (d *Desk) FindStudies(ctx context.Context, archive string, q ArchiveQuery) (found []ArchiveStudy, more bool, err error) {
	c, err := d.connect(ctx, archive)
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	return c.FindStudies(ctx, q)
}
