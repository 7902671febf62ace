package render

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"columna/spine"
	"columna/volume"
)

// ofSomebody is a scene of a series whose description names the patient.
func ofSomebody(description string) Scene {
	g := volume.Grid{Size: [3]int{40, 40, 3}, Affine: volume.NewAffine(volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -2}, volume.Vec3{4, 0, 0}, volume.Vec3{})}
	s := spine.Series{UID: "1", Description: description, Sequence: spine.OtherSequence, Plane: spine.Sagittal, Volume: volume.New(g)}
	return Scene{Stack: NewStack(&s), Slice: 1, View: Fit(), Window: Window{Lo: 0, Hi: 1}}
}

func TestPicture_ShowsNoDescriptionOfASeries(t *testing.T) {
	typ := NewType()
	a, b := ofSomebody(" Quendelbach^Ottilie"), ofSomebody("somebody else")
	if strings.Contains(a.PictureTitle(), "Quendelbach") || a.PictureTitle() != "OTHER sagittal 2 / 3" {
		t.Errorf("the picture is called %q", a.PictureTitle())
	}
	if bytes.Equal(NewPainter(typ).Draw(&a, 400, 300).Pix, NewPainter(typ).Draw(&b, 400, 300).Pix) {
		t.Fatal("panes do not show descriptions: this test shows nothing")
	}
	if !bytes.Equal(a.Picture(typ, 400, 300).Pix, b.Picture(typ, 400, 300).Pix) {
		t.Error("the picture depends on the description")
	}
	a.Marks.Caption, b.Marks.Caption = a.Stack.Title()+"  L4/L5", b.Stack.Title()+"  L4/L5"
	if !bytes.Equal(a.Picture(typ, 400, 300).Pix, b.Picture(typ, 400, 300).Pix) || a.PictureTitle() != "OTHER sagittal L4/L5 2 / 3" {
		t.Errorf("a caption of one's own tells the description: %q", a.PictureTitle())
	}
}

func TestPicture_ShowsTheSidesAndNothingOfTheTool(t *testing.T) {
	typ, s := NewType(), ofSomebody("")
	plain := s.Picture(typ, 400, 300)
	bare := s
	bare.Marks.Bare, bare.Marks.Active, bare.Marks.Brush = true, true, &Brush{MM: volume.Vec3{4, 40, -40}, RadiusMM: 5}
	if !bytes.Equal(plain.Pix, bare.Picture(typ, 400, 300).Pix) {
		t.Error("the picture shows tool or frame, or no sides")
	}
	void := s
	void.Marks.Bare = true
	silent := NewPainter(typ).Draw(&void, plain.Rect.Dx(), plain.Rect.Dy())
	edge := image.Rect(0, plain.Rect.Dy()/2-30, 60, plain.Rect.Dy()/2+30)
	if bytes.Equal(pixels(plain, edge), pixels(silent, edge)) {
		t.Error("there is no letter at the left edge")
	}
}

func pixels(img *image.RGBA, r image.Rectangle) (out []byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out = append(out, img.Pix[img.PixOffset(r.Min.X, y):][:4*r.Dx()]...)
	}
	return out
}

func TestPicture_KeepsThePanesShapeAndGrowsWhatIsSmall(t *testing.T) {
	s := ofSomebody("")
	for _, c := range [][4]int{{400, 300, 1024, 768}, {300, 600, 512, 1024}, {2000, 1000, 2000, 1000}} {
		if b := s.Picture(NewType(), c[0], c[1]).Rect; b.Dx() != c[2] || b.Dy() != c[3] {
			t.Errorf("a pane of %dx%d gives %v", c[0], c[1], b)
		}
	}
}

func TestLines_BreakBetweenWordsAndLoseNone(t *testing.T) {
	typ, st := NewType(), Style{Size: 12}
	const said = "Not validated on patients: gfssnet and stenosisnet learned mostly or only from synthetic images."
	for _, width := range []int{120, 280, 2000} {
		lines := typ.Lines(said, width, st)
		if got := strings.Join(lines, " "); got != said {
			t.Errorf("in %d pixels it became %q", width, got)
		}
		for n, l := range lines {
			if typ.Width(l, st) > width {
				t.Errorf("%q is wider than %d pixels", l, width)
			}
			if n > 0 && typ.Width(lines[n-1]+" "+strings.Fields(l)[0], st) <= width {
				t.Errorf("%q has room for the next word", lines[n-1])
			}
		}
	}
	if lines := typ.Lines("an unbreakableword", 20, st); len(lines) != 2 {
		t.Errorf("a word wider than the line: %q", lines)
	}
	if lines := typ.Lines(" ", 20, st); len(lines) != 0 {
		t.Errorf("nothing became %q", lines)
	}
}
