package render

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Type sets words in the Go fonts, which are compiled in. It keeps the mask of
// every glyph it has drawn. It is for one goroutine.
type Type struct {
	fonts  [2]*opentype.Font
	faces  map[faceKey]font.Face
	glyphs map[glyphKey]glyph
}

type faceKey struct {
	size   float64
	medium bool
}

type glyphKey struct {
	faceKey
	r rune
}

type glyph struct {
	mask    *image.Alpha
	dx, dy  int // from the pen to the mask's top left
	advance fixed.Int26_6
}

// NewType reads the compiled-in fonts.
func NewType() *Type {
	t := &Type{faces: map[faceKey]font.Face{}, glyphs: map[glyphKey]glyph{}}
	for i, ttf := range [][]byte{goregular.TTF, gomedium.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic("the compiled-in Go font does not parse: " + err.Error())
		}
		t.fonts[i] = f
	}
	return t
}

func (t *Type) face(k faceKey) font.Face {
	if f, ok := t.faces[k]; ok {
		return f
	}
	n := 0
	if k.medium {
		n = 1
	}
	f, err := opentype.NewFace(t.fonts[n], &opentype.FaceOptions{Size: k.size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic("the compiled-in Go font has no face: " + err.Error())
	}
	t.faces[k] = f
	return f
}

func (t *Type) glyph(k faceKey, r rune) glyph {
	key := glyphKey{k, r}
	if g, ok := t.glyphs[key]; ok {
		return g
	}
	dr, mask, at, advance, ok := t.face(k).Glyph(fixed.P(0, 0), r)
	g := glyph{advance: advance}
	if ok && !dr.Empty() {
		g.mask = image.NewAlpha(image.Rect(0, 0, dr.Dx(), dr.Dy()))
		g.dx, g.dy = dr.Min.X, dr.Min.Y
		for y := range dr.Dy() {
			for x := range dr.Dx() {
				_, _, _, a := mask.At(at.X+x, at.Y+y).RGBA()
				g.mask.Pix[y*g.mask.Stride+x] = uint8(a >> 8)
			}
		}
	}
	t.glyphs[key] = g
	return g
}

// Style is how words are set: size in device pixels, weight and colour. Halo
// puts a dark rim around the letters so that they can be read over bright fat.
type Style struct {
	Size   float64
	Medium bool
	Color  color.RGBA
	Halo   bool
}

// Width is the advance of s in whole pixels.
func (t *Type) Width(s string, st Style) int {
	var w fixed.Int26_6
	for _, r := range s {
		w += t.glyph(faceKey{st.Size, st.Medium}, r).advance
	}
	return w.Ceil()
}

// Draw sets s with its baseline starting at (x, y).
func (t *Type) Draw(dst *image.RGBA, x, y int, s string, st Style) {
	if st.Halo {
		dark := color.RGBA{0, 0, 0, 150}
		for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			t.set(dst, x+d[0], y+d[1], s, st, dark)
		}
	}
	t.set(dst, x, y, s, st, st.Color)
}

func (t *Type) set(dst *image.RGBA, x, y int, s string, st Style, c color.RGBA) {
	pen := fixed.I(x)
	for _, r := range s {
		g := t.glyph(faceKey{st.Size, st.Medium}, r)
		if g.mask != nil {
			stamp(dst, pen.Round()+g.dx, y+g.dy, g.mask, c)
		}
		pen += g.advance
	}
}

// DrawIn sets s in a box: align 0 left, 1 centre, 2 right; always centred in
// height. Words wider than the box are cut with an ellipsis.
func (t *Type) DrawIn(dst *image.RGBA, box image.Rectangle, s string, align int, st Style) {
	s = t.Cut(s, box.Dx(), st)
	w := t.Width(s, st)
	x := box.Min.X + (box.Dx()-w)*align/2
	y := box.Min.Y + (box.Dy()+int(st.Size*0.72+0.5))/2
	t.Draw(dst, x, y, s, st)
}

// Cut shortens s to a width with an ellipsis.
func (t *Type) Cut(s string, width int, st Style) string {
	if t.Width(s, st) <= width {
		return s
	}
	rs := []rune(s)
	for len(rs) > 0 && t.Width(string(rs)+"…", st) > width {
		rs = rs[:len(rs)-1]
	}
	return string(rs) + "…"
}

// Lines breaks s between words so that each line fits a width; a longer word has a line
// of its own.
func (t *Type) Lines(s string, width int, st Style) []string {
	var out []string
	for _, word := range strings.Fields(s) {
		if last := len(out) - 1; last >= 0 && t.Width(out[last]+" "+word, st) <= width {
			out[last] += " " + word
		} else {
			out = append(out, word)
		}
	}
	return out
}
