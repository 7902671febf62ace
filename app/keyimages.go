package app

import (
	"fmt"
	"image"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"columna/assets"
	"columna/review"
	"columna/volume"
)

// thumbSide is the side of a key image in the list.
const thumbSide = 64

// keepImage keeps what the active pane shows as a key image of the case.
func (r *room) keepImage() {
	p := r.panes[r.active]
	sc := &p.Scene
	if sc.Stack == nil {
		r.app.jobs.say("This pane shows no image: choose another with Tab.")
		return
	}
	series, f, k := sc.Stack.At(sc.Slice)
	place := r.cross.Sub(f.Normal.Scale(r.cross.Sub(f.CenterMM(k)).Dot(f.Normal)))
	title := r.levelled(sc.PictureTitle(), place)
	_, added, err := r.session.KeepImage(r.app.ctx, review.KeyView{Picture: p.Picture(r.app.typ), Title: title,
		Series: series, Slice: k, Right: f.Right, Down: f.Down, Place: place})
	switch {
	case err != nil:
		r.app.jobs.fail(err)
	case !added:
		r.app.jobs.say("This picture is a key image already.")
	default:
		r.app.jobs.say(fmt.Sprintf("Kept as a key image: %s. The Images tab lists it, and Export takes it along.", title))
	}
}

// levelled adds the level in sight to a title, unless the title names one or the place
// lies at none.
func (r *room) levelled(title string, place volume.Vec3) string {
	mm, ok := r.session.LevelPoint(r.level)
	if !ok || strings.Contains(title, "/L") || strings.Contains(title, "/S") || max(mm[2]-place[2], place[2]-mm[2]) > 15 {
		return title
	}
	return title + " · " + r.level.Title()
}

// refreshKeys lists the key images, and under them those that were just removed.
func (p *panels) refreshKeys() {
	p.keys.RemoveAll()
	all, err := p.room.session.KeyImages(p.room.app.ctx)
	if err != nil {
		p.room.app.jobs.fail(err)
	}
	p.taken = slices.DeleteFunc(p.taken, func(t review.KeyImage) bool {
		return slices.ContainsFunc(all, func(k review.KeyImage) bool { return k.ID == t.ID })
	})
	if len(all) == 0 && len(p.taken) == 0 {
		p.keys.Add(paragraph("No key image is kept. K keeps the image in sight as it looks, to leave as a DICOM capture and in the PDF report."))
	}
	for _, k := range all {
		p.keys.Add(p.keyLine(k))
	}
	for _, k := range p.taken {
		back := newFlat("removed: "+k.Title, "bring back", func() { p.restoreKey(k) })
		back.Ink = assets.Dark().Faint
		p.keys.Add(container.New(row{28}, back))
	}
	p.keys.Refresh()
}

// keyLine is a key image, small, with its name and what can be done with it.
func (p *panels) keyLine(k review.KeyImage) fyne.CanvasObject {
	name := newFlat(k.Title, "", func() { p.room.link(k.PlaceLPS, -1); p.room.focusActive() })
	by := text(fmt.Sprintf("%s, %s", k.Author, k.At.Local().Format("2006-01-02 15:04")), 11, assets.Dark().Quiet)
	away := centered("Remove", func() { p.removeKey(k) })
	foot := container.New(parts{[]float32{1, 0}}, padded(by, 8, 0), container.New(column{64}, away))
	words := container.NewVBox(container.New(row{28}, name), container.New(row{26}, foot))
	return container.New(row{thumbSide + 6}, container.New(parts{[]float32{0, 1}}, thumb(k), words))
}

// thumb is the picture itself.
func thumb(k review.KeyImage) fyne.CanvasObject {
	picture, err := review.Picture(k)
	if err != nil {
		picture = image.NewGray(image.Rect(0, 0, 1, 1))
	}
	i := canvas.NewImageFromImage(picture)
	i.FillMode = canvas.ImageFillContain
	i.SetMinSize(fyne.NewSize(thumbSide, thumbSide))
	return i
}

func (p *panels) removeKey(k review.KeyImage) {
	p.taken = append(p.taken, k)
	if err := p.room.session.RemoveKeyImage(p.room.app.ctx, k.ID); err != nil {
		p.room.app.jobs.fail(err)
		return
	}
	p.room.app.jobs.say("Removed from the key images: " + k.Title + ". The list brings it back.")
	p.room.focusActive()
}

func (p *panels) restoreKey(k review.KeyImage) {
	if err := p.room.session.RestoreKeyImage(p.room.app.ctx, k.ID); err != nil {
		p.room.app.jobs.fail(err)
		return
	}
	p.room.app.jobs.say("A key image again: " + k.Title + ".")
	p.room.focusActive()
}
