package volume

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func straight(size [3]int, spacing Vec3) Grid {
	return Grid{Size: size, Affine: NewAffine(Vec3{spacing[0]}, Vec3{0, spacing[1]}, Vec3{0, 0, spacing[2]}, Vec3{5, 6, 7})}
}

// put labels voxels.
func put(m *LabelMap, label uint8, at ...[3]int) {
	for _, p := range at {
		m.Data[m.Index(p[0], p[1], p[2])] = label
	}
}

func close9(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

func TestCompare_TwoVoxelsByHand(t *testing.T) {
	g := straight([3]int{8, 8, 4}, Vec3{0.5, 2, 4})
	ref, pred := NewLabelMap(g), NewLabelMap(g)
	put(ref, 3, [3]int{1, 1, 1}, [3]int{2, 1, 1})
	put(pred, 3, [3]int{2, 1, 1}, [3]int{2, 2, 1}, [3]int{2, 2, 2})
	s := Compare(ref, pred)
	if len(s) != 1 || s[0].Label != 3 || s[0].RefVoxels != 2 || s[0].PredVoxels != 3 || s[0].BothVoxels != 1 {
		t.Fatalf("%+v", s)
	}
	// ref to pred: 0.5, 0. pred to ref: 0, 2, sqrt(4+16).
	if want := 2 * 1.0 / 5; !close9(s[0].Dice, want) {
		t.Errorf("Dice %g, want %g", s[0].Dice, want)
	}
	if want := 1.0 / 4; !close9(s[0].IoU, want) {
		t.Errorf("IoU %g, want %g", s[0].IoU, want)
	}
	far := math.Sqrt(20)
	if want := (0.5 + 0 + 0 + 2 + far) / 5; !close9(s[0].ASSDMM, want) {
		t.Errorf("ASSD %g, want %g", s[0].ASSDMM, want)
	}
	if want := 2 + 0.9*(far-2); !close9(s[0].HD95MM, want) { // rank 1.9 of 0, 2, sqrt 20
		t.Errorf("HD95 %g, want %g", s[0].HD95MM, want)
	}
}

func TestCompare_EqualMapsAreWithoutFault(t *testing.T) {
	m := blobs(rand.New(rand.NewPCG(2, 1)), straight([3]int{12, 10, 6}, Vec3{1, 1, 4}))
	for _, s := range Compare(m, m.Clone()) {
		if s.Dice != 1 || s.IoU != 1 || s.HD95MM != 0 || s.ASSDMM != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestCompare_OneSideEmptyIsMissingAndNotZero(t *testing.T) {
	g := straight([3]int{4, 4, 4}, Vec3{1, 1, 1})
	ref, pred := NewLabelMap(g), NewLabelMap(g)
	if s := Compare(ref, pred); len(s) != 0 {
		t.Errorf("two empty maps have scores: %+v", s)
	}
	put(ref, 1, [3]int{1, 1, 1})
	put(pred, 2, [3]int{1, 1, 1})
	put(ref, 5, [3]int{3, 3, 3})
	put(pred, 5, [3]int{3, 3, 3})
	scores := Compare(ref, pred)
	for _, s := range scores[:2] {
		if !math.IsNaN(s.Dice) || !math.IsNaN(s.IoU) || !math.IsNaN(s.HD95MM) || !math.IsNaN(s.ASSDMM) {
			t.Errorf("%+v", s)
		}
	}
	mean, missing := MeanScore(scores)
	if missing != 2 || mean.Dice != 1 || mean.HD95MM != 0 {
		t.Errorf("mean %+v, %d missing", mean, missing)
	}
	if mean, _ := MeanScore(scores[:2]); !math.IsNaN(mean.Dice) {
		t.Errorf("the mean of nothing is %g", mean.Dice)
	}
}

func TestCompare_EqualsThePlainTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 25 {
		g := randomGrid(r)
		g.Size = [3]int{4 + r.IntN(8), 4 + r.IntN(8), 2 + r.IntN(5)}
		ref, pred := blobs(r, g), blobs(r, g)
		got, want := Compare(ref, pred), plainCompare(ref, pred)
		if len(got) != len(want) {
			t.Fatalf("%d scores, want %d", len(got), len(want))
		}
		for n := range got {
			a, b := got[n], want[n]
			if a.Label != b.Label || !close9(a.Dice, b.Dice) || !close9(a.IoU, b.IoU) || !close9(a.HD95MM, b.HD95MM) || !close9(a.ASSDMM, b.ASSDMM) {
				t.Fatalf("%v: got %+v, want %+v", g, a, b)
			}
		}
	}
}

// blobs fills a map with a few boxes of labels 1 to 4.
func blobs(r *rand.Rand, g Grid) *LabelMap {
	m := NewLabelMap(g)
	for range 5 {
		label := uint8(1 + r.IntN(4))
		lo := [3]int{r.IntN(g.Size[0]), r.IntN(g.Size[1]), r.IntN(g.Size[2])}
		for n := range m.Data {
			i, j, k := m.Coords(n)
			if i >= lo[0] && i < lo[0]+3 && j >= lo[1] && j < lo[1]+4 && k >= lo[2] && k < lo[2]+2 {
				m.Data[n] = label
			}
		}
	}
	return m
}

// plainCompare computes every distance between every pair of surface voxels.
func plainCompare(ref, pred *LabelMap) (out []LabelScore) {
	for label := uint8(1); label < 20; label++ {
		a, b := plainSurface(ref, label), plainSurface(pred, label)
		s := LabelScore{Label: label}
		both := 0.0
		for n := range ref.Data {
			if ref.Data[n] == label {
				s.RefVoxels++
			}
			if pred.Data[n] == label {
				s.PredVoxels++
			}
			if ref.Data[n] == label && pred.Data[n] == label {
				both++
			}
		}
		if s.RefVoxels+s.PredVoxels == 0 {
			continue
		}
		s.Dice, s.IoU, s.HD95MM, s.ASSDMM = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		if len(a) > 0 && len(b) > 0 {
			s.Dice = 2 * both / float64(s.RefVoxels+s.PredVoxels)
			s.IoU = both / (float64(s.RefVoxels+s.PredVoxels) - both)
			ab, ba := plainDistances(a, b), plainDistances(b, a)
			s.ASSDMM = (total(ab) + total(ba)) / float64(len(ab)+len(ba))
			s.HD95MM = math.Max(plainPercentile(ab, 95), plainPercentile(ba, 95))
		}
		out = append(out, s)
	}
	return out
}

func plainSurface(m *LabelMap, label uint8) (mm []Vec3) {
	is := func(i, j, k int) bool { return m.Contains(i, j, k) && m.At(i, j, k) == label }
	for n := range m.Data {
		i, j, k := m.Coords(n)
		inner := is(i-1, j, k) && is(i+1, j, k) && is(i, j-1, k) && is(i, j+1, k) && is(i, j, k-1) && is(i, j, k+1)
		if is(i, j, k) && !inner {
			mm = append(mm, m.ToWorld(Vec3{float64(i), float64(j), float64(k)}))
		}
	}
	return mm
}

func plainDistances(from, to []Vec3) (out []float64) {
	for _, p := range from {
		best := math.Inf(1)
		for _, q := range to {
			best = math.Min(best, p.Sub(q).Norm())
		}
		out = append(out, best)
	}
	return out
}

// plainPercentile is NumPy's default: sorted, linear between ranks.
func plainPercentile(x []float64, p float64) float64 {
	s := slices.Sorted(slices.Values(x))
	at := p / 100 * float64(len(s)-1)
	lo := int(math.Floor(at))
	hi := min(lo+1, len(s)-1)
	return s[lo]*(1-(at-float64(lo))) + s[hi]*(at-float64(lo))
}

func TestPercentiles_EqualASort(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for _, n := range []int{1, 2, 3, 100, 5001} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64() * math.Pow(10, float64(r.IntN(8)-3)))
		}
		wide := make([]float64, n)
		for i := range x {
			wide[i] = float64(x[i])
		}
		ps := []float64{0, 0.5, 25, 50, 99.5, 100}
		for i, got := range PercentilesOf(append(x, float32(math.NaN()), float32(math.Inf(1))), ps...) {
			if want := plainPercentile(wide, ps[i]); math.Abs(got-want) > 1e-6*math.Max(1, math.Abs(want)) {
				t.Errorf("%d values, percentile %g: %g, want %g", n, ps[i], got, want)
			}
		}
	}
	if got := PercentilesOf(nil, 50); !math.IsNaN(got[0]) {
		t.Errorf("the median of nothing is %g", got[0])
	}
}

