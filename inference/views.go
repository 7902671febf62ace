package inference

import (
	"context"
	"math"
	"slices"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// A study is seldom the size of the network's grid. It is read in views: pieces of
// the size of the grid that overlap where the field of view is larger, and that
// interleave where slices lie closer than the network has learned. What they say is
// blended on one dense grid.
const (
	thinMM       = 2.4  // slices nearer than this are read every few slices, several times
	thickMM      = 5.5  // slices farther apart are read between
	overlapVox   = 32   // of neighbouring views in the slice plane, at least
	overlapSlice = 4    // and across
	spareRows    = 1.06 // how much larger than a view a study may be before it takes two: pixels grow to show it all
	spareColumns = 1.25 // the spine is seldom at the front or back edge
	rampVox      = 24   // over which a view fades out at its edges
)

// reading is a study on the dense grid, ready to be read in views.
type reading struct {
	grid    volume.Grid
	growth  float64 // size of the patient beside an adult's
	t1, t2  *volume.Volume
	present [2]float32
	views   []netView
	size    [3]int          // of a view
	evened  []*spine.Series // that a coil shaded strongly
}

// netView is one network grid: the dense voxel at its corner, and how many dense
// slices make one of its own.
type netView struct {
	at     [3]int
	stride int
}

// newReading brings a study's sagittal T1 and T2 (else STIR) onto the dense grid of
// the mask series, normalised over all of it; a missing one is zeros and its place
// in present is 0. Only spec's SizeVox and SpacingMM are read.
func newReading(ctx context.Context, study *spine.Study, spec models.Spec) (*reading, error) {
	base := MaskSeries(study)
	if base == nil {
		return nil, errNoSagittal
	}
	r := &reading{size: spec.SizeVox, growth: Growth(study)}
	pixel := [3]float64{spec.SpacingMM[0] * r.growth, spec.SpacingMM[1] * r.growth, spec.SpacingMM[2]}
	r.grid, r.views = planViews(base.Volume.Grid, spec.SizeVox, pixel)
	r.t1, r.present[0] = r.onGrid(ctx, firstLoaded(study, spine.Sagittal, spine.T1))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.t2, r.present[1] = r.onGrid(ctx, fluidSeries(study))
	return r, ctx.Err()
}

// planViews lays the dense grid over a series and the views over it.
func planViews(series volume.Grid, size [3]int, spacingMM [3]float64) (volume.Grid, []netView) {
	f := frameOf(series)
	own, slices := series.SpacingMM()[f.axis[axisL]], series.Size[f.axis[axisL]]
	stride, step := 1, own
	switch {
	case own < thinMM:
		stride = max(1, int(math.Round(spacingMM[2]/own)))
	case own > thickMM:
		step = spacingMM[2]
		slices = int(math.Round(float64(slices)*own/step)) + 1
	}
	extent := func(axis int) float64 { return float64(series.Size[f.axis[axis]]) * series.SpacingMM()[f.axis[axis]] }
	if larger := extent(axisI) / (spacingMM[1] * float64(size[1])); larger > 1 && larger <= spareRows {
		spacingMM[0], spacingMM[1] = spacingMM[0]*larger, spacingMM[1]*larger
	}
	columns := viewsAlong(int(math.Ceil(extent(axisP)/spacingMM[0])), size[0], overlapVox, spareColumns)
	rows := viewsAlong(int(math.Ceil(extent(axisI)/spacingMM[1])), size[1], overlapVox, spareRows)
	whole := [3]int{columns[len(columns)-1] + size[0], rows[len(rows)-1] + size[1], slices}
	grid := CanonicalGrid(series, whole, [3]float64{spacingMM[0], spacingMM[1], step})
	var out []netView
	for phase := range min(stride, slices) {
		for _, k := range viewsAlong((slices-phase+stride-1)/stride, size[2], overlapSlice, 1) {
			for _, j := range rows {
				for _, i := range columns {
					out = append(out, netView{[3]int{i, j, phase + k*stride}, stride})
				}
			}
		}
	}
	return grid, out
}

// viewsAlong are the corners of the views along one axis of n voxels. Fewer voxels
// than a view has lie in its middle: its corner is negative where slices are few,
// and 0 in the slice plane, where the grid itself grows.
func viewsAlong(n, size, overlap int, spare float64) []int {
	if spare == 1 && n <= size {
		return []int{(n - size) / 2}
	}
	if float64(n) <= spare*float64(size) {
		return []int{0}
	}
	count := int(math.Ceil(float64(n-overlap) / float64(max(size-overlap, 1))))
	out := make([]int, max(count, 2))
	for v := range out {
		out[v] = int(math.Round(float64(v*(n-size)) / float64(len(out)-1)))
	}
	return out
}

// voxel is the dense index of a voxel of a view; not ok beyond the slices.
func (r *reading) voxel(v netView, i, j, k int) (int, bool) {
	at := v.at[2] + k*v.stride
	if at < 0 || at >= r.grid.Size[2] {
		return 0, false
	}
	return r.grid.Index(v.at[0]+i, v.at[1]+j, at), true
}

// cutOut copies a view out of a dense array; beyond the slices it is 0.
func cutOut[T any](r *reading, v netView, dense []T) []T {
	out := make([]T, 0, r.size[0]*r.size[1]*r.size[2])
	for k := range r.size[2] {
		for j := range r.size[1] {
			at, ok := r.voxel(v, 0, j, k)
			if !ok {
				out = append(out, make([]T, r.size[0])...)
				continue
			}
			out = append(out, dense[at:at+r.size[0]]...)
		}
	}
	return out
}

// tensors are the network's inputs for a view.
func (r *reading) tensors(v netView) map[string]ort.Tensor {
	shape := []int{1, 1, r.size[2], r.size[1], r.size[0]}
	return map[string]ort.Tensor{
		"t1":      {Shape: shape, Data: cutOut(r, v, r.t1.Data)},
		"t2":      {Shape: shape, Data: cutOut(r, v, r.t2.Data)},
		"present": {Shape: []int{1, 2}, Data: slices.Clone(r.present[:])},
	}
}

// viewGrid is the lattice of a view in the patient.
func (r *reading) viewGrid(v netView) volume.Grid {
	a := r.grid.Affine
	origin := r.grid.ToWorld(volume.Vec3{float64(v.at[0]), float64(v.at[1]), float64(v.at[2])})
	return volume.Grid{Size: r.size,
		Affine: volume.NewAffine(a.Column(0), a.Column(1), a.Column(2).Scale(float64(v.stride)), origin)}
}

// best is the view that shows most of a structure of a mask on the dense grid.
func (r *reading) best(mask []uint8, s spine.Structure) (netView, int) {
	top, most := r.views[0], 0
	for _, v := range r.views {
		n := 0
		for _, l := range cutOut(r, v, mask) {
			if spine.Structure(l) == s {
				n++
			}
		}
		if n > most {
			top, most = v, n
		}
	}
	return top, most
}

// read asks the network about every view and blends its answers: semantic logits on
// the dense grid, level logits at half its resolution in the slice plane.
func (r *reading) read(ctx context.Context, net *network, progress func(fraction float64)) (*netAnswer, *models.Model, error) {
	a := newNetAnswer(r.grid)
	a.growth = r.growth
	var model *models.Model
	for n, v := range r.views {
		progress(float64(n) / float64(len(r.views)))
		out, m, err := net.infer(ctx, r.tensors(v))
		if err != nil {
			return nil, nil, err
		}
		model = m
		total := r.size[0] * r.size[1] * r.size[2]
		semantic, err := output(out, m.Name, "semantic", classCount*total)
		if err != nil {
			return nil, nil, err
		}
		level, err := output(out, m.Name, "level", nodeCount*total)
		if err != nil {
			return nil, nil, err
		}
		a.add(r, v, semantic, level)
	}
	a.finish()
	a.calibrate(model.Spec)
	return a, model, nil
}

// netAnswer is what the network said of a whole study.
type netAnswer struct {
	grid     volume.Grid
	growth   float64   // of the patient
	semantic []float32 // (6, D, H, W)
	level    []float32 // (15, D, H/2, W/2)
	weight   []float32 // of each column and row of a slice, D of them
}

func newNetAnswer(g volume.Grid) *netAnswer {
	half := (g.Size[0] + 1) / 2 * ((g.Size[1] + 1) / 2) * g.Size[2]
	return &netAnswer{grid: g, semantic: make([]float32, classCount*g.Len()), level: make([]float32, nodeCount*half),
		weight: make([]float32, g.Len())}
}

// add blends in the answer of a view.
func (a *netAnswer) add(r *reading, v netView, semantic, level []float32) {
	size := r.size
	columns, rows, across := fade(size[0], rampVox), fade(size[1], rampVox), fade(size[2], overlapSlice/2)
	total, dense := size[0]*size[1]*size[2], a.grid.Len()
	for k := range size[2] {
		for j := range size[1] {
			to, ok := r.voxel(v, 0, j, k)
			if !ok {
				continue
			}
			from, w := (k*size[1]+j)*size[0], across[k]*rows[j]
			for i := range size[0] {
				a.weight[to+i] += w * columns[i]
			}
			for c := range classCount {
				blend(a.semantic[c*dense+to:], semantic[c*total+from:][:size[0]], columns, w)
			}
			a.addLevel(level[from:], total, to, size[0], columns, w)
		}
	}
}

func blend(sum, values, columns []float32, w float32) {
	for i, x := range values {
		sum[i] += x * w * columns[i]
	}
}

// addLevel blends in every second voxel of every second row of the level logits,
// the row that begins at dense voxel to.
func (a *netAnswer) addLevel(level []float32, total, to, width int, columns []float32, w float32) {
	i0, j, k := a.grid.Coords(to)
	if j%2 == 1 {
		return
	}
	wide, half := (a.grid.Size[0]+1)/2, a.halfLen()
	at := (k*((a.grid.Size[1]+1)/2) + j/2) * wide
	for i := i0 % 2; i < width; i += 2 {
		for c := range nodeCount {
			a.level[c*half+at+(i0+i)/2] += level[c*total+i] * w * columns[i]
		}
	}
}

func (a *netAnswer) halfLen() int { return len(a.level) / nodeCount }

// finish divides by the weights; where no view looked is background.
func (a *netAnswer) finish() {
	dense, half := a.grid.Len(), a.halfLen()
	for n, w := range a.weight {
		if w == 0 {
			a.semantic[n] = 1
			continue
		}
		for c := range classCount {
			a.semantic[c*dense+n] /= w
		}
		if i, j, k := a.grid.Coords(n); i%2 == 0 && j%2 == 0 {
			at := (k*((a.grid.Size[1]+1)/2)+j/2)*((a.grid.Size[0]+1)/2) + i/2
			for c := range nodeCount {
				a.level[c*half+at] /= w
			}
		}
	}
	a.weight = nil
}

// calibrate brings the semantic logits to the scale of the model's card: each class's
// offset, by which the loss prefers it, is taken back, then the temperature divides.
// Everything that follows, the choice of the class as well as its probability, sees
// logits that are calibrated.
func (a *netAnswer) calibrate(spec models.Spec) {
	scale := float32(1)
	if spec.Temperature > 0 {
		scale = float32(1 / spec.Temperature)
	}
	dense := a.grid.Len()
	for c := range classCount {
		offset := float32(0)
		if c < len(spec.Offsets) {
			offset = float32(spec.Offsets[c])
		}
		if offset == 0 && scale == 1 {
			continue
		}
		logits := a.semantic[c*dense:][:dense]
		for n, v := range logits {
			logits[n] = (v + offset) * scale
		}
	}
}

// fade is the weight of a view along one of its axes: small at its edges, where the
// network sees least of the surroundings.
func fade(n, ramp int) []float32 {
	out := make([]float32, n)
	for i := range out {
		edge := float32(min(i, n-1-i)+1) / float32(ramp+1)
		out[i] = max(min(edge, 1), 0.02)
	}
	return out
}
