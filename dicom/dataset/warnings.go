package dataset

import "fmt"

// Warning is a fault of a file that was read all the same.
type Warning struct {
	What  string // in one sentence
	First Tag    // where it was met first
	Count int
	Doubt bool // what was read may not be what was meant
}

// String is the sentence with where and how often.
func (w Warning) String() string {
	if w.Count > 1 {
		return fmt.Sprintf("%s (%d times, first at %v)", w.What, w.Count, w.First)
	}
	if w.First != 0 {
		return fmt.Sprintf("%s (at %v)", w.What, w.First)
	}
	return w.What
}

// Faults that are tolerated.
const (
	faultPreamble      = "the preamble is missing"
	faultMeta          = "the meta header does not name the transfer syntax"
	faultMetaLength    = "the meta header has another length than it says"
	faultSyntax        = "the data set is not encoded as the meta header says"
	faultUnknownSyntax = "the transfer syntax is none of the standard"
	faultZlib          = "the deflated data have a zlib header"
	faultDeflateCut    = "the deflated data end early"
	faultImplicit      = "elements without a value representation among those with one"
	faultExplicit      = "elements with a value representation among those without one"
	faultVR            = "a value representation that is none"
	faultOddLength     = "a value of odd length"
	faultOrder         = "tags out of order"
	faultTwice         = "an element stands twice: the first one counts"
	faultZeros         = "zero bytes between elements"
	faultStrayEnd      = "a delimiter outside a sequence"
	faultItemEnd       = "an item is not closed"
	faultSequenceEnd   = "a sequence is not closed"
	faultPixelEnd      = "the compressed pixel data are not closed"
	faultTail          = "what follows the pixel data cannot be read"
)

// doubtful are the faults after which something may be missing or misread.
func doubtful(what string) bool {
	switch what {
	case faultUnknownSyntax, faultDeflateCut, faultTwice, faultPixelEnd, faultTail:
		return true
	}
	return false
}

// log is what a file's parsers share: the budget of elements and the warnings.
type log struct {
	count    int // elements, items and fragments so far
	warnings []Warning
}

// warn notes a fault, each kind once with a count.
func (l *log) warn(what string, t Tag) {
	for i := range l.warnings {
		if l.warnings[i].What == what {
			l.warnings[i].Count++
			return
		}
	}
	l.warnings = append(l.warnings, Warning{What: what, First: t, Count: 1, Doubt: doubtful(what)})
}
