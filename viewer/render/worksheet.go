package render

import (
	"fmt"
	"image"
	"image/color"

	"columna/assets"
	"columna/spine"
)

// Cell is one place of the worksheet.
type Cell struct {
	AI          spine.Grade
	Probability float64 // of the AI's grade, 0 unknown
	Reader      spine.Grade
	Reason      string
}

// Grade is what counts: the reader's where there is one, else the AI's.
func (c Cell) Grade() spine.Grade {
	if c.Reader != spine.Ungraded {
		return c.Reader
	}
	return c.AI
}

// Worksheet is the 5 x 5 table: rows are conditions, columns levels.
type Worksheet struct {
	Cells    [spine.ConditionCount][spine.LevelCount]Cell
	HideAI   bool // blind reading: the AI shows only where the reader has graded
	Accepted bool // the reader has signed: nothing is marked AI any more
	Selected bool
	Cond     spine.Condition
	Level    spine.Level
	Focus    bool // digits grade the selected cell
}

// layout of the table: a column of condition names, then five levels.
type sheetGrid struct {
	box        image.Rectangle
	names, top int
	w, h       int
}

func newSheetGrid(box image.Rectangle, d float64) sheetGrid {
	g := sheetGrid{box: box, names: int(74 * d), top: int(22 * d)}
	g.w = (box.Dx() - g.names) / spine.LevelCount
	g.h = (box.Dy() - g.top) / spine.ConditionCount
	return g
}

func (g sheetGrid) cell(c spine.Condition, l spine.Level) image.Rectangle {
	x := g.box.Min.X + g.names + int(l)*g.w
	y := g.box.Min.Y + g.top + int(c)*g.h
	return image.Rect(x, y, x+g.w, y+g.h)
}

// Hit finds the cell under a pixel of a worksheet drawn in box.
func (ws *Worksheet) Hit(box image.Rectangle, density float64, x, y int) (spine.Condition, spine.Level, bool) {
	g := newSheetGrid(box, density)
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			if (image.Point{x, y}).In(g.cell(c, l)) {
				return c, l, true
			}
		}
	}
	return 0, 0, false
}

// Draw sets the table into a box. An AI grade is an outline with its
// probability; a reader's grade is a filled cell, with a corner where it
// differs from the AI's.
func (ws *Worksheet) Draw(dst *image.RGBA, box image.Rectangle, density float64, typ *Type) {
	pal := assets.Dark()
	g := newSheetGrid(box, density)
	head := Style{Size: 11 * density, Color: pal.Quiet}
	for l := range spine.Level(spine.LevelCount) {
		r := g.cell(0, l)
		r = image.Rect(r.Min.X, box.Min.Y, r.Max.X, box.Min.Y+g.top)
		st := head
		if ws.Selected && l == ws.Level {
			st.Color, st.Medium = pal.Ink, true
		}
		typ.DrawIn(dst, r, l.Title(), 1, st)
	}
	for c := range spine.Condition(spine.ConditionCount) {
		r := g.cell(c, 0)
		st := Style{Size: 12 * density, Color: pal.Quiet}
		if ws.Selected && c == ws.Cond {
			st.Color = pal.Ink
		}
		typ.DrawIn(dst, image.Rect(box.Min.X, r.Min.Y, r.Min.X-int(4*density), r.Max.Y), c.Title(), 0, st)
		for l := range spine.Level(spine.LevelCount) {
			ws.cell(dst, g.cell(c, l).Inset(int(1.5*density)), c, l, density, typ)
		}
	}
}

func (ws *Worksheet) cell(dst *image.RGBA, r image.Rectangle, c spine.Condition, l spine.Level, d float64, typ *Type) {
	pal, cell := assets.Dark(), ws.Cells[c][l]
	read := cell.Reader != spine.Ungraded
	grade := cell.Grade()
	if ws.HideAI && !read {
		grade = spine.Ungraded
	}
	face, ink := assets.Severity(int(grade))
	switch {
	case grade == spine.Ungraded:
		Fill(dst, r, pal.Raised)
	case read || ws.Accepted:
		Fill(dst, r, face)
	default:
		Fill(dst, r, dim(face))
		frame(dst, r, max(1, int(1.2*d)), outline(face, grade))
		ink = Lighten(outline(face, grade))
	}
	letters := r
	showP := cell.Probability > 0 && grade != spine.Ungraded && grade != spine.NotGradable && cell.AI == grade
	if showP {
		letters.Max.Y -= int(11 * d)
	}
	typ.DrawIn(dst, letters, grade.Letter(), 1, Style{Size: 14 * d, Medium: true, Color: ink})
	if showP {
		low := image.Rect(r.Min.X, r.Max.Y-int(15*d), r.Max.X, r.Max.Y-int(2*d))
		typ.DrawIn(dst, low, fmt.Sprintf("%.2f", cell.Probability), 1, Style{Size: 10 * d, Color: ink})
	}
	if read && cell.AI >= spine.NormalMild && cell.AI != cell.Reader {
		corner(dst, r, int(7*d), pal.Ink)
	}
	if ws.Selected && ws.Cond == c && ws.Level == l {
		frame(dst, r.Inset(-int(1.5*d)), max(2, int(2*d)), pal.Accent)
	}
}

// outline is the rim of an AI grade; normal's own fill is too dark for a rim.
func outline(face color.RGBA, g spine.Grade) color.RGBA {
	if g == spine.NormalMild || g == spine.NotGradable {
		return Lighten(face)
	}
	return face
}

// dim is the inside of an AI cell: a fifth of the severity colour on the panel.
func dim(c color.RGBA) color.RGBA {
	p := assets.Dark().Raised
	m := func(a, b uint8) uint8 { return uint8(0.82*float64(a) + 0.18*float64(b)) }
	return color.RGBA{m(p.R, c.R), m(p.G, c.G), m(p.B, c.B), 255}
}

// corner marks a reader's grade that differs from the AI's.
func corner(dst *image.RGBA, r image.Rectangle, n int, c color.RGBA) {
	for y := range n {
		Fill(dst, image.Rect(r.Max.X-n+y, r.Min.Y+y, r.Max.X, r.Min.Y+y+1), c)
	}
}
