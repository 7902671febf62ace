package inference

import (
	"math"

	"columna/spine"
)

// The chain model names vertebrae and discs. Counted upwards, places alternate
// between discs (even) and bodies (odd): 1 S1, 2 disc L5/S1, 3 L5, 4 disc L4/L5,
// .. 11 L1, 12 disc T12/L1, 13 T12, and so on. Place 1 is for a sacrum that the
// network took for a vertebra. Each piece that was found takes a place or is left
// out; the cheapest assignment wins, in nats:
//   - what the network's level output says of the piece, clipped, so that many
//     confident voxels cannot outvote the sacrum;
//   - the distance to the piece below against the usual pitch, and a price for
//     every place that is passed over;
//   - the distance of the lowest piece to the sacrum, where it is in view;
//   - a price for leaving a piece out, by its size.
//
// How sure that is, the forward and backward sums over all assignments say (belief.go).
const (
	places         = 28
	pitchPriorMM   = 17.5 // from a disc's middle to its neighbouring body's
	floorLog       = -3   // a node is never held less likely than e^-3 per piece
	gapCost        = 2.5
	skipCost       = 16.0
	sacrumGapCost  = 20.0
	sacrumToDiscMM = 6.0
	strayS1Cost    = 5.0
	partialSize    = 0.6
	none           = -1 // the place of a piece that is left out
	placeS1        = 1
	placeL5S1      = 2
	placeT12L1     = 12
	placeT12       = 13
)

// piece is one vertebral body or disc that was found. Its millimetres are an adult's
// (see netMap).
type piece struct {
	disc     bool
	voxels   []int32    // on the network grid
	at       [3]float64 // centroid, LPS+ mm
	up       float64    // mm along the grid towards the head
	size     float64    // relative to the middle one of its kind
	node     [nodeCount]float64
	sacrumMM float64 // nearest distance to the sacrum, +Inf without one
}

// link is the best way to have a piece at a place.
type link struct {
	cost         float64
	piece, place int // below; piece -1: this is the lowest
}

// chain is a solved assignment.
type chain struct {
	place  []int   // of each piece, or none
	cost   float64 // of the best assignment
	margin float64 // what naming everything one level up or down would cost more
	belief belief
}

// solveChain names pieces that are sorted from foot to head. Anchored says that
// the sacrum is in view.
func solveChain(pieces []piece, anchored bool) chain {
	table := make([][places]link, len(pieces))
	pitch := pitchOf(pieces)
	for n := range pieces {
		for q := range places {
			table[n][q] = cheapest(pieces, table, n, q, pitch, anchored)
		}
	}
	out := chain{place: make([]int, len(pieces)), cost: skipAll(pieces, 0, len(pieces))}
	for n := range out.place {
		out.place[n] = none
	}
	bestN, bestQ := -1, 0
	for n := range pieces {
		for q := range places {
			if c := table[n][q].cost + skipAll(pieces, n+1, len(pieces)); c < out.cost {
				out.cost, bestN, bestQ = c, n, q
			}
		}
	}
	for n, q := bestN, bestQ; n >= 0; {
		out.place[n] = q
		n, q = table[n][q].piece, table[n][q].place
	}
	out.margin = shiftMargin(pieces, out.place)
	out.belief = believe(pieces, out.place, anchored)
	return out
}

// cheapest is the best way to have piece n at place q.
func cheapest(pieces []piece, table [][places]link, n, q int, pitch float64, anchored bool) link {
	if !fits(pieces[n], q) {
		return link{cost: math.Inf(1), piece: -1}
	}
	best := link{cost: skipAll(pieces, 0, n) + startCost(pieces[n], q, anchored), piece: -1}
	skipped := 0.0
	for m := n - 1; m >= 0; m-- {
		for p := range q {
			c := table[m][p].cost + stepCost(pieces[m], pieces[n], q-p, pitch) + skipped
			if c < best.cost {
				best = link{cost: c, piece: m, place: p}
			}
		}
		skipped += skipOne(pieces[m])
	}
	best.cost += unary(pieces[n], q)
	return best
}

