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
	samePositionMM = 0.01 // closer slices lie at one position
	sameDirection  = 5e-4 // radians: 0.15 mm at the edge of 300 mm
	sameEchoMS     = 0.05 // scanners round the echo time, slice by slice
	blockGap       = 3.5  // a gap of so many slice steps begins a new block
	maxAwaySteps   = 0.6  // farther from every image a slice is a gap
	maxShearPx     = 0.5  // how far origins may leave the straight line
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
	slices.SortStableFunc(in, byInstance)
	dropped := 0
	seen := map[imageKey]bool{}
	var groups [][]*slice
	for _, s := range in {
		if seen[s.key()] {
			dropped++
			continue
		}
		seen[s.key()] = true
		at := slices.IndexFunc(groups, func(g []*slice) bool { return together(g[0], s) })
		if at < 0 {
			groups = append(groups, nil)
			at = len(groups) - 1
		}
		groups[at] = append(groups[at], s)
	}
	var out []*stack
	for _, g := range groups {
		for _, line := range lines(g) {
			for _, block := range blocks(line) {
				out = append(out, turns(block)...)
			}
		}
	}
	slices.SortStableFunc(out, compareStacks)
	if dropped > 0 && len(out) > 0 {
		out[0].warnings = append(out[0].warnings, fmt.Sprintf("%d copies of images already read were left out", dropped))
	}
	return out
}

// imageKey names one image of all: an object and a frame in it.
type imageKey struct {
	sop   string
	frame int
}

func (s *slice) key() imageKey { return imageKey{s.ref.SOPUID, s.ref.Frame} }

func byInstance(a, b *slice) int {
	return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.ref.SOPUID, b.ref.SOPUID), cmp.Compare(a.ref.Frame, b.ref.Frame))
}

// together reports whether two slices can lie in one stack.
func together(a, b *slice) bool {
	return a.frameUID == b.frameUID && a.rows == b.rows && a.cols == b.cols &&
		math.Abs(a.spacingRow-b.spacingRow) < 1e-4 && math.Abs(a.spacingCol-b.spacingCol) < 1e-4 &&
		a.row.Sub(b.row).Norm() < sameDirection && a.col.Sub(b.col).Norm() < sameDirection &&
		a.kind.same(b.kind)
}

// same reports whether nothing known separates two kinds.
func (k kind) same(o kind) bool {
	near := math.Abs(k.te-o.te) <= sameEchoMS
	k.te, o.te = 0, 0
	return near && k == o
}

func compareStacks(a, b *stack) int {
	p, q := a.slices[0], b.slices[0]
	if !p.kind.same(q.kind) {
		return cmp.Or(cmp.Compare(p.kind.te, q.kind.te), cmp.Compare(p.kind.echo, q.kind.echo), cmp.Compare(p.kind.phase, q.kind.phase),
			cmp.Compare(p.kind.temporal, q.kind.temporal), cmp.Compare(p.kind.bVal, q.kind.bVal), cmp.Compare(p.kind.stack, q.kind.stack))
	}
	return cmp.Or(
		cmp.Compare(math.Round(b.middle()[2]), math.Round(a.middle()[2])), // head first
		byInstance(p, q))
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

// lines parts parallel slices whose origins lie on several straight lines along
// the normal: blocks through several discs at one angle, each pushed to its disc.
// Where hardly two slices share a line the stack is sheared, and stays whole to be
// refused as that.
func lines(group []*slice) [][]*slice {
	place(group)
	var out [][]*slice
	for _, s := range group {
		at := slices.IndexFunc(out, func(line []*slice) bool { return s.offLine(line[len(line)-1]) <= s.maxShear() })
		if at < 0 {
			out = append(out, nil)
			at = len(out) - 1
		}
		out[at] = append(out[at], s)
	}
	if 2*len(out) > len(group) {
		return [][]*slice{group}
	}
	return out
}

// place sorts parallel slices by position along their common normal.
func place(group []*slice) {
	n := group[0].normal()
	for _, s := range group {
		s.ref.PositionMM = s.origin.Dot(n)
	}
	slices.SortStableFunc(group, func(a, b *slice) int { return cmp.Compare(a.ref.PositionMM, b.ref.PositionMM) })
}

// offLine is how far the origin lies off the line through t's along its normal.
func (s *slice) offLine(t *slice) float64 {
	d, n := s.origin.Sub(t.origin), t.normal()
	return d.Sub(n.Scale(d.Dot(n))).Norm()
}

func (s *slice) maxShear() float64 { return maxShearPx * math.Min(s.spacingRow, s.spacingCol) }

// blocks sorts by position along the common normal and cuts where the gap is
// many times the usual step.
func blocks(group []*slice) [][]*slice {
	place(group)
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
	if len(out) > 1 && !apartByObject(out) {
		for _, st := range out {
			st.warnings = append(st.warnings, fmt.Sprintf("%d different images lie at one position and nothing in the header tells them apart", len(out)))
		}
	}
	return out
}

// apartByObject reports whether every stack is one multi-frame object of its own,
// such as one point in time, or one acquisition.
func apartByObject(stacks []*stack) bool {
	objects, acquisitions := map[string]bool{}, map[string]bool{}
	for _, st := range stacks {
		first := st.slices[0]
		objects[first.ref.SOPUID], acquisitions[first.acquisition] = true, true
		for _, s := range st.slices {
			if s.ref.SOPUID != first.ref.SOPUID {
				delete(objects, first.ref.SOPUID)
			}
			if s.acquisition != first.acquisition || s.acquisition == "" {
				delete(acquisitions, first.acquisition)
			}
		}
	}
	multi := stacks[0].slices[0].ref.Frame+len(stacks[0].slices) > 1
	return multi && len(objects) == len(stacks) || len(acquisitions) == len(stacks)
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
	for _, t := range s.slices[1:] {
		if off := t.offLine(first); off > first.maxShear() {
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

// sources names, for each slice of the grid, the image nearest to it, with its
// frame number in a multi-frame object, and whether a gap is there.
func (l *layout) sources(files []FileRef, sopClass string) (sop []string, frames []int, gaps []bool) {
	step := 0.0
	if n := len(l.planes); n > 1 {
		step = (files[len(files)-1].PositionMM - files[0].PositionMM) / float64(n-1)
	}
	for _, p := range l.planes {
		f := files[p.a]
		if p.f > 0.5 {
			f = files[p.b]
		}
		away := math.Min(p.f, 1-p.f) * (files[p.b].PositionMM - files[p.a].PositionMM)
		sop, frames, gaps = append(sop, f.SOPUID), append(frames, f.Frame+1), append(gaps, away > maxAwaySteps*step)
	}
	if !slices.Contains(gaps, true) {
		gaps = nil
	}
	if sopClass != sopEnhancedMR && sopClass != sopLegacyConvertedMR {
		frames = nil
	}
	return sop, frames, gaps
}

// Slices names, for each of count even slices of a series that Import found in
// files, what spine.Series holds of them: the nearest image, its frame number, and
// whether a gap is there.
func Slices(files []FileRef, sopClass string, count int) (sop []string, frames []int, gaps []bool) {
	st := &stack{}
	for _, f := range files {
		st.slices = append(st.slices, &slice{ref: f})
	}
	l := layout{planes: st.planes(count)}
	return l.sources(files, sopClass)
}
