package render

import (
	"image"
	"image/color"
	"math"
	"testing"

	"columna/spine"
	"columna/volume"
)

// sagittal is a small sagittal series, 1 mm by 1 mm by 4 mm: i to posterior, j
// to inferior, k to the patient's left, unless flipped.
func sagittal(flipI, flipJ bool) *spine.Series {
	si, sj := volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}
	o := volume.Vec3{-8, -20, 30}
	if flipI {
		si, o[1] = si.Scale(-1), 19
	}
	if flipJ {
		sj, o[2] = sj.Scale(-1), -29
	}
	g := volume.Grid{Size: [3]int{40, 60, 5}, Affine: volume.NewAffine(si, sj, volume.Vec3{4, 0, 0}, o)}
	return &spine.Series{UID: "s", Sequence: spine.T2, Plane: spine.Sagittal, Volume: volume.New(g)}
}

// axial is a block of 3 slices tilted by degrees about x, its middle at z.
func axial(z, degrees float64) *spine.Series {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	j, k := volume.Vec3{0, cos, sin}, volume.Vec3{0, -sin, cos}
	g := volume.Grid{Size: [3]int{50, 50, 3}, Affine: volume.NewAffine(volume.Vec3{1, 0, 0}, j, k.Scale(4), volume.Vec3{})}
	d := volume.Vec3{0, 0, z}.Sub(g.CenterMM())
	for r := range 3 {
		g.Affine[r][3] = d[r]
	}
	return &spine.Series{UID: "a", Sequence: spine.T2, Plane: spine.Axial, Volume: volume.New(g)}
}

// bare draws without any words or marks.
func bare(s *spine.Series) *Scene {
	return &Scene{Stack: NewStack(s), View: Fit(), Window: Window{0, 100}, Marks: Marks{Bare: true}}
}

func at(img *image.RGBA, x, y int) color.RGBA { return img.RGBAAt(x, y) }

func TestFrame_HangsSagittalWithAnteriorLeftHoweverStored(t *testing.T) {
	for _, flips := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		f := NewFrame(sagittal(flips[0], flips[1]).Volume.Grid)
		l, r, top, bottom := f.Letters()
		if l+r+top+bottom != "APSI" {
			t.Errorf("flips %v: letters %s%s%s%s, want A P S I", flips, l, r, top, bottom)
		}
	}
}

func TestFrame_HangsAxialWithThePatientsRightOnTheLeft(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		g := axial(0, 20).Volume.Grid
		if mirrored {
			o := g.ToWorld(volume.Vec3{float64(g.Size[0] - 1), 0, 0})
			g.Affine = volume.NewAffine(g.Affine.Column(0).Scale(-1), g.Affine.Column(1), g.Affine.Column(2), o)
		}
		l, r, top, bottom := NewFrame(g).Letters()
		if l+r+top+bottom != "RLAP" {
			t.Errorf("mirrored %v: letters %s%s%s%s, want R L A P", mirrored, l, r, top, bottom)
		}
	}
}

func TestLens_PixelAndPatientAreInverse(t *testing.T) {
	f := NewFrame(axial(10, 25).Volume.Grid)
	l := NewLens(f, 1, View{Zoom: 2.3, U: 4, V: -7}, 333, 211)
	for _, p := range [][2]float64{{0, 0}, {100.5, 17}, {332, 210}} {
		x, y, off := l.Pixel(l.Patient(p[0], p[1]))
		if math.Abs(x-p[0])+math.Abs(y-p[1])+math.Abs(off) > 1e-9 {
			t.Errorf("%v came back as %v, %v, %v off", p, x, y, off)
		}
	}
}

func TestPainter_ShowsTheSamePatientPointHoweverStored(t *testing.T) {
	mm := volume.Vec3{0, -10, 20} // anterior and superior of the middle
	for _, flips := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		s := sagittal(flips[0], flips[1])
		v := s.Volume.ToVoxel(mm)
		s.Volume.Data[s.Volume.Index(int(v[0]+0.5), int(v[1]+0.5), int(v[2]+0.5))] = 100
		sc := bare(s)
		sc.Slice, _ = sc.Stack.Nearest(mm)
		img := NewPainter(NewType()).Draw(sc, 400, 600)
		if c := at(img, 105, 105); c.R < 200 {
			t.Errorf("flips %v: the bright voxel is not where its millimetres are, grey %d", flips, c.R)
		}
	}
}