// fits reports whether a place is one for a piece's kind.
func fits(p piece, q int) bool { return p.disc == (q%2 == 0) && q >= placeS1 }

// startCost is the price of piece p being the lowest, at place q. Without a
// sacrum low places are preferred a little: lumbar studies usually reach it.
func startCost(p piece, q int, anchored bool) float64 {
	if !anchored {
		return 0.15 * float64(q)
	}
	if q == placeS1 { // beside what was called sacrum there is a part of it called body
		return strayS1Cost + math.Min(square((p.sacrumMM-sacrumToDiscMM)/7)/2, 30)
	}
	above := float64(q - placeL5S1)
	want := sacrumToDiscMM + above*pitchPriorMM
	return math.Min(square((p.sacrumMM-want)/7)/2, 30) + gapCost*above + sacrumGapCost*math.Max(0, above-1)
}

// stepCost is the price of two pieces being steps places apart.
func stepCost(below, above piece, steps int, pitch float64) float64 {
	d := distance(below.at, above.at)
	want := pitch * float64(steps)
	if above.size < partialSize { // cut off by the edge of the image: its middle lies low
		want -= pitch * 0.7 * (1 - above.size)
	}
	share := 0.25
	if d < want {
		share = 0.11 // pieces that are close leave no room for one between them
	}
	sigma := share*pitch*math.Sqrt(float64(steps)) + 1
	return math.Min(square((d-want)/sigma)/2, 40) + gapCost*float64(steps-1)
}

func skipOne(p piece) float64 { return 0.5 + skipCost*math.Min(p.size, 1) }

func skipAll(pieces []piece, from, to int) float64 {
	sum := 0.0
	for _, p := range pieces[from:to] {
		sum += skipOne(p)
	}
	return sum
}

// unary is how little the network's level output likes piece p at place q.
func unary(p piece, q int) float64 { return -math.Max(p.node[placeNode(q)], floorLog) }

// pitchOf estimates the distance between neighbouring places from pieces of
// different kind that follow each other.
func pitchOf(pieces []piece) float64 {
	sum, n := 3*pitchPriorMM, 3.0 // the prior weighs as much as three pairs
	for i := 1; i < len(pieces); i++ {
		if pieces[i].disc == pieces[i-1].disc {
			continue
		}
		if d := distance(pieces[i].at, pieces[i-1].at); d > 10 && d < 26 {
			sum, n = sum+d, n+1
		}
	}
	return sum / n
}

// shiftMargin compares the names given with the same names one level higher and
// lower by their look alone: the counting is uncertain where another fits almost
// as well, or better but for the sacrum.
func shiftMargin(pieces []piece, place []int) float64 {
	return math.Min(shiftCost(pieces, place, -2), shiftCost(pieces, place, 2))
}

func shiftCost(pieces []piece, place []int, shift int) float64 {
	extra := 0.0
	for n, q := range place {
		if q == none {
			continue
		}
		if q+shift < placeS1 || q+shift >= places {
			return math.Inf(1)
		}
		extra += unary(pieces[n], q+shift) - unary(pieces[n], q)
	}
	return extra
}

// placeNode is the graph node of a place.
func placeNode(q int) int { return LevelNode(placeStructure(q)) }

// placeStructure is the structure of a place.
func placeStructure(q int) spine.Structure {
	switch {
	case q == placeS1:
		return spine.S1
	case q < placeT12L1 && q%2 == 0:
		return spine.DiscL5S1 - spine.Structure((q-placeL5S1)/2)
	case q < placeT12L1:
		return spine.L5 - spine.Structure((q-placeL5S1)/2)
	case q == placeT12L1:
		return spine.DiscT12L1
	case q == placeT12:
		return spine.T12
	case q%2 == 0:
		return spine.DiscAbove
	}
	return spine.VertebraAbove
}

func square(x float64) float64 { return x * x }

func distance(a, b [3]float64) float64 {
	return math.Sqrt(square(a[0]-b[0]) + square(a[1]-b[1]) + square(a[2]-b[2]))
}
