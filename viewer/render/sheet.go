package render

import (
	"fmt"
	"image"
	"strings"
	"unicode"

	"columna/assets"
	"columna/spine"
	"columna/volume"
)

// Sheet is what a reading sheet shows. Only Study is needed; Mask is drawn
// wherever it cuts a slice.
type Sheet struct {
	Study         *spine.Study
	Mask          *volume.LabelMap
	Cells         [spine.ConditionCount][spine.LevelCount]Cell
	Points        []Mark // evidence
	Level         spine.Level
	Heat          *Heat
	HeatSeriesUID string // the series the heat map is of
	Accepted      bool   // no AI badge
	Notes         []string
	Width, Height int // pixels, 1600 x 1000 if zero
}

// ReadingSheet draws the linked panes and the worksheet of a study at a level,
// as `columna show` writes it. It needs no display.
func ReadingSheet(s Sheet) *image.RGBA {
	if s.Width <= 0 || s.Height <= 0 {
		s.Width, s.Height = 1600, 1000
	}
	pal, typ := assets.Dark(), NewType()
	dst := image.NewRGBA(image.Rect(0, 0, s.Width, s.Height))
	Fill(dst, dst.Rect, pal.Surface)
	side, top, foot := min(340, s.Width/3), 40, 26
	header(dst, image.Rect(0, 0, s.Width, top), s, typ)
	area := image.Rect(0, top, s.Width-side, s.Height-foot)
	drawPanes(dst, area, s, typ)
	column := image.Rect(s.Width-side+12, top+8, s.Width-12, s.Height-foot)
	sideColumn(dst, column, s, typ)
	quiet := Style{Size: 12, Color: pal.Quiet}
	typ.DrawIn(dst, image.Rect(12, s.Height-foot, s.Width-12, s.Height), "Columna is not a medical device. Models are not validated for clinical use; sides are the patient's.", 0, quiet)
	return dst
}

func header(dst *image.RGBA, r image.Rectangle, s Sheet, typ *Type) {
	pal := assets.Dark()
	x := r.Min.X + 12
	title := Style{Size: 15, Medium: true, Color: pal.Ink}
	name := StudyTitle(s.Study)
	typ.DrawIn(dst, image.Rect(x, r.Min.Y, r.Max.X-120, r.Max.Y), name, 0, title)
	typ.DrawIn(dst, image.Rect(r.Max.X-400, r.Min.Y, r.Max.X-12, r.Max.Y), s.Level.Title(), 2, Style{Size: 15, Medium: true, Color: pal.Accent})
}

// StudyTitle is one line about a study: who, age and sex, date, field.
func StudyTitle(st *spine.Study) string {
	out := PersonName(st.PatientName)
	if out == "" {
		out = st.PatientID
	}
	if out == "" {
		out = "unnamed patient"
	}
	for _, part := range []string{AgeSex(st.Age, st.Sex), Date(st.Date), field(st.FieldT)} {
		if part != "" {
			out += "  ·  " + part
		}
	}
	return out
}

// PersonName writes DICOM's family^given^middle as "family, given middle".
func PersonName(pn string) string {
	parts := strings.Split(strings.SplitN(pn, "=", 2)[0], "^")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if len(parts) == 1 || strings.Join(parts[1:], "") == "" {
		return parts[0]
	}
	given := strings.Join(strings.Fields(strings.Join(parts[1:min(len(parts), 3)], " ")), " ")
	return strings.TrimSuffix(parts[0]+", "+given, ", ")
}

// AgeSex joins a DICOM age (AS, such as 054Y) and sex, such as "54 y F".
func AgeSex(age, sex string) string {
	var n int
	var unit rune
	if _, err := fmt.Sscanf(age, "%d%c", &n, &unit); err == nil && strings.ContainsRune("YMWD", unit) {
		age = fmt.Sprintf("%d %c", n, unicode.ToLower(unit))
	}
	if age != "" && sex != "" {
		return age + " " + sex
	}
	return age + sex
}

// Date writes DICOM's YYYYMMDD as YYYY-MM-DD.
func Date(d string) string {
	if len(d) != 8 {
		return d
	}
	return d[:4] + "-" + d[4:6] + "-" + d[6:]
}

func field(t float64) string {
	if t <= 0 {
		return ""
	}
	return fmt.Sprintf("%.3g T", t)
}

// Hanging is the study's stacks in the reading order: sagittal T1, T2, STIR and
// axial T2. A missing one is nil.
func Hanging(st *spine.Study) [4]*Stack {
	find := func(seq spine.Sequence, plane spine.Plane) *Stack {
		if s := st.Find(seq, plane); s != nil {
			return NewStack(st.FindAll(s.Sequence, plane)...)
		}
		return nil
	}
	return [4]*Stack{
		find(spine.T1, spine.Sagittal), find(spine.T2, spine.Sagittal),
		find(spine.STIR, spine.Sagittal), find(spine.T2, spine.Axial),
	}
}

// MissingNames say what an empty pane would have shown.
func MissingNames() [4]string {
	return [4]string{"no sagittal T1 in this study", "no sagittal T2 in this study", "no sagittal STIR in this study", "no axial T2 in this study"}
}

