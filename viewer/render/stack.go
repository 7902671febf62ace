package render

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"columna/spine"
	"columna/volume"
)

// Stack is what one pane scrolls through: the slices of a series, or of the
// angled blocks of an axial series one after another from head to foot. No
// slice is invented between blocks.
type Stack struct {
	Blocks []*spine.Series
	frames []Frame
	order  []slot
}

type slot struct{ block, k int }

// NewStack joins series (blocks) that have volumes; those without are left out.
// It returns nil when none is left.
func NewStack(blocks ...*spine.Series) *Stack {
	s := &Stack{}
	for _, b := range blocks {
		if b != nil && b.Volume != nil && b.Volume.Validate() == nil {
			s.Blocks = append(s.Blocks, b)
		}
	}
	if len(s.Blocks) == 0 {
		return nil
	}
	slices.SortStableFunc(s.Blocks, func(a, b *spine.Series) int {
		return cmp.Compare(b.Volume.CenterMM()[2], a.Volume.CenterMM()[2])
	})
	for n, b := range s.Blocks {
		f := NewFrame(b.Volume.Grid)
		s.frames = append(s.frames, f)
		for k := range b.Volume.Size[2] {
			s.order = append(s.order, slot{n, footward(f, k)})
		}
	}
	return s
}

// footward numbers axial slices from head to foot and leaves others as stored.
func footward(f Frame, k int) int {
	if PlaneOf(f.Grid) == spine.Axial && f.Normal[2] > 0 {
		return f.Grid.Size[2] - 1 - k
	}
	return k
}

// Len is the number of slices.
func (s *Stack) Len() int { return len(s.order) }

// At gives the series, its frame and its slice index k of slice n; n is held
// inside the stack.
func (s *Stack) At(n int) (*spine.Series, Frame, int) {
	o := s.order[min(max(n, 0), len(s.order)-1)]
	return s.Blocks[o.block], s.frames[o.block], o.k
}

// Gap reports a slice where no image was taken.
func (s *Stack) Gap(n int) bool {
	b, _, k := s.At(n)
	return k < len(b.Gaps) && b.Gaps[k]
}

// Title is the sequence and plane, such as "T2 sagittal", with a question mark
// where they are doubtful. Where no sequence is known it is the series' description.
func (s *Stack) Title() string {
	if b := s.Blocks[0]; b.Sequence == spine.OtherSequence && b.Description != "" {
		return strings.TrimSpace(b.Description + " " + s.plane())
	}
	return s.Kind()
}

// Kind is the sequence and plane without what somebody wrote at the scanner.
func (s *Stack) Kind() string {
	return strings.TrimSpace(string(s.Blocks[0].Sequence) + " " + s.plane())
}

func (s *Stack) plane() string {
	b := s.Blocks[0]
	plane := string(b.Plane)
	if plane == "" {
		plane = string(PlaneOf(b.Volume.Grid))
	}
	if b.Doubtful() && b.Confidence > 0 {
		plane += "?"
	}
	return plane
}

// Has reports whether a series UID is one of the stack's.
func (s *Stack) Has(uid string) bool {
	return slices.ContainsFunc(s.Blocks, func(b *spine.Series) bool { return b.UID == uid })
}

// Nearest is the slice that passes closest to a patient point; among blocks
// that cross near it, the one whose middle is closer. distanceMM is how far the
// point lies off that slice, plus how far it lies outside its rectangle.
func (s *Stack) Nearest(mm volume.Vec3) (n int, distanceMM float64) {
	best, bestCost := 0, math.Inf(1)
	for i, o := range s.order {
		f := s.frames[o.block]
		c := f.CenterMM(o.k)
		d := mm.Sub(c)
		off := math.Abs(d.Dot(f.Normal))
		u, v := f.ExtentMM()
		off += math.Max(0, math.Abs(d.Dot(f.Right))-u/2) + math.Max(0, math.Abs(d.Dot(f.Down))-v/2)
		cost := off + 1e-3*math.Hypot(d.Dot(f.Right), d.Dot(f.Down))
		if cost < bestCost {
			best, bestCost, distanceMM = i, cost, off
		}
	}
	return best, distanceMM
}
