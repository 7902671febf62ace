package eval

import (
	"math"
	"strconv"

	"columna/export/metrics"
	"columna/spine"
)

// gradeCount is how many grades there are.
const gradeCount = 3

// cellsOf is the places of some studies, of one condition or ("") of all.
func cellsOf(records []*Record, condition string) (out []Cell) {
	for _, r := range records {
		for _, c := range r.Cells {
			if condition == "" || c.Condition == condition {
				out = append(out, c)
			}
		}
	}
	return out
}

// gradedCells are those of the places that could be graded, in columns.
func gradedCells(cells []Cell) (probability [][]float64, truth, said []int) {
	for n := range cells {
		if c := &cells[n]; c.Said >= 0 {
			probability, truth, said = append(probability, c.Probability[:]), append(truth, c.Truth), append(said, c.Said)
		}
	}
	return probability, truth, said
}

// shareOf is the share of places that are right among those that count.
func shareOf(cells []Cell, counts, right func(Cell) bool) float64 {
	part, all := 0, 0
	for _, c := range cells {
		if counts(c) {
			all++
			part += toInt(right(c))
		}
	}
	return float64(part) / float64(all)
}

// condition works out the figures of one condition or ("") of all.
func (b *bootstrap) condition(name string) (Condition, bool) {
	places := cellsOf(b.records, name)
	c := Condition{Name: name, Places: len(places)}
	if name == "" {
		c.Name = "all"
	}
	has := func(r *Record) bool { return len(cellsOf([]*Record{r}, name)) > 0 }
	share := func(counts, right func(Cell) bool) Figure {
		return b.of(has, func(records []*Record) float64 { return shareOf(cellsOf(records, name), counts, right) })
	}
	figure := func(of func(p [][]float64, truth, said []int) float64) Figure {
		return b.of(has, func(records []*Record) float64 { return of(gradedCells(cellsOf(records, name))) })
	}
	any := func(Cell) bool { return true }
	correct := func(c Cell) bool { return c.Said == c.Truth }
	c.Graded = share(any, func(c Cell) bool { return c.Said >= 0 })
	c.Accuracy = share(any, correct)
	for g := range c.Recall {
		c.Recall[g] = share(func(c Cell) bool { return c.Truth == g }, correct)
	}
	c.Specificity = share(func(c Cell) bool { return c.Truth != int(spine.Severe) }, func(c Cell) bool { return c.Said != int(spine.Severe) })
	c.Kappa = figure(func(_ [][]float64, t, s []int) float64 {
		return metrics.Count(gradeCount, t, s).Cohen(metrics.Quadratic)
	})
	c.AUC = figure(func(p [][]float64, t, _ []int) float64 { return metrics.OneVsRest(p, t, gradeCount) })
	c.AUCSevere = figure(func(p [][]float64, t, _ []int) float64 {
		return metrics.AUC(metrics.ClassScores(p, t, int(spine.Severe)))
	})
	_, truth, said := gradedCells(places)
	c.Confusion = metrics.Count(gradeCount, truth, said)
	return c, len(places) > 0
}

func (s *Summary) gradeFigures(b *bootstrap, add adder) {
	figure := func(of func([]*Record) float64) Figure {
		return b.of(func(r *Record) bool { return len(r.Cells) > 0 }, of)
	}
	add("grade_accuracy", "share", "places with the right one of three grades", figure(func(records []*Record) float64 {
		return shareOf(cellsOf(records, ""), func(Cell) bool { return true }, func(c Cell) bool { return c.Said == c.Truth })
	}))
	add("grade_ece", "", "calibration error of grades", figure(func(records []*Record) float64 {
		p, t, _ := gradedCells(cellsOf(records, ""))
		return metrics.ECE(p, t, 10)
	}))
	add("rsna_loss", "", "severity-weighted log loss of the RSNA 2024 challenge, of the graded places", figure(rsnaLoss))
}

// rsnaLoss scores the graded places; NaN where a group has none.
func rsnaLoss(records []*Record) float64 {
	groups := map[string]metrics.RSNAGroup{
		spine.SpinalCanalStenosis.String():          metrics.RSNASpinal,
		spine.LeftNeuralForaminalNarrowing.String(): metrics.RSNAForaminal, spine.RightNeuralForaminalNarrowing.String(): metrics.RSNAForaminal,
		spine.LeftSubarticularStenosis.String(): metrics.RSNASubarticular, spine.RightSubarticularStenosis.String(): metrics.RSNASubarticular,
	}
	var rows []metrics.RSNARow
	for n, r := range records {
		for _, c := range r.Cells {
			if group, ok := groups[c.Condition]; ok && c.Said >= 0 {
				// A patient who is drawn twice is two studies.
				rows = append(rows, metrics.RSNARow{Study: strconv.Itoa(n), Group: group, Truth: c.Truth, Probability: c.Probability})
			}
		}
	}
	loss, err := metrics.RSNALoss(rows)
	if err != nil {
		return math.NaN()
	}
	return loss
}