func TestPainter_InterpolatesBeforeTheWindow(t *testing.T) {
	s := sagittal(false, false)
	for n := range s.Volume.Data {
		s.Volume.Data[n] = float32(n % 40 * 10) // a ramp along i, 0 to 390
	}
	sc := bare(s)
	sc.Window = Window{195, 205} // only one voxel step lies in the window
	img := NewPainter(NewType()).Draw(sc, 400, 600)
	seen := map[uint8]bool{}
	for x := range 400 {
		seen[at(img, x, 300).R] = true
	}
	if len(seen) < 9 {
		t.Errorf("one voxel step inside the window gave %d greys: the window came before the interpolation", len(seen))
	}
}

func TestPainter_KeepsMillimetresSquare(t *testing.T) {
	s := sagittal(false, false)
	s.Volume.Affine = volume.NewAffine(volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -0.5}, volume.Vec3{4, 0, 0}, volume.Vec3{})
	l := NewLens(NewFrame(s.Volume.Grid), 2, Fit(), 500, 500)
	a, b, c := l.Patient(100, 100), l.Patient(200, 100), l.Patient(100, 200)
	if w, h := b.Sub(a).Norm(), c.Sub(a).Norm(); math.Abs(w-h) > 1e-9 {
		t.Errorf("100 pixels are %.3f mm across and %.3f mm down", w, h)
	}
}

func TestPainter_NeverMixesLabels(t *testing.T) {
	s := sagittal(false, false)
	m := volume.NewLabelMap(s.Volume.Grid)
	for n := range m.Data {
		m.Data[n] = uint8(spine.L1)
		if n%40 >= 20 {
			m.Data[n] = uint8(spine.L5)
		}
	}
	sc := bare(s)
	sc.Slice, sc.Overlay = 2, &Overlay{Mask: m, Opacity: 1}
	img := NewPainter(NewType()).Draw(sc, 400, 600)
	l1, _ := spine.L1.Info()
	l5, _ := spine.L5.Info()
	for x := range 400 {
		if c := at(img, x, 300); c != l1.Color && c != l5.Color {
			t.Fatalf("pixel %d is %v, neither L1's colour nor L5's", x, c)
		}
	}
	if at(img, 199, 300) != l1.Color || at(img, 201, 300) != l5.Color {
		t.Error("the border is not where the voxels meet")
	}
}

func TestPainter_ContourLeavesTheInsideGrey(t *testing.T) {
	s := sagittal(false, false)
	m := volume.NewLabelMap(s.Volume.Grid)
	for k := range 5 {
		for j := 20; j < 40; j++ {
			for i := 10; i < 30; i++ {
				m.Data[m.Index(i, j, k)] = uint8(spine.L3)
			}
		}
	}
	sc := bare(s)
	sc.Overlay = &Overlay{Mask: m, Opacity: 1, Contour: true}
	p := NewPainter(NewType())
	img := p.Draw(sc, 400, 600)
	if c := at(img, 200, 300); c.R != c.G || c.G != c.B {
		t.Errorf("the inside is coloured %v", c)
	}
	l3, _ := spine.L3.Info()
	if c := at(img, 100, 300); c != l3.Color {
		t.Errorf("the rim is %v, want %v", c, l3.Color)
	}
	sc.Overlay.SetVisible(spine.L3, false)
	if c := at(p.Draw(sc, 400, 600), 100, 300); c.R != c.G || c.G != c.B {
		t.Error("a hidden structure is still drawn")
	}
}

