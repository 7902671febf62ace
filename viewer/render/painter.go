package render

import (
	"encoding/binary"
	"image"
	"math"

	"columna/assets"
	"columna/spine"
	"columna/volume"
)

// Painter draws scenes into one retained image. It is for one pane and one
// goroutine.
type Painter struct {
	img   *image.RGBA
	typ   *Type
	grey  greys
	label []uint8 // nearest labels of the mask
	other []uint8 // nearest labels of the reference mask
	class []uint8
	heat  []uint8
	nodes []float32

	greyKey  greyKey
	labelKey labelKey
	heatKey  heatKey
	tableKey tableKey
	opacity  float64
	blend    *blendTable
	hot      *heatTable
	lens     Lens
}

// The keys hold what a stage was computed from; a stage is redone when its key
// differs.
type greyKey struct {
	series *spine.Series
	data   *float32
	k      int
	view   View
	w, h   int
}

type labelKey struct {
	geometry greyKey
	mask     *volume.LabelMap
	revision int
	compare  *volume.LabelMap
	thick    int
}

type heatKey struct {
	geometry greyKey
	volume   *volume.Volume
}

type tableKey struct {
	present bool
	hide    uint64
	opacity float64
	contour bool
	off     bool
}

// NewPainter makes a painter that sets its words in typ, which painters of one
// goroutine may share.
func NewPainter(typ *Type) *Painter { return &Painter{typ: typ} }

// Lens is the geometry of the last frame; ok is false before one was drawn.
func (p *Painter) Lens() (l Lens, ok bool) { return p.lens, p.lens.PxPerMM > 0 }

// Draw composes the scene at w x h device pixels. The image belongs to the
// painter and is overwritten by the next call.
func (p *Painter) Draw(s *Scene, w, h int) *image.RGBA {
	w, h = max(w, 1), max(h, 1)
	if p.img == nil || p.img.Rect.Dx() != w || p.img.Rect.Dy() != h {
		p.img = image.NewRGBA(image.Rect(0, 0, w, h))
	}
	if s.Stack == nil {
		Fill(p.img, p.img.Rect, assets.Dark().Void)
		p.words(s)
		return p.img
	}
	p.prepare(s, w, h)
	p.compose(s, w, h)
	p.marks(s)
	p.words(s)
	return p.img
}

// prepare brings every stage up to date.
func (p *Painter) prepare(s *Scene, w, h int) {
	series, frame, k := s.Stack.At(s.Slice)
	key := greyKey{series, &series.Volume.Data[0], k, s.View, w, h}
	if key != p.greyKey {
		p.lens = NewLens(frame, k, s.View, w, h)
		p.grey.sample(series.Volume.Data, p.lens, w, h)
		p.greyKey = key
	}
	p.prepareLabels(s, w, h)
	if s.Heat != nil && s.Heat.Volume != nil {
		if hk := (heatKey{key, s.Heat.Volume}); hk != p.heatKey {
			p.heat = resize(p.heat, w*h)
			heatAt(p.heat, &p.nodes, s.Heat.Volume, p.lens, w, h)
			p.heatKey = hk
		}
		if p.hot == nil || p.opacity != s.Heat.Opacity {
			p.hot, p.opacity = newHeatTable(s.Heat.Opacity), s.Heat.Opacity
		}
	}
	tk := tableKey{}
	if o := s.Overlay; o != nil {
		tk = tableKey{true, o.Hide, o.Opacity, o.Contour, o.Off}
	}
	if p.blend == nil || tk != p.tableKey {
		p.blend, p.tableKey = newBlendTable(s.Overlay), tk
	}
}

func (p *Painter) prepareLabels(s *Scene, w, h int) {
	if !hasMask(s) {
		return
	}
	key := labelKey{p.greyKey, s.Overlay.Mask, s.Overlay.Revision, s.Compare, max(1, int(s.density()+0.3))}
	if key == p.labelKey {
		return
	}
	p.labelKey = key
	p.label, p.class = resize(p.label, w*h), resize(p.class, w*h)
	labelsAt(p.label, s.Overlay.Mask, p.lens, w, h)
	if s.Compare == nil {
		markEdges(p.class, p.label, w, h, key.thick)
		return
	}
	p.other = resize(p.other, w*h)
	labelsAt(p.other, s.Compare, p.lens, w, h)
	markDifference(p.class, p.label, p.other)
}

func hasMask(s *Scene) bool { return s.Overlay != nil && s.Overlay.Mask != nil }

func (s *Scene) density() float64 {
	if s.Density > 0 {
		return s.Density
	}
	return 1
}

// compose joins the stages: one table lookup per pixel, then heat if any.
func (p *Painter) compose(s *Scene, w, h int) {
	scale := float32(255 / math.Max(s.Window.Width(), 1e-9))
	lo := float32(s.Window.Lo)
	labelled := hasMask(s) && (!s.Overlay.Off || s.Compare != nil)
	heated := s.Heat != nil && s.Heat.Volume != nil
	void := assets.Dark().Void
	black := pack(void.R, void.G, void.B)
	g := &p.grey
	for y := range h {
		pix := p.img.Pix[y*p.img.Stride:][:4*w]
		x0, x1 := g.x0, g.x1
		if y < g.y0 || y >= g.y1 {
			x0, x1 = w, w
		}
		blank(pix[:4*x0], black)
		if x1 < w {
			blank(pix[4*x1:], black)
		}
		values := g.values[y*w : y*w+w]
		switch {
		case labelled && heated:
			p.rowAll(pix, values, p.class[y*w:], p.heat[y*w:], x0, x1, lo, scale)
		case labelled:
			p.rowLabels(pix, values, p.class[y*w:], x0, x1, lo, scale)
		case heated:
			p.rowHeat(pix, values, p.heat[y*w:], x0, x1, lo, scale)
		default:
			p.rowGrey(pix, values, x0, x1, lo, scale)
		}
	}
}

func blank(pix []uint8, v uint32) {
	for i := 0; i+4 <= len(pix); i += 4 {
		binary.LittleEndian.PutUint32(pix[i:], v)
	}
}

// level turns a measured value into one of 256 greys.
func level(v, lo, scale float32) uint8 {
	g := (v - lo) * scale
	if g <= 0 {
		return 0
	}
	if g >= 255 {
		return 255
	}
	return uint8(g + 0.5)
}

func (p *Painter) rowGrey(pix []uint8, values []float32, x0, x1 int, lo, scale float32) {
	t := &p.blend[0]
	for x := x0; x < x1; x++ {
		binary.LittleEndian.PutUint32(pix[4*x:], t[level(values[x], lo, scale)])
	}
}

func (p *Painter) rowLabels(pix []uint8, values []float32, class []uint8, x0, x1 int, lo, scale float32) {
	for x := x0; x < x1; x++ {
		binary.LittleEndian.PutUint32(pix[4*x:], p.blend[class[x]&127][level(values[x], lo, scale)])
	}
}

func (p *Painter) rowHeat(pix []uint8, values []float32, heat []uint8, x0, x1 int, lo, scale float32) {
	t := &p.blend[0]
	for x := x0; x < x1; x++ {
		binary.LittleEndian.PutUint32(pix[4*x:], p.hot.over(t[level(values[x], lo, scale)], heat[x]))
	}
}

func (p *Painter) rowAll(pix []uint8, values []float32, class, heat []uint8, x0, x1 int, lo, scale float32) {
	for x := x0; x < x1; x++ {
		v := p.blend[class[x]&127][level(values[x], lo, scale)]
		binary.LittleEndian.PutUint32(pix[4*x:], p.hot.over(v, heat[x]))
	}
}