func TestComponents_SeparateByFacesLargestFirst(t *testing.T) {
	m := NewLabelMap(straight([3]int{6, 5, 4}, Vec3{1, 2, 3}))
	put(m, 2, [3]int{0, 0, 0}, [3]int{1, 1, 0}, [3]int{2, 1, 0}, [3]int{2, 1, 1}, [3]int{5, 0, 0}, [3]int{0, 1, 3})
	put(m, 3, [3]int{1, 0, 0})
	all := Components(m, 2)
	if len(all) != 4 || all[0].Voxels != 3 || all[0].Box != (Box{[3]int{1, 1, 0}, [3]int{3, 2, 2}}) {
		t.Fatalf("%+v", all)
	}
	if want := m.ToWorld(Vec3{5.0 / 3, 1, 1.0 / 3}); !near(all[0].Centroid, want, 1e-9) {
		t.Errorf("centroid %v, want %v", all[0].Centroid, want)
	}
	if removed := KeepLargest(m, 2); removed != 3 {
		t.Errorf("%d voxels removed, want 3", removed)
	}
	if rest := Components(m, 2); len(rest) != 1 || m.At(1, 0, 0) != 3 {
		t.Errorf("left %+v", rest)
	}
	if removed := KeepLargest(m, 9); removed != 0 {
		t.Errorf("%d voxels of an absent label removed", removed)
	}
}

func TestMeasures_VolumeAndCentroid(t *testing.T) {
	m := NewLabelMap(straight([3]int{6, 5, 4}, Vec3{1, 2, 3}))
	put(m, 7, [3]int{0, 0, 0}, [3]int{2, 0, 0})
	got := m.Measures()
	if len(got) != 1 || got[0].Label != 7 || got[0].Voxels != 2 || got[0].VolumeMM3 != 12 || got[0].Centroid != (Vec3{6, 6, 7}) {
		t.Errorf("%+v", got)
	}
	if mm, n := m.Centroid(7); n != 2 || mm != got[0].Centroid {
		t.Errorf("%v, %d", mm, n)
	}
}
