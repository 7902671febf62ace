package metrics

import (
	"cmp"
	"math"
	"slices"
)

// AUC is the area under the ROC curve: how often a positive case scores above a
// negative one, ties counting half (Mann and Whitney's U). It is NaN unless there
// are both.
func AUC(score []float64, positive []bool) float64 {
	rank := Ranks(score)
	sum, n := 0.0, 0.0
	for i, p := range positive {
		if p {
			sum, n = sum+rank[i], n+1
		}
	}
	return (sum - n*(n+1)/2) / (n * (float64(len(score)) - n))
}

// OneVsRest is the mean over the classes of each one's AUC against the others, by
// its probability; classes that are nowhere or everywhere are left out.
func OneVsRest(probability [][]float64, truth []int, classes int) float64 {
	values := make([]float64, classes)
	for k := range values {
		values[k] = AUC(ClassScores(probability, truth, k))
	}
	return Mean(values)
}

// ClassScores is what AUC and ROC take of class k.
func ClassScores(probability [][]float64, truth []int, k int) (score []float64, positive []bool) {
	score, positive = make([]float64, len(truth)), make([]bool, len(truth))
	for n, p := range probability {
		score[n], positive[n] = p[k], truth[n] == k
	}
	return score, positive
}

// ROC is the curve of (1 - specificity, sensitivity), from (0,0) to (1,1), one point
// for each distinct threshold.
func ROC(score []float64, positive []bool) [][2]float64 {
	order := make([]int, len(score))
	all := [2]float64{} // negatives, positives
	for n, p := range positive {
		order[n] = n
		all[side(p)]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	out, seen := [][2]float64{{0, 0}}, [2]float64{}
	for n, at := range order {
		seen[side(positive[at])]++
		if n+1 == len(order) || score[order[n+1]] != score[at] {
			out = append(out, [2]float64{seen[0] / all[0], seen[1] / all[1]})
		}
	}
	return out
}

func side(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// TopK is the share of cases whose true class is among the k likeliest. A class that
// is as likely as the true one does not stand above it.
func TopK(probability [][]float64, truth []int, k int) float64 {
	hits := 0
	for n, p := range probability {
		above := 0
		for _, q := range p {
			if q > p[truth[n]] {
				above++
			}
		}
		if above < k {
			hits++
		}
	}
	return float64(hits) / float64(len(truth))
}

// Ranks are the places of the values in ascending order, from 1; equal values share
// the mean of theirs.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for n := range order {
		order[n] = n
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, at := range order[from:to] {
			out[at] = float64(from+to+1) / 2
		}
		from = to
	}
	return out
}

// Spearman is the rank correlation of two columns; a pair with an undefined value
// is left out.
func Spearman(x, y []float64) float64 {
	var a, b []float64
	for n := range x {
		if !math.IsNaN(x[n]) && !math.IsNaN(y[n]) {
			a, b = append(a, x[n]), append(b, y[n])
		}
	}
	return pearson(Ranks(a), Ranks(b))
}

func pearson(x, y []float64) float64 {
	mx, my := Mean(x), Mean(y)
	xy, xx, yy := 0.0, 0.0, 0.0
	for n := range x {
		xy += (x[n] - mx) * (y[n] - my)
		xx += (x[n] - mx) * (x[n] - mx)
		yy += (y[n] - my) * (y[n] - my)
	}
	return xy / math.Sqrt(xx*yy)
}
