// Package metrics is the statistics of an evaluation: how well classes are told
// apart, how honest probabilities are, how far readers agree, and how sure a figure
// is. Numbers in, numbers out: it knows no image and no network. What is undefined
// (no case, one class alone, nothing to divide by) is NaN, never a silent zero.
package metrics

import "math"

// Confusion counts answers: row the truth, column what was said.
type Confusion [][]int

// NewConfusion is an empty table of k classes.
func NewConfusion(k int) Confusion {
	c := make(Confusion, k)
	for n := range c {
		c[n] = make([]int, k)
	}
	return c
}

// Count makes the table of pairs of truth and answer, classes 0 to k-1.
func Count(k int, truth, said []int) Confusion {
	c := NewConfusion(k)
	for n, t := range truth {
		c[t][said[n]]++
	}
	return c
}

// Total is the number of answers.
func (c Confusion) Total() int {
	n := 0
	for _, row := range c {
		for _, x := range row {
			n += x
		}
	}
	return n
}

// one is the table of class k against the rest: true and false positives and
// negatives.
func (c Confusion) one(k int) (tp, fp, fn, tn float64) {
	for t, row := range c {
		for s, x := range row {
			switch v := float64(x); {
			case t == k && s == k:
				tp += v
			case s == k:
				fp += v
			case t == k:
				fn += v
			default:
				tn += v
			}
		}
	}
	return tp, fp, fn, tn
}

// Accuracy is the share of right answers.
func (c Confusion) Accuracy() float64 {
	right := 0
	for k := range c {
		right += c[k][k]
	}
	return float64(right) / float64(c.Total())
}

// Sensitivity is the share of class k that was found.
func (c Confusion) Sensitivity(k int) float64 {
	tp, _, fn, _ := c.one(k)
	return tp / (tp + fn)
}

// Specificity is the share of the rest that was not called k.
func (c Confusion) Specificity(k int) float64 {
	_, fp, _, tn := c.one(k)
	return tn / (tn + fp)
}

// Precision is the share of the answers k that were right.
func (c Confusion) Precision(k int) float64 {
	tp, fp, _, _ := c.one(k)
	return tp / (tp + fp)
}

// F1 is the harmonic mean of precision and sensitivity; where class k is neither
// true nor said it is undefined, where it is one of them alone it is 0.
func (c Confusion) F1(k int) float64 {
	tp, fp, fn, _ := c.one(k)
	return 2 * tp / (2*tp + fp + fn)
}

// Macro is the mean of a figure over the classes for which it is defined.
func (c Confusion) Macro(figure func(k int) float64) float64 {
	values := make([]float64, len(c))
	for k := range c {
		values[k] = figure(k)
	}
	return Mean(values)
}

// Mean averages the values that are numbers; without one it is NaN.
func Mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}
