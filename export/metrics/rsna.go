package metrics

import (
	"fmt"
	"math"
)

// RSNARow is one row of the RSNA 2024 lumbar challenge: a place of a study with its
// true grade and the three probabilities, normal/mild, moderate and severe.
type RSNARow struct {
	Study       string
	Group       RSNAGroup
	Truth       int // 0 to 2; rows without a label are not rows
	Probability [3]float64
}

// RSNAGroup pools conditions: left and right count together.
type RSNAGroup int

// The groups of the challenge.
const (
	RSNASpinal RSNAGroup = iota
	RSNAForaminal
	RSNASubarticular
	rsnaGroups
)

// rsnaWeight is the weight of a row by its true grade.
func rsnaWeight(grade int) float64 { return float64(int(1) << grade) }

// RSNALoss is the score of the RSNA 2024 lumbar challenge (lower is better; guessing
// a third each gives ln 3 in the three groups): the plain mean of the log losses of
// the three groups, rows weighted 1, 2 and 4 by severity, and of the derived question
// "is any canal stenosis of this study severe", whose answer is the largest severe
// probability of its canal rows. A group without rows is undefined, so is the score.
func RSNALoss(rows []RSNARow) (float64, error) {
	var sum, weight [rsnaGroups + 1]float64
	anySevere := map[string]*spinalStudy{}
	var order []string // of studies: sums come out the same every time
	for n, r := range rows {
		p, err := r.normalised()
		if err != nil {
			return math.NaN(), fmt.Errorf("row %d: %w", n, err)
		}
		w := rsnaWeight(r.Truth)
		sum[r.Group] += w * logLoss(p[r.Truth])
		weight[r.Group] += w
		if r.Group == RSNASpinal {
			if anySevere[r.Study] == nil {
				anySevere[r.Study] = &spinalStudy{}
				order = append(order, r.Study)
			}
			anySevere[r.Study].add(r.Truth, p[2])
		}
	}
	for _, id := range order {
		s := anySevere[id]
		sum[rsnaGroups] += s.weight * s.loss()
		weight[rsnaGroups] += s.weight
	}
	score := 0.0
	for g := range sum {
		score += sum[g] / weight[g] / float64(len(sum))
	}
	return score, nil
}

// normalised scales a row's probabilities to the sum 1, as the challenge does.
func (r RSNARow) normalised() ([3]float64, error) {
	p, sum := r.Probability, 0.0
	for _, v := range p {
		if !(v >= 0) || math.IsInf(v, 1) {
			return p, fmt.Errorf("a probability of %v is not finite and at least 0", v)
		}
		sum += v
	}
	if sum == 0 || r.Truth < 0 || r.Truth > 2 || r.Group < 0 || r.Group >= rsnaGroups {
		return p, fmt.Errorf("grade %d with probabilities %v cannot be scored", r.Truth, p)
	}
	for k := range p {
		p[k] /= sum
	}
	return p, nil
}

// spinalStudy is a study's canal rows as one question.
type spinalStudy struct {
	severe         bool
	weight, chance float64
}

func (s *spinalStudy) add(truth int, severe float64) {
	s.severe = s.severe || truth == 2
	s.weight = max(s.weight, rsnaWeight(truth))
	s.chance = max(s.chance, severe)
}

func (s *spinalStudy) loss() float64 {
	if s.severe {
		return logLoss(s.chance)
	}
	return logLoss(1 - s.chance)
}

// logLoss is -ln p with p kept off 0 and 1 by the precision of a double, as
// scikit-learn's log_loss does.
func logLoss(p float64) float64 {
	const eps = 0x1p-52
	return -math.Log(min(max(p, eps), 1-eps))
}
