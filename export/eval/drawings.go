package eval

import (
	"fmt"
	"html/template"
	"math"

	"columna/export/metrics"
	"columna/spine"
)

// violins of the classes' Dice.
func (s *Summary) violins() template.HTML {
	var groups []sample
	for _, name := range classNames()[1:] {
		g := sample{name: name}
		for _, r := range s.records {
			if t, ok := find(r.Classes, name); ok && !math.IsNaN(float64(t.Dice)) {
				g.values, g.whose = append(g.values, float64(t.Dice)), append(g.whose, r.ID)
			}
		}
		if len(g.values) > 0 {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return ""
	}
	return template.HTML(violins(groups, "Dice"))
}

// roc of severe against the rest, condition by condition.
func (s *Summary) roc() template.HTML {
	var names []string
	var scores [][]float64
	var positives [][]bool
	var areas []Figure
	for _, c := range s.Conditions {
		if c.Name == "all" || math.IsNaN(float64(c.AUCSevere.Value)) {
			continue
		}
		p, truth, _ := gradedCells(cellsOf(s.records, c.Name))
		score, positive := metrics.ClassScores(p, truth, int(spine.Severe))
		condition, _ := spine.ParseCondition(c.Name)
		names, scores, positives, areas = append(names, condition.Title()), append(scores, score), append(positives, positive), append(areas, c.AUCSevere)
	}
	if len(names) == 0 {
		return ""
	}
	return template.HTML("<figure>" + roc(names, scores, positives, areas) + "<figcaption>Severe against the rest, with the area under each curve.</figcaption></figure>")
}

// reliability diagrams of grades, lesion classes and voxels.
func (s *Summary) reliability() (out []template.HTML) {
	ece := func(name string) Figure {
		for _, f := range s.Figures {
			if f.Name == name {
				return f.Figure
			}
		}
		return Figure{Value: Number(math.NaN())}
	}
	if p, truth, _ := gradedCells(cellsOf(s.records, "")); len(truth) > 0 {
		out = append(out, template.HTML(reliability(metrics.Reliability(p, truth, 10), "Grades", ece("grade_ece"))))
	}
	if p, truth := lesionsOf(s.records); len(truth) > 0 {
		out = append(out, template.HTML(reliability(metrics.Reliability(p, truth, 10), "Lesion classes", ece("lesion_ece"))))
	}
	if f := ece("voxel_ece"); !math.IsNaN(float64(f.Value)) {
		out = append(out, template.HTML(reliability(voxelReliability(s.records), "Voxels", f)))
	}
	return out
}

// row finds a class of a set.
func (s *Summary) row(class string) (Row, bool) {
	for _, r := range s.Classes {
		if r.Name == class {
			return r, true
		}
	}
	return Row{}, false
}

// overview holds the sets against each other, class by class.
func (r Report) overview() (out []template.HTML) {
	if len(r.Sets) < 2 {
		return nil
	}
	for n, class := range []string{"body", "disc", "canal"} {
		var bars []bar
		lowest := 1.0
		for _, s := range r.Sets {
			if row, ok := s.row(class); ok && !math.IsNaN(float64(row.Dice.Value)) {
				bars = append(bars, bar{s.Set, words(row.Dice, 3), row.Dice, seriesClass(n)})
				lowest = min(lowest, float64(row.Dice.Value), orOne(row.Dice.Low))
			}
		}
		if len(bars) > 0 {
			out = append(out, template.HTML(forest(bars, "Dice, "+class, below(lowest), 1)))
		}
	}
	return out
}

func orOne(n Number) float64 {
	if math.IsNaN(float64(n)) {
		return 1
	}
	return float64(n)
}

// noise draws Dice against the added noise, for phantoms and SPIDER.
func (r Report) noise() (out []drawing) {
	for _, base := range [][3]string{{"t2", "noise", "Phantoms, T2 alone"}, {"spider", "spider-noise", "SPIDER"}} {
		var lines []curve
		for _, class := range []string{"body", "disc", "canal"} {
			l := curve{name: class}
			for _, level := range append([]int{0}, noiseLevels()...) {
				name := fmt.Sprintf("%s%d", base[1], level)
				if level == 0 {
					name = base[0]
				}
				for _, s := range r.Sets {
					if row, ok := s.row(class); ok && s.Set == name {
						l.x, l.figures = append(l.x, float64(level)), append(l.figures, row.Dice)
					}
				}
			}
			if len(l.x) > 1 {
				lines = append(lines, l)
			}
		}
		if len(lines) > 0 {
			out = append(out, drawing{template.HTML(curves(lines, "added noise, % of the image's brightness", "Dice")),
				base[2] + ", with 95 % intervals; a study in which a class was lost is not in its mean."})
		}
	}
	return out
}

// changeView is a comparison as a forest and a table.
type changeView struct {
	Studies, Patients, Unpaired int
	Forest                      template.HTML
	Rows                        []changeRow
}

type changeRow struct {
	Class, Name, Before, After string
	Change                     template.HTML
	Missing                    string // structures not found, before and after
}

func changes(c *Comparison) *changeView {
	if c == nil {
		return nil
	}
	v := &changeView{Studies: c.Studies, Patients: c.Patients, Unpaired: c.Unpaired}
	reach := 0.02
	var bars []bar
	for n, d := range append(append([]Difference{}, c.Structures...), c.Severe...) {
		alone := func(n Number) string { return words(Figure{Value: n, Low: Number(math.NaN())}, 3) }
		row := changeRow{Name: plain(d.Name), Before: alone(d.Before), After: alone(d.After), Change: cell(d.Change, 3)}
		if n < len(c.Structures) {
			row.Missing = fmt.Sprintf("%d → %d", d.MissingBefore, d.MissingAfter)
		}
		class := seriesClass(0)
		switch {
		case d.Worse():
			row.Class, class = "worse", seriesClass(1)
		case d.Better():
			row.Class, class = "better", seriesClass(2)
		}
		v.Rows = append(v.Rows, row)
		if n < len(c.Structures) {
			bars = append(bars, bar{d.Name, words(d.Change, 3), d.Change, class})
			for _, x := range []Number{d.Change.Value, d.Change.Low, d.Change.High} {
				if a := math.Abs(float64(x)); a > reach {
					reach = a
				}
			}
		}
	}
	if len(bars) > 0 {
		v.Forest = template.HTML(forest(bars, "change of Dice", -1.05*reach, 1.05*reach))
	}
	return v
}
