package volume

import (
	"math"
	"slices"
)

// LabelScore compares one label of two label maps. Dice, IoU and the distances
// are NaN where they are undefined: when either side lacks the label. Such a
// pair is missing, it is not a zero.
type LabelScore struct {
	Label       uint8
	Dice        float64
	IoU         float64
	HD95MM      float64 // larger of the two directed 95th percentiles
	ASSDMM      float64 // mean over both surfaces' distances
	RefVoxels   int
	PredVoxels  int
	BothVoxels  int
	RefCentroid Vec3 // LPS+ mm, meaningful where RefVoxels > 0
}

// Compare scores every label that occurs in ref or pred, in ascending order. A
// prediction on another grid is first resampled onto the reference's. Surface
// voxels are those with a face neighbour outside the label (or the grid);
// distances go from surface voxel to nearest surface voxel, between centres. On
// a sheared grid (no DICOM series is one) the distances are NaN.
func Compare(ref, pred *LabelMap) []LabelScore {
	if !SameGrid(ref.Grid, pred.Grid) {
		pred = pred.Resample(ref.Grid)
	}
	var scores [256]LabelScore
	var boxes [256]Box
	countOverlap(ref, pred, &scores, &boxes)
	var out []LabelScore
	for label := 1; label < 256; label++ {
		s := scores[label]
		if s.RefVoxels+s.PredVoxels == 0 {
			continue
		}
		s.Label = uint8(label)
		s.finish(ref, pred, boxes[label])
		out = append(out, s)
	}
	return out
}

// countOverlap fills the voxel counts, the reference centroids and the box
// around both maps' voxels of each label.
func countOverlap(ref, pred *LabelMap, scores *[256]LabelScore, boxes *[256]Box) {
	for n, r := range ref.Data {
		p := pred.Data[n]
		if r|p == 0 {
			continue
		}
		i, j, k := ref.Coords(n)
		if r == p {
			scores[r].BothVoxels++
		}
		if p != 0 {
			scores[p].PredVoxels++
			boxes[p] = boxes[p].Add(i, j, k)
		}
		if r != 0 {
			scores[r].RefVoxels++
			boxes[r] = boxes[r].Add(i, j, k)
			scores[r].RefCentroid = scores[r].RefCentroid.Add(Vec3{float64(i), float64(j), float64(k)})
		}
	}
	for n := range scores {
		if c := scores[n].RefVoxels; c > 0 {
			scores[n].RefCentroid = ref.ToWorld(scores[n].RefCentroid.Scale(1 / float64(c)))
		}
	}
}

// finish turns the counts into scores.
func (s *LabelScore) finish(ref, pred *LabelMap, box Box) {
	nan := math.NaN()
	s.Dice, s.IoU, s.HD95MM, s.ASSDMM = nan, nan, nan, nan
	if s.RefVoxels == 0 || s.PredVoxels == 0 {
		return
	}
	both, sum := float64(s.BothVoxels), float64(s.RefVoxels+s.PredVoxels)
	s.Dice = 2 * both / sum
	s.IoU = both / (sum - both)
	if !orthogonal(ref.Grid) {
		return
	}
	a, b := surface(ref, s.Label), surface(pred, s.Label)
	toB, toA := distances(ref.Grid, box, a, b), distances(ref.Grid, box, b, a)
	s.ASSDMM = (total(toB) + total(toA)) / float64(len(toB)+len(toA))
	s.HD95MM = math.Max(percentile95(toB), percentile95(toA))
}

// orthogonal reports whether the axes of a grid stand at right angles, to a
// thousandth.
func orthogonal(g Grid) bool {
	u, v, w := g.Affine.Column(0).Unit(), g.Affine.Column(1).Unit(), g.Affine.Column(2).Unit()
	return math.Abs(u.Dot(v)) < 1e-3 && math.Abs(v.Dot(w)) < 1e-3 && math.Abs(w.Dot(u)) < 1e-3
}

// surface lists the positions of a label's surface voxels.
func surface(m *LabelMap, label uint8) []int {
	var out []int
	for n, v := range m.Data {
		if v != label {
			continue
		}
		i, j, k := m.Coords(n)
		for _, next := range m.faceNeighbours(n, i, j, k) {
			if next < 0 || m.Data[next] != label {
				out = append(out, n)
				break
			}
		}
	}
	return out
}

