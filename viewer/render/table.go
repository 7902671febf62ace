package render

import (
	"image/color"

	"columna/assets"
	"columna/spine"
)

// blendTable is every pixel a pane can hold before the heat map: for each label
// class and each of 256 greys, the colour as it lies in memory.
type blendTable [classCount][256]uint32

// tint is a colour and how much of it covers the grey.
type tint struct {
	c color.RGBA
	a float64
}

func newBlendTable(o *Overlay) *blendTable {
	t := &blendTable{}
	tints := [classCount]tint{}
	if o != nil && !o.Off {
		for _, info := range spine.Structures() {
			if !o.Visible(info.Structure) {
				continue
			}
			fill, edge := o.Opacity, min(1, o.Opacity+0.35)
			if o.Contour {
				fill, edge = 0, min(1, 0.4+o.Opacity)
			}
			tints[info.Structure] = tint{info.Color, fill}
			tints[int(info.Structure)|classEdge] = tint{info.Color, edge}
		}
	}
	p := assets.Dark()
	tints[classAdded] = tint{p.Added, 0.8}
	tints[classRemoved] = tint{p.Removed, 0.8}
	tints[classChanged] = tint{p.Ink, 0.8}
	for c, ti := range tints {
		for g := range 256 {
			t[c][g] = pack(blend(uint8(g), ti.c.R, ti.a), blend(uint8(g), ti.c.G, ti.a), blend(uint8(g), ti.c.B, ti.a))
		}
	}
	return t
}

func blend(grey, over uint8, a float64) uint8 {
	return uint8(float64(grey)*(1-a) + float64(over)*a + 0.5)
}

func pack(r, g, b uint8) uint32 { return uint32(r) | uint32(g)<<8 | uint32(b)<<16 | 0xff<<24 }
