package app

import (
	"fyne.io/fyne/v2"

	"columna/viewer/render"
)

// prefs remembers how the reader likes the screen. No patient's data is in it.
type prefs struct{ p fyne.Preferences }

func (p prefs) size() fyne.Size {
	w, h := p.p.FloatWithFallback("window.width", 1600), p.p.FloatWithFallback("window.height", 1000)
	return fyne.NewSize(float32(min(max(w, 1000), 7680)), float32(min(max(h, 640), 4320)))
}

func (p prefs) keepSize(s fyne.Size) {
	if s.Width > 0 {
		p.p.SetFloat("window.width", float64(s.Width))
		p.p.SetFloat("window.height", float64(s.Height))
	}
}

// overlay restores opacity, style and hidden structures.
func (p prefs) overlay(o *render.Overlay) {
	o.Opacity = min(max(p.p.FloatWithFallback("overlay.opacity", 0.35), 0), 1)
	o.Contour = p.p.BoolWithFallback("overlay.contour", false)
	o.Hide = uint64(p.p.IntWithFallback("overlay.hide", 0))
}

func (p prefs) keepOverlay(o *render.Overlay) {
	p.p.SetFloat("overlay.opacity", o.Opacity)
	p.p.SetBool("overlay.contour", o.Contour)
	p.p.SetInt("overlay.hide", int(o.Hide))
}

func (p prefs) brushMM() float64 {
	return min(max(p.p.FloatWithFallback("brush.radius", 3), minBrushMM), maxBrushMM)
}

func (p prefs) keepBrush(mm float64) { p.p.SetFloat("brush.radius", mm) }

// archive is the name of the archive searched last; no credentials are kept.
func (p prefs) archive() string { return p.p.String("archive.name") }

func (p prefs) keepArchive(name string) { p.p.SetString("archive.name", name) }
