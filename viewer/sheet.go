package viewer

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"columna/assets"
	"columna/spine"
	"columna/viewer/render"
)

// Sheet is the worksheet as a widget: 5 conditions by 5 levels.
type Sheet struct {
	widget.BaseWidget
	Table  render.Worksheet
	OnCell func(spine.Condition, spine.Level)

	typ     *render.Type
	raster  *canvas.Raster
	img     *image.RGBA
	density float64
}

// NewSheet makes an empty worksheet.
func NewSheet(typ *render.Type) *Sheet {
	s := &Sheet{typ: typ, density: 1}
	for c := range s.Table.Cells {
		for l := range s.Table.Cells[c] {
			s.Table.Cells[c][l] = render.Cell{AI: spine.Ungraded, Reader: spine.Ungraded}
		}
	}
	s.raster = canvas.NewRaster(s.draw)
	s.raster.ScaleMode = canvas.ImageScaleFastest
	s.ExtendBaseWidget(s)
	return s
}

func (s *Sheet) draw(w, h int) image.Image {
	if s.img == nil || s.img.Rect.Dx() != w || s.img.Rect.Dy() != h {
		s.img = image.NewRGBA(image.Rect(0, 0, w, h))
	}
	if size := s.Size(); size.Width > 0 {
		s.density = float64(w) / float64(size.Width)
	}
	render.Fill(s.img, s.img.Rect, assets.Dark().Surface)
	s.Table.Draw(s.img, s.img.Rect, s.density, s.typ)
	return s.img
}

// Redraw asks for a new frame.
func (s *Sheet) Redraw() { s.raster.Refresh() }

// CreateRenderer implements fyne.Widget.
func (s *Sheet) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(s.raster) }

// MinSize leaves room for the letters and probabilities.
func (s *Sheet) MinSize() fyne.Size { return fyne.NewSize(300, 212) }

// Tapped implements fyne.Tappable.
func (s *Sheet) Tapped(e *fyne.PointEvent) {
	size := s.Size()
	box := image.Rect(0, 0, int(float64(size.Width)*s.density+0.5), int(float64(size.Height)*s.density+0.5))
	x, y := int(float64(e.Position.X)*s.density), int(float64(e.Position.Y)*s.density)
	if c, l, ok := s.Table.Hit(box, s.density, x, y); ok && s.OnCell != nil {
		s.OnCell(c, l)
	}
}