// distances measures, for each voxel of from, the way to the nearest voxel of
// to in mm. All voxels lie in box, so the distance field is made only there.
func distances(g Grid, box Box, from, to []int) []float64 {
	size, spacing := box.Size(), g.SpacingMM()
	local := Grid{Size: size}
	at := func(n int) int {
		i, j, k := g.Coords(n)
		return local.Index(i-box.Min[0], j-box.Min[1], k-box.Min[2])
	}
	field := make([]float64, local.Len())
	for n := range field {
		field[n] = math.Inf(1)
	}
	for _, n := range to {
		field[at(n)] = 0
	}
	squaredDistance(field, size, spacing)
	out := make([]float64, len(from))
	for n, v := range from {
		out[n] = math.Sqrt(field[at(v)])
	}
	return out
}

// squaredDistance turns a field of 0 (target) and +Inf into the exact squared
// Euclidean distance to the nearest target, axis by axis (Felzenszwalb and
// Huttenlocher, "Distance Transforms of Sampled Functions", 2012).
func squaredDistance(field []float64, size [3]int, spacing Vec3) {
	stride := [3]int{1, size[0], size[0] * size[1]}
	longest := max(size[0], size[1], size[2])
	p := parabolas{line: make([]float64, longest), apex: make([]int, longest), from: make([]float64, longest+1)}
	for axis := range 3 {
		a, b := (axis+1)%3, (axis+2)%3
		for y := range size[b] {
			for x := range size[a] {
				p.pass(field[x*stride[a]+y*stride[b]:], stride[axis], size[axis], spacing[axis])
			}
		}
	}
}

// parabolas is the lower envelope of one line: parabola n has its apex at voxel
// apex[n] and is the lowest from position from[n] to from[n+1].
type parabolas struct {
	line []float64
	apex []int
	from []float64
}

// pass replaces the n values of a line by the minimum over q of
// value[q] + (step (p-q))^2.
func (e *parabolas) pass(field []float64, stride, n int, step float64) {
	last := -1
	for q := range n {
		e.line[q] = field[q*stride]
		if math.IsInf(e.line[q], 1) {
			continue
		}
		start := math.Inf(-1)
		for last >= 0 {
			start = e.meet(e.apex[last], q, step)
			if start > e.from[last] {
				break
			}
			last--
			start = math.Inf(-1)
		}
		last++
		e.apex[last], e.from[last] = q, start
	}
	if last < 0 {
		return
	}
	at := 0
	for p := range n {
		for at < last && e.from[at+1] < float64(p) {
			at++
		}
		d := float64(p-e.apex[at]) * step
		field[p*stride] = e.line[e.apex[at]] + d*d
	}
}

// meet is where, in voxels, the parabola of q begins to lie under that of p < q.
func (e *parabolas) meet(p, q int, step float64) float64 {
	s2 := step * step
	fp, fq := e.line[p]/s2+float64(p)*float64(p), e.line[q]/s2+float64(q)*float64(q)
	return (fq - fp) / float64(2*(q-p))
}

func total(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum
}

// percentile95 interpolates linearly between ranks; it sorts x.
func percentile95(x []float64) float64 {
	slices.Sort(x)
	lo, hi, f := rankOf(95, len(x))
	return x[lo] + f*(x[hi]-x[lo])
}

// MeanScore averages the defined scores of each kind and counts the labels that
// had none of them. Label and the centroid are left zero, the voxels are sums.
func MeanScore(scores []LabelScore) (mean LabelScore, missing int) {
	var sum [4]float64
	var count [4]int
	for _, s := range scores {
		if math.IsNaN(s.Dice) {
			missing++
		}
		for n, v := range [4]float64{s.Dice, s.IoU, s.HD95MM, s.ASSDMM} {
			if !math.IsNaN(v) {
				sum[n] += v
				count[n]++
			}
		}
		mean.RefVoxels += s.RefVoxels
		mean.PredVoxels += s.PredVoxels
		mean.BothVoxels += s.BothVoxels
	}
	for n, to := range [4]*float64{&mean.Dice, &mean.IoU, &mean.HD95MM, &mean.ASSDMM} {
		*to = sum[n] / float64(count[n]) // 0/0 is NaN: undefined stays undefined
	}
	return mean, missing
}