func TestPainter_RedrawsWhenTheMaskSaysItChanged(t *testing.T) {
	s := sagittal(false, false)
	m := volume.NewLabelMap(s.Volume.Grid)
	sc := bare(s)
	sc.Overlay = &Overlay{Mask: m, Opacity: 1}
	p := NewPainter(NewType())
	p.Draw(sc, 400, 600)
	for n := range m.Data {
		m.Data[n] = uint8(spine.Canal)
	}
	sc.Overlay.Revision++
	canal, _ := spine.Canal.Info()
	if c := at(p.Draw(sc, 400, 600), 200, 300); c != canal.Color {
		t.Errorf("after the revision grew the pane shows %v", c)
	}
}

func TestPainter_ShowsWhatReadersAddedAndRemoved(t *testing.T) {
	s := sagittal(false, false)
	ai, now := volume.NewLabelMap(s.Volume.Grid), volume.NewLabelMap(s.Volume.Grid)
	for n := range now.Data {
		switch {
		case n%40 < 10:
			now.Data[n] = 3
		case n%40 < 20:
			ai.Data[n] = 3
		case n%40 < 30:
			ai.Data[n], now.Data[n] = 3, 3
		}
	}
	sc := bare(s)
	sc.Overlay, sc.Compare = &Overlay{Mask: now}, ai
	img := NewPainter(NewType()).Draw(sc, 400, 600)
	blue, orange, same := at(img, 50, 300), at(img, 150, 300), at(img, 250, 300)
	if blue.B <= blue.R || orange.R <= orange.B || same.R != same.B {
		t.Errorf("added %v, removed %v, equal %v", blue, orange, same)
	}
}

func TestPainter_HeatIsClearWhereTheNetworkDidNotLook(t *testing.T) {
	s := sagittal(false, false)
	h := volume.New(s.Volume.Grid)
	for n := range h.Data {
		if n%40 >= 20 {
			h.Data[n] = 1
		}
	}
	sc := bare(s)
	sc.Heat = &Heat{Volume: h, Opacity: 1}
	img := NewPainter(NewType()).Draw(sc, 400, 600)
	if c := at(img, 100, 300); c != (color.RGBA{0, 0, 0, 255}) {
		t.Errorf("a zero is drawn as %v", c)
	}
	if c := at(img, 300, 300); c.R < 200 || c.G < 200 {
		t.Errorf("a one is drawn as %v, want the palest colour", c)
	}
}

func TestStack_FindsTheTiltedBlockThatCutsAPoint(t *testing.T) {
	st := NewStack(axial(-40, -20), axial(40, 10), axial(0, 0))
	if st.Len() != 9 {
		t.Fatalf("%d slices, want 9", st.Len())
	}
	for n, z := range []float64{40, 0, -40} {
		got, off := st.Nearest(volume.Vec3{3, 0, z})
		if got/3 != n || off > 2.1 {
			t.Errorf("z %v: slice %d, %.2f mm off, want block %d", z, got, off, n)
		}
	}
	last := math.Inf(1)
	for n := range st.Len() {
		_, f, k := st.At(n)
		if z := f.CenterMM(k)[2]; z >= last {
			t.Errorf("slice %d at z %.1f is not below the one before", n, z)
		} else {
			last = z
		}
	}
}

func TestCut_RunsWhereTheTiltedPlaneIs(t *testing.T) {
	l := NewLens(NewFrame(sagittal(false, false).Volume.Grid), 2, Fit(), 400, 600)
	x0, y0, x1, y1, ok := l.Cut(NewStack(axial(0, 20)).Plane(1))
	if !ok {
		t.Fatal("no line")
	}
	if x0 > x1 {
		x0, y0, x1, y1 = x1, y1, x0, y0
	}
	if got := math.Atan2(y0-y1, x1-x0) * 180 / math.Pi; math.Abs(got-20) > 0.1 {
		t.Errorf("the line rises by %.1f degrees towards posterior, want 20", got)
	}
	if _, _, _, _, ok := l.Cut(NewStack(sagittal(false, false)).Plane(0)); ok {
		t.Error("a parallel plane gave a line")
	}
}

