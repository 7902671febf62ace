package review

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"columna/dicom/web"
)

// Sent says what an archive took and what it did not, and why.
type Sent = web.Stored

// maxSent bounds what one command sends.
const maxSent = 20_000

// SendFiles stores DICOM files, and those of folders, in an archive. What is no
// DICOM is refused before anything leaves.
func (d *Desk) SendFiles(ctx context.Context, archive string, paths []string, p Progress) (Sent, error) {
	var objects []web.Object
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if len(objects) >= maxSent {
				return fmt.Errorf("more than %d files: send fewer at a time", maxSent)
			}
			o, err := web.OpenObject(name)
			objects = append(objects, o)
			return err
		})
		if err != nil {
			return Sent{}, err
		}
	}
	return d.send(ctx, archive, objects, p)
}

// send stores objects in a named archive.
func (d *Desk) send(ctx context.Context, archive string, objects []web.Object, p Progress) (Sent, error) {
	c, err := d.connect(ctx, archive)
	if err != nil {
		return Sent{}, err
	}
	defer c.Close()
	return c.Store(ctx, objects, func(done, total int) {
		p.say(fmt.Sprintf("sent %d of %d", done, total), float64(done)/float64(total))
	})
}