// LevelPoint is the middle of a level's disc in a mask, or of the mask, or ok
// false without one.
func LevelPoint(m *volume.LabelMap, l spine.Level) (volume.Vec3, bool) {
	for _, n := range Landmarks(m) {
		if n.Structure == l.Disc() {
			return n.MM, true
		}
	}
	return volume.Vec3{}, false
}

func drawPanes(dst *image.RGBA, area image.Rectangle, s Sheet, typ *Type) {
	stacks := Hanging(s.Study)
	at, known := LevelPoint(s.Mask, s.Level)
	for _, st := range stacks {
		if !known && st != nil {
			at, known = st.Blocks[0].Volume.CenterMM(), true
		}
	}
	overlay := &Overlay{Mask: s.Mask, Opacity: 0.3}
	names := Landmarks(s.Mask)
	scenes := make([]Scene, 6)
	for n := range scenes {
		scenes[n] = sheetScene(s, stacks, n, overlay, names, at)
	}
	for n := range scenes {
		for o := range 4 {
			if o != n && scenes[o].Stack != nil && scenes[n].Stack != nil && (o == 3 || n == 3) {
				scenes[n].Marks.References = append(scenes[n].Marks.References, scenes[o].Stack.Plane(scenes[o].Slice))
			}
		}
		r := paneBox(area, n)
		img := NewPainter(typ).Draw(&scenes[n], r.Dx(), r.Dy())
		for y := range r.Dy() {
			copy(dst.Pix[dst.PixOffset(r.Min.X, r.Min.Y+y):], img.Pix[y*img.Stride:][:4*r.Dx()])
		}
	}
}

// sheetScene is pane n of the sheet: the four hung stacks, the heat map, and
// the axial or sagittal image once more without any overlay.
func sheetScene(s Sheet, stacks [4]*Stack, n int, o *Overlay, names []Landmark, at volume.Vec3) Scene {
	sc := Scene{View: Fit(), Overlay: o, Marks: Marks{Names: names, Points: s.Points}}
	switch {
	case n < 4:
		sc.Stack, sc.Marks.Empty = stacks[n], MissingNames()[n]
		if !s.Accepted && s.Mask != nil {
			sc.Marks.Badge = "AI"
		}
	case n == 4:
		sc.Overlay, sc.Marks.Empty, sc.Marks.Caption = nil, "no heat map", "Grad-CAM"
		if s.Heat != nil {
			sc.Heat, sc.Marks.Caption = s.Heat, s.Heat.Title
			sc.Stack = firstStack(stacks, s.HeatSeriesUID)
			if s.Heat.Volume.Size[2] == 1 {
				at = s.Heat.Volume.CenterMM() // it lies on one slice: show that one
			}
		}
	default:
		sc.Overlay, sc.Stack = nil, firstStack(stacks, "")
		sc.Marks.Note = "without overlay"
	}
	if sc.Stack != nil {
		sc.Slice, _ = sc.Stack.Nearest(at)
		series, _, _ := sc.Stack.At(sc.Slice)
		sc.Window = Measure(series.Volume, s.Mask).Window(Auto)
	}
	return sc
}

// firstStack is the stack that holds a series, else sagittal T2, else any.
func firstStack(stacks [4]*Stack, uid string) *Stack {
	for _, st := range stacks {
		if st != nil && uid != "" && st.Has(uid) {
			return st
		}
	}
	for _, n := range [4]int{1, 2, 0, 3} {
		if stacks[n] != nil {
			return stacks[n]
		}
	}
	return nil
}

func paneBox(area image.Rectangle, n int) image.Rectangle {
	const gap = 2
	w, h := (area.Dx()-2*gap)/3, (area.Dy()-gap)/2
	x, y := area.Min.X+(n%3)*(w+gap), area.Min.Y+(n/3)*(h+gap)
	return image.Rect(x, y, x+w, y+h)
}

func sideColumn(dst *image.RGBA, r image.Rectangle, s Sheet, typ *Type) {
	pal := assets.Dark()
	title := Style{Size: 13, Medium: true, Color: pal.Ink}
	typ.DrawIn(dst, image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+20), "Worksheet", 0, title)
	ws := Worksheet{Cells: s.Cells, Accepted: s.Accepted}
	box := image.Rect(r.Min.X, r.Min.Y+24, r.Max.X, min(r.Min.Y+24+230, r.Max.Y))
	ws.Draw(dst, box, 1, typ)
	y := box.Max.Y + 10
	lines := []string{"N normal or mild   M moderate   S severe   - not gradable",
		"outlined: the AI's, with its probability", "filled: the reader's"}
	for _, l := range lines {
		typ.DrawIn(dst, image.Rect(r.Min.X, y, r.Max.X, y+17), l, 0, Style{Size: 11, Color: pal.Quiet})
		y += 17
	}
	y += 10
	note := Style{Size: 12, Color: pal.Ink}
	for _, n := range s.Notes {
		for _, l := range typ.Lines(n, r.Dx(), note) {
			if y+17 > r.Max.Y {
				return
			}
			typ.DrawIn(dst, image.Rect(r.Min.X, y, r.Max.X, y+17), l, 0, note)
			y += 17
		}
		y += 6
	}
}