func TestFollow_ShowsTheSamePointAtTheSameScale(t *testing.T) {
	a, b := sagittal(false, false), sagittal(true, true)
	b.Volume.Affine[1][3] += 7
	from := NewLens(NewFrame(a.Volume.Grid), 2, View{Zoom: 3, U: 5, V: -4}, 400, 300)
	to := NewLens(NewFrame(b.Volume.Grid), 1, Fit(), 410, 290)
	got := NewLens(to.Frame, 1, Follow(from, to), 410, 290)
	p, q := from.Patient(200, 150), got.Patient(205, 145)
	if math.Abs(p[1]-q[1])+math.Abs(p[2]-q[2]) > 1e-9 || math.Abs(got.PxPerMM-from.PxPerMM) > 1e-9 {
		t.Errorf("middle %v at %.3f px/mm, want %v at %.3f", q, got.PxPerMM, p, from.PxPerMM)
	}
}

func TestZoomAt_KeepsThePointUnderThePointer(t *testing.T) {
	f := NewFrame(sagittal(false, false).Volume.Grid)
	v := View{Zoom: 1.5, U: 3, V: 2}
	l := NewLens(f, 2, v, 400, 600)
	before := l.Patient(77, 410)
	after := NewLens(f, 2, v.ZoomAt(l, 1.7, 77, 410), 400, 600).Patient(77, 410)
	if before.Sub(after).Norm() > 1e-9 {
		t.Errorf("%v slid to %v", before, after)
	}
}

func TestWindow_DragRightIsWiderUpIsBrighter(t *testing.T) {
	w, full := Window{100, 300}, Window{0, 1000}
	if got := w.Drag(0.1, 0, full); got.Width() <= w.Width() || got.Level() != w.Level() {
		t.Errorf("right: %v", got)
	}
	if got := w.Drag(0, -0.1, full); got.Level() >= w.Level() || got.Width() != w.Width() {
		t.Errorf("up: %v must have a lower level, which is brighter", got)
	}
	if got := w.Drag(-50, 0, full); !(got.Width() > 0) {
		t.Errorf("the width fell to %v", got.Width())
	}
}

func TestScaleLength_IsRoundAndFits(t *testing.T) {
	for max, want := range map[float64]string{60: "5 cm", 19: "1 cm", 7: "5 mm", 500: "20 cm"} {
		if _, name := ScaleLength(max); name != want {
			t.Errorf("within %v mm: %s, want %s", max, name, want)
		}
	}
}

func TestWorksheet_HitFindsTheCellThatIsDrawn(t *testing.T) {
	ws, typ := &Worksheet{}, NewType()
	for c := range ws.Cells {
		for l := range ws.Cells[c] {
			ws.Cells[c][l] = Cell{AI: spine.Ungraded, Reader: spine.Ungraded}
		}
	}
	ws.Cells[1][3].Reader = spine.Severe
	img := image.NewRGBA(image.Rect(0, 0, 400, 260))
	ws.Draw(img, img.Rect, 1, typ)
	for y := range 260 {
		for x := range 400 {
			c := at(img, x, y)
			if c.R < 200 || c.G > 110 {
				continue
			}
			if cond, level, ok := ws.Hit(img.Rect, 1, x, y); !ok || cond != 1 || level != 3 {
				t.Fatalf("the severe cell's colour at %d,%d belongs to %v %v %v", x, y, cond, level, ok)
			}
		}
	}
}

func TestReadingSheet_DrawsAnyStudy(t *testing.T) {
	for _, st := range []*spine.Study{
		{}, {Series: []spine.Series{*sagittal(false, false)}},
		{PatientName: "DOE^JANE", Series: []spine.Series{*axial(0, 5), {UID: "no volume", Sequence: spine.T1, Plane: spine.Sagittal}}},
	} {
		if img := ReadingSheet(Sheet{Study: st}); img.Rect.Dx() != 1600 || img.Rect.Dy() != 1000 {
			t.Errorf("sheet of %v", img.Rect)
		}
	}
}

