package inference

import "math"

// beliefTemperature divides the chain's prices before they are taken for negative log
// probabilities: what one network says of twenty pieces is not the word of twenty
// witnesses.
const beliefTemperature = 4

// belief is how likely it is, over all assignments of the chain model, that the names
// given are right, or that all of them should be one level higher or lower.
type belief struct{ asNamed, higher, lower float64 }

// offByOne is the larger of the two ways to have counted wrongly by one.
func (b belief) offByOne() float64 { return math.Max(b.higher, b.lower) }

// believe averages over the named pieces how likely each has its place, or the one
// of its kind above or below.
func believe(pieces []piece, place []int, anchored bool) belief {
	marginal := placeMarginals(pieces, anchored)
	var b belief
	named := 0.0
	for n, q := range place {
		if q == none {
			continue
		}
		named++
		b.asNamed += marginal[n][q]
		if q+2 < places {
			b.higher += marginal[n][q+2]
		}
		if q >= 2 {
			b.lower += marginal[n][q-2]
		}
	}
	if named > 0 {
		b = belief{b.asNamed / named, b.higher / named, b.lower / named}
	}
	return b
}

// placeMarginals is the probability of every piece to have each place, by the forward
// and backward sums over all assignments; what is missing to 1 is that it is left out.
func placeMarginals(pieces []piece, anchored bool) [][places]float64 {
	f := chainSums{pieces: pieces, pitch: pitchOf(pieces), anchored: anchored}
	before, after := make([][places]float64, len(pieces)), make([][places]float64, len(pieces))
	whole := logSum{}
	whole.add(-skipAll(pieces, 0, len(pieces)) / beliefTemperature)
	for n := range pieces {
		for q := range places {
			before[n][q] = f.forward(before, n, q)
			whole.add(before[n][q] - skipAll(pieces, n+1, len(pieces))/beliefTemperature)
		}
	}
	for n := len(pieces) - 1; n >= 0; n-- {
		for q := range places {
			after[n][q] = f.backward(after, n, q)
		}
	}
	for n := range before {
		for q := range places {
			before[n][q] = math.Exp(before[n][q] + after[n][q] - whole.value())
		}
	}
	return before
}

// chainSums are logarithms of sums over assignments, one piece at a time.
type chainSums struct {
	pieces   []piece
	pitch    float64
	anchored bool
}

// forward sums over all ways to name the pieces up to n with n at place q.
func (f *chainSums) forward(before [][places]float64, n, q int) float64 {
	if !fits(f.pieces[n], q) {
		return math.Inf(-1)
	}
	sum := logSum{}
	sum.add(-(skipAll(f.pieces, 0, n) + startCost(f.pieces[n], q, f.anchored)) / beliefTemperature)
	for m := range n {
		skipped := skipAll(f.pieces, m+1, n)
		for p := range q {
			if fits(f.pieces[m], p) {
				sum.add(before[m][p] - (stepCost(f.pieces[m], f.pieces[n], q-p, f.pitch)+skipped)/beliefTemperature)
			}
		}
	}
	return sum.value() - unary(f.pieces[n], q)/beliefTemperature
}

// backward sums over all ways to name the pieces above n when n has place q.
func (f *chainSums) backward(after [][places]float64, n, q int) float64 {
	if !fits(f.pieces[n], q) {
		return math.Inf(-1)
	}
	sum := logSum{}
	sum.add(-skipAll(f.pieces, n+1, len(f.pieces)) / beliefTemperature)
	for m := n + 1; m < len(f.pieces); m++ {
		skipped := skipAll(f.pieces, n+1, m)
		for p := q + 1; p < places; p++ {
			if fits(f.pieces[m], p) {
				price := stepCost(f.pieces[n], f.pieces[m], p-q, f.pitch) + skipped + unary(f.pieces[m], p)
				sum.add(after[m][p] - price/beliefTemperature)
			}
		}
	}
	return sum.value()
}

// logSum adds up numbers given by their logarithms.
type logSum struct {
	top, rest float64
	any       bool
}

func (s *logSum) add(x float64) {
	switch {
	case math.IsInf(x, -1):
	case !s.any:
		s.top, s.rest, s.any = x, 1, true
	case x > s.top:
		s.top, s.rest = x, s.rest*math.Exp(s.top-x)+1
	default:
		s.rest += math.Exp(x - s.top)
	}
}

func (s *logSum) value() float64 {
	if !s.any {
		return math.Inf(-1)
	}
	return s.top + math.Log(s.rest)
}
