package dicom

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"columna/volume"
)

// Tolerances of a stack.
const (
	samePositionMM = 0.01   // closer slices lie at one position
	sameDirection  = 0.9999 // cosine of normals in one stack
	blockGap       = 3.5    // a gap of so many slice steps begins a new block
	maxShearPx     = 0.5    // how far origins may leave the straight line
)

// stack is parallel slices that make one volume, sorted along their normal.
type stack struct {
	slices   []*slice
	warnings []string
}

// separate splits the slices of one series into stacks: by frame of reference,
// size and spacing, by direction, echo, image type, time and b-value, by gaps
// along the normal, and by turns at one position. Stacks come in the order echo,
// phase, time, then from head to foot.
func separate(in []*slice) []*stack {
	in = slices.Clone(in)
	slices.SortStableFunc(in, func(a, b *slice) int {
		return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.ref.SOPUID, b.ref.SOPUID))
	})
	dropped := 0
	seen := map[string]bool{}
	var groups [][]*slice
	for _, s := range in {
		if seen[s.ref.SOPUID] {
			dropped++
			continue
		}
		seen[s.ref.SOPUID] = true
		at := slices.IndexFunc(groups, func(g []*slice) bool { return together(g[0], s) })
		if at < 0 {
			groups = append(groups, nil)
			at = len(groups) - 1
		}
		groups[at] = append(groups[at], s)
	}
	var out []*stack
	for _, g := range groups {
		for _, block := range blocks(g) {
			out = append(out, turns(block)...)
		}
	}
	slices.SortStableFunc(out, compareStacks)
	if dropped > 0 && len(out) > 0 {
		out[0].warnings = append(out[0].warnings, fmt.Sprintf("%d copies of images already read were left out", dropped))
	}
	return out
}

// together reports whether two slices can lie in one stack.
func together(a, b *slice) bool {
	return a.frameUID == b.frameUID && a.rows == b.rows && a.cols == b.cols &&
		math.Abs(a.spacingRow-b.spacingRow) < 1e-4 && math.Abs(a.spacingCol-b.spacingCol) < 1e-4 &&
		a.normal().Dot(b.normal()) > sameDirection && a.row.Dot(b.row) > sameDirection &&
		a.physics.te == b.physics.te && a.phase == b.phase && a.temporal == b.temporal &&
		a.stack == b.stack && a.bValue == b.bValue
}

func compareStacks(a, b *stack) int {
	p, q := a.slices[0], b.slices[0]
	return cmp.Or(
		cmp.Compare(p.physics.te, q.physics.te), cmp.Compare(p.phase, q.phase),
		cmp.Compare(p.temporal, q.temporal), cmp.Compare(p.bValue, q.bValue), cmp.Compare(p.stack, q.stack),
		cmp.Compare(math.Round(b.middle()[2]), math.Round(a.middle()[2])), // head first
		cmp.Compare(p.instance, q.instance), cmp.Compare(p.ref.SOPUID, q.ref.SOPUID))
}

// middle is the mean of the centres of the first and the last slice.
func (s *stack) middle() volume.Vec3 {
	first, last := s.slices[0], s.slices[len(s.slices)-1]
	return first.center().Add(last.center()).Scale(0.5)
}

func (s *slice) center() volume.Vec3 {
	return s.origin.Add(s.row.Scale(s.spacingCol * float64(s.cols-1) / 2)).
		Add(s.col.Scale(s.spacingRow * float64(s.rows-1) / 2))
}

// blocks sorts by position along the common normal and cuts where the gap is
// many times the usual step.
func blocks(group []*slice) [][]*slice {
	n := group[0].normal()
	for _, s := range group {
		s.ref.PositionMM = s.origin.Dot(n)
	}
	slices.SortStableFunc(group, func(a, b *slice) int { return cmp.Compare(a.ref.PositionMM, b.ref.PositionMM) })
	step := medianStep(group)
	var out [][]*slice
	start := 0
	for i := 1; i < len(group); i++ {
		if step > 0 && group[i].ref.PositionMM-group[i-1].ref.PositionMM > blockGap*step {
			out = append(out, group[start:i])
			start = i
		}
	}
	return append(out, group[start:])
}