func TestPersonName_ReadsAsPeopleWriteIt(t *testing.T) {
	for in, want := range map[string]string{"DOE^JANE": "DOE, JANE", "DOE": "DOE", "DOE^JANE^Q^^": "DOE, JANE Q", "^JANE": ", JANE", "A^B=C": "A, B"} {
		if got := PersonName(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// BenchmarkPane is one frame of a 512-pixel pane with mask, words and marks.
func BenchmarkPane(b *testing.B) {
	g := volume.Grid{Size: [3]int{384, 384, 16}, Affine: volume.NewAffine(volume.Vec3{0, 0.7, 0}, volume.Vec3{0, 0, -0.7}, volume.Vec3{4, 0, 0}, volume.Vec3{})}
	s := &spine.Series{Sequence: spine.T2, Volume: volume.New(g)}
	m := volume.NewLabelMap(g)
	for n := range m.Data {
		s.Volume.Data[n], m.Data[n] = float32(n%977), uint8(n/40000%18)
	}
	p := NewPainter(NewType())
	sc := &Scene{Stack: NewStack(s), View: Fit(), Window: Window{0, 900}, Overlay: &Overlay{Mask: m, Opacity: 0.4}, Marks: Marks{Crosshair: &volume.Vec3{20, 100, -100}, Names: Landmarks(m)}}
	for name, step := range map[string]func(int){
		"slice":  func(n int) { sc.Slice = n % 16 },
		"window": func(n int) { sc.Window.Hi = 900 + float64(n%16) },
		"brush":  func(int) { sc.Overlay.Revision++ },
	} {
		b.Run(name, func(b *testing.B) {
			for n := range b.N {
				step(n)
				p.Draw(sc, 512, 512)
			}
		})
	}
}

func TestPainter_ShowsAGapAsAGap(t *testing.T) {
	s := sagittal(false, false)
	for i := range s.Volume.Data {
		s.Volume.Data[i] = 100
	}
	s.Gaps = []bool{false, false, true, false, false}
	scene, p := bare(s), NewPainter(NewType())
	for n := range scene.Stack.Len() {
		scene.Slice = n
		img := p.Draw(scene, 200, 300)
		_, _, k := scene.Stack.At(n)
		if grey := at(img, 100, 40).R; (grey < 40) != (k == 2) {
			t.Errorf("slice %d is drawn with grey %d", k, grey)
		}
	}
}

func TestStack_TitleAsksWhereTheSequenceIsDoubtful(t *testing.T) {
	s := sagittal(false, false)
	for confidence, want := range map[float64]string{0.95: "T2 sagittal", 0.5: "T2 sagittal?", 1: "T2 sagittal"} {
		s.Confidence = confidence
		if got := NewStack(s).Title(); got != want {
			t.Errorf("with %.2f: %q, want %q", confidence, got, want)
		}
	}
}

// Evidence of two conditions lies a few pixels apart: both labels can be read.
func TestPoints_LabelsStandApart(t *testing.T) {
	red, green := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}
	marks := []Mark{{MM: volume.Vec3{0, 0, 0}, Text: "Canal", Color: red}, {MM: volume.Vec3{0, 0, -0.3}, Text: "Subart. L", Color: green}}
	coloured := func(marks []Mark, c color.RGBA) (pixels int) {
		sc := bare(sagittal(false, false))
		sc.Slice, sc.Marks.Points = 2, marks
		img := NewPainter(NewType()).Draw(sc, 400, 600)
		for y := range 600 {
			for x := 222; x < 400; x++ { // right of the rings
				if got := at(img, x, y); got.R > 60 && got.G < 30 && c == red || got.G > 60 && got.R < 30 && c == green {
					pixels++
				}
			}
		}
		return pixels
	}
	for n, c := range []color.RGBA{red, green} {
		if alone, both := coloured(marks[n:n+1], c), coloured(marks, c); alone == 0 || both < alone {
			t.Errorf("label %q has %d pixels beside the other one, %d alone", marks[n].Text, both, alone)
		}
	}
	taken := []image.Rectangle{image.Rect(0, 30, 50, 43), image.Rect(0, 0, 50, 13), image.Rect(20, 12, 70, 25)}
	if got := below(taken, image.Rect(10, 5, 40, 18)); got != image.Rect(10, 43, 40, 56) {
		t.Errorf("below three labels, of which two leave too little room: %v", got)
	}
	if free := image.Rect(60, 30, 90, 43); below(taken, free) != free {
		t.Error("a label that meets no other was moved")
	}
}
