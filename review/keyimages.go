package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	img "image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"columna/dicom"
	"columna/dicom/sc"
	"columna/dicom/sr"
	"columna/spine"
	"columna/volume"
)

// maxPicturePixels bounds a picture, a stored one before it is unpacked. It is more than
// the largest screens have.
const maxPicturePixels = 40_000_000

// KeyView is a picture as a reader sees it, to be kept as a key image. The picture must
// not show who the patient is.
type KeyView struct {
	Picture     img.Image
	Title       string // what it shows
	Series      *spine.Series
	Slice       int         // k in the series
	Right, Down volume.Vec3 // where rows and columns run to in the patient
	Place       volume.Vec3 // the place in sight, LPS+ mm
}

// KeepImage keeps a picture as a key image of the case; added is false where the very
// same is one already.
func (s *Session) KeepImage(ctx context.Context, v KeyView) (id int64, added bool, err error) {
	if v.Slice < len(v.Series.Gaps) && v.Series.Gaps[v.Slice] {
		return 0, false, errors.New("no image was taken here: there is nothing to keep")
	}
	if size := v.Picture.Bounds().Size(); size.X*size.Y > maxPicturePixels {
		return 0, false, fmt.Errorf("the picture of %dx%d pixels is too large to be kept: make the window smaller", size.X, size.Y)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, v.Picture); err != nil {
		return 0, false, fmt.Errorf("the picture cannot be kept: %w", err)
	}
	k := KeyImage{Title: v.Title, SeriesUID: v.Series.UID, Orientation: towards(v.Right) + `\` + towards(v.Down), PlaceLPS: v.Place,
		PNG: b.Bytes(), Author: s.desk.author}
	if v.Series.SOPClassUID != "" && v.Slice < len(v.Series.SOPUIDs) {
		k.SOPClassUID, k.SOPUID = v.Series.SOPClassUID, v.Series.SOPUIDs[v.Slice]
	}
	if v.Slice < len(v.Series.Frames) {
		k.Frame = v.Series.Frames[v.Slice]
	}
	id, added, err = s.desk.db.AddKeyImage(ctx, s.id, k)
	if err == nil && added {
		s.changed(Change{Keys: true})
	}
	return id, added, err
}

// towards is the letter of a direction as DICOM's PatientOrientation has it: H and F
// where Columna says S and I.
func towards(d volume.Vec3) string {
	return strings.NewReplacer("S", "H", "I", "F").Replace(volume.Letter(d))
}

// KeyImages are the key images of the case, oldest first.
func (s *Session) KeyImages(ctx context.Context) ([]KeyImage, error) {
	all, err := s.desk.db.KeyImages(ctx, s.id)
	return slices.DeleteFunc(all, func(k KeyImage) bool { return k.Removed }), err
}

// RemoveKeyImage takes a picture from the key images; RestoreKeyImage brings it back.
func (s *Session) RemoveKeyImage(ctx context.Context, id int64) error {
	return s.markKey(ctx, id, true)
}

// RestoreKeyImage brings a removed key image back.
func (s *Session) RestoreKeyImage(ctx context.Context, id int64) error {
	return s.markKey(ctx, id, false)
}

func (s *Session) markKey(ctx context.Context, id int64, removed bool) error {
	err := s.desk.db.RemoveKeyImage(ctx, s.id, id, removed, s.desk.author)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("case %d has no key image %d", s.id, id)
	}
	if err == nil {
		s.changed(Change{Keys: true})
	}
	return err
}

// Picture unpacks a key image.
func Picture(k KeyImage) (img.Image, error) {
	c, err := png.DecodeConfig(bytes.NewReader(k.PNG))
	if err != nil {
		return nil, fmt.Errorf("key image %d is damaged: %w", k.ID, err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPicturePixels/c.Height {
		return nil, fmt.Errorf("key image %d is %dx%d pixels: it is damaged", k.ID, c.Width, c.Height)
	}
	p, err := png.Decode(bytes.NewReader(k.PNG))
	if err != nil {
		return nil, fmt.Errorf("key image %d is damaged: %w", k.ID, err)
	}
	return p, nil
}

// pictures are the key images, or others where there is none.
func (l *Leaving) pictures(ctx context.Context, others []img.Image) ([]img.Image, error) {
	keys, err := l.KeyImages(ctx)
	if err != nil || len(keys) == 0 {
		return others, err
	}
	var out []img.Image
	for _, k := range keys {
		p, err := Picture(k)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// writeKeys writes each key image as a secondary capture, and a selection that names
// them and the images they were drawn from.
func (l *Leaving) writeKeys(ctx context.Context, base string) (names []string, err error) {
	defer func() {
		if err != nil { // half a selection is none
			for _, name := range names {
				os.Remove(name)
			}
			names = nil
		}
	}()
	keys, err := l.KeyImages(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("case %d has no key image yet: K in the reading room keeps the image in sight", l.id)
	}
	src, notes, err := l.studySource(ctx)
	if err != nil {
		return nil, err
	}
	l.Notes = append(l.Notes, notes...)
	last := keys[len(keys)-1]
	selection := &sr.KeyObjects{Source: src, Author: last.Author, At: last.At}
	for n, k := range keys {
		name := fmt.Sprintf("%s.key%d.sc.dcm", base, n+1)
		capture, err := l.writeCapture(name, src, k, n+1)
		if err != nil {
			return names, err
		}
		names = append(names, name)
		selection.Selected = append(selection.Selected, capture)
		if k.SOPUID != "" {
			selection.Selected = append(selection.Selected, sr.Reference{SeriesUID: k.SeriesUID, Image: imageOf(k)})
		}
		selection.Words += fmt.Sprintf("%d: %s\n", n+1, k.Title)
	}
	if l.profile != nil {
		selection.Author = ""
	}
	name := base + ".ko.dcm"
	if err := l.dicom(name, func(name string) error { return sr.WriteKeyObjects(name, selection) }); err != nil {
		return names, err
	}
	return append(names, name), nil
}

// writeCapture writes one key image and returns what the whole study calls it.
func (l *Leaving) writeCapture(name string, src *dicom.Source, k KeyImage, n int) (ref sr.Reference, err error) {
	p, err := Picture(k)
	if err != nil {
		return ref, err
	}
	c := &sc.Capture{Source: src, Picture: p, Of: imageOf(k), Orientation: k.Orientation, Title: k.Title, Number: n, At: k.At}
	err = l.dicom(name, func(name string) error {
		ref.Image, ref.SeriesUID, err = sc.Write(name, c)
		return err
	})
	if err != nil {
		return ref, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return ref, nil
}

// imageOf is the image that a key image was drawn from.
func imageOf(k KeyImage) dicom.ImageRef {
	return dicom.ImageRef{SOPClassUID: k.SOPClassUID, SOPUID: k.SOPUID, Frame: k.Frame}
}
