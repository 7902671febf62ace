package store

import "context"

// Archive is a DICOMweb service that the user has named.
type Archive struct {
	Name      string
	URL       string
	CAFile    string
	AllowHTTP bool
}

// Archives lists the named archives by name.
func (db *DB) Archives(ctx context.Context) (all []Archive, err error) {
	err = db.view(ctx, "read the archives", func(t *tx) error {
		const q = `SELECT name, url, ca_file, allow_http FROM archives
			WHERE id IN (SELECT max(id) FROM archives GROUP BY name) AND removed = 0 ORDER BY name`
		return t.each(q, nil, func(scan func(...any) error) error {
			var a Archive
			err := scan(&a.Name, &a.URL, &a.CAFile, &a.AllowHTTP)
			all = append(all, a)
			return err
		})
	})
	return all, err
}

// PutArchive names an archive, or changes the one of that name.
func (db *DB) PutArchive(ctx context.Context, a Archive, author string) error {
	return db.update(ctx, "store the archive", func(t *tx) error { return t.addArchive(a, 0, author) })
}

// RemoveArchive forgets a name; ErrNotFound where there is none.
func (db *DB) RemoveArchive(ctx context.Context, name, author string) error {
	return db.update(ctx, "remove the archive", func(t *tx) error {
		var a Archive
		var removed bool
		err := t.one("SELECT name, url, ca_file, allow_http, removed FROM archives WHERE name = ? ORDER BY id DESC LIMIT 1",
			[]any{name}, &a.Name, &a.URL, &a.CAFile, &a.AllowHTTP, &removed)
		if err != nil || removed {
			return orNotFound(err)
		}
		return t.addArchive(a, 1, author)
	})
}

func (t *tx) addArchive(a Archive, removed int, author string) error {
	id, err := t.insert("INSERT INTO archives (name, url, ca_file, allow_http, removed, author, created_at) VALUES (?,?,?,?,?,?,?)",
		a.Name, a.URL, a.CAFile, a.AllowHTTP, removed, author, t.at)
	if err != nil {
		return err
	}
	return t.auditRow(author, [...]string{"archive", "archive removed"}[removed], 0, "archives", id, a.Name)
}
