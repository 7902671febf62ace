package eval

import (
	"columna/export/metrics"
	"columna/spine"
)

// noteConfidence writes the network's confidence beside the scores of the structures
// that are judged alone: vertebrae and discs by name, canal and posterior elements as
// the classes that they are.
func (r *Record) noteConfidence(sure map[spine.Structure]float64) {
	note := func(scores []Score, name string, s spine.Structure) {
		for n := range scores {
			if scores[n].Name == name {
				scores[n].Confidence = sure[s]
			}
		}
	}
	for _, s := range chain() {
		note(r.Levels, s.String(), s)
	}
	for _, s := range []spine.Structure{spine.Canal, spine.Posterior} {
		note(r.Classes, classNames()[classOf(s)], s)
	}
}

// confidenceDice is Spearman's correlation of confidence and Dice, over all structures
// of the studies whose Dice is defined.
func confidenceDice(records []*Record) float64 {
	var sure, dice []float64
	for _, r := range records {
		for _, scores := range [][]Score{r.Levels, r.Classes} {
			for _, s := range scores {
				if s.Confidence > 0 && s.Dice == s.Dice {
					sure, dice = append(sure, s.Confidence), append(dice, float64(s.Dice))
				}
			}
		}
	}
	return metrics.Spearman(sure, dice)
}