// medianStep is the median distance between neighbours that do not coincide.
func medianStep(sorted []*slice) float64 {
	var steps []float64
	for i := 1; i < len(sorted); i++ {
		if d := sorted[i].ref.PositionMM - sorted[i-1].ref.PositionMM; d > samePositionMM {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// turns deals slices at one position out to separate stacks, in the order of
// their instance numbers.
func turns(block []*slice) []*stack {
	var out []*stack
	turn := 0
	for i, s := range block {
		turn++
		if i == 0 || s.ref.PositionMM-block[i-1].ref.PositionMM > samePositionMM {
			turn = 0
		}
		for len(out) <= turn {
			out = append(out, &stack{})
		}
		out[turn].slices = append(out[turn].slices, s)
	}
	if len(out) > 1 {
		for _, st := range out {
			st.warnings = append(st.warnings, fmt.Sprintf("%d different images lie at one position and nothing in the header tells them apart", len(out)))
		}
	}
	return out
}

// plane is one slice of the volume made of one or two source slices: the value
// is a*(1-f) + b*f.
type plane struct {
	a, b int
	f    float64
}

// layout is how a stack fills a uniform grid.
type layout struct {
	grid     volume.Grid
	planes   []plane
	warnings []string
}

// layout places a sorted stack on a grid whose spacing comes from the positions.
// A missing slice or an irregular step is filled by interpolation between its
// neighbours and said in a warning; a sheared stack is refused.
func (s *stack) layout() (*layout, error) {
	first, last := s.slices[0], s.slices[len(s.slices)-1]
	if err := s.refuseShear(); err != nil {
		return nil, err
	}
	count, warnings := s.count()
	step := first.normal().Scale(first.thicknessOr(1))
	if count > 1 {
		step = last.origin.Sub(first.origin).Scale(1 / float64(count-1))
	}
	l := &layout{warnings: warnings, grid: volume.Grid{
		Size:   [3]int{first.cols, first.rows, count},
		Affine: volume.NewAffine(first.row.Scale(first.spacingCol), first.col.Scale(first.spacingRow), step, first.origin),
	}}
	if err := l.grid.Validate(); err != nil {
		return nil, fmt.Errorf("the stack makes no volume: %w", err)
	}
	if err := refuseSize(first, count); err != nil {
		return nil, err
	}
	l.planes = s.planes(count)
	if filled := l.filled(); filled > 0 && len(warnings) == 0 {
		l.warnings = append(l.warnings, fmt.Sprintf("%d slices were interpolated to even out the spacing", filled))
	}
	return l, nil
}

// refuseSize refuses stacks whose volume would take more memory than any series
// needs.
func refuseSize(s *slice, count int) error {
	if s.rows*s.cols > maxStackVoxels/count {
		return fmt.Errorf("%d slices of %dx%d pixels: more than %d million voxels in one volume", count, s.cols, s.rows, maxStackVoxels/1_000_000)
	}
	return nil
}

// count tells how many evenly spaced slices span the stack: holes of a whole
// number of steps count as missing slices.
func (s *stack) count() (n int, warnings []string) {
	if len(s.slices) == 1 {
		return 1, []string{"a single slice: its extent across is the slice thickness"}
	}
	step := medianStep(s.slices)
	missing, uneven := 0, 0.0
	for i := 1; i < len(s.slices); i++ {
		d := s.slices[i].ref.PositionMM - s.slices[i-1].ref.PositionMM
		if d > 1.5*step {
			missing += int(math.Round(d/step)) - 1
			d -= math.Round(d/step)*step - step
		}
		uneven = math.Max(uneven, math.Abs(d-step))
	}
	if missing > 0 {
		warnings = append(warnings, fmt.Sprintf("%d slices are missing and were filled by interpolation", missing))
	}
	if uneven > math.Max(0.1, 0.05*step) {
		warnings = append(warnings, fmt.Sprintf("slice spacing is uneven by up to %.1f mm (usual step %.1f mm): slices were interpolated", uneven, step))
	}
	span := s.slices[len(s.slices)-1].ref.PositionMM - s.slices[0].ref.PositionMM
	return int(math.Round(span/step)) + 1, warnings
}

// planes finds the source of each slice of the grid: a slice of the series that
// lies there within 5 % of the step, or its two neighbours.
func (s *stack) planes(count int) []plane {
	out := make([]plane, count)
	first := s.slices[0].ref.PositionMM
	last := s.slices[len(s.slices)-1].ref.PositionMM
	at := 0
	for k := range out {
		pos := first
		if count > 1 {
			pos += (last - first) * float64(k) / float64(count-1)
		}
		for at+1 < len(s.slices) && s.slices[at+1].ref.PositionMM <= pos {
			at++
		}
		out[k] = plane{a: at, b: at}
		if at+1 >= len(s.slices) {
			continue
		}
		lo, hi := s.slices[at].ref.PositionMM, s.slices[at+1].ref.PositionMM
		tolerance := math.Max(0.1, 0.05*(last-first)/float64(max(count-1, 1)))
		switch {
		case pos-lo <= tolerance:
		case hi-pos <= tolerance:
			out[k] = plane{a: at + 1, b: at + 1}
		default:
			out[k] = plane{a: at, b: at + 1, f: (pos - lo) / (hi - lo)}
		}
	}
	return out
}

// filled counts interpolated slices.
func (l *layout) filled() int {
	n := 0
	for _, p := range l.planes {
		if p.a != p.b {
			n++
		}
	}
	return n
}

// refuseShear refuses origins that leave the straight line along the normal: a
// gantry tilt or a damaged header.
func (s *stack) refuseShear() error {
	first := s.slices[0]
	n := first.normal()
	for _, t := range s.slices[1:] {
		d := t.origin.Sub(first.origin)
		off := d.Sub(n.Scale(d.Dot(n))).Norm()
		if off > maxShearPx*math.Min(first.spacingRow, first.spacingCol) {
			return fmt.Errorf("the slices are shifted against each other by up to %.1f mm: a sheared stack is not read", off)
		}
	}
	return nil
}

func (s *slice) thicknessOr(mm float64) float64 {
	if s.thickness > 0 && s.thickness < 100 {
		return s.thickness
	}
	return mm
}
