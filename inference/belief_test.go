package inference

import (
	"math"
	"strings"
	"testing"
)

// fewPieces are a disc, a body, a stray disc and a body, seen with some doubt.
func fewPieces() []piece {
	var out []piece
	for n, disc := range []bool{true, false, true, false} {
		p := piece{disc: disc, size: []float64{1, 0.9, 0.2, 1.1}[n], at: [3]float64{0, 0, []float64{0, 18, 25, 53}[n]}, sacrumMM: 8 + 17*float64(n)}
		p.up = p.at[2]
		for c := range p.node {
			p.node[c] = -0.3 - 0.37*float64((c*7+n*5)%11)
		}
		out = append(out, p)
	}
	return out
}

// everyAssignment calls f with each way to name pieces or leave them out and its
// price, reckoned from the definition.
func everyAssignment(pieces []piece, anchored bool, f func(place []int, cost float64)) {
	place, pitch := make([]int, len(pieces)), pitchOf(pieces)
	var walk func(n, below int, cost float64)
	walk = func(n, below int, cost float64) {
		if n == len(pieces) {
			f(place, cost)
			return
		}
		place[n] = none
		walk(n+1, below, cost+skipOne(pieces[n]))
		for q := placeS1; q < places; q++ {
			if pieces[n].disc != (q%2 == 0) {
				continue
			}
			c := unary(pieces[n], q)
			if below < 0 {
				c += startCost(pieces[n], q, anchored)
			} else if q > place[below] {
				c += stepCost(pieces[below], pieces[n], q-place[below], pitch)
			} else {
				continue
			}
			place[n] = q
			walk(n+1, n, cost+c)
		}
	}
	walk(0, -1, 0)
}

func TestSolveChain_IsTheCheapestOfAllAssignments(t *testing.T) {
	for _, anchored := range []bool{false, true} {
		pieces, least := fewPieces(), math.Inf(1)
		var best []int
		everyAssignment(pieces, anchored, func(place []int, cost float64) {
			if cost < least {
				least, best = cost, append([]int(nil), place...)
			}
		})
		got := solveChain(pieces, anchored)
		if math.Abs(got.cost-least) > 1e-9 {
			t.Errorf("anchored %v: cost %g, of all %g", anchored, got.cost, least)
		}
		for n := range best {
			if got.place[n] != best[n] {
				t.Errorf("anchored %v: places %v, of all %v", anchored, got.place, best)
			}
		}
	}
}

func TestPlaceMarginals_AreThoseOfAllAssignments(t *testing.T) {
	for _, anchored := range []bool{false, true} {
		pieces := fewPieces()
		want, whole := make([][places]float64, len(pieces)), 0.0
		everyAssignment(pieces, anchored, func(place []int, cost float64) {
			w := math.Exp(-cost / beliefTemperature)
			whole += w
			for n, q := range place {
				if q != none {
					want[n][q] += w
				}
			}
		})
		for n, row := range placeMarginals(pieces, anchored) {
			for q, p := range row {
				if math.Abs(p-want[n][q]/whole) > 1e-9 {
					t.Errorf("anchored %v: piece %d at place %d %.6f, of all %.6f", anchored, n, q, p, want[n][q]/whole)
				}
			}
		}
	}
}

// Four levels that look like themselves are believed; that look like either of two
// neighbours and have no sacrum under them are not.
func TestBelieve_KnowsWhenTheCountIsAmbiguous(t *testing.T) {
	column := func(doubt bool) []piece {
		var out []piece
		for q := placeL5S1 + 2; q < placeL5S1+10; q++ {
			p := piece{disc: q%2 == 0, size: 1, at: [3]float64{0, 0, 17.5 * float64(q)}, up: 17.5 * float64(q), sacrumMM: math.Inf(1)}
			for c := range p.node {
				p.node[c] = -3
			}
			p.node[placeNode(q)] = -0.1
			if doubt {
				p.node[placeNode(q+2)] = -0.1
			}
			out = append(out, p)
		}
		return out
	}
	sure, unsure := solveChain(column(false), false).belief, solveChain(column(true), false).belief
	if sure.asNamed < 0.9 || sure.offByOne() > 0.05 {
		t.Errorf("a clear column is believed %.2f, off by one %.2f", sure.asNamed, sure.offByOne())
	}
	if unsure.asNamed > 0.7 || unsure.higher < 0.3 || unsure.higher < unsure.lower {
		t.Errorf("an ambiguous column is believed %.2f, higher %.2f, lower %.2f", unsure.asNamed, unsure.higher, unsure.lower)
	}
}

func TestBelieve_OfNothingIsNothing(t *testing.T) {
	if b := solveChain(nil, false).belief; b != (belief{}) {
		t.Errorf("got %+v", b)
	}
}

func TestCountingFlag_NeverPassesAnAmbiguousCountInSilence(t *testing.T) {
	sure := chain{margin: 20, belief: belief{asNamed: 0.9, higher: 0.02}}
	if got := countingFlag(sure, placeL5S1, true); got != "" {
		t.Errorf("a sure count is flagged: %s", got)
	}
	for want, c := range map[string]struct {
		chain
		lowest   int
		anchored bool
	}{
		"sacrum was not found":              {sure, placeL5S1, false},
		"one level higher is 35 % likely":   {chain{margin: 20, belief: belief{higher: 0.35}}, placeL5S1, true},
		"one level lower is 30 % likely":    {chain{margin: 20, belief: belief{higher: 0.1, lower: 0.3}}, placeL5S1, true},
		"look almost as likely":             {chain{margin: 1, belief: belief{asNamed: 0.9}}, placeL5S1, true},
		"between the sacrum and disc L4/L5": {sure, placeL5S1 + 2, true},
	} {
		got := countingFlag(c.chain, c.lowest, c.anchored)
		if !strings.Contains(got, want) || !strings.Contains(got, "off by one") {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

// A disc of some size below the lowest named piece is not lightly left out: the last
// body was half taken for sacrum.
func TestSolveChain_NamesADiscBesideAHalfSeenBody(t *testing.T) {
	var pieces []piece
	for n, size := range []float64{0.6, 0.37, 1.1, 1, 1.2, 1} {
		q := placeL5S1 + n
		p := piece{disc: q%2 == 0, size: size, at: [3]float64{0, 0, 15 * float64(n)}, up: 15 * float64(n), sacrumMM: 5.5 + 13*float64(n)}
		for c := range p.node {
			p.node[c] = -3
		}
		p.node[placeNode(q)] = -2.8
		if q >= placeL5S1+2 {
			p.node[placeNode(q-2)] = -0.1 // they look like the level below
		}
		pieces = append(pieces, p)
	}
	for n, q := range solveChain(pieces, true).place {
		if q != placeL5S1+n {
			t.Errorf("piece %d has place %d, want %d", n, q, placeL5S1+n)
		}
	}
}
