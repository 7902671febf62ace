package report

import (
	"fmt"
	"strings"

	"columna/spine"
)

// grades draws the worksheet: levels across, conditions down, the AI's grade over
// the reader's. Severity has a letter besides its tint, so that it does not hang
// on colour.
func (d document) grades(w worksheet) {
	const first, high = 30.0, 11.0
	width := (inner - first) / spine.LevelCount
	d.heading("Stenosis grades")
	d.font("B", 8.5)
	d.pdf.CellFormat(first, 6, "", "1", 0, "L", false, 0, "")
	for l := range spine.Level(spine.LevelCount) {
		d.pdf.CellFormat(width, 6, l.Title(), "1", 0, "C", false, 0, "")
	}
	d.pdf.Ln(6)
	for c := range w {
		y := d.pdf.GetY()
		d.font("B", 8.5)
		d.pdf.CellFormat(first, high, spine.Condition(c).Title(), "1", 0, "L", false, 0, "")
		for l, cell := range w[c] {
			x := margin + first + float64(l)*width
			d.pdf.SetXY(x, y)
			d.halfCell(width, high/2, "LTR", cell.ai, aiWords(cell.ai))
			d.pdf.SetXY(x, y+high/2)
			d.halfCell(width, high/2, "LBR", cell.reader, readerWords(cell.reader))
		}
		d.pdf.SetXY(margin, y+high)
	}
	d.pdf.Ln(1)
	d.font("", 7.5)
	d.pdf.CellFormat(inner, 4, "Upper line: AI, with its probability of that grade. Lower line: reader. N normal/mild, M moderate, S severe, - not gradable.", "", 1, "L", false, 0, "")
}

func (d document) halfCell(width, height float64, border string, g *spine.GradeFinding, words string) {
	grade := spine.Ungraded
	if g != nil {
		grade = g.Grade
	}
	fill := true
	switch grade {
	case spine.Moderate:
		d.pdf.SetFillColor(253, 228, 179)
	case spine.Severe:
		d.pdf.SetFillColor(240, 168, 130)
	default:
		fill = false
	}
	d.font("", 8)
	d.pdf.CellFormat(width, height, words, border, 0, "L", fill, 0, "")
}

func aiWords(g *spine.GradeFinding) string {
	if g == nil {
		return "AI"
	}
	if g.Grade < spine.NormalMild {
		return "AI " + g.Grade.Letter()
	}
	return fmt.Sprintf("AI %s %.2f", g.Grade.Letter(), g.Probabilities[g.Grade])
}

func readerWords(g *spine.GradeFinding) string {
	if g == nil {
		return "Reader"
	}
	return "Reader " + g.Grade.Letter()
}

// plain is a grade as one says it.
func plain(g spine.Grade) string {
	return strings.NewReplacer("normal_mild", "normal/mild", "_", " ").Replace(g.String())
}

// notes lists reasons and the cells where reader and AI differ.
func (d document) notes(w worksheet) {
	var lines []string
	for c := range w {
		for l, cell := range w[c] {
			place := spine.Condition(c).Title() + " " + spine.Level(l).Title() + ": "
			if cell.ai != nil && cell.ai.Grade == spine.NotGradable && cell.ai.Reason != "" {
				lines = append(lines, place+"AI not gradable, "+cell.ai.Reason)
			}
			if cell.reader == nil {
				continue
			}
			words := place + "reader " + plain(cell.reader.Grade)
			differs := cell.ai != nil && cell.ai.Grade != cell.reader.Grade
			if differs {
				words += ", AI " + plain(cell.ai.Grade)
			}
			if cell.reader.Reason != "" {
				words += " (" + cell.reader.Reason + ")"
			}
			if differs || cell.reader.Reason != "" {
				lines = append(lines, words)
			}
		}
	}
	if len(lines) > 0 {
		d.heading("Remarks on grades")
		d.line(strings.Join(lines, "\n"))
	}
}

// structures lists the volumes of the mask and how sure the network was of each.
func (d document) structures(a *spine.Analysis) {
	if a.Mask == nil {
		return
	}
	d.heading("Structures (AI mask)")
	d.font("", 8.5)
	const column = inner / 3
	for n, m := range a.Mask.Measures() {
		ends := 0
		if n%3 == 2 {
			ends = 1
		}
		s := spine.Structure(m.Label)
		d.pdf.CellFormat(column, 4.5, fmt.Sprintf("%s  %.1f ml%s", s, m.VolumeMM3/1000, sureWords(a, s)), "", ends, "L", false, 0, "")
	}
	if d.pdf.GetX() > margin+1 {
		d.pdf.Ln(4.5)
	}
	if len(a.Confidence) > 0 {
		d.font("", 7.5)
		d.pdf.CellFormat(inner, 4, fmt.Sprintf("In brackets the network's mean probability inside; ! marks what is under %.2f.", spine.LowConfidence), "", 1, "L", false, 0, "")
	}
}

// sureWords is the network's confidence in a structure, "" where it is not known.
func sureWords(a *spine.Analysis, s spine.Structure) string {
	sure, ok := a.Confidence[s]
	switch {
	case !ok:
		return ""
	case sure < spine.LowConfidence:
		return fmt.Sprintf("  (%.2f !)", sure)
	}
	return fmt.Sprintf("  (%.2f)", sure)
}

// lesions lists each with its three most probable classes.
func (d document) lesions(a *spine.Analysis) {
	if len(a.Lesions) == 0 {
		return
	}
	d.heading("Lesions (AI class)")
	for _, l := range a.Lesions {
		at := l.Box.Center()
		words := fmt.Sprintf("Level %s, centre L %.1f P %.1f S %.1f mm: ", l.Level, at[0], at[1], at[2])
		left := l.Probabilities
		for n := range 3 {
			best := 0
			for c, p := range left {
				if p > left[best] {
					best = c
				}
			}
			if n > 0 {
				words += ", "
			}
			words += fmt.Sprintf("%s %.2f", spine.LesionClass(best), left[best])
			left[best] = -1
		}
		if infection := l.InfectionWords(); infection != "" {
			words += "; " + infection
		}
		d.line(words)
	}
}

// flags lists what to look at before trusting the AI.
func (d document) flags(a *spine.Analysis) {
	if len(a.Flags) == 0 {
		return
	}
	d.heading("Quality flags (AI)")
	for _, f := range a.Flags {
		d.line("! " + f.Kind + ": " + f.Text)
	}
}
