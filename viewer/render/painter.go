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
	img    *image.RGBA
	typ    *Type
	grey   greys
	label  []uint8 // nearest labels of the mask
	other  []uint8 // nearest labels of the reference mask
	class  []uint8
	heat   []uint8
	warmth heatGrid

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
	if s.Stack.Gap(s.Slice) {
		p.gap(s)
	} else {
		p.compose(s, w, h)
	}
	p.marks(s)
	p.words(s)
	return p.img
}

// gap shows a slice where no image was taken as what it is.
func (p *Painter) gap(s *Scene) {
	Fill(p.img, p.img.Rect, assets.Dark().Void)
	d := s.density()
	p.typ.DrawIn(p.img, p.img.Rect.Inset(int(12*d)), "no image was taken here", 1, Style{Size: 12 * d, Color: assets.Dark().Faint})
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
			p.warmth.heatAt(p.heat, s.Heat.Volume, p.lens, w, h)
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
		at, values := y*w+x0, g.values[y*w+x0:y*w+x1]
		pix = pix[4*x0 : 4*x1]
		switch warm := heated && p.warmth.warmAt(y); {
		case labelled && warm:
			p.rowAll(pix, values, p.class[at:], p.heat[at:], lo, scale)
		case labelled:
			p.rowLabels(pix, values, p.class[at:], lo, scale)
		case warm:
			p.rowHeat(pix, values, p.heat[at:], lo, scale)
		default:
			p.rowGrey(pix, values, lo, scale)
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

// rowGrey and its siblings below draw a row's values into as many pixels of pix;
// their classes and heats begin at the first of them.
func (p *Painter) rowGrey(pix []uint8, values []float32, lo, scale float32) {
	t := &p.blend[0]
	for _, v := range values {
		binary.LittleEndian.PutUint32(pix[:4], t[level(v, lo, scale)])
		pix = pix[4:]
	}
}

func (p *Painter) rowLabels(pix []uint8, values []float32, class []uint8, lo, scale float32) {
	t, class := p.blend, class[:len(values)]
	for n, v := range values {
		binary.LittleEndian.PutUint32(pix[:4], t[class[n]&127][level(v, lo, scale)])
		pix = pix[4:]
	}
}

func (p *Painter) rowHeat(pix []uint8, values []float32, heat []uint8, lo, scale float32) {
	t, hot, heat := &p.blend[0], p.hot, heat[:len(values)]
	for n, v := range values {
		binary.LittleEndian.PutUint32(pix[:4], hot.over(t[level(v, lo, scale)], heat[n]))
		pix = pix[4:]
	}
}

func (p *Painter) rowAll(pix []uint8, values []float32, class, heat []uint8, lo, scale float32) {
	t, hot, class, heat := p.blend, p.hot, class[:len(values)], heat[:len(values)]
	for n, v := range values {
		binary.LittleEndian.PutUint32(pix[:4], hot.over(t[class[n]&127][level(v, lo, scale)], heat[n]))
		pix = pix[4:]
	}
}
