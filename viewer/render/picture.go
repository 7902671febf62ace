package render

import (
	"fmt"
	"image"
	"strings"
)

// pictureSide is the least length, in pixels, of the longer side of a picture.
const pictureSide = 1024

// Picture draws a scene as it may be kept and leave: what a pane of w x h pixels shows,
// at no less than pictureSide, with the patient's sides on it whatever is hidden.
// What belongs to the screen alone, and a series' description, which may name the
// patient, is left out.
func (s Scene) Picture(typ *Type, w, h int) *image.RGBA {
	w, h = max(w, 1), max(h, 1)
	scale := max(1, pictureSide/float64(max(w, h)))
	s.Density = s.density() * scale
	s.Marks.Caption = s.caption()
	s.Marks.Active, s.Marks.Bare, s.Marks.Brush = false, false, nil
	return NewPainter(typ).Draw(&s, int(float64(w)*scale+0.5), int(float64(h)*scale+0.5))
}

// PictureTitle says what a scene shows without naming anybody, such as
// "T2 sagittal 9 / 17".
func (s Scene) PictureTitle() string {
	if s.Stack == nil {
		return s.caption()
	}
	return fmt.Sprintf("%s %d / %d", strings.Join(strings.Fields(s.caption()), " "), s.Slice+1, s.Stack.Len())
}

// caption is the scene's title with the stack's kind in place of its name.
func (s Scene) caption() string {
	if s.Stack == nil {
		return s.Marks.Caption
	}
	return strings.ReplaceAll(title(&s), s.Stack.Title(), s.Stack.Kind())
}
