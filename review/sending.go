package review

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// Outgoing is what of a case is ready to be sent.
type Outgoing struct {
	caseID  int64
	formats []string
	objects []web.Object
}

// SendFormats names what of a case can be sent: its DICOM objects.
func SendFormats() []string { return []string{"seg", "sr", "key"} }

// Outgoing makes the objects of the named formats as the case stands now; with a
// profile they leave without the patient's identity. Notes say what had to be made up.
func (s *Session) Outgoing(ctx context.Context, formats []string, p *Identity) (out Outgoing, notes []string, err error) {
	out = Outgoing{caseID: s.id, formats: slices.Clone(formats)}
	SortFormats(out.formats)
	dir, err := os.MkdirTemp(filepath.Dir(s.desk.db.Path()), ".columna-send-*") // where nobody else can read
	if err != nil {
		return out, nil, fmt.Errorf("there is no place to make what is sent: %w", err)
	}
	defer os.RemoveAll(dir)
	leaving := s.Leave(p)
	for _, format := range out.formats {
		if !slices.Contains(SendFormats(), format) {
			return out, nil, fmt.Errorf("%q is no object that can be sent; choose from %s", format, strings.Join(SendFormats(), ", "))
		}
		names, err := leaving.Write(ctx, format, filepath.Join(dir, "case"), nil)
		if err != nil {
			return out, nil, err
		}
		if err := out.take(names); err != nil {
			return out, nil, err
		}
	}
	return out, leaving.Notes, nil
}

// take reads files into memory, so that nothing of them stays.
func (out *Outgoing) take(names []string) error {
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("what is sent cannot be read: %w", err)
		}
		o, err := web.NewObject(strings.TrimPrefix(filepath.Base(name), "case."), b)
		if err != nil {
			return err
		}
		out.objects = append(out.objects, o)
	}
	return nil
}

// SendResults stores a case's objects in an archive; the case's history keeps what
// left and what the archive did not take.
func (d *Desk) SendResults(ctx context.Context, archive string, out Outgoing, p Progress) (Sent, error) {
	sent, err := d.send(ctx, archive, out.objects, p)
	if err != nil {
		return sent, err
	}
	words := fmt.Sprintf("%s to %s: %d taken", strings.Join(out.formats, ", "), archive, sent.Taken)
	for _, f := range sent.Failed {
		words += fmt.Sprintf("; %s not taken: %s", f.Name, f.Reason)
	}
	return sent, d.Record(ctx, out.caseID, "send", words)
}
