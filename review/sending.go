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

// resultFormat is a DICOM object that a case gives, by the name that export has for
// it.
type resultFormat struct {
	name  string
	write func(s *Session, ctx context.Context, path string) (notes []string, err error)
}

// resultFormats are the objects that can be sent.
func resultFormats() []resultFormat {
	return []resultFormat{{"seg", (*Session).WriteSegmentation}}
}

// SendFormats names what SendResults can send.
func SendFormats() (names []string) {
	for _, f := range resultFormats() {
		names = append(names, f.name)
	}
	return names
}

// Outgoing makes the objects of the named formats as the case stands now. Notes say
// what had to be made up.
func (s *Session) Outgoing(ctx context.Context, formats []string) (out Outgoing, notes []string, err error) {
	out = Outgoing{caseID: s.id, formats: formats}
	for _, name := range formats {
		n := slices.IndexFunc(resultFormats(), func(f resultFormat) bool { return f.name == name })
		if n < 0 {
			return out, nil, fmt.Errorf("%q is no object that can be sent; choose from %s", name, strings.Join(SendFormats(), ", "))
		}
		o, more, err := s.object(ctx, resultFormats()[n])
		if err != nil {
			return out, nil, err
		}
		out.objects, notes = append(out.objects, o), append(notes, more...)
	}
	return out, notes, nil
}

// object writes one format beside the database, where nobody else can read it, and
// takes it into memory.
func (s *Session) object(ctx context.Context, f resultFormat) (o web.Object, notes []string, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(s.desk.db.Path()), ".columna-send-*")
	if err != nil {
		return o, nil, fmt.Errorf("there is no place to make what is sent: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, f.name+".dcm")
	if notes, err = f.write(s, ctx, path); err != nil {
		return o, nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return o, nil, fmt.Errorf("what is sent cannot be read: %w", err)
	}
	o, err = web.NewObject(f.name, b)
	return o, notes, err
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
