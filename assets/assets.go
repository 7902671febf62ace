// Package assets holds what the app looks like and nothing else: the icon, the
// ink and surface colours, the severity steps and the heat colour map. It is
// shared by the Fyne widgets and by the pictures that are drawn without Fyne.
package assets

import (
	_ "embed" // the icon
	"image/color"
)

//go:embed icon.png
var iconPNG []byte

// Icon is the application's icon as PNG, 256 pixels square; icon_test.go draws it.
func Icon() []byte { return append([]byte(nil), iconPNG...) }

// Palette is the one set of colours of the dark reading room. The surfaces are
// nearly black so that the images own the light of the screen.
type Palette struct {
	Void      color.RGBA // behind an image
	Surface   color.RGBA // window background
	Raised    color.RGBA // panels, table cells
	Hover     color.RGBA // under the pointer
	Line      color.RGBA // hairlines between panels
	Ink       color.RGBA // text
	Quiet     color.RGBA // secondary text, at least 4.5:1 on Surface
	Faint     color.RGBA // disabled text, grid lines of tables
	Accent    color.RGBA // the one accent: selection, focus, crosshair
	AccentInk color.RGBA // text on the accent
	Reference color.RGBA // other panes' slices
	Warning   color.RGBA // flags
	Added     color.RGBA // voxels a reader added to the AI's mask
	Removed   color.RGBA // voxels a reader removed from it
}

// Dark is the palette of the reading room.
func Dark() Palette {
	return Palette{
		Void:      rgb(0x00, 0x00, 0x00),
		Surface:   rgb(0x12, 0x14, 0x17),
		Raised:    rgb(0x1B, 0x1E, 0x23),
		Hover:     rgb(0x26, 0x2B, 0x32),
		Line:      rgb(0x2C, 0x31, 0x39),
		Ink:       rgb(0xE3, 0xE6, 0xEA),
		Quiet:     rgb(0x9A, 0xA3, 0xAF),
		Faint:     rgb(0x5A, 0x62, 0x6E),
		Accent:    rgb(0x5F, 0xC8, 0xD8),
		AccentInk: rgb(0x06, 0x20, 0x25),
		Reference: rgb(0xE6, 0xC8, 0x5A),
		Warning:   rgb(0xE8, 0xB0, 0x4B),
		Added:     rgb(0x56, 0xB4, 0xE9),
		Removed:   rgb(0xE6, 0x9F, 0x00),
	}
}

// Severity is the fill and the letter's colour of a grade: 0 normal or mild,
// 1 moderate, 2 severe. The three differ in lightness as well as hue (blue,
// yellow, vermilion after Okabe and Ito), so they hold for colour-blind readers
// and in grey; the letter N, M or S is always drawn with them.
func Severity(grade int) (fill, ink color.RGBA) {
	switch grade {
	case 0:
		return rgb(0x1F, 0x3A, 0x52), rgb(0xB9, 0xD8, 0xF2)
	case 1:
		return rgb(0xD9, 0xB4, 0x3C), rgb(0x20, 0x18, 0x00)
	case 2:
		return rgb(0xD5, 0x4E, 0x1A), rgb(0xFF, 0xF4, 0xEC)
	}
	return rgb(0x1B, 0x1E, 0x23), rgb(0x8A, 0x92, 0x9E)
}

// Heat is the colour map of Grad-CAM: dark violet through red and orange to
// pale yellow, lightness rising all the way so that it also reads in grey.
func Heat() [256]color.RGBA {
	stops := []color.RGBA{
		rgb(0x14, 0x0B, 0x34), rgb(0x4B, 0x0C, 0x6B), rgb(0x8A, 0x22, 0x6A), rgb(0xC8, 0x3E, 0x4D),
		rgb(0xEE, 0x6A, 0x24), rgb(0xFB, 0xA5, 0x0A), rgb(0xF6, 0xD7, 0x46), rgb(0xFC, 0xFF, 0xA4),
	}
	var out [256]color.RGBA
	for i := range out {
		x := float64(i) / 255 * float64(len(stops)-1)
		n := min(int(x), len(stops)-2)
		out[i] = mix(stops[n], stops[n+1], x-float64(n))
	}
	return out
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t + 0.5) }
	return rgb(m(a.R, b.R), m(a.G, b.G), m(a.B, b.B))
}

func rgb(r, g, b uint8) color.RGBA { return color.RGBA{r, g, b, 255} }
